import ArgumentParser
import Foundation
import ModelInterface

/// An OpenAI-compatible endpoint that answers at once and always the same: what gateways are compared in front of.
///
/// One thread waits on all connections, so that the machine's time goes to what stands in front of it.
struct MockUpstream: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mock-upstream",
    abstract: "Answer the OpenAI API at once and always the same, to measure what stands in front of it.",
    shouldDisplay: false)

  @Option(help: "The port to answer on; 0 takes a free one.")
  var port = 0

  func run() async throws {
    signal(SIGPIPE, SIG_IGN)
    var server = try MockServer(port: port)
    Output.line("listening on http://127.0.0.1:\(server.port)")
    server.run()
  }
}

/// The loop of the mock upstream.
struct MockServer: ~Copyable {
  /// The most connections at once.
  private static let limit = 4_096

  let port: Int
  private let listener: Int32
  private var connections: [MockConnection] = []
  private let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)

  init(port: Int) throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var one: Int32 = 1
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(clamping: port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isListening = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        bind(listener, generic, length) == 0 && listen(listener, 1_024) == 0
          && getsockname(listener, generic, &length) == 0
      }
    }
    guard isListening else {
      throw CommandFailure.unavailable("127.0.0.1:\(port) cannot be listened on: \(String(cString: strerror(errno)))")
    }
    self.listener = listener
    self.port = Int(UInt16(bigEndian: address.sin_port))
  }

  /// Answers until the process is ended.
  mutating func run() {
    var polled = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
    while true {
      guard poll(&polled, nfds_t(polled.count), -1) > 0 else { continue }
      var closed = false
      for index in connections.indices where polled[index + 1].revents != 0 {
        if !connections[index].answer(room) {
          close(connections[index].descriptor)
          connections[index].isOpen = false
          closed = true
        }
      }
      if polled[0].revents != 0 { accept() }
      guard closed || polled.count != connections.count + 1 else { continue }
      connections.removeAll { !$0.isOpen }
      polled =
        [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
        + connections.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
    }
  }

  private mutating func accept() {
    let descriptor = Glibc.accept(listener, nil, nil)
    guard descriptor >= 0 else { return }
    guard connections.count < Self.limit else {
      close(descriptor)
      return
    }
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    connections.append(MockConnection(descriptor: descriptor))
  }
}

/// One connection to the mock upstream.
struct MockConnection {
  let descriptor: Int32
  var isOpen = true
  private var buffer: [UInt8] = []

  init(descriptor: Int32) {
    self.descriptor = descriptor
  }

  /// Reads what has come, and answers the requests that are complete with it.
  ///
  /// - Returns: false where the connection is over.
  mutating func answer(_ room: UnsafeMutableRawBufferPointer) -> Bool {
    let count = recv(descriptor, room.baseAddress, room.count, 0)
    guard count > 0 else { return count < 0 && (errno == EINTR || errno == EAGAIN) }
    let received = UnsafeRawBufferPointer(rebasing: room[..<count])
    if buffer.isEmpty, let used = take(received), used == count { return true }
    buffer.append(contentsOf: received)
    while !buffer.isEmpty {
      guard let used = buffer.withUnsafeBytes({ take($0) }) else { return buffer.count < 32 << 20 }
      guard used > 0 else { return false }
      buffer.removeFirst(used)
    }
    return true
  }

  /// Answers the request that the bytes begin with.
  ///
  /// - Returns: its length, 0 where it makes no sense, nil where it is not complete.
  private func take(_ bytes: UnsafeRawBufferPointer) -> Int? {
    guard let head = MockRequest(bytes) else { return nil }
    guard let length = head.length, bytes.count >= length else { return head.isSensible ? nil : 0 }
    let body = UnsafeRawBufferPointer(rebasing: bytes[head.bodyStart..<length])
    let answer: [UInt8] =
      switch head.target {
      case .chat: MockAnswers.chat(body)
      case .models: MockAnswers.models
      case .health: MockAnswers.health
      case .unknown: MockAnswers.unknown
      }
    return answer.withUnsafeBytes({ send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }) == answer.count
      ? length : 0
  }
}

extension UnsafeRawBufferPointer {
  /// The offset behind the empty line that ends a message's head; nil where it has not come.
  var endOfHead: Int? {
    var index = 3
    while index < count {
      if self[index] == 0x0A, self[index - 1] == 0x0D, self[index - 2] == 0x0A, self[index - 3] == 0x0D {
        return index + 1
      }
      index += self[index] > 0x0D ? 4 : 1
    }
    return nil
  }
}

/// The head of a request to the mock upstream, read as far as it needs to be.
private struct MockRequest {
  enum Target { case chat, models, health, unknown }

