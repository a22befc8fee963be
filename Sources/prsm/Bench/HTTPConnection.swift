import Foundation

/// One keep-alive HTTP/1.1 connection with blocking reads: what costs a load generator least, so that the machine's time
/// goes to what is measured. It reads what the measured servers send (lengths and chunks), and nothing else.
struct HTTPConnection: ~Copyable {
  /// Why an exchange failed.
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// A whole answer.
  struct Answer {
    let status: Int
    let body: [UInt8]
  }

  let descriptor: Int32
  private let host: String
  private var buffer: [UInt8] = []
  private var head = 0

  /// Connects to the host and port of the address; each read waits at most `patience` seconds.
  init(_ url: URL, patience: Int = 120) throws {
    let host = "\(url.host ?? "127.0.0.1"):\(url.port ?? 80)"
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(url.host ?? "127.0.0.1", "\(url.port ?? 80)", &hints, &found) == 0, let found else {
      throw Failure(description: "\(host) has no address")
    }
    defer { freeaddrinfo(found) }
    let descriptor = socket(found.pointee.ai_family, found.pointee.ai_socktype, 0)
    guard descriptor >= 0, connect(descriptor, found.pointee.ai_addr, found.pointee.ai_addrlen) == 0 else {
      let reason = String(cString: strerror(errno))
      if descriptor >= 0 { close(descriptor) }
      throw Failure(description: "\(host): \(reason)")
    }
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    var limit = timeval(tv_sec: patience, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    self.descriptor = descriptor
    self.host = host
  }

  deinit {
    close(descriptor)
  }

  /// The bytes of a POST with a JSON body, so that a load generator makes them once.
  static func post(_ path: String, host: String, body: [UInt8]) -> [UInt8] {
    Array(
      """
      POST \(path) HTTP/1.1\r
      host: \(host)\r
      content-type: application/json\r
      authorization: Bearer sk-0b1c2d3e4f5a69788796a5b4c3d2e1f00b1c2d3e4f5a6978\r
      content-length: \(body.count)\r
      \r

      """.utf8) + body
  }

  mutating func get(_ path: String) throws -> Answer {
    try exchange(Array("GET \(path.isEmpty ? "/" : path) HTTP/1.1\r\nhost: \(host)\r\n\r\n".utf8))
  }

  /// Reads what has come, without waiting where something has.
  ///
  /// - Returns: the answer that is complete with it; nil where more has to come. Only for answers that state their length.
  mutating func receive() throws -> Answer? {
    try fill()
    return try takeWhole()
  }

  private mutating func takeWhole() throws -> Answer? {
    typealias Found = (status: Int, body: Range<Int>)
    let found: Found? = try buffer.withUnsafeBytes { bytes -> Found? in
      let bytes = UnsafeRawBufferPointer(rebasing: bytes[head...])
      guard let start = bytes.endOfHead else { return nil }
      var status = 0
      for byte in bytes[9..<12] { status = status * 10 + Int(byte &- 0x30) }
      guard let length = Self.length(bytes, start) else {
        throw Failure(description: "\(host) does not say how long its answer is")
      }
      return bytes.count >= start + length ? (status, head + start..<head + start + length) : nil
    }
    guard let found else { return nil }
    let answer = Answer(status: found.status, body: Array(buffer[found.body]))
    head = found.body.upperBound
    return answer
  }

  /// The value of `content-length` in a head that ends there.
  private static func length(_ bytes: UnsafeRawBufferPointer, _ end: Int) -> Int? {
    let name: StaticString = "\ncontent-length:"
    var start = 12
    search: while start + name.utf8CodeUnitCount < end {
      defer { start += 1 }
      guard bytes[start] == 0x0A else { continue }
      for index in 1..<name.utf8CodeUnitCount where bytes[start + index] | 0x20 != name.utf8Start[index] | 0x20 {
        continue search
      }
      var length = 0
      for byte in bytes[(start + name.utf8CodeUnitCount)..<end] {
        if byte == 0x0D { break }
        if byte &- 0x30 < 10 { length = length * 10 + Int(byte &- 0x30) }
      }
      return length
    }
    return nil
  }

  /// Sends a request and reads the whole answer.
  mutating func exchange(_ request: [UInt8]) throws -> Answer {
    var body: [UInt8] = []
    let status = try exchange(request) { body.append(contentsOf: $0) }
    return Answer(status: status, body: body)
  }

  /// Sends a request and hands over the body as it arrives.
  mutating func exchange(_ request: [UInt8], piece: (ArraySlice<UInt8>) -> Void) throws -> Int {
    try send(request)
    let lines = try readHead()
    guard let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
      throw Failure(description: "\(host) answered no HTTP status line")
    }
    var length: Int?
    var isChunked = false
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { continue }
      let value = parts[1].trimmingCharacters(in: .whitespaces)
      switch parts[0].lowercased() {
      case "content-length": length = Int(value)
      case "transfer-encoding": isChunked = value.lowercased().hasSuffix("chunked")
      default: break
      }
    }
    if isChunked {
      try readChunks(piece)
    } else {
      try read(length ?? 0, piece)
    }
    return status
  }

  /// Sends bytes.
  func send(_ bytes: [UInt8]) throws {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress?.advanced(by: sent), bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { throw Failure(description: "\(host): \(String(cString: strerror(errno)))") }
      sent += count
    }
  }

  private mutating func fill() throws {
    if head == buffer.count {
      buffer.removeAll(keepingCapacity: true)
      head = 0
    }
    let count = withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 16) { room in
      let count = recv(descriptor, room.baseAddress, room.count, 0)
      if count > 0 { buffer.append(contentsOf: UnsafeRawBufferPointer(rebasing: room[0..<count])) }
      return count
    }
    guard count > 0 else {
      throw Failure(
        description: count == 0 ? "\(host) closed the connection" : "\(host): \(String(cString: strerror(errno)))")
    }
  }

  private mutating func readLine() throws -> String {
    var scanned = head
    while true {
      while scanned < buffer.count {
        if buffer[scanned] == UInt8(ascii: "\n") {
          let line =
            buffer[head..<scanned].last == UInt8(ascii: "\r") ? buffer[head..<scanned - 1] : buffer[head..<scanned]
          head = scanned + 1
          return String(decoding: line, as: UTF8.self)
        }
        scanned += 1
      }
      let offset = scanned - head
      try fill()
      scanned = head + offset
    }
  }

  private mutating func readHead() throws -> [String] {
    var lines: [String] = []
    while true {
      let line = try readLine()
      if line.isEmpty { return lines }
      lines.append(line)
    }
  }

  private mutating func read(_ length: Int, _ piece: (ArraySlice<UInt8>) -> Void) throws {
    var remaining = length
    while remaining > 0 {
      if head == buffer.count { try fill() }
      let count = min(remaining, buffer.count - head)
      piece(buffer[head..<head + count])
      head += count
      remaining -= count
    }
  }

  private mutating func readChunks(_ piece: (ArraySlice<UInt8>) -> Void) throws {
    while true {
      let line = try readLine()
      guard let size = Int(line.split(separator: ";").first ?? "", radix: 16) else {
        throw Failure(description: "\(host) sent a chunk without its size")
      }
      try read(size, piece)
      _ = try readLine()
      if size == 0 { return }
    }
  }
}
