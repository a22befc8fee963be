/// Decides how many threads compute a step.
struct ThreadGovernor {
  private let fixed: Int?
  private(set) var current: Int
  private(set) var stepSeconds = 0.0
  private(set) var tokensPerSecond = 0.0
  private var secondsPerRow = 0.01
  /// Tokens generated since the last measurement.
  var generated = 0
  private var elapsed = 0.0

  init(fixed: Int?) {
    self.fixed = fixed
    current = fixed ?? 1
  }

  /// Threads for a step of so many rows.
  mutating func count(rows: Int) -> Int {
    fixed ?? current
  }

  /// Takes note of how long a step took.
  mutating func note(rows: Int, threads: Int, took: Duration) {
    let seconds = took / .seconds(1)
    stepSeconds += (stepSeconds == 0 ? 1 : 0.1) * (seconds - stepSeconds)
    secondsPerRow += 0.1 * (seconds / Double(max(1, rows)) - secondsPerRow)
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