  var target = Target.unknown
  var bodyStart = 0
  /// The length of head and body; nil where that is not stated in a way that is understood here.
  var length: Int?
  var isSensible = true

  /// Nil where the head is not complete.
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress, let start = bytes.endOfHead else { return nil }
    bodyStart = start
    func begins(_ text: StaticString) -> Bool {
      bytes.count >= text.utf8CodeUnitCount && memcmp(base, text.utf8Start, text.utf8CodeUnitCount) == 0
    }
    if begins("POST /v1/chat/completions ") {
      target = .chat
    } else if begins("GET /v1/models ") {
      target = .models
    } else if begins("GET /health ") {
      target = .health
    }
    var size = 0
    var index = 0
    while index < bodyStart - 2 {
      if bytes[index] == 0x0A, let value = Self.value("content-length:", bytes, from: index + 1) { size = value }
      if bytes[index] == 0x0A, Self.value("transfer-encoding:", bytes, from: index + 1) != nil { isSensible = false }
      index += 1
    }
    length = isSensible ? bodyStart + size : nil
  }

  /// The number behind a field's name that stands here in any case; nil where another field does.
  private static func value(_ name: StaticString, _ bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
    guard start + name.utf8CodeUnitCount < bytes.count else { return nil }
    for index in 0..<name.utf8CodeUnitCount where bytes[start + index] | 0x20 != name.utf8Start[index] | 0x20 {
      return nil
    }
    var number = 0
    var index = start + name.utf8CodeUnitCount
    while index < bytes.count, bytes[index] != 0x0D, number < 1 << 40 {
      if bytes[index] &- 0x30 < 10 { number = number * 10 + Int(bytes[index] &- 0x30) }
      index += 1
    }
    return number
  }
}

/// What the mock upstream answers.
private enum MockAnswers {
  static let health = response("200 OK", "text/plain", "")
  static let unknown = response("404 Not Found", "application/json", #"{"error":{"message":"there is nothing here"}}"#)
  static let models = response(
    "200 OK", "application/json",
    #"{"object":"list","data":[{"id":"mock","object":"model","created":1,"owned_by":"mock"}]}"#)
  private static let invalid = response(
    "400 Bad Request", "application/json", #"{"error":{"message":"the body is not JSON"}}"#)
  private static let whole = response(
    "200 OK", "application/json",
    #"""
    {"id":"chatcmpl-mock","object":"chat.completion","created":1700000000,"model":"mock","choices":[{"index":0,"message":\#
    {"role":"assistant","content":"The quick brown fox jumps over the lazy dog."},"logprobs":null,"finish_reason":"stop"}]\#
    ,"usage":{"prompt_tokens":20,"completion_tokens":10,"total_tokens":30}}
    """#)
  private static let stream = events(includesUsage: false)
  private static let streamWithUsage = events(includesUsage: true)

  /// Reads the body as JSON, as every upstream has to, and answers it.
  static func chat(_ body: UnsafeRawBufferPointer) -> [UInt8] {
    var scanner = JSONScanner(body)
    var (isStreamed, hasOptions) = (false, false)
    scanner.skipWhiteSpace()
    let isObject = scanner.object { scanner, name in
      if scanner.equals(name, "stream"), scanner.current == UInt8(ascii: "t") { isStreamed = true }
      if scanner.equals(name, "stream_options"), scanner.current == UInt8(ascii: "{") { hasOptions = true }
      return scanner.skip()
    }
    guard isObject, scanner.isAtEnd() else { return invalid }
    return isStreamed ? hasOptions ? streamWithUsage : stream : whole
  }

  private static func response(_ status: String, _ type: String, _ body: String) -> [UInt8] {
    Array("HTTP/1.1 \(status)\r\ncontent-type: \(type)\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)".utf8)
  }

  private static func events(includesUsage: Bool) -> [UInt8] {
    func chunk(_ choices: String, _ usage: String = "null") -> String {
      "data: {\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"mock\","
        + "\"choices\":[\(choices)],\"usage\":\(usage)}\n\n"
    }
    var text = chunk(#"{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}"#)
    for word in ["The", " quick", " brown", " fox", " jumps", " over", " the", " lazy", " dog", "."] {
      text += chunk("{\"index\":0,\"delta\":{\"content\":\"\(word)\"},\"finish_reason\":null}")
    }
    text += chunk(#"{"index":0,"delta":{},"finish_reason":"stop"}"#)
    if includesUsage { text += chunk("", #"{"prompt_tokens":20,"completion_tokens":10,"total_tokens":30}"#) }
    text += "data: [DONE]\n\n"
    return response("200 OK", "text/event-stream", text)
  }
}
