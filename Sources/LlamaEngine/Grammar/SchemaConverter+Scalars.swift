import ModelInterface

extension SchemaConverter {
  mutating func string(_ schema: JSONObject, at path: String) throws(GrammarError) -> GrammarNode {
    let minimum = try SchemaKeywords.count(schema, "minLength", isStrict: isStrict, at: path) ?? 0
    let maximum = try SchemaKeywords.count(schema, "maxLength", isStrict: isStrict, at: path)
    if let pattern = try pattern(of: schema, at: path) {
      let path = "\(path)/\(pattern.keyword)"
      let expression: RegularExpression
      do throws(RegularExpression.Fault) {
        expression = try RegularExpression.parse(pattern.text)
      } catch {
        guard error.isMalformed || isStrict else { return try plainString(minimum, maximum) }
        throw Self.fault(path, error.reason, "Rewrite the pattern without it.")
      }
      let anchored = pattern.text.hasPrefix("^") && pattern.text.hasSuffix("$")
      let lengths = expression.lengths
      let fits = (maximum.map { anchored && lengths.maximum ?? .max <= $0 } ?? true) && lengths.minimum >= minimum
      guard fits || !isStrict else {
        throw Self.fault(
          path, "expected a pattern that keeps within `minLength` and `maxLength` by itself",
          "State the length in the pattern, as in `^[a-z]{3,8}$`, and remove the two keywords.")
      }
      do throws(GrammarError) {
        return try PatternGrammar.string(matching: expression, in: &json, at: path)
      } catch {
        if isStrict { throw error }
      }
    }
    return try plainString(minimum, maximum)
  }

  private mutating func plainString(_ minimum: Int, _ maximum: Int?) throws(GrammarError) -> GrammarNode {
    maximum.map { $0 < minimum } ?? false ? .never : try json.string(minimum, maximum)
  }

  /// The pattern that a string has to match: its own, or the one behind its format.
  private func pattern(
    of schema: JSONObject, at path: String
  ) throws(GrammarError) -> (keyword: String, text: String)? {
    if isStrict, schema["pattern"] != nil, schema["format"] != nil {
      throw Self.fault(
        "\(path)/format", "expected `pattern` or `format`, found both", "Keep the stricter of the two.")
    }
    if let value = schema["pattern"] {
      guard let text = value.string else {
        throw Self.fault("\(path)/pattern", "expected a string, found \(value.kind)")
      }
      return ("pattern", text)
    }
    guard let value = schema["format"] else { return nil }
    if let text = value.string.flatMap({ StringFormat.patterns[$0] }) { return ("format", text) }
    guard isStrict || value.string == nil else { return nil }
    throw Self.fault(
      "\(path)/format",
      "expected one of \(StringFormat.patterns.keys.sorted().joined(separator: ", ")), found \(value.text.prefix(64))",
      "Remove it, or state it as a `pattern`.")
  }

  mutating func integer(_ schema: JSONObject, at path: String) throws(GrammarError) -> GrammarNode {
    let bounds = try bounds(schema, at: path)
    if bounds.lower == nil, bounds.upper == nil { return try json.integer() }
    var lower = -NumberRangeGrammar.unbounded
    var upper = NumberRangeGrammar.unbounded
    if let bound = bounds.lower {
      lower = bound.value.integer
      if bound.value.fraction.isEmpty ? bound.isStrict : !bound.value.isNegative { lower += 1 }
    }
    if let bound = bounds.upper {
      upper = bound.value.integer
      if bound.value.fraction.isEmpty ? bound.isStrict : bound.value.isNegative { upper -= 1 }
    }
    return NumberRangeGrammar.integers(lower, upper)
  }

  mutating func number(_ schema: JSONObject, at path: String) throws(GrammarError) -> GrammarNode {
    let bounds = try bounds(schema, at: path)
    if bounds.lower == nil, bounds.upper == nil { return try json.number() }
    return NumberRangeGrammar.numbers(bounds.lower, bounds.upper)
  }

  private func bounds(
    _ schema: JSONObject, at path: String
  ) throws(GrammarError) -> (lower: NumberRangeGrammar.Bound?, upper: NumberRangeGrammar.Bound?) {
    let lower = try bound(schema, "minimum", "exclusiveMinimum", isLower: true, at: path)
    let upper = try bound(schema, "maximum", "exclusiveMaximum", isLower: false, at: path)
    return (lower, upper)
  }

  /// The tighter of a bound and its exclusive form; a bound past 18 digits on the far side is none.
  private func bound(
    _ schema: JSONObject, _ inclusive: String, _ exclusive: String, isLower: Bool, at path: String
  ) throws(GrammarError) -> NumberRangeGrammar.Bound? {
    var found: (number: JSONNumber, isStrict: Bool, keyword: String)?
    if let value = schema[inclusive] {
      guard let number = value.number else {
        throw Self.fault("\(path)/\(inclusive)", "expected a number, found \(value.kind)")
      }
      // OpenAPI 3.0 and draft 4 spell the exclusive form as a boolean beside the bound.
      found = (number, schema[exclusive] == true, inclusive)
    }
    if let value = schema[exclusive], value.bool == nil {
      guard let number = value.number else {
        throw Self.fault("\(path)/\(exclusive)", "expected a number, found \(value.kind)")
      }
      let isTighter = found.map { isLower ? number.double >= $0.number.double : number.double <= $0.number.double }
      if isTighter ?? true { found = (number, true, exclusive) }
    }
    guard let found else { return nil }
    if let decimal = DecimalBound(found.number) { return (decimal, found.isStrict) }
    let far = isLower ? found.number.double <= -1e18 : found.number.double >= 1e18
    guard far else {
      throw Self.fault(
        "\(path)/\(found.keyword)",
        "expected at most 18 digits before and 16 after the point, found \(found.number.literal.prefix(64))",
        "Round the bound.")
    }
    return nil
  }
}
