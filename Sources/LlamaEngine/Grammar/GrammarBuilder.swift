/// Collects the rules of one grammar within bounds, checks them, and writes them in llama.cpp's notation.
struct GrammarBuilder {
  /// What a grammar may grow to; past it the schema is refused.
  enum Limit {
    /// Rules.
    static let rules = 20_000
    /// Bytes of the finished text.
    static let bytes = 1 << 20
    /// Ways through rules from one to the text that a match of it begins with.
    static let ways = 1 << 20
    /// Rules on the longest of these ways.
    static let depth = 1024
    /// The highest bound of a repetition; llama.cpp itself allows 2,000 at a time.
    static let repetitions = 65_536
  }

  /// Repetitions beyond this are written in blocks, as llama.cpp makes one rule of each optional one.
  private static let block = 256

  private(set) var names: [String] = []
  private var definitions: [GrammarNode?] = []
  private var shared: [GrammarNode: GrammarNode] = [:]
  private var bytes = 0

  /// Reserves a rule that is defined later, for recursion.
  mutating func declare(_ hint: String) throws(GrammarError) -> Int {
    guard names.count < Limit.rules else {
      throw GrammarError(
        path: "#", reason: "expected a schema of at most \(Limit.rules) grammar rules, found more",
        advice: "Shorten enumerations or split the schema.")
    }
    var word = ""
    for byte in hint.utf8.prefix(24) {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
        word.unicodeScalars.append(Unicode.Scalar(byte))
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): word.unicodeScalars.append(Unicode.Scalar(byte | 0x20))
      default: word += "-"
      }
    }
    names.append(names.isEmpty ? "root" : "\(word)-\(names.count)")
    definitions.append(nil)
    return names.count - 1
  }

  mutating func define(_ rule: Int, as node: GrammarNode) {
    definitions[rule] = node
  }

  /// The node itself where it is atomic, otherwise a rule for it; equal nodes share one.
  mutating func atom(_ node: GrammarNode, _ hint: String) throws(GrammarError) -> GrammarNode {
    if node.isAtomic { return node }
    if let known = shared[node] { return known }
    let rule = try declare(hint)
    define(rule, as: node)
    shared[node] = .rule(rule)
    return .rule(rule)
  }

  /// `node`, at least `minimum` and at most `maximum` times.
  mutating func repetition(
    _ node: GrammarNode, _ minimum: Int, _ maximum: Int?, _ hint: String
  ) throws(GrammarError) -> GrammarNode {
    if maximum == 0 { return .empty }
    if let maximum, maximum < minimum { return .never }
    if minimum == 1, maximum == 1 { return node }
    let item = try atom(node, hint)
    guard max(minimum, maximum ?? 0) > Self.block else { return .repeated(item, minimum: minimum, maximum: maximum) }
    let full = try atom(.repeated(item, minimum: Self.block, maximum: Self.block), hint)
    var parts: [GrammarNode] = []
    let (blocks, rest) = minimum.quotientAndRemainder(dividingBy: Self.block)
    if blocks > 0 { parts.append(.repeated(full, minimum: blocks, maximum: blocks)) }
    if rest > 0 { parts.append(.repeated(item, minimum: rest, maximum: rest)) }
    guard let maximum else { return .sequence(parts + [.repeated(item, minimum: 0, maximum: nil)]) }
    let (optionalBlocks, optionalRest) = (maximum - minimum).quotientAndRemainder(dividingBy: Self.block)
    // Either fewer full blocks than there may be and a part of one more, or all of them and the remainder.
    if optionalBlocks > 0 {
      let some = GrammarNode.sequence([
        .repeated(full, minimum: 0, maximum: optionalBlocks - 1),
        .repeated(item, minimum: 0, maximum: Self.block - 1),
      ])
      let all = GrammarNode.sequence(
        [.repeated(full, minimum: optionalBlocks, maximum: optionalBlocks)]
          + (optionalRest > 0 ? [.repeated(item, minimum: 0, maximum: optionalRest)] : []))
      parts.append(.choice([some, all]))
    } else if optionalRest > 0 {
      parts.append(.repeated(item, minimum: 0, maximum: optionalRest))
    }
    return .sequence(parts)
  }

  /// Zero or one.
  mutating func optional(_ node: GrammarNode, _ hint: String) throws(GrammarError) -> GrammarNode {
    try repetition(node, 0, 1, hint)
  }

  /// The finished grammar, whose root is the first rule declared.
  consuming func text() throws(GrammarError) -> String {
    var nodes = definitions.map { $0 ?? .never }
    try dropImpossible(&nodes)
    try refuseLeftRecursion(nodes)
    var output = ""
    for (index, node) in nodes.enumerated() where node != .never {
      output += names[index] + " ::= "
      node.write(into: &output, names: names, nested: false)
      output += "\n"
      guard output.utf8.count <= Limit.bytes else {
        throw GrammarError(
          path: "#", reason: "expected a grammar of at most \(Limit.bytes) bytes, found a longer one",
          advice: "Shorten enumerations or split the schema.")
      }
    }
    return output
  }

  /// Removes what no finite text can match, such as a list whose every element needs another list.
  private func dropImpossible(_ nodes: inout [GrammarNode]) throws(GrammarError) {
    var possible = Set<Int>()
    var grew = true
    while grew {
      grew = false
      // Rules come before those that they refer to: backwards, a chain of them takes one round and not one each.
      for index in nodes.indices.reversed()
      where !possible.contains(index) && Self.isPossible(nodes[index], possible) {
        possible.insert(index)
        grew = true
      }
    }
    guard possible.contains(0) else {
      throw GrammarError(
        path: "#", reason: "expected a schema that some finite value satisfies, found one that none does",
        advice: "Look for contradictory bounds, a `false` schema, or a required property that contains itself.")
    }
    var used: Set<Int> = [0]
    var waiting = [0]
    nodes = nodes.map { Self.pruned($0, possible) }
    while let rule = waiting.popLast() {
      for next in Self.references(nodes[rule]) where used.insert(next).inserted { waiting.append(next) }
    }
    for index in nodes.indices where !used.contains(index) { nodes[index] = .never }
  }

  private static func isPossible(_ node: GrammarNode, _ rules: Set<Int>) -> Bool {
    switch node {
    case .literal: true
    case .oneOf(let set): !set.isEmpty
    case .rule(let index): rules.contains(index)
    case .sequence(let parts): parts.allSatisfy { isPossible($0, rules) }
    case .choice(let options): options.contains { isPossible($0, rules) }
    case .repeated(let node, let minimum, _): minimum == 0 || isPossible(node, rules)
    }
  }

  private static func pruned(_ node: GrammarNode, _ rules: Set<Int>) -> GrammarNode {
    guard isPossible(node, rules) else { return .never }
    switch node {
    case .literal, .oneOf, .rule: return node
    case .sequence(let parts): return .sequence(parts.map { pruned($0, rules) })
    case .choice(let options):
      let left = options.filter { isPossible($0, rules) }.map { pruned($0, rules) }
      return left.count == 1 ? left[0] : .choice(left)
    case .repeated(let inner, _, _): return isPossible(inner, rules) ? node : .empty
    }
  }

  private static func references(_ node: GrammarNode) -> [Int] {
    switch node {
    case .literal, .oneOf: []
    case .rule(let index): [index]
    case .sequence(let parts), .choice(let parts): parts.flatMap(references)
    case .repeated(let node, _, _): references(node)
    }
  }

  /// llama.cpp's matcher never ends on a rule that can begin with itself, so it refuses such grammars; so is a schema
  /// that leads to one, a reference that refers to itself.
  private func refuseLeftRecursion(_ nodes: [GrammarNode]) throws(GrammarError) {
    var nullable = Set<Int>()
    var grew = true
    while grew {
      grew = false
      for index in nodes.indices.reversed()
      where !nullable.contains(index) && Self.isNullable(nodes[index], nullable) {
        nullable.insert(index)
        grew = true
      }
    }
    let firsts = nodes.map { Self.firsts($0, nullable) }
    // llama.cpp looks for such rules by following every way from each, one within the other.
    var ways = [Int](repeating: 1, count: nodes.count)
    var depths = [Int](repeating: 1, count: nodes.count)
    var state = [UInt8](repeating: 0, count: nodes.count)
    for start in nodes.indices where state[start] == 0 {
      var stack = [(rule: start, next: 0)]
      state[start] = 1
      while let (rule, next) = stack.last {
        guard next < firsts[rule].count else {
          state[rule] = 2
          stack.removeLast()
          ways[rule] = firsts[rule].reduce(1) { min($0 + ways[$1], Limit.ways + 1) }
          depths[rule] = 1 + (firsts[rule].map { depths[$0] }.max() ?? 0)
          guard ways[rule] <= Limit.ways, depths[rule] <= Limit.depth else {
            throw GrammarError(
              path: "#", reason: "expected references that lead to values by fewer ways, found a web of them",
              advice: "Remove alternatives that are the same, and references that only lead to others.")
          }
          continue
        }
        stack[stack.count - 1].next += 1
        let target = firsts[rule][next]
        if state[target] == 1 {
          throw GrammarError(
            path: "#", reason: "expected references that lead to a value, found one that leads back to itself",
            advice: "Break the circle of `$ref`s with an object or array in between.")
        }
        if state[target] == 0 {
          state[target] = 1
          stack.append((target, 0))
        }
      }
    }
  }

  private static func isNullable(_ node: GrammarNode, _ rules: Set<Int>) -> Bool {
    switch node {
    case .literal(let text): text.isEmpty
    case .oneOf: false
    case .rule(let index): rules.contains(index)
    case .sequence(let parts): parts.allSatisfy { isNullable($0, rules) }
    case .choice(let options): options.contains { isNullable($0, rules) }
    case .repeated(let node, let minimum, _): minimum == 0 || isNullable(node, rules)
    }
  }

  /// The rules that a match of the node may begin with.
  private static func firsts(_ node: GrammarNode, _ nullable: Set<Int>) -> [Int] {
    switch node {
    case .literal, .oneOf: return []
    case .rule(let index): return [index]
    case .choice(let options): return options.flatMap { firsts($0, nullable) }
    case .repeated(let node, _, _): return firsts(node, nullable)
    case .sequence(let parts):
      var found: [Int] = []
      for part in parts {
        found += firsts(part, nullable)
        if !isNullable(part, nullable) { break }
      }
      return found
    }
  }
}
