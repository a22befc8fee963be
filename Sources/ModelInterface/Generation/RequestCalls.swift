import Synchronization

/// Ties together the calls that models made of others, and searches, make for one request: a limit of requests counts them as
/// the one request that they are.
public final class RequestCalls: Sendable, Hashable {
  private let hasBegun = Atomic(false)

  /// None so far.
  public init() {}

  /// Whether a call that begins now is the first.
  package func beginFirst() -> Bool { !hasBegun.exchange(true, ordering: .relaxed) }

  /// Makes the next call the first: this one was not let through.
  package func takeBackFirst() { hasBegun.store(false, ordering: .relaxed) }

  /// Whether both are of the same request.
  public static func == (left: RequestCalls, right: RequestCalls) -> Bool { left === right }

  /// By identity.
  public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
