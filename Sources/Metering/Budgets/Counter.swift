/// Names a running sum that budgets are checked against.
package struct CounterID: Sendable, Hashable, Comparable {
  /// Whose: ``BudgetScope/text``.
  package var scope: String
  /// Of when: `2026-11-24`, `2026-11`, or `requests` and `tokens` for a rate.
  package var window: String

  /// A name.
  package init(scope: String, window: String) {
    self.scope = scope
    self.window = window
  }

  /// An order in which all transactions take their locks.
  package static func < (left: CounterID, right: CounterID) -> Bool {
    (left.scope, left.window) < (right.scope, right.window)
  }
}

/// A running sum.
package struct Counter: Sendable, Hashable {
  /// What has been spent in the window. For a rate: the instant, in nanoseconds since 1970, at which its bucket is full.
  package var spent: Money
  /// What is set aside for work that runs.
  package var reserved: Money

  /// A sum.
  package init(spent: Money = .zero, reserved: Money = .zero) {
    self.spent = spent
    self.reserved = reserved
  }
}

/// The arithmetic of a token bucket whose state is one instant (the virtual scheduling form of ITU-T I.371 annex A).
struct TokenBucket {
  private static let minute: Int128 = 60_000_000_000
  let perMinute: Int
  var fullAt: Int128

  /// How long until so many may pass, in nanoseconds; 0 where they may at once, nil where they never may.
  func wait(for amount: Int, at now: Int128) -> Int128? {
    let taken = cost(amount)
    guard taken <= Self.minute else { return nil }
    return max(0, max(fullAt, now) + taken - Self.minute - now)
  }

  mutating func take(_ amount: Int, at now: Int128) {
    fullAt = max(fullAt, now) + cost(amount)
  }

  /// Corrects what was taken earlier by a difference of either sign.
  mutating func correct(by amount: Int, at now: Int128) {
    let corrected = max(fullAt, now) + cost(amount)
    fullAt = max(corrected, now)
  }

  private func cost(_ amount: Int) -> Int128 { Int128(amount) * Self.minute / Int128(max(1, perMinute)) }
}

extension UTCTime {
  var nanoseconds: Int128 { Int128(microseconds) * 1_000 }
}
