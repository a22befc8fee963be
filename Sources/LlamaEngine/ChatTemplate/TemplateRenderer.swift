/// Renders a template within bounds on steps and output, so that no model file can keep the node busy.
struct TemplateRenderer {
  /// The most steps of one rendering.
  static let maximumSteps = 2_000_000
  /// The most bytes of one rendering.
  static let maximumOutput = 32 << 20

  /// How a run of nodes ended.
  private enum Flow {
    case goesOn, breaks, continues
  }

  private var scopes: [[String: TemplateValue]]
  private var output = ""
  private var steps = 0
  private var callDepth = 0

  /// - Throws: ``TemplateError``; a refusal where the template calls `raise_exception`.
  static func render(_ nodes: [TemplateNode], _ variables: [String: TemplateValue]) throws(TemplateError) -> String {
    var renderer = TemplateRenderer(scopes: [variables])
    _ = try renderer.run(nodes)
    return renderer.output
  }

  private init(scopes: [[String: TemplateValue]]) {
    self.scopes = scopes
  }

  private mutating func step() throws(TemplateError) {
    steps += 1
    guard steps <= Self.maximumSteps, output.utf8.count <= Self.maximumOutput else {
      throw TemplateError("the template takes more than \(Self.maximumSteps) steps or \(Self.maximumOutput) bytes")
    }
  }

  private mutating func run(_ nodes: [TemplateNode]) throws(TemplateError) -> Flow {
    for node in nodes {
      try step()
      switch node {
      case .text(let text): output += text
      case .output(let expression): output += try evaluate(expression).text
      case .branches(let parts):
        for part in parts {
          if let condition = part.condition, !(try evaluate(condition).isTrue) { continue }
          let flow = try run(part.body)
          if flow != .goesOn { return flow }
          break
        }
      case .loop(let targets, let over, let filter, let body, let otherwise):
        try loop(targets, over, filter, body, otherwise)
      case .set(let targets, let expression): try assign(targets, try evaluate(expression))
      case .setMember(let name, let member, let expression):
        guard case .namespace(let namespace) = lookup(name) else {
          throw TemplateError("the template sets \(name).\(member), and \(name) is no namespace")
        }
        namespace.members[member] = try evaluate(expression)
      case .setBlock(let name, let body): define(name, .string(try captured(body)))
      case .macro(let name, let macro): define(name, .macro(macro))
      case .filterBlock(let name, let arguments, let body):
        let text = try captured(body)
        let values = try values(of: arguments)
        output += try TemplateFunctions.filter(name, .string(text), values.positional, values.named).text
      case .breakLoop: return .breaks
      case .continueLoop: return .continues
      }
    }
    return .goesOn
  }

  private mutating func captured(_ body: [TemplateNode]) throws(TemplateError) -> String {
    let before = output
    output = ""
    defer { output = before }
    _ = try run(body)
    return output
  }

  private func lookup(_ name: String) -> TemplateValue {
    for scope in scopes.reversed() { if let value = scope[name] { return value } }
    return TemplateFunctions.globals.contains(name) ? .function(name) : .undefined
  }

  private mutating func define(_ name: String, _ value: TemplateValue) {
    scopes[scopes.count - 1][name] = value
  }

  private mutating func assign(_ targets: [String], _ value: TemplateValue) throws(TemplateError) {
    guard targets.count > 1 else { return define(targets[0], value) }
    guard let values = value.elements, values.count == targets.count else {
      throw TemplateError("the template unpacks \(value.kind) into \(targets.count) names")
    }
    for (target, value) in zip(targets, values) { define(target, value) }
  }

  private mutating func loop(
    _ targets: [String], _ over: TemplateExpression, _ filter: TemplateExpression?, _ body: [TemplateNode],
    _ otherwise: [TemplateNode]
  ) throws(TemplateError) {
    let value = try evaluate(over)
    guard var items = value.elements else { throw TemplateError("the template loops over \(value.kind)") }
    scopes.append([:])
    defer { scopes.removeLast() }
    if let filter {
      var kept: [TemplateValue] = []
      for item in items {
        try step()
        try assign(targets, item)
        if try evaluate(filter).isTrue { kept.append(item) }
      }
      items = kept
    }
    if items.isEmpty {
      _ = try run(otherwise)
      return
    }
    for (index, item) in items.enumerated() {
      try step()
      scopes[scopes.count - 1] = [:]
      try assign(targets, item)
      define(
        "loop",
        .dictionary([
          ("index", .integer(index + 1)), ("index0", .integer(index)), ("first", .bool(index == 0)),
          ("last", .bool(index == items.count - 1)), ("length", .integer(items.count)),
          ("revindex", .integer(items.count - index)), ("revindex0", .integer(items.count - index - 1)),
          ("previtem", index > 0 ? items[index - 1] : .undefined),
          ("nextitem", index + 1 < items.count ? items[index + 1] : .undefined),
        ]))
      if try run(body) == .breaks { break }
    }
  }

