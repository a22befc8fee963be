import Synchronization

/// Tells a search that it is to end with what it has found, as if its time were over.
final class Hurry: Sendable {
  private struct State {
    var isOn = false
    var action: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())

  var isOn: Bool { state.withLock { $0.isOn } }

  func begin() {
    let action = state.withLock { state in
      state.isOn = true
      defer { state.action = nil }
      return state.action
    }
    action?()
  }

  /// Has something done when it begins, once; at once where it has begun already.
  func whenBegun(_ action: @escaping @Sendable () -> Void) {
    let isOn = state.withLock { state in
      if !state.isOn { state.action = action }
      return state.isOn
    }
    if isOn { action() }
  }
}

/// The searches that are waiting or running, by the requests that asked for them.
final class CodeSearches: Sendable {
  private struct Entry {
    let tenant: String
    let request: String
    let hurry: Hurry
  }

  private let entries = Mutex<[Entry]>([])

  func add(_ hurry: Hurry, tenant: String, request: String) {
    entries.withLock { $0.append(Entry(tenant: tenant, request: request, hurry: hurry)) }
  }

  func remove(_ hurry: Hurry) {
    entries.withLock { entries in entries.removeAll { $0.hurry === hurry } }
  }

  /// Hurries the searches of a request; false where there is none.
  func finish(tenant: String, request: String) -> Bool {
    let found = entries.withLock { entries in
      entries.filter { $0.tenant == tenant && $0.request == request }.map(\.hurry)
    }
    for hurry in found { hurry.begin() }
    return !found.isEmpty
  }

  /// Hurries all.
  func finishAll() {
    for hurry in entries.withLock({ $0.map(\.hurry) }) { hurry.begin() }
  }
}
