/// A set of Unicode scalars as sorted, disjoint ranges.
struct ScalarSet: Hashable, Sendable {
  private(set) var ranges: [ClosedRange<UInt32>]

  init(_ ranges: [ClosedRange<UInt32>]) {
    var merged: [ClosedRange<UInt32>] = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = merged.last, range.lowerBound <= last.upperBound &+ 1 {
        merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
      } else {
        merged.append(range)
      }
    }
    self.ranges = merged
  }

  init(_ characters: String) {
    self.init(characters.unicodeScalars.map { $0.value...$0.value })
  }

  /// Every scalar; surrogates are no scalars.
  static let all = ScalarSet([0...0xD7FF, 0xE000...0x10FFFF])

  var isEmpty: Bool { ranges.isEmpty }

  func contains(_ scalar: UInt32) -> Bool { ranges.contains { $0.contains(scalar) } }

  func union(_ other: ScalarSet) -> ScalarSet { ScalarSet(ranges + other.ranges) }

  func subtracting(_ other: ScalarSet) -> ScalarSet {
    var left = ranges
    for hole in other.ranges {
      left = left.flatMap { range -> [ClosedRange<UInt32>] in
        guard range.overlaps(hole) else { return [range] }
        var parts: [ClosedRange<UInt32>] = []
        if range.lowerBound < hole.lowerBound { parts.append(range.lowerBound...(hole.lowerBound - 1)) }
        if range.upperBound > hole.upperBound { parts.append((hole.upperBound + 1)...range.upperBound) }
        return parts
      }
    }
    return ScalarSet(left)
  }

  func intersection(_ other: ScalarSet) -> ScalarSet { subtracting(ScalarSet.all.subtracting(other)) }
}

/// A piece of a grammar before it is written in llama.cpp's notation (GBNF).
indirect enum GrammarNode: Hashable, Sendable {
  /// Exactly this text.
  case literal(String)
  /// One scalar of a set.
  case oneOf(ScalarSet)
  /// Whatever the rule of that number describes.
  case rule(Int)
  case sequence([GrammarNode])
  /// Any one; none of them when empty, so that nothing matches.
  case choice([GrammarNode])
  /// `minimum` to `maximum` times, without end where that is nil. The node is a literal, a set or a rule.
  case repeated(GrammarNode, minimum: Int, maximum: Int?)

  static let empty = GrammarNode.sequence([])
  static let never = GrammarNode.choice([])

  /// Whether a repetition sign may follow it without parentheses.
  var isAtomic: Bool {
    switch self {
    case .literal(let text): !text.isEmpty
    case .oneOf, .rule: true
    case .sequence, .choice, .repeated: false
    }
  }
}

extension GrammarNode {
  /// Writes the node; `nested` where it stands in a sequence, so that a choice needs parentheses.
  func write(into output: inout String, names: [String], nested: Bool) {
    switch self {
    case .literal(let text):
      output += "\""
      for scalar in text.unicodeScalars { output += Self.escaped(scalar, inSet: false) }
      output += "\""
    case .oneOf(let set): Self.write(set, into: &output)
    case .rule(let index): output += names[index]
    case .sequence(let parts):
      if parts.isEmpty { output += "\"\"" }
      for (index, part) in parts.enumerated() {
        if index > 0 { output += " " }
        part.write(into: &output, names: names, nested: true)
      }
    case .choice(let options):
      if nested { output += "(" }
      for (index, option) in options.enumerated() {
        if index > 0 { output += " | " }
        option.write(into: &output, names: names, nested: false)
      }
      if nested { output += ")" }
    case .repeated(let node, let minimum, let maximum):
      node.write(into: &output, names: names, nested: true)
      switch (minimum, maximum) {
      case (0, nil): output += "*"
      case (1, nil): output += "+"
      case (0, 1?): output += "?"
      case (let minimum, nil): output += "{\(minimum),}"
      case (let minimum, let maximum?) where minimum == maximum: output += "{\(minimum)}"
      case (let minimum, let maximum?): output += "{\(minimum),\(maximum)}"
      }
    }
  }

  private static func write(_ set: ScalarSet, into output: inout String) {
    let complement = ScalarSet.all.subtracting(set)
    let negated = set.contains(0x10FFFF) && !complement.isEmpty
    output += negated ? "[^" : "["
    for range in (negated ? complement : set).ranges {
      if let first = Unicode.Scalar(range.lowerBound) { output += escaped(first, inSet: true) }
      guard range.count > 1, let last = Unicode.Scalar(range.upperBound) else { continue }
      if range.count > 2 { output += "-" }
      output += escaped(last, inSet: true)
    }
    output += "]"
  }

  private static func escaped(_ scalar: Unicode.Scalar, inSet: Bool) -> String {
    switch scalar {
    case "\\": return "\\\\"
    case "\"": return "\\\""
    case "\n": return "\\n"
    case "\r": return "\\r"
    case "\t": return "\\t"
    case "0"..."9", "A"..."Z", "a"..."z": return String(scalar)
    case " "..."~": return inSet ? "\\x" + hexadecimal(scalar.value, digits: 2) : String(scalar)
    default:
      if scalar.value < 0x100 { return "\\x" + hexadecimal(scalar.value, digits: 2) }
      return scalar.value < 0x10000
        ? "\\u" + hexadecimal(scalar.value, digits: 4) : "\\U" + hexadecimal(scalar.value, digits: 8)
    }
  }

  static func hexadecimal(_ value: UInt32, digits: Int) -> String {
    let text = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }
}
