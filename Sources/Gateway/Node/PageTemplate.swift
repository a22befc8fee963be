/// The frame that the playground's pages share: head, bar and end. A page's own file begins with a comment that says its
/// `title`, `description`, `styles` (perhaps several) and `script`, one a line, and goes on with its body.
struct PageTemplate {
  /// The frame's file among the playground's.
  static let name = "page.html"
  private let text: String

  init(_ bytes: [UInt8]) { text = String(decoding: bytes, as: UTF8.self) }

  /// The whole page; nil for a file that does not begin with such a comment, and so is whole by itself.
  func page(_ file: [UInt8]) -> [UInt8]? {
    guard file.starts(with: Array("<!--\ntitle: ".utf8)) else { return nil }
    let lines = String(decoding: file, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    guard let end = lines.firstIndex(of: "-->") else { return nil }
    var page = text
    for line in lines[1..<end] {
      let parts = line.split(separator: ":", maxSplits: 1).map { String($0) }
      guard parts.count == 2 else { continue }
      let value = String(parts[1].drop { $0 == " " })
      page.replace("{\(parts[0])}", with: parts[0] == "styles" ? Self.links(value) : value)
    }
    let body = lines[(end + 1)...].map { $0.isEmpty ? "" : "    " + $0 }.joined(separator: "\n")
    page.replace("{body}", with: body)
    return Array(page.utf8)
  }

  private static func links(_ styles: String) -> String {
    styles.split(separator: " ").map { "    <link rel=\"stylesheet\" href=\"/playground/\($0)\" />\n" }.joined()
  }
}
