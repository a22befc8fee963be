/// Why a node did not give an answer.
public struct PRSMClientError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The kind, which decides on what to do about it.
  public enum Kind: Sendable, Equatable {
    /// Nobody answers at that address.
    case unreachable
    /// The key is missing or refused (401, 403).
    case unauthorized
    /// The request is wrong (other 4xx); `parameter` is the member at fault, where the node names one.
    case invalidRequest(parameter: String?)
    /// There is no such model, or no such thing (404).
    case notFound
    /// The node is busy (429) or not ready (503), and still was after the retries.
    case overloaded(retryAfter: Duration?)
    /// The node failed (5xx), or broke off.
    case serverFailed
    /// The deadline passed.
    case timedOut
    /// The task was cancelled.
    case cancelled
    /// What came back is not what the API promises: not a node of this kind, or a newer one.
    case unexpectedAnswer
  }

  /// The kind.
  public var kind: Kind
  /// What happened and what to do.
  public var message: String
  /// The HTTP status, where there was an answer.
  public var status: Int?
  /// OpenAI's machine-readable code, such as `context_length_exceeded`, where the node gave one.
  public var code: String?
  /// The request's identifier in the node's logs.
  public var requestID: String?

  /// An error.
  public init(
    _ kind: Kind, _ message: String, status: Int? = nil, code: String? = nil, requestID: String? = nil
  ) {
    self.kind = kind
    self.message = message
    self.status = status
    self.code = code
    self.requestID = requestID
  }

  /// The message.
  public var description: String { message }
}
