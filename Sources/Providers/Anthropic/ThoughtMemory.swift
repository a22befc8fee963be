import ModelInterface
import Synchronization

/// Anthropic signs a model's thoughts and takes them back only with the signature, for which the OpenAI API has no place.
/// This remembers the blocks by their text, for as long as a conversation with tools usually lasts.
final class ThoughtMemory: Sendable {
  /// The most answers that are remembered; the oldest are forgotten first.
  static let limit = 1_024
  /// Thoughts that are longer, in bytes, are not remembered.
  static let maximumSize = 256 << 10

  private struct State {
    var blocks: [String: [JSONValue]] = [:]
    var order: [String] = []
    var next = 0
  }

  private let state = Mutex(State())

  /// Remembers the blocks of one answer under their text, joined.
  func remember(_ blocks: [JSONValue], text: String) {
    guard !blocks.isEmpty, !text.isEmpty, text.utf8.count <= Self.maximumSize else { return }
    state.withLock { state in
      guard state.blocks.updateValue(blocks, forKey: text) == nil else { return }
      if state.order.count < Self.limit {
        state.order.append(text)
      } else {
        state.blocks[state.order[state.next]] = nil
        state.order[state.next] = text
        state.next = (state.next + 1) % Self.limit
      }
    }
  }

  /// The blocks of that text; empty where they are unknown.
  func blocks(of text: String) -> [JSONValue] {
    state.withLock { $0.blocks[text] ?? [] }
  }
}
