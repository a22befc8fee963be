import Foundation

extension Form<String> {
  /// Any text that is not empty.
  static func word(_ expected: String) -> Form<String> {
    .text(expected) { $0.isEmpty ? nil : $0 }
  }

  /// One of some words.
  static func oneOf(_ words: [String]) -> Form<String> {
    .text(words.map { "`\($0)`" }.joined(separator: " or ")) { words.contains($0) ? $0 : nil }
  }

  /// A path, in which a leading `~/` stands for the user's own folder.
  static func path(_ what: String) -> Form<String> {
    .text("the path of \(what)") { text in
      guard !text.isEmpty, !text.utf8.contains(0) else { return nil }
      return FilePath.expandingHome(text)
    }
  }

  /// The address of an HTTP service.
  static let url = Form<String>.text("a URL such as `http://127.0.0.1:4318`") { text in
    guard let url = URL(string: text), let scheme = url.scheme?.lowercased(), ["http", "https"].contains(scheme),
      let host = url.host(), !host.isEmpty
    else { return nil }
    return text
  }
}

extension Form<Bool> {
  static let truth = Form<Bool>.text("`true` or `false`") { text in
    switch text.lowercased() {
    case "true", "yes", "on", "1": true
    case "false", "no", "off", "0": false
    default: nil
    }
  }
}

extension Form<Int> {
  /// A whole number in a range.
  static func integer(_ range: ClosedRange<Int>) -> Form<Int> {
    let expected =
      range.upperBound == .max
      ? "a whole number of at least \(range.lowerBound)"
      : "a whole number from \(range.lowerBound) to \(range.upperBound)"
    return .text(expected) { text in
      Int(text.replacing("_", with: "")).flatMap { range.contains($0) ? $0 : nil }
    }
  }

  /// A number of bytes, with a unit or without.
  static func bytes(_ range: ClosedRange<Int>) -> Form<Int> {
    .text("a size from \(ByteCount.text(range.lowerBound)) to \(ByteCount.text(range.upperBound)), such as `64 MiB`") {
      text in ByteCount.parse(text).flatMap { range.contains($0) ? $0 : nil }
    }
  }
}

extension Form<Duration> {
  /// A length of time with its unit.
  static func duration(_ range: ClosedRange<Duration>) -> Form<Duration> {
    .text(
      "a time from \(DurationText.text(range.lowerBound)) to \(DurationText.text(range.upperBound)), such as `30s` or `5m`"
    ) { text in DurationText.parse(text).flatMap { range.contains($0) ? $0 : nil } }
  }
}

extension Form<ListenAddress> {
  static let listenAddress = Form<ListenAddress>.text(
    "an address and port such as `127.0.0.1:8080`, `[::1]:8080` or `:8080`"
  ) { ListenAddress($0) }
}

extension Form<Secret> {
  /// A secret: the text itself in an environment variable, but in the file only where to find it.
  static let secret = Form<Secret>(
    "`{env: NAME}` or `{file: PATH}`; a secret is not written into the configuration itself"
  ) { tree throws(Misfit) in
    switch tree.content {
    case .text(let text) where tree.line == 0 && !text.isEmpty: return Secret(.value(text))
    case .text: throw Misfit(found: "a text")
    case .map(let entries):
      guard entries.count == 1, let entry = entries.first, case .text(let text) = entry.value.content, !text.isEmpty
      else { throw Misfit() }
      switch entry.key {
      case "env": return Secret(.environment(text))
      case "file": return Secret(.file(FilePath.expandingHome(text)))
      default: throw Misfit(found: "`\(entry.key)`", line: entry.line)
      }
    case .nothing, .list: throw Misfit()
    }
  }
}
