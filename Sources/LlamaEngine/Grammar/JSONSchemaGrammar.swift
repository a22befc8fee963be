package import ModelInterface

/// Grammars in llama.cpp's notation (GBNF) that let a model write exactly what a JSON schema (2020-12) allows.
///
/// Supported: `type`, `enum`, `const`, `nullable`; `properties`, `required`, `additionalProperties`, `minProperties`,
/// `maxProperties`; `items`, `prefixItems`, `minItems`, `maxItems`; `minLength`, `maxLength`, `pattern`, `format`;
/// `minimum`, `maximum` and their exclusive forms; `anyOf`, `oneOf`, `allOf`, `$ref` within the schema, `$defs`.
/// Properties come in their declared order, members that are optional may be left out. `oneOf` is read as `anyOf`.
/// In strict mode every other keyword that would constrain a value, and every pattern that a grammar cannot state, is an error
/// that names its place. Else these are left out, as clients expect that offer a tool whose schema was made for a validator:
/// the grammar then allows more than the schema does, never less. What is malformed is an error either way.
///
/// Without a `type`, the types are those that the keywords speak of. Numbers have at most 18 digits before and 18 after
/// the point, names that the schema does not declare at most 64 characters and no escapes.
package enum JSONSchemaGrammar {
  /// The deepest nesting of schemas.
  package static let maximumDepth = 64
  /// The most schemas that may be referred to.
  package static let maximumReferences = 4096
  /// The most alternatives that a combination of `allOf` and `anyOf` may unfold into.
  package static let maximumAlternatives = 128

  /// JSON mode: any JSON object.
  package static let anyObject: String = {
    var json = JSONTextGrammar()
    do throws(GrammarError) {
      let root = try json.builder.declare("root")
      json.builder.define(root, as: try json.anyObject())
      return try json.builder.text()
    } catch {
      preconditionFailure("the grammar of JSON itself is within all bounds: \(error)")
    }
  }()

  /// The grammar of the values that `schema` allows.
  ///
  /// - Parameter isStrict: OpenAI's strict mode: an object without `additionalProperties` allows none, and what cannot be stated
  ///   is an error.
  package static func grammar(
    for schema: JSONValue, isStrict: Bool = false
  ) throws(GrammarError) -> String {
    var converter = SchemaConverter(root: schema, isStrict: isStrict)
    let root = try converter.json.builder.declare("root")
    converter.json.builder.define(root, as: try converter.whole())
    return try converter.json.builder.text()
  }
}

/// Walks a schema and builds the grammar of its values.
struct SchemaConverter {
  let root: JSONValue
  let isStrict: Bool
  var json = JSONTextGrammar()
  private var references: [String: Int] = [:]
  /// Referenced schemas that are still to be walked; a list and not recursion, so that chains of them cannot be too deep.
  private var waiting: [(rule: Int, schema: JSONValue, pointer: String)] = []

  init(root: JSONValue, isStrict: Bool) {
    self.root = root
    self.isStrict = isStrict
  }

  /// Continues with the rules of another converter, for several schemas in one grammar.
  init(root: JSONValue, isStrict: Bool, continuing json: JSONTextGrammar) {
    self.init(root: root, isStrict: isStrict)
    self.json = json
  }

  /// The grammar of the whole schema, with the rules of all that it refers to.
  mutating func whole() throws(GrammarError) -> GrammarNode {
    let node = try node(root, at: "#", depth: 0)
    while let next = waiting.popLast() {
      json.builder.define(next.rule, as: try self.node(next.schema, at: next.pointer, depth: 0))
    }
    return node
  }

  static func fault(_ path: String, _ reason: String, _ advice: String = "Correct the schema.") -> GrammarError {
    GrammarError(path: path, reason: reason, advice: advice)
  }

  /// The grammar of one schema.
  mutating func node(_ schema: JSONValue, at path: String, depth: Int) throws(GrammarError) -> GrammarNode {
    guard depth <= JSONSchemaGrammar.maximumDepth else {
      throw Self.fault(
        path, "expected at most \(JSONSchemaGrammar.maximumDepth) schemas within one another, found more",
        "Flatten the schema or use `$ref`.")
    }
    switch schema {
    case .bool(true): return try json.anyValue()
    case .bool(false): return .never
    case .object(let object): return try node(object, at: path, depth: depth)
    default: throw Self.fault(path, "expected a schema, an object or a boolean, found \(schema.kind)")
    }
  }

