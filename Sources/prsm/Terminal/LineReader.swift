import Foundation
import Synchronization

/// Reads lines from a person at a terminal, with editing. Puts the terminal into raw mode for as long as one line takes.
final class LineReader {
  /// What came.
  enum Input: Equatable {
    case line(String)
    case interrupted(wasEmpty: Bool)
    case ended
  }

  private let style: Style
  private var decoder = KeyDecoder()
  private var waiting: [Key] = []

  init(style: Style) {
    self.style = style
  }

  /// Reads a line. Blocks the thread, for a person is slow.
  func read(
    prompt: String, shownPrompt: String, history: [String], completions: @escaping @Sendable (String) -> [String]
  ) -> Input {
    guard let terminal = RawTerminal() else { return .ended }
    defer { terminal.restore() }
    var editor = LineEditor(history: history, completions: completions)
    var layout: LineLayout?

    func draw() {
      let searched = editor.searchPattern.map { "(search) `\($0)`: " }
      let next = LineLayout(
        prompt: searched ?? prompt, text: editor.text, cursor: editor.cursor, width: RawTerminal.width)
      Output.write(next.drawing(shownPrompt: searched ?? shownPrompt, text: editor.text, from: layout))
      layout = next
    }
    func leave() {
      _ = editor.press(.end)
      let rows = (layout?.end.row ?? 0) - (layout?.cursor.row ?? 0)
      Output.write((rows > 0 ? "\u{1B}[\(rows)B" : "") + "\r\n")
    }

    draw()
    while true {
      guard let key = nextKey() else {
        leave()
        return .ended
      }
      switch editor.press(key) {
      case .redraw: draw()
      case .nothing: break
      case .accepted(let line):
        leave()
        return .line(line)
      case .interrupted(let wasEmpty):
        leave()
        return .interrupted(wasEmpty: wasEmpty)
      case .ended:
        leave()
        return .ended
      case .candidates(let candidates):
        leave()
        Output.write(candidates.joined(separator: "  ") + "\r\n")
        layout = nil
        draw()
      case .clearScreen:
        Output.write("\u{1B}[H\u{1B}[2J")
        layout = nil
        draw()
      case .suspend:
        terminal.restore()
        raise(SIGTSTP)
        terminal.enter()
        layout = nil
        draw()
      }
    }
  }

  private func nextKey() -> Key? {
    while waiting.isEmpty {
      if decoder.isIncomplete, !RawTerminal.hasInput(within: 100) {
        decoder.flush()
        if !decoder.isIncomplete { continue }
      }
      var bytes = [UInt8](repeating: 0, count: 4_096)
      let count = Foundation.read(STDIN_FILENO, &bytes, bytes.count)
      if count < 0, errno == EINTR || errno == EAGAIN {
        _ = RawTerminal.hasInput(within: 1_000)
        continue
      }
      guard count > 0 else { return nil }
      waiting = decoder.read(bytes.prefix(count))
    }
    return waiting.removeFirst()
  }
}

/// The terminal on standard input, handing over keys one by one instead of whole lines.
final class RawTerminal {
  private let usual: termios

  /// Nil where standard input is not a terminal.
  ///
  /// - Parameter isQuiet: keys are kept for later and not shown, and Ctrl-C is a signal: for while an answer is written.
  init?(isQuiet: Bool = false) {
    var attributes = termios()
    guard tcgetattr(STDIN_FILENO, &attributes) == 0 else { return nil }
    usual = attributes
    if isQuiet { enterQuietly() } else { enter() }
  }

  private func enterQuietly() {
    var quiet = usual
    quiet.c_lflag &= ~tcflag_t(ECHO | ICANON)
    Self.saved.withLock { $0 = usual }
    tcsetattr(STDIN_FILENO, TCSADRAIN, &quiet)
  }

  func enter() {
    var raw = usual
    raw.c_iflag &= ~tcflag_t(BRKINT | ICRNL | INPCK | ISTRIP | IXON)
    raw.c_cflag |= tcflag_t(CS8)
    raw.c_lflag &= ~tcflag_t(ECHO | ICANON | IEXTEN | ISIG)
    Self.saved.withLock { $0 = usual }
    tcsetattr(STDIN_FILENO, TCSADRAIN, &raw)
    Output.write("\u{1B}[?2004h")
  }

  func restore() {
    Self.restoreSaved()
  }

  /// What the terminal was before, for whoever has to put it right when the program is told to stop.
  private static let saved = Mutex<termios?>(nil)

  static func restoreSaved() {
    let attributes = saved.withLock { saved in
      defer { saved = nil }
      return saved
    }
    guard var attributes else { return }
    Output.write("\u{1B}[?2004l")
    tcsetattr(STDIN_FILENO, TCSADRAIN, &attributes)
  }

  /// The columns of the terminal on standard output; 80 where it does not say.
  static var width: Int {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 1 else { return 80 }
    return Int(size.ws_col)
  }

  static func hasInput(within milliseconds: Int32) -> Bool {
    var descriptor = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    return poll(&descriptor, 1, milliseconds) > 0
  }
}
