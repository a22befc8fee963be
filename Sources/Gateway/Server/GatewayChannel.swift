import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import Telemetry

/// One client's connection, ready to be answered.
struct GatewayConnection: ServerChildChannelValue {
  let messages: NIOAsyncChannel<Incoming, Outgoing>
  let disconnection: Disconnection

  var channel: any Channel { messages.channel }
}

/// Sets up connections and runs them: the seam to Hummingbird's server, which listens, accepts, and drains.
struct GatewayChannel: ServerChildChannel {
  let limits: ConnectionLimits
  let responder: Responder
  /// Nil where nothing can be passed on.
  let lane: PassageLane?

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<GatewayConnection> {
    channel.eventLoop.makeCompletedFuture {
      let disconnection = Disconnection()
      let handler = ConnectionHandler(limits: limits, disconnection: disconnection)
      var parsing = NIOHTTPDecoderLimitConfiguration()
      parsing.maxHeaderFieldSize = limits.headerBytes
      parsing.maxHeaderListSize = limits.headerBytes
      parsing.maxHeaderFieldCount = 200
      let pipeline = channel.pipeline.syncOperations
      if let lane {
        let passages = PassageHandler(
          lane, .current(on: channel.eventLoop), connection: handler, disconnection: disconnection)
        handler.passages = passages
        try pipeline.addHandler(passages)
      }
      try pipeline.addHandler(FirstByteHandler(connection: handler))
      try pipeline.addHandler(HTTPResponseEncoder())
      try pipeline.addHandler(
        ByteToMessageHandler(
          HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: parsing)))
      try pipeline.addHandler(handler)
      let messages = try NIOAsyncChannel<Incoming, Outgoing>(
        wrappingChannelSynchronously: channel,
        configuration: .init(
          backPressureStrategy: .init(lowWatermark: 1, highWatermark: 2), isOutboundHalfClosureEnabled: true))
      return GatewayConnection(messages: messages, disconnection: disconnection)
    }
  }

  func handle(value connection: GatewayConnection, logger: Logger) async {
    responder.metrics.connections.add(1)
    defer { responder.metrics.connections.add(-1) }
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        await serve(connection, logger: logger)
        connection.disconnection.answered()
      }
      await connection.disconnection.wait()
      group.cancelAll()
    }
  }

  private func serve(_ connection: GatewayConnection, logger: Logger) async {
    do {
      try await connection.messages.executeThenClose { inbound, outbound in
        for try await message in inbound {
          let reply = Reply(outbound: outbound, disconnection: connection.disconnection)
          await responder.answer(message, from: connection.channel.remoteAddress, through: reply)
          if reply.closesConnection || Task.isCancelled { break }
        }
        outbound.finish()
        if Task.isCancelled {
          // The time to drain is over, or the client is gone: nobody is waited for.
          connection.channel.close(promise: nil)
        } else if !connection.disconnection.isGone {
          // The handler closes the channel once the client has, or shortly after.
          try await connection.channel.closeFuture.get()
        }
      }
    } catch {
      logger.trace("a connection broke off", metadata: ["error": "\(error)"])
    }
  }
}
