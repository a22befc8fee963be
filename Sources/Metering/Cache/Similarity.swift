/// Comparing texts by their embeddings, and by what embeddings blur.
enum Similarity {
  /// The vector at unit length; nil for one that has none, is empty, or is not finite.
  static func normalized(_ vector: [Float]) -> [Float]? {
    var sum: Float = 0
    for value in vector { sum += value * value }
    guard sum.isFinite, sum > 0 else { return nil }
    let scale = 1 / sum.squareRoot()
    return vector.map { $0 * scale }
  }

  /// The cosine of two unit vectors; nil where they have not the same dimension.
  static func dot(_ left: [Float], _ right: [Float]) -> Float? {
    guard left.count == right.count else { return nil }
    var sum: Float = 0
    for index in left.indices { sum += left[index] * right[index] }
    return sum.isFinite ? sum : nil
  }

  /// The runs of digits in a text, and how many words deny something: "2 + 2" and "2 + 3", or "is" and "is not", are close
  /// as embeddings, and their answers are not.
  static func numbers(_ text: String) -> [String] {
    var found: [String] = []
    var run = ""
    for scalar in text.unicodeScalars {
      if scalar.properties.numericType != nil {
        run.unicodeScalars.append(scalar)
      } else if !run.isEmpty {
        found.append(run)
        run = ""
      }
    }
    if !run.isEmpty { found.append(run) }
    let words = text.lowercased().split { !$0.isLetter && $0 != "'" && $0 != "’" }
    let denials = words.count { denying.contains(String($0)) || $0.hasSuffix("n't") || $0.hasSuffix("n’t") }
    return found + ["\(denials)"]
  }

  /// Whether two texts are the same but for a part: at least ``longShare`` of the longer, and ``longBytes``, before and after
  /// it agree to the letter. Their embeddings are close whatever that part says ("the capital of France", "the capital of
  /// Spain"; two questions behind one long document), so that nothing is to be learned from comparing them.
  static func differsInAPartOnly(_ left: String, _ right: String) -> Bool {
    let (left, right) = (left.utf8, right.utf8)
    let shorter = min(left.count, right.count)
    let prefix = zip(left, right).prefix { $0 == $1 }.count
    let suffix = zip(left.reversed(), right.reversed()).prefix(shorter - prefix).prefix { $0 == $1 }.count
    let shared = prefix + suffix
    return shared >= longBytes && Double(shared) >= longShare * Double(max(left.count, right.count))
  }

  /// See ``differsInAPartOnly(_:_:)``.
  static let longBytes = 20
  /// See ``differsInAPartOnly(_:_:)``.
  static let longShare = 0.6

  private static let denying: Set<String> = ["not", "no", "never", "without", "except", "non", "nicht", "kein", "pas"]
}