  private mutating func values(
    of arguments: TemplateArguments
  ) throws(TemplateError) -> (positional: [TemplateValue], named: [String: TemplateValue]) {
    var positional: [TemplateValue] = []
    for argument in arguments.positional { positional.append(try evaluate(argument)) }
    var named: [String: TemplateValue] = [:]
    for argument in arguments.named { named[argument.name] = try evaluate(argument.value) }
    return (positional, named)
  }

  private mutating func evaluate(_ expression: TemplateExpression) throws(TemplateError) -> TemplateValue {
    try step()
    switch expression {
    case .literal(let value): return value
    case .name(let name): return lookup(name)
    case .list(let items):
      var values: [TemplateValue] = []
      for item in items { values.append(try evaluate(item)) }
      return .list(values)
    case .dictionary(let members):
      var result: [(name: String, value: TemplateValue)] = []
      for (key, value) in members { result.append((try evaluate(key).text, try evaluate(value))) }
      return .dictionary(result)
    case .member(let object, let name): return try evaluate(object).member(name)
    case .index(let object, let index): return try self.index(try evaluate(object), try evaluate(index))
    case .slice(let object, let from, let to, let by):
      let value = try evaluate(object)
      let bounds = (try bound(from), try bound(to), try bound(by))
      return try TemplateFunctions.slice(value, bounds.0, bounds.1, bounds.2)
    case .call(let function, let arguments): return try call(function, arguments)
    case .filter(let input, let name, let arguments):
      let value = try evaluate(input)
      let values = try values(of: arguments)
      return try TemplateFunctions.filter(name, value, values.positional, values.named)
    case .test(let input, let name, let arguments, let isNegated):
      let value = try evaluate(input)
      let values = try values(of: arguments)
      return .bool(try TemplateFunctions.test(name, value, values.positional) != isNegated)
    case .not(let value): return .bool(!(try evaluate(value).isTrue))
    case .negative(let value): return try TemplateFunctions.binary("-", .integer(0), try evaluate(value))
    case .binary("and", let left, let right):
      let value = try evaluate(left)
      return value.isTrue ? try evaluate(right) : value
    case .binary("or", let left, let right):
      let value = try evaluate(left)
      return value.isTrue ? value : try evaluate(right)
    case .binary(let symbol, let left, let right):
      return try TemplateFunctions.binary(symbol, try evaluate(left), try evaluate(right))
    case .choice(let value, let condition, let otherwise):
      if try evaluate(condition).isTrue { return try evaluate(value) }
      guard let otherwise else { return .undefined }
      return try evaluate(otherwise)
    }
  }

  private mutating func bound(_ expression: TemplateExpression?) throws(TemplateError) -> Int? {
    guard let expression else { return nil }
    return try evaluate(expression).integer
  }

  private func index(_ object: TemplateValue, _ index: TemplateValue) throws(TemplateError) -> TemplateValue {
    if case .string(let name) = index { return object.member(name) }
    guard let place = index.integer else { return .undefined }
    switch object {
    case .list(let values):
      let found = place < 0 ? place + values.count : place
      return values.indices.contains(found) ? values[found] : .undefined
    case .string: return try TemplateFunctions.slice(object, place, place == -1 ? nil : place + 1, nil)
    default: return .undefined
    }
  }

  private mutating func call(
    _ function: TemplateExpression, _ arguments: TemplateArguments
  ) throws(TemplateError) -> TemplateValue {
    let values = try values(of: arguments)
    if case .member(let object, let name) = function {
      let value = try evaluate(object)
      // A member that holds a macro is called; anything else is a method of its kind of value.
      if case .macro(let macro) = value.member(name) { return try call(macro, values.positional, values.named) }
      return try TemplateFunctions.method(name, of: value, values.positional)
    }
    switch try evaluate(function) {
    case .macro(let macro): return try call(macro, values.positional, values.named)
    case .function(let name): return try TemplateFunctions.call(name, values.positional, values.named)
    default: throw TemplateError("the template calls what is no function")
    }
  }

  private mutating func call(
    _ macro: TemplateMacro, _ positional: [TemplateValue], _ named: [String: TemplateValue]
  ) throws(TemplateError) -> TemplateValue {
    callDepth += 1
    defer { callDepth -= 1 }
    guard callDepth <= 32 else { throw TemplateError("macros of the template call each other more than 32 deep") }
    let before = scopes
    scopes = Array(scopes.prefix(1))
    scopes.append([:])
    defer { scopes = before }
    for (index, parameter) in macro.parameters.enumerated() {
      if index < positional.count {
        define(parameter.name, positional[index])
      } else if let value = named[parameter.name] {
        define(parameter.name, value)
      } else if let fallback = parameter.fallback {
        define(parameter.name, try evaluate(fallback))
      } else {
        define(parameter.name, .undefined)
      }
    }
    return .string(try captured(macro.body))
  }
}
