/// One turn of a conversation.
public struct Message: Sendable, Hashable {
  /// Who speaks.
  public enum Role: String, Sendable, Hashable, CaseIterable {
    case system, developer, user, assistant, tool
  }

  /// Who speaks.
  public var role: Role
  /// What is said, in parts.
  public var content: [ContentPart]
  /// The speaker's name where several share a role.
  public var name: String?
  /// The calls an assistant made in this turn.
  public var toolCalls: [ToolCall]
  /// For a tool's turn, the call that it answers.
  public var toolCallID: String?
  /// What a reasoning model thought before it spoke, where the client sends it back.
  public var reasoning: String?

  /// A turn of text.
  public init(role: Role, text: String) {
    self.init(role: role, content: [.text(text)])
  }

  /// A turn of parts.
  public init(role: Role, content: [ContentPart], toolCalls: [ToolCall] = [], toolCallID: String? = nil) {
    self.role = role
    self.content = content
    self.toolCalls = toolCalls
    self.toolCallID = toolCallID
  }

  /// The text of all text parts, joined.
  public var text: String {
    content.map { if case .text(let text) = $0 { text } else { "" } }.joined()
  }
}

/// A part of what is said.
public enum ContentPart: Sendable, Hashable {
  /// Words.
  case text(String)
  /// A picture by URL or `data:` URL, with OpenAI's level of detail.
  case image(url: String, detail: String?)
  /// Any other part as the client wrote it, for an upstream that knows it.
  case other(JSONValue)
}

/// A function that a model may call.
public struct Tool: Sendable, Hashable {
  /// What the model calls it by: 1 to 64 letters, digits, `_` and `-`.
  public var name: String
  /// What it does and when to use it.
  public var summary: String?
  /// A JSON schema of its arguments; nil takes none.
  public var parameters: JSONValue?
  /// Whether arguments must validate against ``parameters`` exactly.
  public var isStrict: Bool

  /// A function.
  public init(name: String, summary: String? = nil, parameters: JSONValue? = nil, isStrict: Bool = false) {
    self.name = name
    self.summary = summary
    self.parameters = parameters
    self.isStrict = isStrict
  }
}

/// Whether a model may, must, or must not call a function.
public enum ToolChoice: Sendable, Hashable {
  /// As the model sees fit.
  case automatic
  /// Never.
  case none
  /// At least one.
  case required
  /// This one.
  case function(String)
}

/// A call that a model made.
public struct ToolCall: Sendable, Hashable {
  /// Unique within the conversation; the tool's answer refers to it.
  public var id: String
  /// The function.
  public var name: String
  /// Its arguments as the JSON text that the model wrote, which may be wrong.
  public var arguments: String

  /// A call.
  public init(id: String, name: String, arguments: String) {
    self.id = id
    self.name = name
    self.arguments = arguments
  }
}
