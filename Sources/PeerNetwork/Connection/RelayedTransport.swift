internal import NIOCore
internal import PeerProtocols

/// A stream through a relay as the transport of a ``Connection``.
///
/// Unchecked: everything mutable is touched on the connection's event loop alone.
final class RelayedTransport: ByteTransport, @unchecked Sendable {
  /// Bytes that wait to be written to the stream, at which the connection pauses.
  private static let limit = 1 << 20
  /// How long sending the rest and closing may take.
  private static let closingTime = Duration.seconds(10)

  private let stream: any PeerStream
  private let connection: Connection
  private var queue: [UInt8] = []
  private var isWriting = false
  private var isClosing = false

  private init(_ connection: Connection, _ stream: any PeerStream) {
    self.connection = connection
    self.stream = stream
  }

  /// Starts the connection over the stream, and reads it to its end.
  static func begin(_ connection: Connection, over stream: any PeerStream) {
    let transport = RelayedTransport(connection, stream)
    connection.eventLoop.execute {
      connection.transport = transport
      connection.start()
    }
    // Bridges to the event loop; ends with the stream.
    Task { await transport.readAll() }
  }

  private func readAll() async {
    var reason = PeerError(.closed, "the relayed stream ended")
    do throws(PeerError) {
      while let bytes = try await stream.read(upTo: 64 << 10) {
        // Waits for the connection to take the bytes, so that no more than these are held.
        try? await connection.eventLoop.submit { [connection] in
          connection.received(ByteBuffer(bytes: bytes))
          connection.readComplete()
        }.get()
      }
    } catch {
      reason = error
    }
    let ended = reason
    connection.eventLoop.execute { [connection] in connection.transportClosed(ended) }
  }

  var isWritable: Bool { queue.count < Self.limit && !isClosing }

  func write(_ buffer: ByteBuffer) { queue.append(contentsOf: buffer.readableBytesView) }

  func flush() {
    guard !isWriting, !queue.isEmpty || isClosing else { return }
    isWriting = true
    let bytes = queue
    queue = []
    let isLast = isClosing
    Task {
      do throws(PeerError) {
        try await stream.write(bytes)
        if isLast { try await stream.closeWrite() }
      } catch {
        stream.reset()
      }
      connection.eventLoop.execute { [self] in
        isWriting = false
        if isLast { stream.reset() } else { flush() }
        connection.writabilityChanged()
      }
    }
  }

  func close() {
    isClosing = true
    // What is left is not waited for longer where the relay takes nothing any more.
    stream.setTimeout(Self.closingTime)
    flush()
  }
}
