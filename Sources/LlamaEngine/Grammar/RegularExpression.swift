/// A regular expression of the kind that JSON Schema's `pattern` uses (ECMA-262), the part that a grammar can state:
/// literals, `.`, classes, `\d \w \s` and their complements, groups, alternation and quantifiers.
indirect enum RegularExpression: Equatable, Sendable {
  case scalars(ScalarSet)
  case sequence([RegularExpression])
  case choice([RegularExpression])
  case repeated(RegularExpression, minimum: Int, maximum: Int?)
  case start
  case end

  /// What cannot be read, and why.
  struct Fault: Error {
    let reason: String
    /// Whether it is no pattern; else it is one that a grammar cannot state.
    var isMalformed = true
  }

  /// The deepest nesting of groups.
  static let maximumDepth = 32
  /// The longest pattern in scalars.
  static let maximumLength = 2_000
  /// The highest bound of a quantifier.
  static let maximumRepetition = 1_000

  /// Reads a pattern.
  static func parse(_ pattern: String) throws(Fault) -> RegularExpression {
    var parser = RegularExpressionParser(pattern: Array(pattern.unicodeScalars))
    guard parser.pattern.count <= maximumLength else {
      throw Fault(
        reason: "expected a pattern of at most \(maximumLength) characters, found \(parser.pattern.count)",
        isMalformed: false)
    }
    let expression = try parser.alternation(depth: 0)
    guard parser.position == parser.pattern.count else { throw Fault(reason: "found `)` without its `(`") }
    return expression
  }

  /// The fewest and, where there is one, most characters of a match.
  var lengths: (minimum: Int, maximum: Int?) {
    switch self {
    case .scalars: return (1, 1)
    case .start, .end: return (0, 0)
    case .sequence(let parts):
      return parts.reduce((0, 0)) { sum, part in
        let next = part.lengths
        return (Self.sum(sum.0, next.minimum), sum.1.flatMap { left in next.maximum.map { Self.sum(left, $0) } })
      }
    case .choice(let options):
      let all = options.map(\.lengths)
      let open = all.contains { $0.maximum == nil }
      return (all.map(\.minimum).min() ?? 0, open ? nil : all.compactMap(\.maximum).max() ?? 0)
    case .repeated(let inner, let minimum, let maximum):
      let each = inner.lengths
      let most = each.maximum.flatMap { length in
        length == 0 ? 0 : maximum.map { Self.product(length, $0) }
      }
      return (Self.product(each.minimum, minimum), most)
    }
  }

  private static func sum(_ left: Int, _ right: Int) -> Int { min(left, 1 << 40) + min(right, 1 << 40) }
  private static func product(_ left: Int, _ right: Int) -> Int { min(left, 1 << 40) * min(right, 1 << 20) }
}

private struct RegularExpressionParser {
  let pattern: [Unicode.Scalar]
  var position = 0

  init(pattern: [Unicode.Scalar]) { self.pattern = pattern }

  typealias Fault = RegularExpression.Fault

