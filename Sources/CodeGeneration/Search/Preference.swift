/// Which of several values of one setting to try next: the one with the best mean so far, and now and then one that was
/// tried rarely (UCB1; Auer, Cesa-Bianchi and Fischer, 2002).
struct Preference<Value: Sendable & Hashable>: Sendable {
  private var values: [(value: Value, sum: Double, count: Double)]
  /// Small, because an attempt's worth varies little and the order of the values is a good guess.
  private static var exploration: Double { 0.25 }

  /// - Parameter values: the most promising first.
  init(_ values: [Value]) {
    self.values = values.enumerated().map { index, value in (value, 0.5 - 0.02 * Double(index), 1) }
  }

  /// The value to try next; nil where there are none.
  func next() -> Value? {
    let total = values.reduce(0) { $0 + $1.count }
    func bound(_ entry: (value: Value, sum: Double, count: Double)) -> Double {
      entry.sum / entry.count + Self.exploration * (logarithm(total + 1) / entry.count).squareRoot()
    }
    var best: (value: Value, sum: Double, count: Double)?
    for entry in values where best.map({ bound(entry) > bound($0) }) ?? true { best = entry }
    return best?.value
  }

  /// Counts a value as begun, so that attempts that run side by side differ.
  mutating func begin(_ value: Value) {
    guard let index = values.firstIndex(where: { $0.value == value }) else { return }
    values[index].count += 1
  }

  /// Takes note of how good it was, 0…1, after ``begin(_:)``.
  mutating func reward(_ value: Value, _ worth: Double) {
    guard let index = values.firstIndex(where: { $0.value == value }) else { return }
    values[index].sum += worth
  }
}
