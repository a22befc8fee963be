import ModelInterface

/// A conversation so far.
struct Conversation: Sendable, Equatable {
  /// The most turns that are kept; the oldest, but not the system's, go first.
  static let maximumTurns = 1_000

  var system: String?
  var model: String
  private(set) var turns: [Message] = []

  init(system: String?, model: String) {
    self.system = system
    self.model = model
  }

  /// What the model is given.
  var messages: [Message] {
    (system.map { [Message(role: .system, text: $0)] } ?? []) + turns
  }

  mutating func ask(_ question: String) {
    turns.append(Message(role: .user, text: question))
    if turns.count > Self.maximumTurns { turns.removeFirst(turns.count - Self.maximumTurns) }
  }

  mutating func answer(_ text: String) {
    turns.append(Message(role: .assistant, text: text))
  }

  /// Takes back the last question, which was not answered.
  mutating func withdrawQuestion() {
    if turns.last?.role == .user { turns.removeLast() }
  }

  /// Takes back the last answer, so that its question can be asked again.
  ///
  /// - Returns: whether there is a question to ask again.
  mutating func withdrawAnswer() -> Bool {
    if turns.last?.role == .assistant { turns.removeLast() }
    return turns.last?.role == .user
  }

  mutating func clear() {
    turns = []
  }

  /// As a page of Markdown.
  var markdown: String {
    var text = "# Conversation with \(model)\n"
    for message in messages {
      let speaker =
        switch message.role {
        case .user: "You"
        case .assistant: model
        default: "System"
        }
      text += "\n## \(speaker)\n\n\(message.text)\n"
    }
    return text
  }
}
