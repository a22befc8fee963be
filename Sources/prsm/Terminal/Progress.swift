import Foundation
import Synchronization

/// A line on standard error that shows how far something is. Appears once it has taken over a second, and on a terminal
/// only.
final class Progress: Sendable {
  private struct State {
    var isShown = false
    var shownAt: ContinuousClock.Instant?
  }

  private let label: String
  private let isTerminal: Bool
  private let style: Style
  private let began = ContinuousClock.now
  private let state = Mutex(State())

  init(_ label: String, environment: [String: String] = ProcessInfo.processInfo.environment) {
    self.label = label
    isTerminal = isatty(STDERR_FILENO) == 1 && environment["TERM"] != "dumb"
    style = Style(descriptor: STDERR_FILENO, environment: environment)
  }

  /// Shows how much of a known amount of bytes is done.
  func update(bytes done: Int, of total: Int?) {
    guard let total, total > 0 else { return update(ByteCount.text(done)) }
    let share = min(1, Double(done) / Double(total))
    let cells = Int((share * 24).rounded(.down))
    let bar = String(repeating: "█", count: cells) + style.dim(String(repeating: "░", count: 24 - cells))
    update("\(bar) \(Int(share * 100)) %  \(ByteCount.text(done)) of \(ByteCount.text(total))")
  }

  /// Shows a text.
  func update(_ text: String) {
    guard isTerminal else { return }
    let now = ContinuousClock.now
    let isDue = state.withLock { state in
      guard now - began >= .seconds(1) else { return false }
      if let last = state.shownAt, now - last < .milliseconds(80) { return false }
      state.isShown = true
      state.shownAt = now
      return true
    }
    if isDue { Output.sideWrite("\r\u{1B}[K\(label)  \(text)") }
  }

  /// Takes the line away.
  func finish() {
    let wasShown = state.withLock { state in
      defer { state.isShown = false }
      return state.isShown
    }
    if wasShown { Output.sideWrite("\r\u{1B}[K") }
  }
}
