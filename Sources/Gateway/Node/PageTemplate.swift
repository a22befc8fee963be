/// The frame that the playground's pages share: head, bar and end.
///
/// A page's own file begins with a comment that says its `title`, `description`, `styles` (perhaps several) and `script`,
/// one a line, and goes on with its body. Other parts of its own come before the body, each behind a line such as
/// `<!-- bar-end -->`: `skip`, `bar-start`, `bar-end`, and then `body`.
struct PageTemplate {
  /// The frame's file among the playground's.
  static let name = "page.html"
  /// The parts of a page that has none of its own.
  private static let usual = [
    "skip": "    <a class=\"skip\" href=\"#content\">Skip to the content</a>\n",
    "bar-start": "",
    "bar-end":
      "      <span class=\"bar-end\"><button id=\"theme\" type=\"button\" class=\"quiet\"></button></span>\n",
  ]
  private let text: String

  init(_ bytes: [UInt8]) { text = String(decoding: bytes, as: UTF8.self) }

  /// The whole page; nil for a file that does not begin with such a comment, and so is whole by itself.
  func page(_ file: [UInt8]) -> [UInt8]? {
    guard file.starts(with: Array("<!--\ntitle: ".utf8)) else { return nil }
    let lines = String(decoding: file, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    guard let end = lines.firstIndex(of: "-->") else { return nil }
    var parts = Self.usual
    for line in lines[1..<end] {
      let words = line.split(separator: ":", maxSplits: 1).map { String($0) }
      guard words.count == 2 else { continue }
      let value = String(words[1].drop { $0 == " " })
      parts[words[0]] = words[0] == "styles" ? Self.links(value) : value
    }
    var part = "body"
    // The file ends with a line's end, behind which there is nothing.
    for line in lines[(end + 1)...].dropLast() {
      if line.hasPrefix("<!-- "), line.hasSuffix(" -->") {
        part = String(line.dropFirst(5).dropLast(4))
        parts[part] = ""
      } else {
        parts[part, default: ""] += line.isEmpty ? "\n" : "    \(line)\n"
      }
    }
    var page = text
    // What stands in a body is never taken for a place in the frame.
    let body = parts.removeValue(forKey: "body") ?? ""
    for (name, value) in parts { page.replace("{\(name)}", with: value) }
    page.replace("{body}", with: body)
    return Array(page.utf8)
  }

  private static func links(_ styles: String) -> String {
    styles.split(separator: " ").map { "    <link rel=\"stylesheet\" href=\"/playground/\($0)\" />\n" }.joined()
  }
}
