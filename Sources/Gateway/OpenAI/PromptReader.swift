import ModelInterface

/// Reads prompts, which may be a text, several texts, tokens, or several arrays of tokens.
enum PromptReader {
  static func prompts(_ members: Members, _ name: String, limit: Int) throws(APIError) -> [Prompt] {
    guard let value = members[name] else { throw .missing(members.path(to: name)) }
    let path = members.path(to: name)
    switch value {
    case .string(let text): return [.text(text)]
    case .array(let elements):
      guard let first = elements.first else {
        throw .invalid(path, "Invalid '\(path)': the array is empty.", code: "empty_array")
      }
      if case .number = first { return [.tokens(try tokens(elements, path))] }
      guard elements.count <= limit else {
        throw .invalid(
          path, "Invalid '\(path)': at most \(limit) prompts in one request, found \(elements.count).",
          code: "array_above_max_length")
      }
      var prompts: [Prompt] = []
      prompts.reserveCapacity(elements.count)
      for (index, element) in elements.enumerated() {
        switch element {
        case .string(let text): prompts.append(.text(text))
        case .array(let numbers): prompts.append(.tokens(try tokens(numbers, "\(path)[\(index)]")))
        default: throw .wrongType("\(path)[\(index)]", expected: "a string or an array of tokens", found: element)
        }
      }
      return prompts
    default:
      throw .wrongType(path, expected: "a string, an array of strings, or arrays of tokens", found: value)
    }
  }

  private static func tokens(_ elements: [JSONValue], _ path: String) throws(APIError) -> [TokenID] {
    guard !elements.isEmpty else {
      throw .invalid(path, "Invalid '\(path)': the array of tokens is empty.", code: "empty_array")
    }
    var tokens: [TokenID] = []
    tokens.reserveCapacity(elements.count)
    for (index, element) in elements.enumerated() {
      guard let integer = element.integer, integer >= 0, let token = TokenID(exactly: integer) else {
        throw .wrongType("\(path)[\(index)]", expected: "a token, which is an integer from 0", found: element)
      }
      tokens.append(token)
    }
    return tokens
  }
}
