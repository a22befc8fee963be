import ModelInterface
import Synchronization

/// Responses that can be asked for again and continued, until newer ones push them out. In memory only: what a client
/// needs for longer it keeps itself.
final class ResponseStore: Sendable {
  struct Stored: Sendable {
    var tenant: String
    var body: [UInt8]
    var conversation: [Message]

    var size: Int {
      conversation.reduce(body.count) { size, message in
        size + message.content.reduce(64) { $0 + Self.size(of: $1) }
          + message.toolCalls.reduce(0) { $0 + $1.arguments.utf8.count + 64 }
      }
    }

    private static func size(of part: ContentPart) -> Int {
      switch part {
      case .text(let text): text.utf8.count
      case .image(let url, _): url.utf8.count
      case .other(let value): value.bytes.count
      }
    }
  }

  private struct State {
    var responses: [String: Stored] = [:]
    var order: [String] = []
    var bytes = 0

    mutating func remove(_ id: String) {
      guard let stored = responses.removeValue(forKey: id) else { return }
      bytes -= stored.size
      order.removeAll { $0 == id }
    }
  }

  private let state = Mutex(State())
  private let count: Int
  private let bytes: Int

  init(_ limits: RequestLimits) {
    count = limits.storedResponses
    bytes = limits.storedBytes
  }

  func keep(_ id: String, _ stored: Stored) {
    let size = stored.size
    guard size <= bytes, count > 0 else { return }
    state.withLock { state in
      state.responses[id] = stored
      state.order.append(id)
      state.bytes += size
      while state.order.count > count || state.bytes > bytes, let oldest = state.order.first { state.remove(oldest) }
    }
  }

  /// A response of that tenant's own.
  func find(_ id: String, tenant: String) -> Stored? {
    state.withLock { $0.responses[id] }.flatMap { $0.tenant == tenant ? $0 : nil }
  }

  /// - Returns: whether there was one.
  func remove(_ id: String, tenant: String) -> Bool {
    state.withLock { state in
      guard state.responses[id]?.tenant == tenant else { return false }
      state.remove(id)
      return true
    }
  }
}
