import ModelInterface

/// Puts conversations into the words of a model's chat template.
struct ChatPrompt: Sendable {
  let model: LlamaModel

  /// What a conversation becomes.
  struct Rendered {
    var text: String
    /// Spellings of control tokens that people wrote; each stands in ``text`` as a mark.
    var spellings: [String]
    /// Whether functions are described in our words because the template has none for them.
    var describesTools = false
  }

  /// The conversation as the model was trained to see it, ready for the assistant's turn.
  ///
  /// - Throws: ``GenerationError`` of kind `invalidRequest`, naming `messages`.
  func render(
    _ messages: [Message], tools: [Tool] = [], extra: JSONObject = [:], guardsControlTokens: Bool = true
  ) throws(GenerationError) -> Rendered {
    guard !messages.isEmpty else {
      throw GenerationError(
        .invalidRequest(parameter: "messages"), "the conversation is empty; send at least one message")
    }
    let template = model.chatTemplate
    let describesTools = !tools.isEmpty && template?.knowsTools != true
    let knowsCalls = template.map { $0.knowsTools || $0.source.contains("tool_calls") } ?? false
    var marks = ControlMarks(spellings: guardsControlTokens ? model.controlSpellings : [])
    var turns: [Turn] = []
    for message in messages { turns.append(try Turn(message, knowsCalls: knowsCalls, marks: &marks)) }
    if describesTools { Turn.addSystem(marks.guarded(ToolPrompt.text(tools)), to: &turns) }
    var variables: [String: TemplateValue] = [
      "add_generation_prompt": .bool(true),
      "bos_token": .string(model.startToken.map { model.spelling(of: $0) } ?? ""),
      "eos_token": .string(model.endToken.map { model.spelling(of: $0) } ?? ""),
    ]
    if !tools.isEmpty, !describesTools { variables["tools"] = .list(tools.map { marks.guarded(ToolPrompt.json($0)) }) }
    for member in extra.members.prefix(16) { variables[member.name] = TemplateValue(member.value) }
    let text = try render(turns, template, variables)
    return Rendered(text: text, spellings: marks.found, describesTools: describesTools)
  }

  /// The tokens of what was rendered. Spellings of control tokens that people wrote stay what they are: text.
  func tokens(_ rendered: Rendered) -> [TokenID] {
    let addsSpecial = !startsWithStart(rendered.text)
    guard !rendered.spellings.isEmpty else {
      return model.tokenize(rendered.text, addsSpecial: addsSpecial, parsesSpecial: true)
    }
    var tokens: [TokenID] = []
    for (index, part) in ControlMarks.parts(of: rendered.text, rendered.spellings).enumerated() {
      switch part {
      case .template(let text):
        tokens += model.tokenize(text, addsSpecial: addsSpecial && index == 0, parsesSpecial: true)
      case .written(let text): tokens += model.tokenize(text, addsSpecial: false, parsesSpecial: false)
      }
    }
    return tokens
  }

  private func startsWithStart(_ text: String) -> Bool {
    guard let start = model.startToken else { return false }
    let spelling = model.spelling(of: start)
    return !spelling.isEmpty && text.hasPrefix(spelling)
  }

  private func render(
    _ turns: [Turn], _ template: ChatTemplate?, _ variables: [String: TemplateValue]
  ) throws(GenerationError) -> String {
    var variables = variables
    do throws(TemplateError) {
      let template = if let template { template } else { try ChatTemplate(ChatTemplate.fallback) }
      variables["messages"] = .list(turns.map(\.value))
      do throws(TemplateError) {
        return try template.render(variables)
      } catch {
        // Some templates know no system turn; its words then go in front of the first user's.
        guard error.isRefusal, let merged = Turn.withoutSystem(turns) else { throw error }
        variables["messages"] = .list(merged.map(\.value))
        return try template.render(variables)
      }
    } catch {
      throw GenerationError(
        .invalidRequest(parameter: "messages"),
        error.isRefusal
          ? "the chat template of \(model.name) refuses the conversation: \(error.reason)"
          : "the chat template of \(model.name) cannot be rendered: \(error.reason)")
    }
  }
}

/// A message in a template's terms.
struct Turn {
  private(set) var role: String
  private(set) var content: String
  private var others: [(name: String, value: TemplateValue)] = []

  private init(role: String, content: String) {
    self.role = role
    self.content = content
  }

  /// - Throws: ``GenerationError`` of kind `invalidRequest` for what is not text.
  init(_ message: Message, knowsCalls: Bool, marks: inout ControlMarks) throws(GenerationError) {
    for part in message.content {
      guard case .text = part else {
        throw GenerationError(
          .invalidRequest(parameter: "messages"),
          "this model reads text only, and a message holds a picture or another kind of part; leave it out")
      }
    }
    role = message.role == .developer ? "system" : message.role.rawValue
    content = marks.guarded(message.text)
    if let name = message.name { others.append(("name", .string(marks.guarded(name)))) }
    if let reasoning = message.reasoning {
      others.append(("reasoning_content", .string(marks.guarded(reasoning))))
    }
    guard knowsCalls else {
      for call in message.toolCalls { content += (content.isEmpty ? "" : "\n") + ToolPrompt.written(call, &marks) }
      if message.role == .tool {
        role = "user"
        content = "<tool_response>\n" + content + "\n</tool_response>"
      }
      return
    }
    if !message.toolCalls.isEmpty {
      others.append(("tool_calls", .list(message.toolCalls.map { ToolPrompt.value($0, &marks) })))
    }
    if let id = message.toolCallID { others.append(("tool_call_id", .string(marks.guarded(id)))) }
  }

  var value: TemplateValue { .dictionary([("role", .string(role)), ("content", .string(content))] + others) }

  /// Adds words to the first system turn, or puts one in front.
  static func addSystem(_ text: String, to turns: inout [Turn]) {
    if turns.first?.role == "system" {
      turns[0].content += "\n\n" + text
    } else {
      turns.insert(Turn(role: "system", content: text), at: 0)
    }
  }

  /// The conversation with the system's words in front of the first user's; nil where there are none.
  static func withoutSystem(_ turns: [Turn]) -> [Turn]? {
    let system = turns.filter { $0.role == "system" }.map(\.content).joined(separator: "\n\n")
    var rest = turns.filter { $0.role != "system" }
    guard rest.count < turns.count else { return nil }
    if let first = rest.firstIndex(where: { $0.role == "user" }) {
      rest[first].content = system + "\n\n" + rest[first].content
    } else {
      rest.insert(Turn(role: "user", content: system), at: 0)
    }
    return rest
  }
}
