import ModelInterface

/// `truncation: auto`: a conversation that does not fit into the context window loses its oldest turns.
enum ConversationTruncation {
  /// The most times that a conversation is shortened for one request.
  static let maximumTries = 8

  /// The conversation without as many of its oldest turns as are likely too many; nil where none can go.
  ///
  /// Instructions (system and developer turns) and the last turn stay, and a tool's answer goes with the call that it answers.
  /// - Parameters:
  ///   - limit: tokens that fit; 0 where that is not known.
  ///   - requested: tokens that there are; 0 where that is not known.
  static func shortened(_ messages: [Message], limit: Int, requested: Int) -> [Message]? {
    let sizes = messages.map(size)
    let total = sizes.reduce(0, +)
    // A little less than fits, for tokens are not spread evenly over the text.
    let share = limit > 0 && requested > limit ? 0.95 * Double(limit) / Double(requested) : 0.5
    var excess = total - Int(Double(total) * share)
    var kept: [Message] = []
    var dropped: Set<String> = []
    var isShorter = false
    for (index, message) in messages.enumerated() {
      let isLast = index == messages.count - 1
      let isInstruction = message.role == .system || message.role == .developer
      let isOrphan = message.toolCallID.map(dropped.contains) ?? false
      guard !isInstruction, !isLast, excess > 0 || isOrphan else {
        kept.append(message)
        continue
      }
      excess -= sizes[index]
      dropped.formUnion(message.toolCalls.map(\.id))
      isShorter = true
    }
    return isShorter ? kept : nil
  }

  /// About how long a turn is, in bytes, with what a template puts around it.
  private static func size(_ message: Message) -> Int {
    message.toolCalls.reduce(message.text.utf8.count + 16) { $0 + $1.name.utf8.count + $1.arguments.utf8.count }
  }
}
