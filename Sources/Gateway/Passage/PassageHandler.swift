import NIOCore

/// Stands at the very front of a connection and answers what can be passed on to an upstream, on the connection's event loop
/// and without a task. All other bytes go to the parser behind it as they came.
///
/// Two never answer at once: while a passage is under way, what comes meanwhile waits here, and while the long way is busy,
/// everything goes there.
final class PassageHandler: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = IOData
  typealias OutboundOut = ByteBuffer

  private enum State {
    /// Between requests: the next bytes begin one.
    case open
    /// The parser has the connection. So many bytes are left of its request; nil where that is not known, and then it keeps
    /// the connection.
    case foreign(remaining: Int?)
    /// A request is being passed on.
    case answering(PassageAnswer)
  }

  /// The most bytes that wait while a request is passed on before no more are read.
  private static let waitingLimit = 64 << 10

  private let lane: PassageLane
  private let answers: UnsentAnswers
  private let connection: ConnectionHandler
  private let disconnection: Disconnection
  private var state = State.open
  /// Bytes that have not been given to anybody.
  private var pending = ByteBuffer()
  private var wantsToRead = false
  private var handsOn = false
  private(set) var context: ChannelHandlerContext?
  /// The client's IP address. The system is asked for it once, and only where somebody wants to know.
  private lazy var remoteAddress = context?.remoteAddress?.ipAddress

  init(
    _ lane: PassageLane, _ answers: UnsentAnswers, connection: ConnectionHandler, disconnection: Disconnection
  ) {
    self.lane = lane
    self.answers = answers
    self.connection = connection
    self.disconnection = disconnection
  }

  /// Whether a request is being passed on.
  var isAnswering: Bool {
    if case .answering = state { true } else { false }
  }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }
  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  // MARK: what comes in

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = unwrapInboundIn(data)
    switch state {
    case .foreign(let remaining):
      if remaining == 0, connection.isIdle {
        state = .open
        pending = bytes
        begin(context)
      } else {
        handOver(bytes, remaining.map { $0 - bytes.readableBytes }, context)
      }
    case .open, .answering:
      if pending.readableBytes == 0 { pending = bytes } else { pending.writeBuffer(&bytes) }
      if !isAnswering { begin(context) }
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    // What is not a whole request by now is the parser's, which keeps time of how slowly it comes.
    if case .open = state, pending.readableBytes > 0 {
      let remaining: Int? =
        if case .chat(let head) = read() { head.length - pending.readableBytes } else { nil }
      handOver(takePending(), remaining, context)
    }
    guard handsOn else { return }
    handsOn = false
    context.fireChannelReadComplete()
  }

  func read(context: ChannelHandlerContext) {
    if isAnswering, pending.readableBytes >= Self.waitingLimit {
      wantsToRead = true
    } else {
      context.read()
    }
  }

  private func read() -> PlainHead.Reading {
    pending.withUnsafeReadableBytes { PlainHead.read($0, limits: lane.connections) }
  }

  private func takePending() -> ByteBuffer {
    defer { pending = ByteBuffer() }
    return pending
  }

  /// Begins with what is there, if it is a whole request.
  private func begin(_ context: ChannelHandlerContext) {
    switch read() {
    case .incomplete: break
    case .foreign(let length):
      let remaining = length.map { $0 - pending.readableBytes }
      handOver(takePending(), remaining, context)
    case .chat(let head):
      guard pending.readableBytes >= head.length else { return }
      let received = ContinuousClock.now
      let admitted = pending.withUnsafeReadableBytes {
        lane.admit(head, $0, from: remoteAddress, received: received)
      }
      guard let admitted else {
        let remaining = head.length - pending.readableBytes
        handOver(takePending(), remaining, context)
        return
      }
      let answer = PassageAnswer(admitted, lane, self, received: received)
      state = .answering(answer)
      connection.passageBegan()
      var request = pending
      pending.moveReaderIndex(forwardBy: head.length)
      if pending.readableBytes == 0 { pending = ByteBuffer() }
      request.moveReaderIndex(forwardBy: head.bodyStart)
      request.withUnsafeReadableBytes { bytes in
        answer.begin(UnsafeRawBufferPointer(rebasing: bytes[..<head.bodyLength]))
      }
    }
  }

  /// Gives bytes to the parser.
  private func handOver(_ bytes: ByteBuffer, _ remaining: Int?, _ context: ChannelHandlerContext) {
    // More than one request at once: where they end is for the parser to find out.
    state = .foreign(remaining: remaining.flatMap { $0 >= 0 ? $0 : nil })
    handsOn = true
    context.fireChannelRead(wrapInboundOut(bytes))
  }

  // MARK: answers

  /// The head of an answer is about to be written.
  ///
  /// - Returns: whether it has to say that the connection closes.
  func answers(isEventStream: Bool, closes: Bool) -> Bool {
    connection.passageAnswers(isEventStream: isEventStream, closes: closes)
  }

  func write(_ bytes: ByteBuffer) {
    context?.write(wrapOutboundOut(bytes), promise: nil)
  }

  /// Sends what was written.
  ///
  /// - Returns: whether the client keeps up.
  func flush() -> Bool {
    guard let context else { return true }
    connection.passageWrote()
    context.flush()
    return context.channel.isWritable
  }

  /// Sends what was written once everything that has come in has been looked at.
  func flushSoon() {
    connection.passageWrote()
    answers.flushSoon(self)
  }

  func flushNow() { context?.flush() }

  /// The answer is complete.
  func ended(closes: Bool) {
    guard isAnswering else { return }
    state = .open
    connection.passageEnded(closes: closes)
    guard let context else { return }
    if pending.readableBytes > 0, !closes {
      begin(context)
      // Nothing may come that would make this request whole.
      channelReadComplete(context: context)
    }
    if wantsToRead, !isAnswering {
      wantsToRead = false
      context.read()
    }
  }

  func keepAlive() {
    guard case .answering(let answer) = state else { return }
    answer.keepAlive()
  }

  // MARK: the connection

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if case .answering(let answer) = state, context.channel.isWritable { answer.resume() }
    context.fireChannelWritabilityChanged()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if let event = event as? ChannelEvent, event == .inputClosed, case .answering(let answer) = state {
      // As on the long way, a client that sends nothing more while it waits for an answer counts as gone.
      state = .foreign(remaining: nil)
      answer.cancel()
      connection.passageEnded(closes: true)
      context.close(promise: nil)
      return
    }
    context.fireUserInboundEventTriggered(event)
  }

  func channelInactive(context: ChannelHandlerContext) {
    if case .answering(let answer) = state {
      state = .foreign(remaining: nil)
      answer.cancel()
    }
    context.fireChannelInactive()
  }
}

@available(*, unavailable)
extension PassageHandler: Sendable {}
