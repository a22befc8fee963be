/// When a request is sent again. Only where it is certain that the node has not begun to answer: the connection was
/// refused, or the node said 429 or 503.
public struct RetryPolicy: Sendable, Hashable {
  /// How often a request is sent, the first time included; 1 for no retries.
  public var attempts = 3
  /// The pause before the second attempt where the node names none; it doubles each time.
  public var pause: Duration = .milliseconds(200)
  /// A node that asks for a longer pause than this is not waited for.
  public var longestPause: Duration = .seconds(10)

  /// Three attempts.
  public init() {}

  /// One attempt.
  public static var never: RetryPolicy {
    var policy = RetryPolicy()
    policy.attempts = 1
    return policy
  }

  /// How long to wait before the next attempt; nil to give up.
  ///
  /// - Parameters:
  ///   - attempt: how many have been made.
  ///   - retryAfter: the pause that the node asked for.
  func pause(after error: PRSMClientError, attempt: Int, retryAfter: Duration?) -> Duration? {
    guard attempt < attempts else { return nil }
    switch error.kind {
    case .unreachable, .overloaded: break
    default: return nil
    }
    let pause = retryAfter ?? self.pause * (1 << min(attempt - 1, 16))
    return pause <= longestPause ? pause : nil
  }
}
