#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// How a question goes to a name server and its answer comes back. Calls block their thread until the deadline at most.
package protocol DNSTransport: Sendable {
  /// - Parameters:
  ///   - isStream: over TCP rather than UDP.
  ///   - accepts: whether a datagram is the answer; others are passed over.
  /// - Throws: `.timedOut`, `.storage` where the server cannot be reached.
  func exchange(
    _ query: [UInt8], with server: NameServer, isStream: Bool, by deadline: ContinuousClock.Instant,
    accepts: ([UInt8]) -> Bool
  ) throws(ContentError) -> [UInt8]
}

/// Asks over this machine's sockets, each question from a port of its own.
package struct SocketDNSTransport: DNSTransport {
  package init() {}

  package func exchange(
    _ query: [UInt8], with server: NameServer, isStream: Bool, by deadline: ContinuousClock.Instant,
    accepts: ([UInt8]) -> Bool
  ) throws(ContentError) -> [UInt8] {
    let socket = try Connection(to: server, isStream: isStream, by: deadline)
    guard isStream else {
      try socket.send(query)
      while true {
        let answer = try socket.receive(4_096)
        if accepts(answer) { return answer }
      }
    }
    // Over TCP every message follows its length (RFC 1035, section 4.2.2).
    try socket.send([UInt8(query.count >> 8), UInt8(query.count & 0xff)] + query)
    let length = try socket.receive(exactly: 2)
    let answer = try socket.receive(exactly: Int(length[0]) << 8 | Int(length[1]))
    guard accepts(answer) else { throw ContentError(.malformed, "name server \(server) answered another question") }
    return answer
  }

  /// A connected socket whose every wait ends at the deadline.
  private struct Connection {
    private let handle: FileHandle
    private let server: NameServer
    private let deadline: ContinuousClock.Instant

    init(to server: NameServer, isStream: Bool, by deadline: ContinuousClock.Instant) throws(ContentError) {
      self.server = server
      self.deadline = deadline
      var hints = addrinfo()
      hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
      #if canImport(Glibc)
      hints.ai_socktype = Int32((isStream ? SOCK_STREAM : SOCK_DGRAM).rawValue)
      #else
      hints.ai_socktype = isStream ? SOCK_STREAM : SOCK_DGRAM
      #endif
      var found: UnsafeMutablePointer<addrinfo>?
      guard getaddrinfo(server.address, "\(server.port)", &hints, &found) == 0, let found else {
        throw ContentError(.storage, "name server \(server): not an address of this machine's networks")
      }
      defer { freeaddrinfo(found) }
      let info = found.pointee
      let descriptor = socket(info.ai_family, info.ai_socktype, info.ai_protocol)
      guard descriptor >= 0 else { throw Posix.fault("open a socket for", "name server \(server)") }
      handle = FileHandle(descriptor: descriptor)
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
      _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
      #if !canImport(Glibc)
      var on: Int32 = 1
      setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &on, socklen_t(MemoryLayout<Int32>.size))
      #endif
      if connect(descriptor, info.ai_addr, info.ai_addrlen) == 0 { return }
      guard errno == EINPROGRESS else { throw fault() }
      try wait(for: POLLOUT)
      var error: Int32 = 0
      var size = socklen_t(MemoryLayout<Int32>.size)
      getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size)
      errno = error
      guard error == 0 else { throw fault() }
    }

    /// Waits until something can be done, or throws `.timedOut`.
    private func wait(for event: Int32) throws(ContentError) {
      while true {
        let left = deadline - .now
        guard left > .zero else { throw ContentError(.timedOut, "name server \(server) did not answer in time") }
        var request = pollfd(fd: handle.descriptor, events: Int16(event), revents: 0)
        let milliseconds = min(left / .milliseconds(1), 60_000)
        if poll(&request, 1, Int32(milliseconds.rounded(.up))) > 0 { return }
      }
    }

    func send(_ bytes: [UInt8]) throws(ContentError) {
      var done = 0
      while done < bytes.count {
        #if canImport(Glibc)
        let flags = Int32(MSG_NOSIGNAL)
        #else
        let flags: Int32 = 0
        #endif
        let start = done
        let count = bytes.withUnsafeBytes { buffer in
          #if canImport(Glibc)
          Glibc.send(handle.descriptor, buffer.baseAddress.map { $0 + start }, buffer.count - start, flags)
          #else
          Darwin.send(handle.descriptor, buffer.baseAddress.map { $0 + start }, buffer.count - start, flags)
          #endif
        }
        if count >= 0 {
          done += count
        } else if errno == EAGAIN || errno == EINTR {
          try wait(for: POLLOUT)
        } else {
          throw fault()
        }
      }
    }

    /// What comes next, at most `limit` bytes; of a stream that has ended, none.
    func receive(_ limit: Int) throws(ContentError) -> [UInt8] {
      while true {
        try wait(for: POLLIN)
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, filled in
          let count = recv(handle.descriptor, buffer.baseAddress, buffer.count, 0)
          failed = count < 0
          filled = max(0, count)
        }
        if !failed { return bytes }
        guard errno == EAGAIN || errno == EINTR else { throw fault() }
      }
    }

    func receive(exactly count: Int) throws(ContentError) -> [UInt8] {
      var bytes: [UInt8] = []
      while bytes.count < count {
        let piece = try receive(count - bytes.count)
        guard !piece.isEmpty else { throw ContentError(.storage, "name server \(server) broke off its answer") }
        bytes += piece
      }
      return bytes
    }

    private func fault() -> ContentError {
      ContentError(.storage, "name server \(server) cannot be reached: \(String(cString: strerror(errno)))")
    }
  }
}