  static let digit = ScalarSet([0x30...0x39])
  static let word = ScalarSet([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
  static let space = ScalarSet([0x09...0x0D, 0x20...0x20, 0xA0...0xA0, 0x2028...0x2029, 0xFEFF...0xFEFF])
  static let line = ScalarSet.all.subtracting(ScalarSet([0x0A...0x0A, 0x0D...0x0D, 0x2028...0x2029]))

  var current: Unicode.Scalar? { position < pattern.count ? pattern[position] : nil }

  mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard current == scalar else { return false }
    position += 1
    return true
  }

  mutating func alternation(depth: Int) throws(Fault) -> RegularExpression {
    guard depth <= RegularExpression.maximumDepth else {
      throw Fault(reason: "found groups nested too deep", isMalformed: false)
    }
    var options = [try sequence(depth: depth)]
    while take("|") { options.append(try sequence(depth: depth)) }
    return options.count == 1 ? options[0] : .choice(options)
  }

  mutating func sequence(depth: Int) throws(Fault) -> RegularExpression {
    var parts: [RegularExpression] = []
    while let scalar = current, scalar != "|", scalar != ")" {
      let part = try atom(scalar, depth: depth)
      parts.append(try quantified(part))
    }
    return parts.count == 1 ? parts[0] : .sequence(parts)
  }

  mutating func atom(_ scalar: Unicode.Scalar, depth: Int) throws(Fault) -> RegularExpression {
    position += 1
    switch scalar {
    case "^": return .start
    case "$": return .end
    case ".": return .scalars(Self.line)
    case "(":
      if take("?") {
        if take("<"), current != "=", current != "!" {
          while let letter = current, letter != ">" {
            guard Self.word.contains(letter.value) else { break }
            position += 1
          }
          guard take(">") else { throw Fault(reason: "found a group name without its `>`") }
        } else if !take(":") {
          throw Fault(reason: "found a look-around, which no grammar can state", isMalformed: false)
        }
      }
      let inner = try alternation(depth: depth + 1)
      guard take(")") else { throw Fault(reason: "found `(` without its `)`") }
      return inner
    case "[": return .scalars(try characterClass())
    case "\\": return .scalars(try escape(inClass: false))
    case "*", "+", "?": throw Fault(reason: "found `\(scalar)` with nothing to repeat")
    default: return .scalars(ScalarSet([scalar.value...scalar.value]))
    }
  }

  mutating func quantified(_ part: RegularExpression) throws(Fault) -> RegularExpression {
    let bounds: (Int, Int?)
    switch current {
    case "*": bounds = (0, nil)
    case "+": bounds = (1, nil)
    case "?": bounds = (0, 1)
    case "{":
      guard let braces = try braces() else { return part }
      bounds = braces
      position -= 1
    default: return part
    }
    position += 1
    _ = take("?")
    if part == .start || part == .end { throw Fault(reason: "found a repeated anchor") }
    if let again = current, ["*", "+", "?"].contains(again) { throw Fault(reason: "found a repeated quantifier") }
    return .repeated(part, minimum: bounds.0, maximum: bounds.1)
  }

  /// `{m}`, `{m,}` or `{m,n}`, past which the position is left; nil where the brace is a literal one.
  mutating func braces() throws(Fault) -> (Int, Int?)? {
    let start = position
    position += 1
    guard let minimum = try number() else {
      position = start
      throw Fault(reason: "found `{` that opens no repetition; escape it")
    }
    var maximum: Int? = minimum
    if take(",") { maximum = try number() }
    guard take("}"), maximum.map({ $0 >= minimum }) ?? true else {
      throw Fault(reason: "found a malformed repetition in braces")
    }
    return (minimum, maximum)
  }

  mutating func number() throws(Fault) -> Int? {
    var value: Int?
    while let scalar = current, Self.digit.contains(scalar.value) {
      let next = (value ?? 0) * 10 + Int(scalar.value - 0x30)
      guard next <= RegularExpression.maximumRepetition else {
        throw Fault(
          reason: "expected repetitions of at most \(RegularExpression.maximumRepetition), found more",
          isMalformed: false)
      }
      value = next
      position += 1
    }
    return value
  }

  mutating func characterClass() throws(Fault) -> ScalarSet {
    let isNegated = take("^")
    var ranges: [ClosedRange<UInt32>] = []
    var others = ScalarSet([])
    while true {
      guard let scalar = current else { throw Fault(reason: "found `[` without its `]`") }
      position += 1
      if scalar == "]" { break }
      let first = scalar == "\\" ? try escape(inClass: true) : ScalarSet([scalar.value...scalar.value])
      guard current == "-", position + 1 < pattern.count, pattern[position + 1] != "]" else {
        others = others.union(first)
        continue
      }
      position += 1
      guard let limit = current else { throw Fault(reason: "found `[` without its `]`") }
      position += 1
      let last = limit == "\\" ? try escape(inClass: true) : ScalarSet([limit.value...limit.value])
      guard let low = first.single, let high = last.single, low <= high else {
        throw Fault(reason: "found a range of characters that runs backwards or has a class at its end")
      }
      ranges.append(low...high)
    }
    let set = others.union(ScalarSet(ranges)).intersection(.all)
    return isNegated ? ScalarSet.all.subtracting(set) : set
  }

  mutating func escape(inClass: Bool) throws(Fault) -> ScalarSet {
    guard let scalar = current else { throw Fault(reason: "found `\\` at the end") }
    position += 1
    switch scalar {
    case "d": return Self.digit
    case "D": return ScalarSet.all.subtracting(Self.digit)
    case "w": return Self.word
    case "W": return ScalarSet.all.subtracting(Self.word)
    case "s": return Self.space
    case "S": return ScalarSet.all.subtracting(Self.space)
    case "n": return ScalarSet("\n")
    case "r": return ScalarSet([0x0D...0x0D])
    case "t": return ScalarSet("\t")
    case "f": return ScalarSet([0x0C...0x0C])
    case "v": return ScalarSet([0x0B...0x0B])
    case "b" where inClass: return ScalarSet([0x08...0x08])
    case "x": return try hexadecimal(2)
    case "u": return try hexadecimal(4)
    case "b", "B": throw Fault(reason: "found a word boundary, which no grammar can state", isMalformed: false)
    case "0"..."9", "k": throw Fault(reason: "found a back-reference, which no grammar can state", isMalformed: false)
    case "p", "P":
      throw Fault(reason: "found a Unicode property class; list its characters instead", isMalformed: false)
    case "A"..."Z", "a"..."z": throw Fault(reason: "found the unknown escape `\\\(scalar)`")
    default: return ScalarSet([scalar.value...scalar.value])
    }
  }

  mutating func hexadecimal(_ digits: Int) throws(Fault) -> ScalarSet {
    guard position + digits <= pattern.count else { throw Fault(reason: "found a cut-off escape") }
    let text = String(String.UnicodeScalarView(pattern[position..<position + digits]))
    guard let value = UInt32(text, radix: 16), Unicode.Scalar(value) != nil else {
      throw Fault(reason: "found an escape `\(text)` that is no character")
    }
    position += digits
    return ScalarSet([value...value])
  }
}

extension ScalarSet {
  /// The one scalar in it, or nil where it has none or several.
  var single: UInt32? {
    guard ranges.count == 1, let range = ranges.first, range.lowerBound == range.upperBound else { return nil }
    return range.lowerBound
  }
}
