/// Reads the blocks of a template. Expressions are in ``TemplateExpressionParser``.
struct TemplateParser {
  private let segments: [TemplateLexer.Segment]
  private var place = 0
  private var depth = 0

  /// How deep blocks may nest.
  static let maximumDepth = 64

  static func parse(_ template: String) throws(TemplateError) -> [TemplateNode] {
    var parser = TemplateParser(segments: try TemplateLexer.segments(of: template))
    let (nodes, ending) = try parser.nodes(until: [])
    guard ending == nil else { throw TemplateError("the template ends a block that it has not begun") }
    return nodes
  }

  private init(segments: [TemplateLexer.Segment]) {
    self.segments = segments
  }

  /// Nodes up to one of the endings, which is returned with what follows its name.
  private mutating func nodes(
    until endings: [String]
  ) throws(TemplateError) -> ([TemplateNode], (name: String, rest: TemplateExpressionParser)?) {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.maximumDepth else { throw TemplateError("the template nests deeper than \(Self.maximumDepth)") }
    var nodes: [TemplateNode] = []
    while place < segments.count {
      let segment = segments[place]
      place += 1
      switch segment {
      case .text(let text): nodes.append(.text(text))
      case .output(let tokens):
        var expression = TemplateExpressionParser(tokens)
        nodes.append(.output(try expression.whole()))
      case .block(let tokens):
        guard case .name(let name)? = tokens.first else { throw TemplateError("a block of the template has no name") }
        let rest = TemplateExpressionParser(Array(tokens.dropFirst()))
        if endings.contains(name) { return (nodes, (name, rest)) }
        if let node = try statement(name, rest) { nodes.append(contentsOf: node) }
      }
    }
    guard endings.isEmpty else { throw TemplateError("the template lacks \(endings.joined(separator: " or "))") }
    return (nodes, nil)
  }

  private mutating func statement(
    _ name: String, _ rest: TemplateExpressionParser
  ) throws(TemplateError) -> [TemplateNode]? {
    var rest = rest
    switch name {
    case "if": return [try branches(rest)]
    case "for": return [try loop(rest)]
    case "set": return [try set(rest)]
    case "macro": return [try macro(rest)]
    case "break": return [.breakLoop]
    case "continue": return [.continueLoop]
    case "generation":
      return try nodes(until: ["endgeneration"]).0
    case "filter":
      let filter = try rest.name()
      let arguments = rest.peek("(") ? try rest.arguments() : TemplateArguments()
      return [.filterBlock(filter, arguments, try nodes(until: ["endfilter"]).0)]
    default:
      throw TemplateError("the template uses {% \(name) %}, which is not supported")
    }
  }

  private mutating func branches(_ condition: TemplateExpressionParser) throws(TemplateError) -> TemplateNode {
    var parts: [(condition: TemplateExpression?, body: [TemplateNode])] = []
    var parser = condition
    var current: TemplateExpression? = try parser.whole()
    while true {
      let (body, ending) = try nodes(until: ["elif", "else", "endif"])
      parts.append((current, body))
      guard let ending, ending.name != "endif" else { return .branches(parts) }
      if ending.name == "elif" {
        var next = ending.rest
        current = try next.whole()
      } else {
        current = nil
      }
    }
  }

  private mutating func loop(_ head: TemplateExpressionParser) throws(TemplateError) -> TemplateNode {
    var head = head
    var targets = [try head.name()]
    while head.take(",") { targets.append(try head.name()) }
    guard head.takeName("in") else { throw TemplateError("a for of the template lacks `in`") }
    let over = try head.disjunction()
    let filter: TemplateExpression? = head.takeName("if") ? try head.disjunction() : nil
    _ = head.takeName("recursive")
    try head.end()
    let (body, ending) = try nodes(until: ["else", "endfor"])
    let otherwise = ending?.name == "else" ? try nodes(until: ["endfor"]).0 : []
    return .loop(targets: targets, over: over, filter: filter, body: body, otherwise: otherwise)
  }

  private mutating func set(_ head: TemplateExpressionParser) throws(TemplateError) -> TemplateNode {
    var head = head
    var targets = [try head.name()]
    if head.take(".") {
      let member = try head.name()
      guard head.take("=") else { throw TemplateError("a set of the template lacks `=`") }
      return .setMember(targets[0], member, try head.whole())
    }
    while head.take(",") { targets.append(try head.name()) }
    if head.take("=") { return .set(targets: targets, try head.whole()) }
    return .setBlock(targets[0], try nodes(until: ["endset"]).0)
  }

  private mutating func macro(_ head: TemplateExpressionParser) throws(TemplateError) -> TemplateNode {
    var head = head
    let name = try head.name()
    guard head.take("(") else { throw TemplateError("macro \(name) lacks its parameters") }
    var parameters: [(name: String, fallback: TemplateExpression?)] = []
    while !head.take(")") {
      let parameter = try head.name()
      parameters.append((parameter, head.take("=") ? try head.expression() : nil))
      _ = head.take(",")
    }
    return .macro(name, TemplateMacro(parameters: parameters, body: try nodes(until: ["endmacro"]).0))
  }
}
