import CLlama
import ModelInterface

/// Puts conversations into the words of a model's chat template.
struct ChatPrompt: Sendable {
  let model: LlamaModel

  /// The conversation as the model was trained to see it, ready for the assistant's turn.
  ///
  /// - Throws: ``GenerationError`` of kind `invalidRequest`, naming `messages`.
  func text(_ messages: [Message]) throws(GenerationError) -> String {
    let turns = try messages.map { message throws(GenerationError) in
      (role: message.role, text: try Self.text(of: message))
    }
    guard !turns.isEmpty else {
      throw GenerationError(
        .invalidRequest(parameter: "messages"), "the conversation is empty; send at least one message")
    }
    if let built = builtIn(turns) { return built }
    return Self.plain(turns)
  }

  /// The tokens of a conversation. Spellings of control tokens in what people wrote stay what they are: text.
  func tokens(_ messages: [Message]) throws(GenerationError) -> [TokenID] {
    let rendered = try text(messages)
    return model.tokenize(rendered, addsSpecial: !startsWithStart(rendered), parsesSpecial: true)
  }

  func startsWithStart(_ text: String) -> Bool {
    guard let start = model.startToken else { return false }
    let spelling = model.spelling(of: start)
    return !spelling.isEmpty && text.hasPrefix(spelling)
  }

  private static func text(of message: Message) throws(GenerationError) -> String {
    for part in message.content {
      guard case .text = part else {
        throw GenerationError(
          .invalidRequest(parameter: "messages"), "this model reads text only; a message holds another kind of part")
      }
    }
    return message.text
  }

  private func builtIn(_ turns: [(role: Message.Role, text: String)]) -> String? {
    guard let template = model.chatTemplate else { return nil }
    let roles = turns.map { ($0.role == .developer ? "system" : $0.role.rawValue).utf8CString.map { $0 } }
    let texts = turns.map { $0.text.utf8CString.map { $0 } }
    return withPointers(to: roles) { roles in
      withPointers(to: texts) { texts in
        let chat = zip(roles, texts).map { llama_chat_message(role: $0, content: $1) }
        var capacity = texts.count * 64 + turns.reduce(0) { $0 + $1.text.utf8.count } * 2
        for _ in 0..<2 {
          var buffer = [CChar](repeating: 0, count: capacity)
          let length = llama_chat_apply_template(template, chat, chat.count, true, &buffer, Int32(clamping: capacity))
          guard length >= 0 else { return nil }
          if Int(length) <= capacity {
            return String(decoding: buffer.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
          }
          capacity = Int(length)
        }
        return nil
      }
    }
  }

  private func withPointers<Result>(to strings: [[CChar]], _ body: ([UnsafePointer<CChar>]) -> Result) -> Result {
    func next(_ index: Int, _ pointers: [UnsafePointer<CChar>]) -> Result {
      guard index < strings.count else { return body(pointers) }
      return strings[index].withUnsafeBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return next(index + 1, pointers) }
        return next(index + 1, pointers + [base])
      }
    }
    return next(0, [])
  }

  /// For a model without a template: names and colons, which every base model can continue.
  private static func plain(_ turns: [(role: Message.Role, text: String)]) -> String {
    turns.map { "\($0.role == .assistant ? "Assistant" : $0.role == .user ? "User" : "System"): \($0.text)\n" }.joined()
      + "Assistant:"
  }
}
