/// Puts lines together into one message: a line that ends in a backslash goes on, and so does everything between two
/// lines of `"""`.
struct MultilineInput: Sendable {
  /// What has come together so far.
  enum Step: Sendable, Equatable {
    case more
    case message(String)
  }

  private static let fence = "\"\"\""
  private var lines: [String] = []
  private var isFenced = false

  /// Whether a message has begun that is not complete.
  var isOpen: Bool { isFenced || !lines.isEmpty }

  mutating func read(_ line: String) -> Step {
    if isFenced {
      guard line.hasSuffix(Self.fence) else {
        lines.append(line)
        return .more
      }
      let last = String(line.dropLast(Self.fence.count))
      if !last.isEmpty { lines.append(last) }
      return finish()
    }
    if lines.isEmpty, line.hasPrefix(Self.fence) {
      let rest = line.dropFirst(Self.fence.count)
      if rest.hasSuffix(Self.fence) { return .message(String(rest.dropLast(Self.fence.count))) }
      isFenced = true
      if !rest.isEmpty { lines.append(String(rest)) }
      return .more
    }
    if line.hasSuffix("\\") {
      lines.append(String(line.dropLast()))
      return .more
    }
    lines.append(line)
    return finish()
  }

  /// Forgets what has come together.
  mutating func reset() {
    lines = []
    isFenced = false
  }

  private mutating func finish() -> Step {
    defer { reset() }
    return .message(lines.joined(separator: "\n"))
  }
}
