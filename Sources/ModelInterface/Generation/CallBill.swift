import Synchronization

/// What one call of a member of a virtual model is on the account for, once that is settled: whoever sums up the calls of a
/// request reads it there, so that both say the same also of calls that were stopped or broke off.
///
/// A call may be on several accounts: one whose model is itself made of others is settled part by part.
public final class CallBill: Sendable, Hashable {
  /// What was settled.
  package struct Amount: Sendable, Equatable {
    /// Tokens.
    package var usage = Usage()
    /// In 10^-12 of the currency; nil where a price is not known.
    package var cost: Int128? = 0
  }

  private struct State {
    var open = 0
    var hasBegun = false
    var amount = Amount()
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())

  /// Nothing on any account so far.
  public init() {}

  /// An account is kept of the call; ``end(_:cost:)`` follows, whatever becomes of it.
  package func begin() {
    state.withLock { state in
      state.open += 1
      state.hasBegun = true
    }
  }

  /// The account has been settled.
  package func end(_ usage: Usage, cost: Int128?) {
    let waiting = state.withLock { state in
      state.open -= 1
      state.amount.usage = state.amount.usage + usage
      state.amount.cost = state.amount.cost.flatMap { sum in cost.map { sum + $0 } }
      guard state.open == 0 else { return [CheckedContinuation<Void, Never>]() }
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }

  /// What was settled, once all of it is; nil where nobody keeps an account. Waits for as long as those who settle do, also
  /// while the calling task is cancelled.
  package func amount() async -> Amount? {
    guard state.withLock(\.hasBegun) else { return nil }
    await withCheckedContinuation { continuation in
      let isOver = state.withLock { state in
        if state.open > 0 { state.waiting.append(continuation) }
        return state.open == 0
      }
      if isOver { continuation.resume() }
    }
    return state.withLock(\.amount)
  }

  /// Whether both are of the same call.
  public static func == (left: CallBill, right: CallBill) -> Bool { left === right }

  /// By identity.
  public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
