package import NIOCore
package import NIOHTTP1

/// What a connection hands up to be answered: a whole request, or the reason why there is none.
package enum Incoming: Sendable {
  /// A request with its whole body.
  case request(HTTPRequestHead, body: ByteBuffer)
  /// A request that is refused before it is complete; the connection closes after the answer.
  case refusal(Refusal, HTTPRequestHead?)
}

/// Why a connection gave up on a request before it was complete.
package enum Refusal: Sendable, Equatable {
  /// The body is longer than the limit, in bytes.
  case bodyTooLarge(limit: Int)
  /// Request line and headers are longer than the limit.
  case headersTooLarge
  /// It is not HTTP/1.1.
  case malformed
  /// Headers or body did not arrive in time.
  case tooSlow
  /// It asks for something with `expect` that is not offered.
  case expectationFailed
  /// The target is longer than the limit, in bytes.
  case targetTooLong(limit: Int)
}

/// What the answering side hands down to a connection.
package enum Outgoing: Sendable {
  /// A whole answer, in one write.
  case whole(HTTPResponseHead, ByteBuffer)
  /// The head of an answer whose body follows in pieces. `isEventStream` asks for comments while nothing is sent.
  case head(HTTPResponseHead, isEventStream: Bool)
  /// A piece of a body.
  case piece(ByteBuffer)
  /// The end of a body.
  case end
}

/// The time and size limits of one connection.
package struct ConnectionLimits: Sendable, Equatable {
  /// The longest body that is read, in bytes.
  package var bodyBytes = 32 << 20
  /// The longest request line with headers, in bytes.
  package var headerBytes = 32 << 10
  /// The longest request target, in bytes.
  package var targetBytes = 8 << 10
  /// From a request's first byte to the end of its headers.
  package var headerTime = Duration.seconds(15)
  /// From the end of the headers to the end of the body, on top of the time that ``bodyRate`` allows.
  package var bodyTime = Duration.seconds(30)
  /// The slowest body that is put up with, in bytes a second.
  package var bodyRate = 16 << 10
  /// How long a connection may wait for its first or next request.
  package var idleTime = Duration.seconds(120)
  /// How long a client may refuse to take what is sent to it.
  package var stallTime = Duration.seconds(60)
  /// How long an event stream may be silent before a comment keeps it alive.
  package var keepAliveTime = Duration.seconds(15)
  /// How long a connection that is to close waits for the client to close first.
  package var lingerTime = Duration.seconds(2)

  /// The usual limits.
  package init() {}
}
