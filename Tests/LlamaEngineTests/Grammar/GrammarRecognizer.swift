/// An independent reader of llama.cpp's grammar notation that decides whether a whole text matches.
///
/// It follows all possibilities at once: a node maps the places at which it may begin to those at which it may end.
final class GrammarRecognizer {
  struct Fault: Error {
    let reason: String
  }

  private indirect enum Node {
    case text([UInt32])
    case set(ranges: [ClosedRange<UInt32>], isNegated: Bool)
    case rule(String)
    case sequence([Node])
    case choice([Node])
    case repeated(Node, Int, Int?)
  }

  private var rules: [String: Node] = [:]
  private var input: [UInt32] = []
  private var known: [String: [Int: Set<Int>]] = [:]
  private var source: [Unicode.Scalar] = []
  private var position = 0

  init(_ grammar: String) throws {
    for line in grammar.split(separator: "\n") {
      source = Array(line.unicodeScalars)
      position = 0
      let name = word()
      skip()
      for expected in "::=".unicodeScalars { try take(expected) }
      let node = try choice()
      guard position == source.count else { throw Fault(reason: "left over in rule \(name): \(line)") }
      guard rules.updateValue(node, forKey: name) == nil else { throw Fault(reason: "\(name) is defined twice") }
    }
    guard rules["root"] != nil else { throw Fault(reason: "no root") }
    for (name, node) in rules { try checkReferences(node, in: name) }
  }

  func accepts(_ text: String) -> Bool {
    input = text.unicodeScalars.map(\.value)
    known = [:]
    return ends(of: .rule("root"), from: 0).contains(input.count)
  }

  private func checkReferences(_ node: Node, in name: String) throws {
    switch node {
    case .text, .set: break
    case .rule(let other):
      if rules[other] == nil { throw Fault(reason: "\(name) refers to \(other), which is not there") }
    case .sequence(let parts), .choice(let parts): for part in parts { try checkReferences(part, in: name) }
    case .repeated(let inner, let minimum, let maximum):
      // llama.cpp's limit on one repetition.
      guard max(minimum, maximum ?? 0) <= 2_000 else { throw Fault(reason: "\(name) repeats too often") }
      try checkReferences(inner, in: name)
    }
  }

  private func ends(of node: Node, from start: Int) -> Set<Int> {
    switch node {
    case .text(let scalars):
      guard input.count - start >= scalars.count, input[start..<start + scalars.count].elementsEqual(scalars) else {
        return []
      }
      return [start + scalars.count]
    case .set(let ranges, let isNegated):
      guard start < input.count else { return [] }
      return ranges.contains { $0.contains(input[start]) } != isNegated ? [start + 1] : []
    case .rule(let name):
      if let found = known[name]?[start] { return found }
      let found = rules[name].map { ends(of: $0, from: start) } ?? []
      known[name, default: [:]][start] = found
      return found
    case .sequence(let parts):
      return parts.reduce([start]) { starts, part in
        starts.reduce(into: Set<Int>()) { $0.formUnion(ends(of: part, from: $1)) }
      }
    case .choice(let options):
      return options.reduce(into: Set<Int>()) { $0.formUnion(ends(of: $1, from: start)) }
    case .repeated(let inner, let minimum, let maximum):
      var reached: Set<Int> = minimum == 0 ? [start] : []
      var frontier: Set<Int> = [start]
      var count = 0
      while count < maximum ?? .max, !frontier.isEmpty {
        frontier = frontier.reduce(into: Set<Int>()) { $0.formUnion(ends(of: inner, from: $1)) }
        count += 1
        guard count >= minimum else { continue }
        frontier.subtract(reached)
        reached.formUnion(frontier)
      }
      return reached
    }
  }

  private func skip() { while position < source.count, source[position] == " " { position += 1 } }

  private func take(_ scalar: Unicode.Scalar) throws {
    guard position < source.count, source[position] == scalar else { throw Fault(reason: "expected \(scalar)") }
    position += 1
  }

  private func word() -> String {
    var text = ""
    while position < source.count {
      switch source[position] {
      case "a"..."z", "A"..."Z", "0"..."9", "-": text.unicodeScalars.append(source[position])
      default: return text
      }
      position += 1
    }
    return text
  }

  private func choice() throws -> Node {
    var options = [try sequence()]
    while position < source.count, source[position] == "|" {
      position += 1
      options.append(try sequence())
    }
    return .choice(options)
  }

  private func sequence() throws -> Node {
    var parts: [Node] = []
    while true {
      skip()
      guard position < source.count, source[position] != "|", source[position] != ")" else { return .sequence(parts) }
      parts.append(try repetition(of: try atom()))
    }
  }

  private func atom() throws -> Node {
    switch source[position] {
    case "(":
      position += 1
      let inner = try choice()
      try take(")")
      return inner
    case "\"":
      position += 1
      var scalars: [UInt32] = []
      while position < source.count, source[position] != "\"" { scalars.append(try character()) }
      try take("\"")
      return .text(scalars)
    case "[":
      position += 1
      let isNegated = position < source.count && source[position] == "^"
      if isNegated { position += 1 }
      var ranges: [ClosedRange<UInt32>] = []
      while position < source.count, source[position] != "]" {
        let low = try character()
        if position + 1 < source.count, source[position] == "-", source[position + 1] != "]" {
          position += 1
          let high = try character()
          guard low <= high else { throw Fault(reason: "a range that runs backwards") }
          ranges.append(low...high)
        } else {
          ranges.append(low...low)
        }
      }
      try take("]")
      return .set(ranges: ranges, isNegated: isNegated)
    default:
      let name = word()
      guard !name.isEmpty else { throw Fault(reason: "unexpected \(source[position])") }
      return .rule(name)
    }
  }

  private func repetition(of node: Node) throws -> Node {
    guard position < source.count else { return node }
    switch source[position] {
    case "*":
      position += 1
      return .repeated(node, 0, nil)
    case "+":
      position += 1
      return .repeated(node, 1, nil)
    case "?":
      position += 1
      return .repeated(node, 0, 1)
    case "{":
      position += 1
      guard let minimum = Int(word()) else { throw Fault(reason: "expected a count") }
      var maximum: Int? = minimum
      if position < source.count, source[position] == "," {
        position += 1
        let text = word()
        maximum = text.isEmpty ? nil : Int(text)
      }
      try take("}")
      return .repeated(node, minimum, maximum)
    default: return node
    }
  }

  private func character() throws -> UInt32 {
    let scalar = source[position]
    position += 1
    guard scalar == "\\" else { return scalar.value }
    guard position < source.count else { throw Fault(reason: "a cut-off escape") }
    let letter = source[position]
    position += 1
    switch letter {
    case "n": return 10
    case "r": return 13
    case "t": return 9
    case "\\", "\"", "[", "]", "-": return letter.value
    case "x", "u", "U":
      let count = letter == "x" ? 2 : letter == "u" ? 4 : 8
      guard position + count <= source.count else { throw Fault(reason: "a cut-off escape") }
      let digits = source[position..<position + count]
      position += count
      guard let value = UInt32(String(String.UnicodeScalarView(digits)), radix: 16) else {
        throw Fault(reason: "an odd escape")
      }
      return value
    default: throw Fault(reason: "unknown escape \(letter)")
    }
  }
}
