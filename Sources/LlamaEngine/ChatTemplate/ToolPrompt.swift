import ModelInterface

/// Functions in words, for templates and for models whose template has none.
enum ToolPrompt {
  /// A function as OpenAI's API and chat templates write it.
  static func json(_ tool: Tool) -> TemplateValue {
    var function: [(name: String, value: TemplateValue)] = [("name", .string(tool.name))]
    function.append(("description", .string(tool.summary ?? "")))
    let none: JSONValue = .object(["type": "object", "properties": .object([:])])
    function.append(("parameters", TemplateValue(tool.parameters ?? none)))
    return .dictionary([("type", .string("function")), ("function", .dictionary(function))])
  }

  /// A call that the assistant made.
  static func value(_ call: ToolCall, _ marks: inout ControlMarks) -> TemplateValue {
    let arguments = (try? JSONValue.parse(call.arguments)).map { TemplateValue($0) } ?? .string(call.arguments)
    let function: TemplateValue = .dictionary([
      ("name", .string(marks.guarded(call.name))), ("arguments", marks.guarded(arguments)),
    ])
    return .dictionary([
      ("id", .string(marks.guarded(call.id))), ("type", .string("function")), ("function", function),
    ])
  }

  /// A call in our own notation, which is that of Hermes and Qwen.
  static func written(_ call: ToolCall, _ marks: inout ControlMarks) -> String {
    let name = JSONValue.string(call.name).text
    return
      "<tool_call>\n{\"name\": \(marks.guarded(name)), \"arguments\": \(marks.guarded(call.arguments))}\n</tool_call>"
  }

  /// What a model needs to know to call functions when its template does not say.
  static func text(_ tools: [Tool]) -> String {
    """
    You can call functions. These are the functions, one JSON object a line:
    <tools>
    \(tools.map { json($0).json() }.joined(separator: "\n"))
    </tools>
    To call one, answer with nothing but this, with its name and arguments filled in:
    <tool_call>
    {"name": "the name", "arguments": {"an argument": "its value"}}
    </tool_call>
    When no function helps, answer in words.
    """
  }
}
