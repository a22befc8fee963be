import Foundation
import NIOCore
import NIOPosix
import Synchronization

/// An upstream that misbehaves on command: what it answers to each request is a script of bytes and ends.
package final class MockUpstream: Sendable {
  /// A step of an answer, after the request has been read.
  package enum Step: Sendable {
    /// These bytes.
    case bytes([UInt8])
    /// The connection is closed.
    case close
    /// Nothing, until the client goes away.
    case stall
    /// Nothing, until the gate is open.
    case gate(Gate)
  }

  /// What a test opens when the time has come.
  package final class Gate: Sendable {
    fileprivate let isOpen = Atomic(false)

    /// A gate that is closed.
    package init() {}

    /// Opens it, for good.
    package func open() { isOpen.store(true, ordering: .releasing) }
  }

  private let channel: any Channel
  private let shared: Shared

  /// How many connections were made to it.
  package var connections: Int { shared.state.withLock { $0.connections } }

  /// Answers each request with the next script, and the last for ever.
  package static func serving(_ answers: [Step]...) async throws -> MockUpstream {
    try await MockUpstream(Shared((answers, [], 0)))
  }

  /// ``serving(_:)`` with a list.
  package static func serving(all answers: [[Step]]) async throws -> MockUpstream {
    try await MockUpstream(Shared((answers, [], 0)))
  }

  private init(_ shared: Shared) async throws {
    self.shared = shared
    channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Handler(shared)) }
      }
      .bind(host: "127.0.0.1", port: 0).get()
  }

  /// Its address, with the version.
  package var url: String { "http://127.0.0.1:\(channel.localAddress?.port ?? 0)/v1" }
  /// The requests so far: head and body as text.
  package var requests: [String] { shared.state.withLock { $0.requests } }

  /// Answers no more.
  package func close() async { try? await channel.close() }

  /// What the connections share.
  fileprivate final class Shared: Sendable {
    let state: Mutex<(answers: [[Step]], requests: [String], connections: Int)>
    init(_ initial: (answers: [[Step]], requests: [String], connections: Int)) { state = Mutex(initial) }

    func answer(to request: String) -> [Step] {
      state.withLock { state in
        state.requests.append(request)
        return state.answers.count > 1 ? state.answers.removeFirst() : state.answers.first ?? [.close]
      }
    }
  }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let shared: Shared
    private var text = ""

    init(_ shared: Shared) { self.shared = shared }

    func channelActive(context: ChannelHandlerContext) {
      shared.state.withLock { $0.connections += 1 }
      context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      text += String(buffer: unwrapInboundIn(data))
      guard let end = text.range(of: "\r\n\r\n") else { return }
      let head = text[..<end.lowerBound].lowercased()
      let length =
        head.split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
        .flatMap { Int($0.dropFirst(15).filter { $0 != " " }) } ?? 0
      guard text[end.upperBound...].utf8.count >= length else { return }
      let request = text
      text = ""
      take(shared.answer(to: request)[...], context)
    }

    private func take(_ steps: ArraySlice<Step>, _ context: ChannelHandlerContext) {
      var rest = steps
      while let step = rest.popFirst() {
        switch step {
        case .bytes(let bytes): context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
        case .close:
          context.close(promise: nil)
          return
        case .stall: return
        case .gate(let gate):
          guard !gate.isOpen.load(ordering: .acquiring) else { continue }
          let again = [step] + rest
          context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(2)) { self.take(again[...], context) }
          return
        }
      }
    }
  }

  // MARK: Scripts

  /// An answer with its length.
  package static func response(
    _ body: String, status: String = "200 OK", type: String = "application/json", headers: String = ""
  ) -> [Step] {
    [
      .bytes(
        Array(
          "HTTP/1.1 \(status)\r\ncontent-type: \(type)\r\n\(headers)content-length: \(body.utf8.count)\r\n\r\n\(body)"
            .utf8
        ))
    ]
  }

  /// The head of a stream without a length, which ends with the connection.
  package static let streamHead = Step.bytes(
    Array("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n".utf8))

  /// A stream of these events, each byte by itself where it trickles.
  package static func stream(_ events: [String], trickles: Bool = false, end: Step = .close) -> [Step] {
    let text = events.map { "data: \($0)\n\n" }.joined()
    let bytes = Array(text.utf8)
    return [streamHead] + (trickles ? bytes.map { .bytes([$0]) } : [.bytes(bytes)]) + [end]
  }
}
