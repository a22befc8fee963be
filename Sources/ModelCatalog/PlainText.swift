import Foundation

/// The words of an HTML page for a terminal: no markup, scripts or styles, and no more than one blank line in a row.
enum PlainText {
  private static let breaking: Set<String> = [
    "p", "div", "br", "li", "ul", "ol", "tr", "table", "section", "article", "header", "footer", "nav", "main", "h1",
    "h2",
    "h3", "h4", "h5", "h6", "title", "option", "button",
  ]
  private static let silent: Set<String> = ["script", "style", "noscript", "template", "svg", "head", "nav", "footer"]
  private static let entities: [String: String] = [
    "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "nbsp": " ", "ldquo": "“", "rdquo": "”", "lsquo": "‘",
    "rsquo": "’", "ndash": "–", "mdash": "—", "copy": "©",
  ]

  static func of(html: String) -> String {
    var output = ""
    // Where the page marks its article, the site's menus around it are left out.
    let start = html.range(of: "<article")?.lowerBound ?? html.startIndex
    let end = html.range(of: "</article")?.lowerBound ?? html.endIndex
    var rest = Array(html[start..<max(start, end)].unicodeScalars)[...]
    var hidden: String?
    while let scalar = rest.popFirst() {
      if scalar == "<" {
        let tag = String(String.UnicodeScalarView(rest.prefix { $0 != ">" }))
        rest = rest.dropFirst(tag.unicodeScalars.count + 1)
        let closes = tag.hasPrefix("/")
        let name = String(tag.drop { $0 == "/" }.prefix { $0.isLetter || $0.isNumber }).lowercased()
        if let waiting = hidden {
          if closes, name == waiting { hidden = nil }
        } else if silent.contains(name), !closes, !tag.hasSuffix("/") {
          hidden = name
        } else if breaking.contains(name) {
          output += "\n"
        }
      } else if hidden == nil {
        output += scalar == "&" ? entity(&rest) : String(scalar)
      }
    }
    return tidied(output)
  }

  private static func entity(_ rest: inout ArraySlice<Unicode.Scalar>) -> String {
    let name = rest.prefix(10).prefix { $0 != ";" && $0 != " " && $0 != "<" }
    guard rest.dropFirst(name.count).first == ";" else { return "&" }
    let text = String(String.UnicodeScalarView(name))
    var found = entities[text]
    if found == nil, text.hasPrefix("#") {
      let digits = text.dropFirst()
      let code = digits.lowercased().hasPrefix("x") ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
      found = code.flatMap(Unicode.Scalar.init).map { String($0) }
    }
    guard let found else { return "&" }
    rest = rest.dropFirst(name.count + 1)
    return found
  }

  private static func tidied(_ text: String) -> String {
    var lines: [String] = []
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      let words = line.split { $0.isWhitespace }.joined(separator: " ")
      if words.isEmpty, lines.last?.isEmpty ?? true { continue }
      lines.append(words)
    }
    while lines.last?.isEmpty ?? false { lines.removeLast() }
    return lines.joined(separator: "\n")
  }
}
