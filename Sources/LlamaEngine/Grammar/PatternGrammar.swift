/// Turns regular expressions over a string's characters into grammars over its JSON text.
struct PatternGrammar {
  /// A string, with its quotes, whose characters match; unanchored ends let anything stand there.
  static func string(
    matching expression: RegularExpression, in json: inout JSONTextGrammar, at path: String
  ) throws(GrammarError) -> GrammarNode {
    var options: [RegularExpression] = []
    if case .choice(let all) = expression { options = all } else { options = [expression] }
    var nodes: [GrammarNode] = []
    for option in options {
      var parts: [RegularExpression]
      if case .sequence(let all) = option { parts = all } else { parts = [option] }
      // `^(a|b)$` and `(^a$)`: anchors are understood at the two ends of each alternative.
      let isStarted = parts.first == .start
      if isStarted { parts.removeFirst() }
      let isEnded = parts.last == .end
      if isEnded { parts.removeLast() }
      if !isStarted, !isEnded, parts.count == 1, case .sequence(let inner) = parts[0],
        inner.first == .start || inner.last == .end
      {
        nodes.append(try string(matching: parts[0], in: &json, at: path))
        continue
      }
      let anything = GrammarNode.repeated(try json.character(), minimum: 0, maximum: nil)
      var sequence: [GrammarNode] = [.literal("\"")]
      if !isStarted { sequence.append(anything) }
      sequence.append(try node(.sequence(parts), in: &json, at: path))
      if !isEnded { sequence.append(anything) }
      nodes.append(.sequence(sequence + [.literal("\"")]))
    }
    return nodes.count == 1 ? nodes[0] : .choice(nodes)
  }

  private static func node(
    _ expression: RegularExpression, in json: inout JSONTextGrammar, at path: String
  ) throws(GrammarError) -> GrammarNode {
    switch expression {
    case .scalars(let set): return spelled(set)
    case .sequence(let parts):
      var nodes: [GrammarNode] = []
      for part in parts {
        let next = try node(part, in: &json, at: path)
        if case .literal(let text) = next, case .literal(let before)? = nodes.last {
          nodes[nodes.count - 1] = .literal(before + text)
        } else {
          nodes.append(next)
        }
      }
      return nodes.count == 1 ? nodes[0] : .sequence(nodes)
    case .choice(let options):
      var nodes: [GrammarNode] = []
      for option in options { nodes.append(try node(option, in: &json, at: path)) }
      return .choice(nodes)
    case .repeated(let inner, let minimum, let maximum):
      return try json.builder.repetition(node(inner, in: &json, at: path), minimum, maximum, "pattern")
    case .start, .end:
      throw GrammarError(
        path: path,
        reason: "expected `^` and `$` only at the ends of the pattern or of its alternatives, found one inside",
        advice: "Move the anchor to the end of the pattern.")
    }
  }

  /// One character of the set as a JSON string spells it: plain where it may be, otherwise by its shortest escape.
  private static func spelled(_ set: ScalarSet) -> GrammarNode {
    var options: [GrammarNode] = []
    let plain = set.intersection(JSONTextGrammar.plain)
    if let single = plain.single, let scalar = Unicode.Scalar(single) {
      options.append(.literal(String(Character(scalar))))
    } else if !plain.isEmpty {
      options.append(.oneOf(plain))
    }
    let special = set.subtracting(JSONTextGrammar.plain)
    if special.contains(0x22) { options.append(.literal("\\\"")) }
    if special.contains(0x5C) { options.append(.literal("\\\\")) }
    for (scalar, letter) in [(UInt32(0x08), "b"), (0x09, "t"), (0x0A, "n"), (0x0C, "f"), (0x0D, "r")]
    where special.contains(scalar) {
      options.append(.literal("\\" + letter))
    }
    for scalar in UInt32(0)...0x1F where special.contains(scalar) && ![8, 9, 10, 12, 13].contains(scalar) {
      options.append(.literal("\\u" + GrammarNode.hexadecimal(scalar, digits: 4)))
    }
    return options.count == 1 ? options[0] : .choice(options)
  }
}

/// The string formats that are understood (JSON Schema validation, section 7.3), each as a pattern that every match of
/// satisfies the format; some allow less than the format does, such as no 29 February.
enum StringFormat {
  private static let monthDay =
    "(((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01]))|((0[469]|11)-(0[1-9]|[12][0-9]|30))|(02-(0[1-9]|1[0-9]|2[0-8])))"
  private static let date = "[0-9]{4}-" + monthDay
  private static let time =
    "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
  private static let label = "[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?"
  private static let byte = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"

  static let patterns: [String: String] = [
    "date": "^\(date)$",
    "time": "^\(time)$",
    "date-time": "^\(date)T\(time)$",
    "duration": "^P([0-9]{1,4}W|[0-9]{1,4}D(T[0-9]{1,4}H)?|T[0-9]{1,4}H([0-9]{1,4}M)?|T[0-9]{1,4}M|T[0-9]{1,4}S)$",
    "uuid": "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
    "email": "^[A-Za-z0-9_+-]{1,32}(\\.[A-Za-z0-9_+-]{1,32}){0,3}@(\(label)\\.){1,4}[A-Za-z]{2,24}$",
    "hostname": "^\(label)(\\.\(label)){0,5}$",
    "ipv4": "^\(byte)(\\.\(byte)){3}$",
    "ipv6": "^[0-9a-fA-F]{1,4}(:[0-9a-fA-F]{1,4}){7}$",
    "uri": "^https?://(\(label)\\.){1,4}[A-Za-z]{2,24}(:[1-9][0-9]{1,3})?(/[A-Za-z0-9._~-]{0,64}){0,8}$",
  ]
}