  private mutating func node(
    _ schema: JSONObject, at path: String, depth: Int
  ) throws(GrammarError) -> GrammarNode {
    try SchemaKeywords.check(schema, isStrict: isStrict, at: path)
    if schema["nullable"] == true {
      var plain = schema
      plain["nullable"] = nil
      return .choice([try node(plain, at: path, depth: depth), .literal("null")])
    }
    let combining = SchemaKeywords.combining.filter { schema[$0] != nil }
    let constrains = schema.members.contains { SchemaKeywords.constraining.contains($0.name) }
    if combining.count == 1, !constrains {
      switch (combining[0], schema[combining[0]]) {
      case ("$ref", let reference?): return try self.reference(reference, at: path)
      case (let keyword, .array(let options)?) where keyword != "allOf" || options.count == 1:
        var nodes: [GrammarNode] = []
        for (index, option) in options.enumerated() {
          nodes.append(try node(option, at: "\(path)/\(keyword)/\(index)", depth: depth + 1))
        }
        return nodes.count == 1 ? nodes[0] : .choice(nodes)
      default: break
      }
    }
    guard !combining.isEmpty else { return try plain(schema, at: path, depth: depth) }
    var nodes: [GrammarNode] = []
    var merger = SchemaMerger(root: root, isStrict: isStrict)
    for alternative in try merger.alternatives(.object(schema), at: path, depth: 0) {
      nodes.append(try plain(alternative, at: path, depth: depth + 1))
    }
    return nodes.count == 1 ? nodes[0] : .choice(nodes)
  }

  /// A rule for what a reference names, made once, so that recursion is finite.
  private mutating func reference(
    _ reference: JSONValue, at path: String
  ) throws(GrammarError) -> GrammarNode {
    let (target, pointer) = try SchemaReference.resolve(reference, in: root, at: path + "/$ref")
    if let rule = references[pointer] { return .rule(rule) }
    guard references.count < JSONSchemaGrammar.maximumReferences else {
      throw Self.fault(
        path, "expected at most \(JSONSchemaGrammar.maximumReferences) schemas that are referred to, found more",
        "Split the schema.")
    }
    let rule = try json.builder.declare(pointer.split(separator: "/").last.map(String.init) ?? "schema")
    references[pointer] = rule
    waiting.append((rule, target, pointer))
    return .rule(rule)
  }

  /// A schema without combining keywords.
  private mutating func plain(_ schema: JSONObject, at path: String, depth: Int) throws(GrammarError) -> GrammarNode {
    let types = try SchemaKeywords.types(of: schema, at: path)
    if let values = try SchemaKeywords.enumerated(schema, isStrict: isStrict, at: path) {
      let allowed = values.filter { value in types?.contains { Self.isOf(value, $0) } ?? true }
      return .texts(allowed.map(\.text))
    }
    guard let types = types ?? SchemaKeywords.impliedTypes(of: schema) else { return try json.anyValue() }
    var nodes: [GrammarNode] = []
    for type in types where !(type == "integer" && types.contains("number")) {
      nodes.append(try self.node(ofType: type, schema, at: path, depth: depth))
    }
    return nodes.count == 1 ? nodes[0] : .choice(nodes)
  }

  private mutating func node(
    ofType type: String, _ schema: JSONObject, at path: String, depth: Int
  ) throws(GrammarError) -> GrammarNode {
    switch type {
    case "null": return .literal("null")
    case "boolean": return try json.boolean()
    case "integer": return try integer(schema, at: path)
    case "number": return try number(schema, at: path)
    case "string": return try string(schema, at: path)
    case "array": return try array(schema, at: path, depth: depth)
    default: return try object(schema, at: path, depth: depth)
    }
  }

  private static func isOf(_ value: JSONValue, _ type: String) -> Bool {
    switch value {
    case .null: type == "null"
    case .bool: type == "boolean"
    case .number(let number): type == "number" || (type == "integer" && number.integer != nil)
    case .string: type == "string"
    case .array: type == "array"
    case .object: type == "object"
    }
  }
}
