/// Finds what somebody who mistyped a name most likely meant.
enum NearestName {
  /// The candidate with the fewest slips of the finger from `name`, or nil where none is close enough to be worth saying:
  /// at most a third of the longer name, and no more than three slips. Of equals, the first.
  static func find(_ name: String, among candidates: some Sequence<String>) -> String? {
    var best: (candidate: String, distance: Int)?
    let folded = name.lowercased()
    for candidate in candidates {
      let limit = min(3, max(1, max(name.count, candidate.count) / 3))
      guard abs(name.count - candidate.count) <= limit || candidate.hasPrefix(folded) else { continue }
      let distance = candidate.hasPrefix(folded) && name.count >= 3 ? 1 : distance(folded, candidate.lowercased())
      guard distance <= limit, distance < best?.distance ?? .max else { continue }
      best = (candidate, distance)
    }
    return best?.candidate
  }

  /// The number of insertions, deletions, replacements and swaps of neighbours that turn one text into the other (optimal
  /// string alignment).
  static func distance(_ left: String, _ right: String) -> Int {
    let left = Array(left), right = Array(right)
    if left.isEmpty || right.isEmpty { return max(left.count, right.count) }
    var beforeLast: [Int] = []
    var last = Array(0...right.count)
    for row in 1...left.count {
      var current = [row] + Array(repeating: 0, count: right.count)
      for column in 1...right.count {
        let replaced = last[column - 1] + (left[row - 1] == right[column - 1] ? 0 : 1)
        current[column] = min(replaced, last[column] + 1, current[column - 1] + 1)
        if row > 1, column > 1, left[row - 1] == right[column - 2], left[row - 2] == right[column - 1] {
          current[column] = min(current[column], beforeLast[column - 2] + 1)
        }
      }
      beforeLast = last
      last = current
    }
    return last[right.count]
  }

  /// `; did you mean `x`?`, or nothing.
  static func suggestion(for name: String, among candidates: some Sequence<String>) -> String {
    find(name, among: candidates).map { "; did you mean `\($0)`?" } ?? ""
  }
}
