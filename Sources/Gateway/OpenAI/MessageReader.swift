import ModelInterface

/// Reads `messages` of chat completions.
enum MessageReader {
  private static let known: Set<String> = [
    "role", "content", "name", "tool_calls", "tool_call_id", "refusal", "audio", "annotations", "function_call",
    "reasoning_content", "reasoning",
  ]

  static func messages(_ members: Members, _ limits: RequestLimits) throws(APIError) -> [Message] {
    guard let elements = try members.array("messages", count: 1...limits.messages) else { throw .missing("messages") }
    var messages: [Message] = []
    messages.reserveCapacity(elements.count)
    for (index, element) in elements.enumerated() {
      messages.append(try message(try Members(element, path: "messages[\(index)]")))
    }
    return messages
  }

  private static func message(_ members: Members) throws(APIError) -> Message {
    try members.refuseUnknown(besides: known)
    guard let word = try members.word("role", of: Message.Role.allCases.map(\.rawValue)),
      let role = Message.Role(rawValue: word)
    else { throw .missing(members.path(to: "role")) }
    var message = Message(role: role, content: try content(members, "content"))
    message.name = try members.string("name")
    if members["function_call"] != nil {
      throw .invalid(
        members.path(to: "function_call"), "'function_call' is no longer offered; use 'tool_calls'.",
        code: "unsupported_parameter")
    }
    if role == .assistant {
      message.toolCalls = try toolCalls(members)
      let reasoning = try members.string("reasoning_content")
      message.reasoning = if let reasoning { reasoning } else { try members.string("reasoning") }
      if message.content.isEmpty, let refusal = try members.string("refusal") { message.content = [.text(refusal)] }
    } else if members["content"] == nil {
      throw .missing(members.path(to: "content"))
    }
    if role == .tool {
      message.toolCallID = try members.requiredString("tool_call_id")
    }
    return message
  }

  private static func toolCalls(_ members: Members) throws(APIError) -> [ToolCall] {
    var calls: [ToolCall] = []
    for (index, element) in (try members.array("tool_calls", count: 0...128) ?? []).enumerated() {
      let call = try Members(element, path: "\(members.path(to: "tool_calls"))[\(index)]")
      _ = try call.word("type", of: ["function"])
      guard let function = try call.members("function") else { throw .missing(call.path(to: "function")) }
      calls.append(
        ToolCall(
          id: try call.requiredString("id"), name: try function.requiredString("name"),
          arguments: try function.requiredString("arguments")))
    }
    return calls
  }

  /// A text, or parts.
  static func content(_ members: Members, _ name: String) throws(APIError) -> [ContentPart] {
    guard let value = members[name] else { return [] }
    switch value {
    case .string(let text): return [.text(text)]
    case .array(let elements):
      var parts: [ContentPart] = []
      for (index, element) in elements.enumerated() {
        parts.append(try part(try Members(element, path: "\(members.path(to: name))[\(index)]")))
      }
      return parts
    default:
      throw .wrongType(members.path(to: name), expected: "a string or an array of content parts", found: value)
    }
  }

  private static func part(_ members: Members) throws(APIError) -> ContentPart {
    switch try members.requiredString("type") {
    case "text": return .text(try members.requiredString("text"))
    case "refusal": return .text(try members.requiredString("refusal"))
    case "image_url":
      guard let image = try members.members("image_url") else { throw .missing(members.path(to: "image_url")) }
      return .image(
        url: try image.requiredString("url"), detail: try image.word("detail", of: ["auto", "low", "high"]))
    case "input_audio", "file": return .other(.object(members.object))
    case let other:
      throw .invalid(
        members.path(to: "type"),
        "Invalid value: '\(other.prefix(64))'. Supported values are: 'text', 'image_url', 'input_audio', 'file', 'refusal'.",
        code: "invalid_value")
    }
  }
}
