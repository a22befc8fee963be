import ModelInterface

/// Reads `input` of `/v1/responses`: a text, or items of a conversation.
enum ResponsesInput {
  static func messages(_ members: Members, _ limits: RequestLimits) throws(APIError) -> [Message] {
    guard let value = members["input"] else { throw .missing("input") }
    switch value {
    case .string(let text): return [Message(role: .user, text: text)]
    case .array:
      var messages: [Message] = []
      for (index, element) in (try members.array("input", count: 1...limits.messages) ?? []).enumerated() {
        try add(try Members(element, path: "input[\(index)]"), to: &messages)
      }
      guard !messages.isEmpty else { throw .invalid("input", "'input' holds no message.", code: "empty_array") }
      return messages
    default:
      throw .wrongType("input", expected: "a string or an array of items", found: value)
    }
  }

  private static func add(_ item: Members, to messages: inout [Message]) throws(APIError) {
    switch try item.string("type") ?? "message" {
    case "message": messages.append(try message(item))
    case "function_call":
      let call = ToolCall(
        id: try item.requiredString("call_id"), name: try item.requiredString("name"),
        arguments: try item.requiredString("arguments"))
      if messages.last?.role == .assistant {
        messages[messages.count - 1].toolCalls.append(call)
      } else {
        messages.append(Message(role: .assistant, content: [], toolCalls: [call]))
      }
    case "function_call_output":
      guard item["output"] != nil else { throw .missing(item.path(to: "output")) }
      messages.append(
        Message(
          role: .tool, content: try content(item, "output"), toolCallID: try item.requiredString("call_id")))
    case "reasoning": break
    case let type:
      throw .invalid(
        item.path(to: "type"),
        "Items of the type '\(type.prefix(64))' are not offered. Supported values are: 'message', 'function_call', "
          + "'function_call_output', 'reasoning'.",
        code: "invalid_value")
    }
  }

  private static func message(_ item: Members) throws(APIError) -> Message {
    guard let word = try item.word("role", of: ["user", "assistant", "system", "developer"]),
      let role = Message.Role(rawValue: word)
    else { throw .missing(item.path(to: "role")) }
    guard item["content"] != nil else { throw .missing(item.path(to: "content")) }
    return Message(role: role, content: try content(item, "content"))
  }

  private static func content(_ item: Members, _ name: String) throws(APIError) -> [ContentPart] {
    if case .string(let text) = item[name] { return [.text(text)] }
    var parts: [ContentPart] = []
    for (index, element) in (try item.array(name, count: 0...4096) ?? []).enumerated() {
      let part = try Members(element, path: "\(item.path(to: name))[\(index)]")
      switch try part.requiredString("type") {
      case "input_text", "output_text", "text": parts.append(.text(try part.requiredString("text")))
      case "refusal": parts.append(.text(try part.requiredString("refusal")))
      case "input_image":
        let detail = try part.word("detail", of: ["auto", "low", "high"])
        parts.append(.image(url: try part.requiredString("image_url"), detail: detail))
      case "input_file", "input_audio": parts.append(.other(.object(part.object)))
      case let type:
        throw .invalid(
          part.path(to: "type"),
          "Invalid value: '\(type.prefix(64))'. Supported values are: 'input_text', 'output_text', 'input_image', "
            + "'input_file', 'input_audio', 'refusal'.",
          code: "invalid_value")
      }
    }
    return parts
  }
}
