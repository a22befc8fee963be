/// Reads expressions by recursive descent, in Jinja's order of precedence.
struct TemplateExpressionParser {
  private let tokens: [TemplateLexer.Token]
  private var place = 0
  private var depth = 0

  /// How deep expressions may nest.
  static let maximumDepth = 96

  init(_ tokens: [TemplateLexer.Token]) {
    self.tokens = tokens
  }

  private var token: TemplateLexer.Token? { place < tokens.count ? tokens[place] : nil }

  func peek(_ symbol: String) -> Bool { token == .symbol(symbol) }

  mutating func take(_ symbol: String) -> Bool {
    guard token == .symbol(symbol) else { return false }
    place += 1
    return true
  }

  mutating func takeName(_ name: String) -> Bool {
    guard token == .name(name) else { return false }
    place += 1
    return true
  }

  mutating func name() throws(TemplateError) -> String {
    guard case .name(let name)? = token else { throw unexpected("a name") }
    place += 1
    return name
  }

  func end() throws(TemplateError) {
    guard place == tokens.count else { throw unexpected("the end of the block") }
  }

  private func unexpected(_ wanted: String) -> TemplateError {
    TemplateError("expected \(wanted), found \(token.map { "\($0)" } ?? "the end") in a block of the template")
  }

  /// An expression, or a tuple without parentheses, up to the end.
  mutating func whole() throws(TemplateError) -> TemplateExpression {
    var items = [try expression()]
    while take(",") {
      if place == tokens.count { break }
      items.append(try expression())
    }
    try end()
    return items.count == 1 ? items[0] : .list(items)
  }

  mutating func expression() throws(TemplateError) -> TemplateExpression {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.maximumDepth else {
      throw TemplateError("an expression nests deeper than \(Self.maximumDepth)")
    }
    let value = try disjunction()
    guard takeName("if") else { return value }
    let condition = try disjunction()
    let otherwise: TemplateExpression? = takeName("else") ? try expression() : nil
    return .choice(value, condition: condition, otherwise: otherwise)
  }

  mutating func disjunction() throws(TemplateError) -> TemplateExpression {
    var left = try conjunction()
    while takeName("or") { left = .binary("or", left, try conjunction()) }
    return left
  }

  private mutating func conjunction() throws(TemplateError) -> TemplateExpression {
    var left = try negation()
    while takeName("and") { left = .binary("and", left, try negation()) }
    return left
  }

  private mutating func negation() throws(TemplateError) -> TemplateExpression {
    var isNegated = false
    while takeName("not") { isNegated.toggle() }
    let value = try comparison()
    return isNegated ? .not(value) : value
  }

  private mutating func comparison() throws(TemplateError) -> TemplateExpression {
    var left = try sum()
    while true {
      if case .symbol(let symbol)? = token, ["==", "!=", "<", ">", "<=", ">="].contains(symbol) {
        place += 1
        left = .binary(symbol, left, try sum())
      } else if takeName("in") {
        left = .binary("in", left, try sum())
      } else if token == .name("not"), place + 1 < tokens.count, tokens[place + 1] == .name("in") {
        place += 2
        left = .not(.binary("in", left, try sum()))
      } else {
        return left
      }
    }
  }

  private mutating func sum() throws(TemplateError) -> TemplateExpression {
    var left = try joined()
    while case .symbol(let symbol)? = token, symbol == "+" || symbol == "-" {
      place += 1
      left = .binary(symbol, left, try joined())
    }
    return left
  }

  private mutating func joined() throws(TemplateError) -> TemplateExpression {
    var left = try product()
    while take("~") { left = .binary("~", left, try product()) }
    return left
  }

  private mutating func product() throws(TemplateError) -> TemplateExpression {
    var left = try unary()
    while case .symbol(let symbol)? = token, ["*", "/", "//", "%"].contains(symbol) {
      place += 1
      left = .binary(symbol, left, try unary())
    }
    return left
  }

