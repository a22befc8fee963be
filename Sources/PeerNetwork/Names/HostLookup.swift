internal import NIOPosix
internal import PeerProtocols
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#endif

/// Looks up hosts' IP addresses by the system's resolver (getaddrinfo(3)), which blocks a thread of its own.
enum HostLookup {
  /// Lookups at one time: the system's resolver may hold a thread long after whoever asked has given up.
  private static let maximumLookups = 32
  private static let maximumAddresses = 16
  private static let running = Atomic<Int>(0)

  /// The addresses of a host, 4 or 16 bytes each.
  ///
  /// - Throws: `.unreachable` where the name is none, `.timedOut`, `.exhausted`.
  static func addresses(
    of host: String, family: NamedAddress.Family, by deadline: ContinuousClock.Instant
  ) async throws(PeerError) -> [[UInt8]] {
    guard running.add(1, ordering: .relaxed).newValue <= maximumLookups else {
      running.subtract(1, ordering: .relaxed)
      throw PeerError(.exhausted, "the name \(host): \(maximumLookups) names are being looked up")
    }
    let (answers, continuation) = AsyncStream.makeStream(
      of: Result<[[UInt8]], PeerError>.self, bufferingPolicy: .bufferingOldest(1))
    NIOThreadPool.singleton.submit { _ in
      continuation.yield(lookUp(host, family))
      continuation.finish()
      running.subtract(1, ordering: .relaxed)
    }
    let found = await withTaskGroup(of: Result<[[UInt8]], PeerError>?.self) {
      group -> Result<[[UInt8]], PeerError>? in
      group.addTask { await answers.first { _ in true } }
      group.addTask {
        try? await Task.sleep(until: deadline, clock: .continuous)
        return .failure(PeerError(.timedOut, "the name \(host) was not found in time"))
      }
      defer { group.cancelAll() }
      return await group.next() ?? nil
    }
    return try (found ?? .failure(PeerError(.cancelled, "the lookup of \(host) was cancelled"))).get()
  }

  private static func lookUp(_ host: String, _ family: NamedAddress.Family) -> Result<[[UInt8]], PeerError> {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_family =
      switch family {
      case .ip4: AF_INET
      case .ip6: AF_INET6
      case .either: AF_UNSPEC
      }
    var list: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(host, nil, &hints, &list)
    guard status == 0 else {
      return .failure(
        PeerError(.unreachable, "the name \(host) could not be looked up: \(String(cString: gai_strerror(status)))"))
    }
    defer { freeaddrinfo(list) }
    var found: [[UInt8]] = []
    var next = list
    while let entry = next, found.count < maximumAddresses {
      next = entry.pointee.ai_next
      guard let raw = UnsafeRawPointer(entry.pointee.ai_addr) else { continue }
      // The address stands behind the family and the port, and for IPv6 behind the flow too (RFC 3493, section 3.3).
      let bytes: [UInt8]? =
        switch entry.pointee.ai_family {
        case AF_INET: Array(UnsafeRawBufferPointer(start: raw + 4, count: 4))
        case AF_INET6: Array(UnsafeRawBufferPointer(start: raw + 8, count: 16))
        default: nil
        }
      if let bytes, !found.contains(bytes) { found.append(bytes) }
    }
    return .success(found)
  }
}
