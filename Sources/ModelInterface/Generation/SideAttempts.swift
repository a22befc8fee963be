import Synchronization

/// What upstream APIs did for one request beside the answer that was taken, and may bill all the same: attempts that broke off
/// after their answer had begun, and hedges that lost. Whoever asks upstreams notes them; whoever keeps the account takes
/// them.
public final class SideAttempts: Sendable, Hashable {
  /// One of them.
  package struct Attempt: Sendable, Hashable {
    /// The model that was asked.
    package var model: String
    /// The upstream.
    package var provider: String
    /// What was reported or seen; a prompt of 0 tokens is one of unknown length. Nil where nothing could be seen: it may
    /// have taken as much as the answer did.
    package var usage: Usage?
    /// Whether ``usage`` is what the upstream reported.
    package var isExact: Bool

    /// An attempt.
    package init(model: String, provider: String, usage: Usage?, isExact: Bool) {
      self.model = model
      self.provider = provider
      self.usage = usage
      self.isExact = isExact
    }
  }

  /// The most that are remembered; more is never tried for one request.
  private static let limit = 32
  private let attempts = Mutex<[Attempt]>([])

  /// None so far.
  public init() {}

  /// Notes an attempt.
  package func note(_ attempt: Attempt) {
    attempts.withLock { if $0.count < Self.limit { $0.append(attempt) } }
  }

  /// The attempts that were noted since the last time.
  package func take() -> [Attempt] {
    attempts.withLock { attempts in
      defer { attempts = [] }
      return attempts
    }
  }

  /// Whether both are the same list.
  public static func == (left: SideAttempts, right: SideAttempts) -> Bool { left === right }

  /// By identity.
  public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