  private mutating func unary() throws(TemplateError) -> TemplateExpression {
    var isNegative = false
    while case .symbol(let symbol)? = token, symbol == "-" || symbol == "+" {
      if symbol == "-" { isNegative.toggle() }
      place += 1
    }
    let value = try power()
    return isNegative ? .negative(value) : value
  }

  private mutating func power() throws(TemplateError) -> TemplateExpression {
    let base = try postfix()
    return take("**") ? .binary("**", base, try postfix()) : base
  }

  private mutating func postfix() throws(TemplateError) -> TemplateExpression {
    var value = try primary()
    while true {
      if take(".") {
        if case .integer(let index)? = token {
          place += 1
          value = .index(value, .literal(.integer(index)))
        } else {
          value = .member(value, try name())
        }
      } else if take("[") {
        value = try subscripted(value)
      } else if peek("(") {
        value = .call(value, try arguments())
      } else if take("|") {
        let filter = try name()
        value = .filter(value, filter, peek("(") ? try arguments() : TemplateArguments())
      } else if takeName("is") {
        value = try test(value)
      } else {
        return value
      }
    }
  }

  private mutating func test(_ value: TemplateExpression) throws(TemplateError) -> TemplateExpression {
    let isNegated = takeName("not")
    let test = try name()
    var parameters = TemplateArguments()
    if peek("(") {
      parameters = try arguments()
    } else if ["equalto", "eq", "ne", "in", "sameas", "divisibleby"].contains(test) {
      parameters.positional = [try primary()]
    }
    return .test(value, test, parameters, isNegated: isNegated)
  }

  private mutating func subscripted(_ value: TemplateExpression) throws(TemplateError) -> TemplateExpression {
    var parts: [TemplateExpression?] = [nil]
    while !take("]") {
      if take(":") {
        parts.append(nil)
      } else {
        parts[parts.count - 1] = try expression()
      }
    }
    guard parts.count > 1 else {
      guard let index = parts[0] else { throw unexpected("an index") }
      return .index(value, index)
    }
    return .slice(value, parts[0], parts[1], parts.count > 2 ? parts[2] : nil)
  }

  mutating func arguments() throws(TemplateError) -> TemplateArguments {
    guard take("(") else { throw unexpected("(") }
    var result = TemplateArguments()
    while !take(")") {
      if case .name(let name)? = token, place + 1 < tokens.count, tokens[place + 1] == .symbol("=") {
        place += 2
        result.named.append((name, try expression()))
      } else {
        result.positional.append(try expression())
      }
      guard take(",") || peek(")") else { throw unexpected(", or )") }
    }
    return result
  }

  private mutating func primary() throws(TemplateError) -> TemplateExpression {
    guard let token else { throw unexpected("a value") }
    place += 1
    switch token {
    case .string(var text):
      while case .string(let more)? = self.token {
        text += more
        place += 1
      }
      return .literal(.string(text))
    case .integer(let value): return .literal(.integer(value))
    case .double(let value): return .literal(.double(value))
    case .name(let name):
      switch name {
      case "true", "True": return .literal(.bool(true))
      case "false", "False": return .literal(.bool(false))
      case "none", "None": return .literal(.none)
      default: return .name(name)
      }
    case .symbol("("):
      var items: [TemplateExpression] = []
      var isTuple = false
      while !take(")") {
        items.append(try expression())
        if take(",") { isTuple = true } else if !peek(")") { throw unexpected(")") }
      }
      if items.count == 1, !isTuple { return items[0] }
      return .list(items)
    case .symbol("["):
      var items: [TemplateExpression] = []
      while !take("]") {
        items.append(try expression())
        guard take(",") || peek("]") else { throw unexpected(", or ]") }
      }
      return .list(items)
    case .symbol("{"):
      var members: [(TemplateExpression, TemplateExpression)] = []
      while !take("}") {
        let key = try expression()
        guard take(":") else { throw unexpected(":") }
        members.append((key, try expression()))
        guard take(",") || peek("}") else { throw unexpected(", or }") }
      }
      return .dictionary(members)
    default:
      place -= 1
      throw unexpected("a value")
    }
  }
}
