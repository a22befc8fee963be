import Synchronization

/// How often values fell below each of some bounds.
package final class Histogram: Sendable {
  /// What a histogram holds at one moment.
  package struct Snapshot: Sendable {
    /// For each bound the number of values up to it, and last the number of all.
    package var cumulative: [Int]
    /// The sum of all values.
    package var sum: Double
  }

  private struct State {
    var counts: [Int]
    var sum = 0.0
  }

  /// The upper bounds, ascending.
  package let bounds: [Double]
  private let state: Mutex<State>

  /// An empty histogram with these ascending upper bounds.
  package init(bounds: [Double]) {
    self.bounds = bounds
    state = Mutex(State(counts: Array(repeating: 0, count: bounds.count + 1)))
  }

  /// Counts one value. What is not a number is left out.
  package func observe(_ value: Double) {
    guard !value.isNaN else { return }
    var index = 0
    while index < bounds.count, value > bounds[index] { index += 1 }
    state.withLock {
      $0.counts[index] += 1
      $0.sum += value
    }
  }

  /// Counts one duration, in seconds.
  package func observe(_ duration: Duration) {
    observe(duration / .seconds(1))
  }

  /// What it holds now.
  package var snapshot: Snapshot {
    let (counts, sum) = state.withLock { ($0.counts, $0.sum) }
    var total = 0
    let cumulative = counts.map { count in
      total += count
      return total
    }
    return Snapshot(cumulative: cumulative, sum: sum)
  }

  /// Bounds for the time of whole requests, in seconds: half a millisecond to five minutes.
  package static let requestBounds: [Double] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300,
  ]
  /// Bounds for the time to the first token, in seconds.
  package static let firstTokenBounds: [Double] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
  ]
  /// Bounds for the time between tokens, in seconds.
  package static let interTokenBounds: [Double] = [
    0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2.5,
  ]
}
