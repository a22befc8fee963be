import Foundation
import PRSMClient

/// The port that the node would take.
enum NetworkChecks {
  static func port(_ configuration: Configuration) async -> Finding {
    let address = configuration.listen
    guard address.port != 0 else { return .ok("port", "any free one") }
    switch bindFailure(address) {
    case nil: return .ok("port", "\(address) is free")
    case EADDRINUSE:
      let scheme = configuration.certificate == nil ? "http" : "https"
      let host = ["0.0.0.0", "::"].contains(address.host) ? "127.0.0.1" : address.urlHost
      var client = PRSMClient(baseURL: "\(scheme)://\(host):\(address.port)")
      client.timeout = .seconds(2)
      if (try? await client.health()) != nil { return .ok("port", "a node answers at \(address)") }
      return .fail(
        "port", "\(address) is taken by another program",
        "stop that program (see ss -ltnp), or choose another port with --listen")
    case EACCES: return .fail("port", "\(address) may not be taken by this user", "choose a port above 1023")
    case EADDRNOTAVAIL:
      return .fail("port", "this machine has no address \(address.host)", "choose one of `ip addr` with --listen")
    case let code?:
      return .warn("port", "\(address): \(String(cString: strerror(code)))", "choose another address with --listen")
    }
  }

  /// The error of taking the address for a moment; nil where it can be taken.
  static func bindFailure(_ address: ListenAddress) -> Int32? {
    var hints = addrinfo()
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
    #if canImport(Glibc)
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    #else
    hints.ai_socktype = SOCK_STREAM
    #endif
    var found: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(address.host, "\(address.port)", &hints, &found) == 0, let found else { return EADDRNOTAVAIL }
    defer { freeaddrinfo(found) }
    let descriptor = socket(found.pointee.ai_family, found.pointee.ai_socktype, found.pointee.ai_protocol)
    guard descriptor >= 0 else { return errno }
    defer { close(descriptor) }
    var one: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
    guard bind(descriptor, found.pointee.ai_addr, found.pointee.ai_addrlen) == 0 else { return errno }
    // Two sockets may share an address until one of them listens.
    return listen(descriptor, 1) == 0 ? nil : errno
  }
}
