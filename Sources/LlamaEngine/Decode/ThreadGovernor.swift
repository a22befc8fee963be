import Foundation

/// Decides how many threads compute a step, by what steps have taken.
///
/// Threads of ggml wait for each other in spinning barriers, hundreds of times a step: on an idle machine more threads
/// are faster, and where another program holds a core they are several times slower. So the present costs are kept for
/// each number of threads, and a number that was not used for a while is tried again for one step.
struct ThreadGovernor {
  /// Steps of about the same number of rows, whose costs per row compare.
  private enum Size: Int, CaseIterable {
    case one, few, many

    init(rows: Int) {
      self = rows <= 1 ? .one : rows <= 16 ? .few : .many
    }
  }

  private struct Cost {
    /// Seconds a row takes; nil until tried.
    var seconds: Double?
    /// Seconds of computing since it was last tried.
    var age = 0.0
  }

  /// How long a number of threads goes untried, in seconds of computing, when it was about as fast.
  private static let patience = 1.5
  /// The most threads that are tried; barriers among more cost more than they bring for small steps.
  private static let maximumThreads = 16

  let candidates: [Int]
  private let fixed: Int?
  private var costs: [[Cost]]
  private(set) var current: Int
  private(set) var stepSeconds = 0.0
  private(set) var tokensPerSecond = 0.0
  private var secondsPerRow = 0.01
  /// Tokens generated since the last measurement.
  var generated = 0
  private var elapsed = 0.0

  /// - Parameter fixed: the number to use always; nil measures.
  init(fixed: Int?, cores: Int = ProcessInfo.processInfo.activeProcessorCount) {
    self.fixed = fixed.map { max(1, $0) }
    let most = max(1, min(cores, Self.maximumThreads))
    var counts = [1]
    while let last = counts.last, last * 2 <= most { counts.append(last * 2) }
    if counts.last != most { counts.append(most) }
    candidates = counts
    costs = Size.allCases.map { _ in counts.map { _ in Cost() } }
    current = self.fixed ?? 1
  }

  /// Threads for a step of so many rows.
  mutating func count(rows: Int) -> Int {
    if let fixed { return fixed }
    let size = Size(rows: rows).rawValue
    let known = costs[size].map(\.seconds)
    guard let best = known.indices.min(by: { known[$0] ?? 0 < known[$1] ?? 0 }) else { return current }
    let cheapest = known[best] ?? 0
    // What was several times slower is tried more rarely, so that trying costs a few percent at most.
    let due = costs[size].indices.first { index in
      guard index != best, let seconds = known[index], cheapest > 0 else { return false }
      return costs[size][index].age > Self.patience * max(1, seconds / cheapest)
    }
    current = candidates[due ?? best]
    return current
  }

  /// Takes note of how long a step took.
  mutating func note(rows: Int, threads: Int, took: Duration) {
    let seconds = took / .seconds(1)
    let perRow = seconds / Double(max(1, rows))
    let size = Size(rows: rows).rawValue
    for index in candidates.indices {
      if candidates[index] == threads {
        let before = costs[size][index].seconds ?? perRow
        // Getting slower counts at once: it means that something else wants the cores.
        let weight = perRow > before * 1.5 ? 0.5 : 0.2
        costs[size][index] = Cost(seconds: before + weight * (perRow - before))
      } else {
        costs[size][index].age += seconds
      }
    }
    stepSeconds += (stepSeconds == 0 ? 1 : 0.1) * (seconds - stepSeconds)
    secondsPerRow += 0.1 * (perRow - secondsPerRow)
    elapsed += seconds
    if elapsed > 1 {
      tokensPerSecond = Double(generated) / elapsed
      generated = 0
      elapsed = 0
    }
  }

  /// How many rows a step can have to stay within a time.
  func affordableRows(within target: Duration) -> Int {
    max(8, Int(min(4096, (target / .seconds(1)) / max(secondsPerRow, 1e-6))))
  }
}
