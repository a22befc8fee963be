import Content
import Dispatch
import Multiformats

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A name server on this machine for one look-up: over UDP it answers another question first, then cuts its answer off; over
/// TCP it gives `text` in pieces of one byte.
final class LoopbackNameServer: Sendable {
  let server: NameServer
  private let text: String

  init(text: String) throws {
    self.text = text
    #if canImport(Glibc)
    let (stream, datagram) = (Int32(SOCK_STREAM.rawValue), Int32(SOCK_DGRAM.rawValue))
    #else
    let (stream, datagram) = (SOCK_STREAM, SOCK_DGRAM)
    #endif
    for _ in 0..<20 {
      let listener = socket(AF_INET, stream, 0)
      guard let port = Self.bind(listener, 0) else {
        close(listener)
        continue
      }
      // The same port over UDP may be somebody's; then another pair is tried.
      let datagrams = socket(AF_INET, datagram, 0)
      guard Self.bind(datagrams, port) == port, listen(listener, 1) == 0 else {
        close(listener)
        close(datagrams)
        continue
      }
      server = NameServer(address: "127.0.0.1", port: port)
      for descriptor in [listener, datagrams] {
        var limit = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
      }
      let text = text
      DispatchQueue.global().async { Self.answerDatagrams(datagrams, text) }
      DispatchQueue.global().async { Self.answerStream(listener, text) }
      return
    }
    throw ContentError(.storage, "no port is free on 127.0.0.1")
  }

  private static func bind(_ descriptor: Int32, _ port: UInt16) -> UInt16? {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        #if canImport(Glibc)
        Glibc.bind(descriptor, generic, length) == 0 && getsockname(descriptor, generic, &length) == 0
        #else
        Darwin.bind(descriptor, generic, length) == 0 && getsockname(descriptor, generic, &length) == 0
        #endif
      }
    }
    return isBound ? UInt16(bigEndian: address.sin_port) : nil
  }

  private static func answer(_ query: [UInt8], _ text: String, change: (inout DNSMessage) -> Void) -> [UInt8] {
    guard var message = try? DNSMessage(decoding: query), let name = message.questions.first?.name else { return [] }
    message.isResponse = true
    message.answers = [.init(name: name, lifetime: 60, data: .text([Array(text.utf8)]))]
    change(&message)
    return message.bytes
  }

  private static func answerDatagrams(_ descriptor: Int32, _ text: String) {
    defer { close(descriptor) }
    var query = [UInt8](repeating: 0, count: 4_096)
    var sender = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    withUnsafeMutablePointer(to: &sender) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        let count = recvfrom(descriptor, &query, query.count, 0, generic, &length)
        guard count > 0 else { return }
        let question = Array(query[..<count])
        let forged = answer(question, "forged") { $0.identifier &+= 1 }
        let cut = answer(question, "cut") { $0.isTruncated = true }
        for reply in [forged, cut] { sendto(descriptor, reply, reply.count, 0, generic, length) }
      }
    }
  }

  private static func answerStream(_ listener: Int32, _ text: String) {
    let descriptor = accept(listener, nil, nil)
    close(listener)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    var query: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 4_096)
    while query.count < 2 || query.count < 2 + Int(query[0]) << 8 + Int(query[1]) {
      let count = recv(descriptor, &piece, piece.count, 0)
      guard count > 0 else { return }
      query += piece[..<count]
    }
    let reply = answer(Array(query.dropFirst(2)), text) { _ in }
    for byte in [UInt8(reply.count >> 8), UInt8(reply.count & 0xff)] + reply {
      var byte = byte
      guard send(descriptor, &byte, 1, 0) == 1 else { return }
    }
  }
}
