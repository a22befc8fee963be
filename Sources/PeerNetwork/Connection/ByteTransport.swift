internal import NIOCore
internal import PeerProtocols

/// What a connection runs over: bytes in order, both ways. All calls are made on the connection's event loop.
protocol ByteTransport: AnyObject {
  /// Whether more may be written now; otherwise the connection waits for ``Connection/writabilityChanged()``.
  var isWritable: Bool { get }
  func write(_ buffer: ByteBuffer)
  func flush()
  /// Sends what was written, then closes. The connection is told by ``Connection/transportClosed(_:)``.
  func close()
}

/// A TCP connection as the transport of a ``Connection``.
final class SocketTransport: ChannelInboundHandler, ByteTransport {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let connection: Connection
  private var context: ChannelHandlerContext?
  private var failure: PeerError?

  init(connection: Connection) { self.connection = connection }

  var isWritable: Bool { context?.channel.isWritable ?? false }

  func write(_ buffer: ByteBuffer) {
    context?.write(wrapOutboundOut(buffer), promise: nil)
  }

  func flush() { context?.flush() }

  func close() { context?.close(promise: nil) }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    connection.transport = self
    if context.channel.isActive { connection.start() }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
    // Each holds the other, and a channel that was never active does not say that it becomes inactive.
    connection.transport = nil
  }

  func channelActive(context: ChannelHandlerContext) {
    connection.start()
    context.fireChannelActive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) { connection.received(unwrapInboundIn(data)) }

  func channelReadComplete(context: ChannelHandlerContext) { connection.readComplete() }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable { connection.writabilityChanged() }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    failure = PeerError(.closed, "the connection broke: \(error)")
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    connection.transportClosed(failure ?? PeerError(.closed, "the peer closed the connection"))
    context.fireChannelInactive()
  }
}
