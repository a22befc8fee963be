import Synchronization

/// A number that only grows.
package final class Counter: Sendable {
  private let count = Atomic<Int>(0)

  /// A counter at zero.
  package init() {}

  /// Adds to it. Negative amounts are ignored: a counter never falls.
  package func add(_ amount: Int = 1) {
    guard amount > 0 else { return }
    count.add(amount, ordering: .relaxed)
  }

  /// What was counted so far.
  package var value: Int { count.load(ordering: .relaxed) }
}

/// A number that rises and falls.
package final class Gauge: Sendable {
  private let level = Atomic<Int>(0)

  /// A gauge at zero.
  package init() {}

  /// Raises it, or lowers it by a negative amount.
  package func add(_ amount: Int) {
    level.add(amount, ordering: .relaxed)
  }

  /// Puts it at a level.
  package func set(_ value: Int) {
    level.store(value, ordering: .relaxed)
  }

  /// The level.
  package var value: Int { level.load(ordering: .relaxed) }
}
