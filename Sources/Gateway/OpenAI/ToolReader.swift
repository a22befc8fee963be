import ModelInterface

/// Reads `tools`, `tool_choice` and response formats, which chat completions and responses spell differently.
enum ToolReader {
  /// Tools of a request. With `isNested` a function's description stands in a member `function`, as in chat completions.
  static func tools(_ members: Members, isNested: Bool, _ limits: RequestLimits) throws(APIError) -> [Tool] {
    var tools: [Tool] = []
    for (index, element) in (try members.array("tools", count: 0...limits.tools) ?? []).enumerated() {
      let tool = try Members(element, path: "tools[\(index)]")
      let type = try tool.requiredString("type")
      guard type == "function" else {
        throw .invalid(
          tool.path(to: "type"),
          "Tools of the type '\(type.prefix(64))' are not offered. Supported values are: 'function'.",
          code: "unsupported_tool")
      }
      guard isNested else {
        tools.append(try function(tool))
        continue
      }
      guard let function = try tool.members("function") else { throw .missing(tool.path(to: "function")) }
      tools.append(try self.function(function))
    }
    return tools
  }

  private static func function(_ members: Members) throws(APIError) -> Tool {
    let name = try members.requiredString("name")
    guard isName(name) else {
      throw .invalid(
        members.path(to: "name"),
        "Invalid '\(members.path(to: "name"))': expected 1 to 64 letters, digits, '_' or '-'.", code: "invalid_value")
    }
    let parameters = try members.members("parameters")
    return Tool(
      name: name, summary: try members.string("description"), parameters: parameters.map { .object($0.object) },
      isStrict: try members.bool("strict") ?? false)
  }

  static func isName(_ name: String) -> Bool {
    (1...64).contains(name.utf8.count)
      && name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: false
        }
      }
  }

  /// `tool_choice`. Where it allows some of the tools only, the others are taken off the list.
  static func choice(_ members: Members, isNested: Bool, tools: inout [Tool]) throws(APIError) -> ToolChoice {
    guard let value = members["tool_choice"] else { return .automatic }
    if case .string = value {
      let word = try members.word("tool_choice", of: ["none", "auto", "required"])
      switch word {
      case "none": return .none
      case "required":
        if tools.isEmpty { throw onlyWithTools }
        return .required
      default: return .automatic
      }
    }
    guard case .object = value, let choice = try members.members("tool_choice") else {
      throw .wrongType("tool_choice", expected: "a string or an object", found: value)
    }
    if try choice.word("type", of: ["function", "allowed_tools"]) == "allowed_tools" {
      return try allowed(choice, isNested: isNested, tools: &tools)
    }
    return .function(try functionName(choice, isNested: isNested, tools: tools))
  }

  /// `allowed_tools`: a mode and some of the tools, in a member of that name where functions are nested.
  private static func allowed(
    _ choice: Members, isNested: Bool, tools: inout [Tool]
  ) throws(APIError) -> ToolChoice {
    guard let description = isNested ? try choice.members("allowed_tools") : choice else {
      throw .missing(choice.path(to: "allowed_tools"))
    }
    guard let mode = try description.word("mode", of: ["auto", "required"]) else {
      throw .missing(description.path(to: "mode"))
    }
    guard let elements = try description.array("tools", count: 1...1024) else {
      throw .missing(description.path(to: "tools"))
    }
    var names: Set<String> = []
    for (index, element) in elements.enumerated() {
      let tool = try Members(element, path: "\(description.path(to: "tools"))[\(index)]")
      guard try tool.word("type", of: ["function"]) != nil else { throw .missing(tool.path(to: "type")) }
      names.insert(try functionName(tool, isNested: isNested, tools: tools))
    }
    tools.removeAll { !names.contains($0.name) }
    return mode == "required" ? .required : .automatic
  }

  /// The name of a function that has to be among the tools.
  private static func functionName(_ members: Members, isNested: Bool, tools: [Tool]) throws(APIError) -> String {
    let name: String
    if isNested {
      guard let function = try members.members("function") else { throw .missing(members.path(to: "function")) }
      name = try function.requiredString("name")
    } else {
      name = try members.requiredString("name")
    }
    guard !tools.isEmpty else { throw onlyWithTools }
    guard tools.contains(where: { $0.name == name }) else {
      throw .invalid(
        "tool_choice", "The function '\(name.prefix(64))' of 'tool_choice' is not among 'tools'.", code: "invalid_value"
      )
    }
    return name
  }

  private static var onlyWithTools: APIError {
    .invalid("tool_choice", "'tool_choice' is only allowed when 'tools' are specified.")
  }

  /// `response_format` of chat completions.
  static func responseFormat(_ members: Members) throws(APIError) -> ResponseFormat {
    guard let format = try members.members("response_format") else { return .text }
    switch try format.word("type", of: ["text", "json_object", "json_schema", "grammar"]) {
    case nil: throw .missing(format.path(to: "type"))
    case "json_object": return .jsonObject
    case "json_schema":
      guard let description = try format.members("json_schema") else { throw .missing(format.path(to: "json_schema")) }
      return try schema(description)
    case "grammar": return .grammar(try format.requiredString("grammar"))
    default: return .text
    }
  }

  /// The format of a schema that stands in the members of `description`.
  static func schema(_ description: Members) throws(APIError) -> ResponseFormat {
    let name = try description.requiredString("name")
    guard isName(name) else {
      throw .invalid(
        description.path(to: "name"),
        "Invalid '\(description.path(to: "name"))': expected 1 to 64 letters, digits, '_' or '-'.",
        code: "invalid_value")
    }
    _ = try description.string("description")
    guard let schema = try description.members("schema") else { throw .missing(description.path(to: "schema")) }
    return .jsonSchema(
      name: name, schema: .object(schema.object), isStrict: try description.bool("strict") ?? false)
  }
}
