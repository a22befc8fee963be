import ModelInterface
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// A connection of which a test decides every byte.
final class RawConnection {
  private let channel: any Channel
  private var incoming: AsyncStream<[UInt8]>.AsyncIterator
  private var received: [UInt8] = []

  private init(channel: any Channel, incoming: AsyncStream<[UInt8]>) {
    self.channel = channel
    self.incoming = incoming.makeAsyncIterator()
  }

  static func open(port: Int) async throws -> RawConnection {
    let (stream, continuation) = AsyncStream.makeStream(of: [UInt8].self, bufferingPolicy: .bufferingOldest(65_536))
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.allowRemoteHalfClosure, value: true)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Collector(continuation))
        }
      }
      .connect(host: "127.0.0.1", port: port).get()
    return RawConnection(channel: channel, incoming: stream)
  }

  func send(_ text: String) async throws {
    try await channel.writeAndFlush(ByteBuffer(string: text))
  }

  func send(_ bytes: [UInt8]) async throws {
    try await channel.writeAndFlush(ByteBuffer(bytes: bytes))
  }

  /// Sends from any task and without waiting, for bytes that the other side may no longer take.
  var push: @Sendable (String) -> Void {
    let channel = channel
    return { text in channel.writeAndFlush(ByteBuffer(string: text), promise: nil) }
  }

  func close() async {
    try? await channel.close()
  }

  /// Everything up to and including a mark; what there is where the connection ends before.
  func read(through mark: String) async -> String {
    let mark = Array(mark.utf8)
    while true {
      if let range = received.firstRange(of: mark) { return take(range.upperBound) }
      guard let more = await incoming.next(isolation: #isolation) else { return take(received.count) }
      received += more
    }
  }

  func read(count: Int) async -> String { String(decoding: await readBytes(count: count), as: UTF8.self) }

  func readBytes(count: Int) async -> [UInt8] {
    while received.count < count, let more = await incoming.next(isolation: #isolation) { received += more }
    defer { received.removeFirst(min(count, received.count)) }
    return Array(received.prefix(count))
  }

  func readToEnd() async -> String {
    while let more = await incoming.next(isolation: #isolation) { received += more }
    return take(received.count)
  }

  private func take(_ count: Int) -> String {
    defer { received.removeFirst(count) }
    return String(decoding: received.prefix(count), as: UTF8.self)
  }

  /// The next whole response.
  func response(hasBody: Bool = true) async throws -> Response {
    var response = try Response(head: await read(through: "\r\n\r\n"))
    guard hasBody else { return response }
    if let length = response.header("content-length").flatMap({ Int($0) }) {
      response.bytes = await readBytes(count: length)
    } else if response.header("transfer-encoding") == "chunked" {
      while let chunk = try await chunkBytes() { response.bytes += chunk }
    }
    response.body = String(decoding: response.bytes, as: UTF8.self)
    return response
  }

  /// The next piece of a chunked body; nil after the last.
  func chunk() async throws -> String? { try await chunkBytes().map { String(decoding: $0, as: UTF8.self) } }

  private func chunkBytes() async throws -> [UInt8]? {
    let line = await read(through: "\r\n")
    // The line's end is one character.
    let size = try #require(Int(line.dropLast(), radix: 16), "a chunk begins with its size; found \(line)")
    let chunk = await readBytes(count: size)
    _ = await read(count: 2)
    return size == 0 ? nil : chunk
  }
}

/// What a server answered.
struct Response {
  var status: Int
  var headers: [(name: String, value: String)]
  var body = ""
  /// The body where it is no text.
  var bytes: [UInt8] = []

  init(head: String) throws {
    var lines = head.split(separator: "\r\n")
    let first = try #require(lines.isEmpty ? nil : lines.removeFirst(), "the connection ended without a response")
    status = try #require(Int(first.split(separator: " ").dropFirst().first ?? ""))
    headers = lines.compactMap { line in
      guard let colon = line.firstIndex(of: ":") else { return nil }
      return (line[..<colon].lowercased(), String(line[line.index(after: colon)...].drop { $0 == " " }))
    }
  }

  func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

  var json: JSONValue { get throws { try JSONValue.parse(body) } }

  /// The object under `error`.
  var error: JSONValue { get throws { try #require(try json["error"], "expected an error, found \(body)") } }

  /// The `data` of each server-sent event.
  var events: [String] {
    var reader = ServerSentEvents()
    return reader.read(body.utf8).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The events that are JSON, which `[DONE]` is not.
  var jsonEvents: [JSONValue] { events.compactMap { try? JSONValue.parse($0) } }
}

extension JSONValue {
  /// An element of an array.
  subscript(index: Int) -> JSONValue? {
    guard let array, array.indices.contains(index) else { return nil }
    return array[index]
  }
}

private final class Collector: ChannelInboundHandler, Sendable {
  typealias InboundIn = ByteBuffer

  private let continuation: AsyncStream<[UInt8]>.Continuation

  init(_ continuation: AsyncStream<[UInt8]>.Continuation) {
    self.continuation = continuation
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    continuation.yield(Array(unwrapInboundIn(data).readableBytesView))
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if let event = event as? ChannelEvent, event == .inputClosed { continuation.finish() }
  }

  func channelInactive(context: ChannelHandlerContext) {
    continuation.finish()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
