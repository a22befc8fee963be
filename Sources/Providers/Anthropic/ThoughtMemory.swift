import ModelInterface
import Synchronization

/// Anthropic signs a model's thoughts and takes them back only with the signature, for which the OpenAI API has no place.
/// This remembers the blocks by their text, and by the calls that followed them for clients that send no thoughts back, for as
/// long as a conversation with tools usually lasts.
final class ThoughtMemory: Sendable {
  /// The most answers that are remembered; the oldest are forgotten first.
  static let limit = 1_024
  /// Thoughts that are longer, in bytes, are not remembered.
  static let maximumSize = 256 << 10

  private enum Key: Hashable {
    case text(String)
    case call(String)
  }

  private struct State {
    var blocks: [Key: [JSONValue]] = [:]
    var order: [[Key]] = []
    var next = 0
  }

  private let state = Mutex(State())

  /// Remembers the blocks of one answer under their text, joined, and under the first of its calls.
  func remember(_ blocks: [JSONValue], text: String, call: String? = nil) {
    guard !blocks.isEmpty, text.utf8.count <= Self.maximumSize else { return }
    let keys = (text.isEmpty ? [] : [Key.text(text)]) + (call.map { [Key.call($0)] } ?? [])
    guard !keys.isEmpty else { return }
    state.withLock { state in
      let isKnown = keys.allSatisfy { state.blocks[$0] != nil }
      for key in keys { state.blocks[key] = blocks }
      guard !isKnown else { return }
      if state.order.count < Self.limit {
        state.order.append(keys)
      } else {
        for key in state.order[state.next] where !keys.contains(key) { state.blocks[key] = nil }
        state.order[state.next] = keys
        state.next = (state.next + 1) % Self.limit
      }
    }
  }

  /// The blocks of a turn, by its thoughts or its first call; empty where they are unknown.
  func blocks(of text: String?, call: String?) -> [JSONValue] {
    state.withLock { state in
      text.flatMap { state.blocks[.text($0)] } ?? call.flatMap { state.blocks[.call($0)] } ?? []
    }
  }
}
