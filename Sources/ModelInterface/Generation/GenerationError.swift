/// Why an answer cannot be given. Every provider throws this and nothing else, so that one place can decide on a retry
/// and one place can put it into an HTTP status.
public struct GenerationError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The kind, which decides on status and retry.
  public enum Kind: Sendable, Equatable {
    /// The request is wrong; asking again will not help. `parameter` is the member at fault in OpenAI's spelling.
    case invalidRequest(parameter: String?)
    /// There is no such model.
    case modelNotFound
    /// Prompt and output do not fit into the context window.
    case contextLengthExceeded(limit: Int, requested: Int)
    /// Every place is taken; come back after that time.
    case overloaded(retryAfter: Duration)
    /// The provider is down, unreachable, or broke off.
    case unavailable
    /// A deadline passed.
    case timedOut
    /// The client went away.
    case cancelled
    /// An upstream refused PRSM's credentials.
    case upstreamUnauthorized
    /// The account may not spend more.
    case budgetExceeded
    /// A defect of PRSM's own.
    case `internal`
  }

  /// The kind.
  public var kind: Kind
  /// What happened, what was expected, and what to do, for whoever sent the request.
  public var message: String

  /// An error.
  public init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  /// The message.
  public var description: String { message }
}
