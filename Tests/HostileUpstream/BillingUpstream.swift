import NIOCore
import NIOPosix
import Synchronization

/// An upstream that answers after a time that a seed draws, and keeps a bill: what it has read whole it answers, and what it
/// answers it bills, whoever has left meanwhile.
package final class BillingUpstream: Sendable {
  /// What one request was billed.
  package struct Bill: Sendable {
    /// The request's `x-request-id`.
    package var request: String
    package var promptTokens: Int
    package var completionTokens: Int
    /// Whether its client was there to read the end, as far as the upstream knows.
    package var isDelivered: Bool
  }

  private final class Shared: Sendable {
    let state: Mutex<(seed: UInt64, bills: [Bill])>
    let isStreamed: Bool
    let longest: Int
    let varies: Bool

    init(seed: UInt64, isStreamed: Bool, longest: Int, varies: Bool) {
      state = Mutex((seed, []))
      self.isStreamed = isStreamed
      self.longest = longest
      self.varies = varies
    }

    /// A number below another (SplitMix64).
    func draw(_ below: Int) -> Int {
      state.withLock { state in
        state.seed &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state.seed
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((mixed ^ (mixed >> 31)) % UInt64(max(1, below)))
      }
    }
  }

  private let channel: any Channel
  private let shared: Shared

  /// An upstream on a free port.
  ///
  /// - Parameters:
  ///   - longest: the longest time before an answer, and between its events, in microseconds.
  ///   - varies: whether answers take different numbers of tokens.
  package init(seed: UInt64, isStreamed: Bool, longest: Int, varies: Bool) async throws {
    let shared = Shared(seed: seed, isStreamed: isStreamed, longest: longest, varies: varies)
    self.shared = shared
    channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.backlog, value: 1_024)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Handler(shared)) }
      }
      .bind(host: "127.0.0.1", port: 0).get()
  }

  /// Its address, with the version.
  package var url: String { "http://127.0.0.1:\(channel.localAddress?.port ?? 0)/v1" }

  /// What was billed so far.
  package var bills: [Bill] { shared.state.withLock { $0.bills } }

  /// Answers no more.
  package func close() async { try? await channel.close() }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let shared: Shared
    private var text = ""

    init(_ shared: Shared) { self.shared = shared }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      text += String(buffer: unwrapInboundIn(data))
      guard let end = text.firstRange(of: "\r\n\r\n") else { return }
      let lines = text[..<end.lowerBound].split(separator: "\r\n")
      func value(_ name: String) -> String {
        lines.first { $0.lowercased().hasPrefix(name) }.map { String($0.dropFirst(name.count + 1).drop { $0 == " " }) }
          ?? ""
      }
      guard text[end.upperBound...].utf8.count >= Int(value("content-length")) ?? 0 else { return }
      text = ""
      let tokens = shared.varies ? 2 + shared.draw(6) : 4
      let place = shared.state.withLock { state in
        state.bills.append(
          Bill(request: value("x-request-id"), promptTokens: 11, completionTokens: tokens, isDelivered: false))
        return state.bills.count - 1
      }
      later(context) { self.answer(place, tokens, context) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func later(_ context: ChannelHandlerContext, _ body: @escaping () -> Void) {
      let wait = TimeAmount.microseconds(Int64(shared.draw(shared.longest)))
      context.eventLoop.assumeIsolated().scheduleTask(in: wait, body)
    }

    private func write(_ text: String, _ context: ChannelHandlerContext) {
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
    }

    private func answer(_ place: Int, _ tokens: Int, _ context: ChannelHandlerContext) {
      let usage = #""usage":{"prompt_tokens":11,"completion_tokens":\#(tokens),"total_tokens":\#(11 + tokens)}"#
      guard shared.isStreamed else {
        let body =
          #"{"choices":[{"message":{"role":"assistant","content":"yes, and no."},"finish_reason":"stop"}],"# + usage
          + "}"
        write(
          "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: \(body.utf8.count)\r\n\r\n" + body,
          context)
        return done(place, context)
      }
      write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n", context)
      piece(place, left: tokens, usage, context)
    }

    private func piece(_ place: Int, left: Int, _ usage: String, _ context: ChannelHandlerContext) {
      guard context.channel.isActive else { return }
      guard left > 0 else {
        chunk("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\(usage)}\n\ndata: [DONE]\n\n", context)
        write("0\r\n\r\n", context)
        return done(place, context)
      }
      chunk("data: {\"choices\":[{\"delta\":{\"content\":\"no \"}}]}\n\n", context)
      later(context) { self.piece(place, left: left - 1, usage, context) }
    }

    private func chunk(_ text: String, _ context: ChannelHandlerContext) {
      write(String(text.utf8.count, radix: 16) + "\r\n" + text + "\r\n", context)
    }

    private func done(_ place: Int, _ context: ChannelHandlerContext) {
      let isThere = context.channel.isActive
      shared.state.withLock { $0.bills[place].isDelivered = isThere }
    }
  }
}
