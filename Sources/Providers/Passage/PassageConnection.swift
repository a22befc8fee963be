import NIOCore
import NIOTLS

/// One connection to an upstream, which carries one exchange at a time.
final class PassageConnection: ChannelInboundHandler, ChannelOutboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// How long a connection waits for the rest of a response whose end has been told before it came.
  private static let restTime = TimeAmount.seconds(5)

  let site: Int
  /// When its ``timeIsUp(_:)`` is due.
  var due = NIODeadline.distantFuture
  /// Its place among those that are watched; kept by ``LoopConnections``.
  var place: Int?
  /// Whether it is one of those that are counted; kept by ``LoopConnections``.
  var isCounted = false
  /// Whether it has ended; kept by ``LoopConnections``.
  var hasEnded = false

  /// Whether TLS stands.
  private var isSecure = false
  /// Told once whether it does; nil where nobody waits for that.
  private var secured: ((Result<Void, any Error>) -> Void)?
  private var patience: Scheduled<Void>?
  private let pool: LoopConnections
  private var context: ChannelHandlerContext?
  private var exchange: (any PassageExchange)?
  /// A response is on its way, or what is left of one.
  private var isBusy = false
  /// Whether another request may follow; false once it is being closed, which takes a while where TLS says goodbye.
  private var keepsAlive = true
  private var parser = ResponseParser()
  private var buffer = ByteBuffer()
  private var isHeld = false
  private var wantsToRead = false

  init(_ pool: LoopConnections, site: Int) {
    self.pool = pool
    self.site = site
  }

  /// Whether a request can be sent on it.
  var isUsable: Bool { context?.channel.isActive == true && !isBusy && keepsAlive }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }
  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  /// Tells once whether TLS stands, or why it does not by then.
  ///
  /// - Parameter time: how long that is, for the error.
  func awaitTLS(until due: NIODeadline, of time: TimeAmount, _ done: @escaping (Result<Void, any Error>) -> Void) {
    guard !isSecure, let context, context.channel.isActive else {
      done(isSecure ? .success(()) : .failure(ChannelError.eof))
      return
    }
    secured = done
    patience = pool.eventLoop.assumeIsolated().scheduleTask(deadline: due) { [weak self] in
      guard let self, secured != nil else { return }
      tell(.failure(ChannelError.connectTimeout(time)))
      close()
    }
  }

  private func tell(_ outcome: Result<Void, any Error>) {
    let secured = secured
    patience?.cancel()
    (patience, self.secured) = (nil, nil)
    secured?(outcome)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .handshakeCompleted? = event as? TLSUserEvent {
      isSecure = true
      tell(.success(()))
    }
    context.fireUserInboundEventTriggered(event)
  }

  // MARK: the exchange

  /// Sends a request whose answer goes to an exchange.
  func send(_ request: ByteBuffer, for exchange: any PassageExchange) {
    self.exchange = exchange
    isBusy = true
    keepsAlive = true
    guard let context else {
      exchange.closed(self)
      return
    }
    context.write(wrapOutboundOut(request), promise: nil)
    pool.flushSoon(self)
  }

  func flush() { context?.flush() }

  /// The exchange has what it wants, or wants no more. What is left of the response is awaited for a moment, so that the
  /// connection can be used again; where nothing more was to come of it soon, the connection is closed.
  func letGo(isOver: Bool) {
    exchange = nil
    setHeld(false)
    guard isBusy else { return }
    guard isOver else {
      close()
      return
    }
    due = .now() + Self.restTime
    pool.watch(self)
  }

  func setHeld(_ isHeld: Bool) {
    guard self.isHeld != isHeld else { return }
    self.isHeld = isHeld
    guard !isHeld else { return }
    pump()
    if wantsToRead {
      wantsToRead = false
      context?.read()
    }
  }

  func close() {
    keepsAlive = false
    // TLS has a deadline of its own for the goodbye.
    due = .distantFuture
    guard let context else {
      pool.closed(self)
      return
    }
    context.close(promise: nil)
  }

  func timeIsUp(_ now: NIODeadline) {
    if let exchange, isBusy {
      exchange.timeIsUp(now)
    } else {
      close()
    }
  }

  // MARK: the channel

  func read(context: ChannelHandlerContext) {
    if isHeld { wantsToRead = true } else { context.read() }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = unwrapInboundIn(data)
    if buffer.readableBytes == 0 { buffer = bytes } else { buffer.writeBuffer(&bytes) }
    guard isBusy else {
      // Nobody asked.
      close()
      return
    }
    pump()
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    exchange?.gathered(self)
  }

  private func pump() {
    while isBusy, !isHeld {
      do throws(ResponseParser.Failure) {
        guard let part = try parser.next(&buffer) else { return }
        switch part {
        case .head(let head):
          keepsAlive = keepsAlive && head.keepsAlive
          exchange?.read(head, self)
        case .body(let body): exchange?.read(body, self)
        case .end: responseIsOver()
        }
      } catch {
        keepsAlive = false
        let exchange = exchange
        self.exchange = nil
        exchange?.broke(error.reason, self)
        close()
        return
      }
    }
  }

  private func responseIsOver() {
    isBusy = false
    let exchange = exchange
    self.exchange = nil
    setHeld(false)
    due = .distantFuture
    let isClean = keepsAlive && buffer.readableBytes == 0
    if isClean { buffer = ByteBuffer() }
    // First the connection, so that what the exchange starts next can use it.
    if isClean { pool.park(self) } else { close() }
    exchange?.ended(self)
  }

  func channelInactive(context: ChannelHandlerContext) {
    // What came before the end counts, although its reader may be behind.
    keepsAlive = false
    isHeld = false
    pump()
    pool.closed(self)
    tell(.failure(ChannelError.eof))
    let exchange = exchange
    self.exchange = nil
    if isBusy {
      isBusy = false
      if parser.close() { exchange?.ended(self) } else { exchange?.closed(self) }
    }
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    let exchange = exchange
    self.exchange = nil
    tell(.failure(error))
    exchange?.failed(error, self)
    close()
  }
}

/// What a connection tells the exchange that it carries.
protocol PassageExchange: AnyObject {
  func read(_ head: ResponseParser.Head, _ connection: PassageConnection)
  func read(_ body: ByteBuffer, _ connection: PassageConnection)
  /// What came at once has been handed over.
  func gathered(_ connection: PassageConnection)
  /// The response is complete.
  func ended(_ connection: PassageConnection)
  /// The connection was closed before the response was complete.
  func closed(_ connection: PassageConnection)
  /// What came is no response.
  func broke(_ reason: String, _ connection: PassageConnection)
  func failed(_ error: any Error, _ connection: PassageConnection)
  func timeIsUp(_ now: NIODeadline)
}

@available(*, unavailable)
extension PassageConnection: Sendable {}
