package import ModelInterface

/// Grammars that make a model call a tool: `{"name": "…", "arguments": {…}}`.
package enum ToolCallGrammar {
  /// The most tools in one grammar.
  package static let maximumTools = 128

  /// The grammar of one call, or of several, of the given tools.
  ///
  /// - Parameters:
  ///   - tools: Which may be called; for a named function that one alone. A tool without parameters takes `{}`.
  ///   - opening: Text that the model's template puts before each call, such as `<tool_call>\n`.
  ///   - closing: Text that it puts after each.
  ///   - maximumCalls: The most calls, one after the other with a line break between; 1 or more.
  package static func grammar(
    for tools: [Tool], opening: String = "", closing: String = "", maximumCalls: Int = 1
  ) throws(GrammarError) -> String {
    guard (1...maximumTools).contains(tools.count) else {
      throw GrammarError(
        path: "tools", reason: "expected 1 to \(maximumTools) tools, found \(tools.count)",
        advice: "Offer the tools that the conversation needs.")
    }
    var json = JSONTextGrammar()
    let root = try json.builder.declare("root")
    var calls: [GrammarNode] = []
    for tool in tools {
      // A schema that says nothing would allow arguments that are no object.
      var schema: JSONValue = ["type": "object", "additionalProperties": false]
      if let given = tool.parameters, given.object?.members.isEmpty != true { schema = given }
      var converter = SchemaConverter(root: schema, isStrict: tool.isStrict, continuing: json)
      let arguments: GrammarNode
      do throws(GrammarError) {
        arguments = try converter.whole()
      } catch {
        throw GrammarError(path: "tool `\(tool.name)` \(error.path)", reason: error.reason, advice: error.advice)
      }
      json = converter.json
      calls.append(
        .sequence([
          .literal(JSONValue.string(tool.name).text), try json.comma(), .literal("\"arguments\""), try json.colon(),
          try json.builder.atom(arguments, tool.name),
        ]))
    }
    var call: [GrammarNode] = opening.isEmpty ? [] : [.literal(opening)]
    call += [
      .literal("{"), try json.gap(), .literal("\"name\""), try json.colon(),
      try json.builder.atom(calls.count == 1 ? calls[0] : .choice(calls), "call"), try json.gap(), .literal("}"),
    ]
    if !closing.isEmpty { call.append(.literal(closing)) }
    let one = try json.builder.atom(.sequence(call), "tool-call")
    let next = try json.builder.atom(.sequence([.literal("\n"), one]), "next-call")
    let more = try json.builder.repetition(next, 0, max(min(maximumCalls, 64) - 1, 0), "calls")
    json.builder.define(root, as: .sequence([one, more]))
    return try json.builder.text()
  }
}
