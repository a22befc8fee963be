/// Why something between peers failed.
package struct PeerError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What kind of fault it is, for callers that decide by it.
  package enum Code: Hashable, Sendable {
    /// Bytes that the protocol forbids. The peer is at fault.
    case malformed
    /// Well-formed beyond a bound of this node. The peer is at fault.
    case tooLarge
    /// The peer broke the protocol's order or its flow control.
    case violation
    /// The other side speaks none of the protocols asked for.
    case unsupported
    /// A key, a signature or a peer id does not hold.
    case unauthenticated
    /// This node or the other does not want the peer: allow-list, network key, trimming.
    case refused
    /// A limit on connections, streams, memory or waiting requests is reached.
    case exhausted
    /// No answer within the deadline.
    case timedOut
    /// The stream was reset by the other side.
    case reset
    /// The stream or the connection is closed, or ended amid a message.
    case closed
    /// No address of the peer could be reached, or none is known.
    case unreachable
    /// The caller was cancelled.
    case cancelled
    /// The peer answered, and its answer is an error of its own.
    case remote
  }

  package let code: Code
  /// Names the thing, what was expected, what was found, and what to do.
  package let detail: String

  package init(_ code: Code, _ detail: String) {
    self.code = code
    self.detail = detail
  }

  package var description: String { detail }

  /// Whether the other side is to blame, so that its connection ends and the reason is logged.
  package var isPeersFault: Bool {
    switch code {
    case .malformed, .tooLarge, .violation, .unauthenticated: true
    default: false
    }
  }
}
