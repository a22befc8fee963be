import NIOCore
import NIOHTTP1

/// One connection on its event loop: puts requests together, keeps time, and writes answers.
///
/// All limits on what a client may send, and how slowly, are enforced here, before anything else of the node hears of a
/// request. What to do is decided by ``ConnectionState``; this class does it.
final class ConnectionHandler: ChannelDuplexHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = Incoming
  typealias OutboundIn = Outgoing
  typealias OutboundOut = HTTPServerResponsePart

  private let limits: ConnectionLimits
  private let disconnection: Disconnection
  private var state: ConnectionState
  private var timer: Scheduled<Void>?
  private var timerDue: NIODeadline?
  /// The connection has ended, and with it all that could be due.
  private var isOver = false
  private var context: ChannelHandlerContext?
  /// Answers requests before they are parsed here, where it is there.
  weak var passages: PassageHandler?

  init(limits: ConnectionLimits, disconnection: Disconnection) {
    self.limits = limits
    self.disconnection = disconnection
    state = ConnectionState(limits: limits)
  }

  // MARK: the connection

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    if context.channel.isActive { begin(context) }
  }

  func channelActive(context: ChannelHandlerContext) {
    begin(context)
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    disconnection.closed()
    stopTimer()
    context.fireChannelInactive()
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
    stopTimer()
  }

  private func begin(_ context: ChannelHandlerContext) {
    state.began(at: .now())
    keepTime(context)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case let event as ChannelEvent where event == .inputClosed:
      disconnection.inputClosed()
      if state.inputClosed() { context.close(promise: nil) }
      context.fireUserInboundEventTriggered(event)
    case is ChannelShouldQuiesceEvent:
      if state.quiesce() { context.close(promise: nil) }
    default:
      context.fireUserInboundEventTriggered(event)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // More bytes came after those that could not be read: the answer to these is on its way.
    if error is ByteToMessageDecoderError { return }
    guard error is HTTPParserError else {
      context.close(promise: nil)
      return
    }
    let refusal: Refusal = (error as? HTTPParserError) == .headerOverflow ? .headersTooLarge : .malformed
    perform(state.refused(refusal), context)
  }

  // MARK: requests

  /// Bytes came in, before they are parsed; called by ``FirstByteHandler``.
  func bytesArrived() {
    state.bytesArrived(at: .now())
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): perform(state.read(head, at: .now()), context)
    case .body(var buffer): perform(state.read(&buffer), context)
    case .end: perform(state.readEnd(), context)
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    keepTime(context)
    context.fireChannelReadComplete()
  }

  private func perform(_ action: ConnectionState.ReadAction, _ context: ChannelHandlerContext) {
    switch action {
    case .nothing: break
    case .deliver(let incoming): context.fireChannelRead(wrapInboundOut(incoming))
    case .askForBody:
      let head = HTTPResponseHead(version: .http1_1, status: .continue)
      context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
    case .close: context.close(promise: nil)
    }
  }

  // MARK: answers

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch unwrapOutboundIn(data) {
    case .whole(var head, let body):
      date(&head)
      state.willAnswer(&head, isEventStream: false, at: .now())
      context.write(wrapOutboundOut(.head(head)), promise: nil)
      if body.readableBytes > 0 { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
      end(context, promise)
    case .head(var head, let isEventStream):
      date(&head)
      state.willAnswer(&head, isEventStream: isEventStream, at: .now())
      context.write(wrapOutboundOut(.head(head)), promise: promise)
      keepTime(context)
    case .piece(let buffer):
      state.wrote(at: .now())
      context.write(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: promise)
    case .end:
      end(context, promise)
    }
  }

  private func date(_ head: inout HTTPResponseHead) {
    guard !head.headers.contains(name: "date") else { return }
    head.headers.add(name: "date", value: ServerDate.current.text)
  }

  private func end(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: promise)
    if state.answered(at: .now()) { context.close(mode: .output, promise: nil) }
    keepTime(context)
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    state.writability(context.channel.isWritable, at: .now())
    keepTime(context)
    context.fireChannelWritabilityChanged()
  }

  // MARK: requests that are answered before they are parsed here

  /// Whether nothing is being read or answered.
  var isIdle: Bool { state.isIdle }

  func passageBegan() {
    state.passageBegan()
  }

  /// - Returns: whether the connection will be closed afterwards, which the client has to be told.
  func passageAnswers(isEventStream: Bool, closes: Bool) -> Bool {
    defer { if isEventStream, let context { keepTime(context) } }
    return state.passageAnswers(isEventStream: isEventStream, closes: closes, at: .now())
  }

  func passageWrote() {
    state.wrote(at: .now())
  }

  func passageEnded(closes: Bool) {
    if closes { state.closeAfterAnswer() }
    let isLast = state.answered(at: .now())
    guard let context else { return }
    if isLast {
      // The answer may not have been handed to the system.
      context.flush()
      context.close(mode: .output, promise: nil)
    }
    keepTime(context)
  }

  // MARK: time

  /// Sees to it that the timer goes off no later than the state's next deadline.
  private func keepTime(_ context: ChannelHandlerContext) {
    guard !isOver, let due = state.deadline else { return }
    if let timerDue, timer != nil, timerDue <= due { return }
    timer?.cancel()
    timerDue = due
    timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: due) { [weak self] in
      self?.timeIsUp(context)
    }
  }

  private func timeIsUp(_ context: ChannelHandlerContext) {
    timer = nil
    timerDue = nil
    switch state.timeIsUp(at: .now()) {
    case .nothing: break
    case .deliver(let refusal):
      context.fireChannelRead(wrapInboundOut(refusal))
      // What reads above gathers until a read is complete, and none is under way.
      context.fireChannelReadComplete()
    case .close: context.close(promise: nil)
    case .keepAlive where passages?.isAnswering == true: passages?.keepAlive()
    case .keepAlive:
      var comment = context.channel.allocator.buffer(capacity: 16)
      comment.writeStaticString(": keep-alive\n\n")
      context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(comment))), promise: nil)
    }
    keepTime(context)
  }

  private func stopTimer() {
    isOver = true
    timer?.cancel()
    timer = nil
    timerDue = nil
  }
}

/// Stands before the parser and tells the connection when a request's first bytes come in, so that a request whose
/// headers drip in is told from a connection that is merely idle.
final class FirstByteHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  private let connection: ConnectionHandler

  init(connection: ConnectionHandler) {
    self.connection = connection
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    connection.bytesArrived()
    context.fireChannelRead(data)
  }
}

@available(*, unavailable)
extension ConnectionHandler: Sendable {}
@available(*, unavailable)
extension FirstByteHandler: Sendable {}
