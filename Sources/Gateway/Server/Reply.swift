import NIOCore
import NIOHTTP1
import Synchronization

/// The way back to a client for one request: either one whole answer, or a head and then pieces.
///
/// Bytes that have left cannot be taken back, so it remembers whether any have.
package final class Reply: Sendable {
  private struct State {
    var status: Int?
    var isEventStream = false
    var isFinished = false
    var closesConnection = false
    var bytes = 0
    var extraHeaders: [(String, String)] = []
    var isHead = false
    var headIsOut = false
    var waiters: [CheckedContinuation<Void, Never>] = []
  }

  private let outbound: NIOAsyncChannelOutboundWriter<Outgoing>
  /// Whether the client is still there.
  package let disconnection: Disconnection
  private let state = Mutex(State())

  init(outbound: NIOAsyncChannelOutboundWriter<Outgoing>, disconnection: Disconnection) {
    self.outbound = outbound
    self.disconnection = disconnection
  }

  /// The status that was sent, once one was.
  package var status: Int? { state.withLock { $0.status } }
  /// Whether what was sent began an event stream.
  package var isEventStream: Bool { state.withLock { $0.isEventStream } }
  /// Whether the answer is complete.
  package var isFinished: Bool { state.withLock { $0.isFinished } }
  /// Whether the connection closes after this answer.
  package var closesConnection: Bool { state.withLock { $0.closesConnection } }
  /// How many bytes of body were sent.
  package var bytesSent: Int { state.withLock { $0.bytes } }

  /// What goes with every answer to this request: headers, and whether its body is left out.
  func prepare(_ headers: [(String, String)], closesConnection: Bool, isHead: Bool = false) {
    state.withLock {
      $0.isHead = isHead
      $0.extraHeaders = headers
      $0.closesConnection = closesConnection
    }
  }

  /// Makes this the last answer on its connection.
  func closeAfterwards() {
    state.withLock { $0.closesConnection = true }
  }

  /// Adds headers to the answer, where its head has not left yet.
  func add(_ headers: [(String, String)]) {
    state.withLock { $0.extraHeaders += headers }
  }

  /// Sends a whole answer.
  ///
  /// - Throws: where the client has gone.
  package func send(_ response: WholeResponse) async throws {
    guard let head = begin(response.status, response.headers, isEventStream: false) else { return }
    var complete = head
    complete.headers.add(name: "content-length", value: String(response.body.count))
    if !response.body.isEmpty { complete.headers.add(name: "content-type", value: response.contentType) }
    let body = state.withLock { state in
      state.isFinished = true
      if state.isHead { return ByteBuffer() }
      state.bytes = response.body.count
      return ByteBuffer(bytes: response.body)
    }
    try await outbound.write(.whole(complete, body))
  }

  /// Answers `HEAD` without knowing the body: sends headers alone. `content-length` is among them where it is known.
  package func sendHead(_ status: Int, headers: [(String, String)]) async throws {
    guard var head = begin(status, headers, isEventStream: false) else { return }
    // Without it, the encoder would announce chunks and end them, and there is no body to be chunked.
    if !head.headers.contains(name: "content-length") { head.headers.add(name: "content-length", value: "0") }
    state.withLock { $0.isFinished = true }
    try await outbound.write(.whole(head, ByteBuffer()))
  }

  /// Sends the head of an event stream (WHATWG HTML, section 9.2).
  package func beginEvents() async throws {
    let headers = [("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache")]
    guard let head = begin(200, headers, isEventStream: true) else {
      await headIsOut()
      return
    }
    defer { releaseWaiters() }
    try await outbound.write(.head(head, isEventStream: true))
  }

  /// Several choices of one answer write at once: none may overtake the head that another is sending.
  private func headIsOut() async {
    guard !(state.withLock { $0.headIsOut }) else { return }
    await withCheckedContinuation { waiter in
      let isOut = state.withLock { state in
        if !state.headIsOut { state.waiters.append(waiter) }
        return state.headIsOut
      }
      if isOut { waiter.resume() }
    }
  }

  private func releaseWaiters() {
    let waiters = state.withLock { state in
      state.headIsOut = true
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume() }
  }

  /// Sends the head of an answer whose length is not known before.
  package func begin(_ status: Int, headers: [(String, String)]) async throws {
    guard let head = begin(status, headers, isEventStream: false) else { return }
    try await outbound.write(.head(head, isEventStream: false))
  }

  /// Sends more of a body. Waits while the client does not take it.
  package func write(_ bytes: [UInt8]) async throws {
    guard !bytes.isEmpty else { return }
    state.withLock { $0.bytes += bytes.count }
    try await outbound.write(.piece(ByteBuffer(bytes: bytes)))
  }

  /// Ends a body that was sent in pieces.
  package func finish() async throws {
    let isDue = state.withLock { state in
      guard state.status != nil, !state.isFinished else { return false }
      state.isFinished = true
      return true
    }
    if isDue { try await outbound.write(.end) }
  }

  private func begin(
    _ status: Int, _ headers: [(String, String)], isEventStream: Bool
  ) -> HTTPResponseHead? {
    state.withLock { state in
      guard state.status == nil else { return nil }
      state.status = status
      state.isEventStream = isEventStream
      var fields = HTTPHeaders()
      fields.reserveCapacity(headers.count + state.extraHeaders.count + 3)
      for (name, value) in headers { fields.add(name: name, value: value) }
      for (name, value) in state.extraHeaders where !fields.contains(name: name) {
        fields.add(name: name, value: value)
      }
      if state.closesConnection { fields.add(name: "connection", value: "close") }
      return HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: fields)
    }
  }
}

/// An answer that is known as a whole.
package struct WholeResponse: Sendable {
  /// The status.
  package var status: Int
  /// Headers besides content type and length.
  package var headers: [(String, String)]
  /// The media type of the body.
  package var contentType: String
  /// The body.
  package var body: [UInt8]

  /// An answer.
  package init(
    _ status: Int = 200, headers: [(String, String)] = [], contentType: String = "application/json",
    body: [UInt8]
  ) {
    self.status = status
    self.headers = headers
    self.contentType = contentType
    self.body = body
  }
}
