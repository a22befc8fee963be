/// The `_redirects` file of a site (https://specs.ipfs.tech/http-gateways/web-redirects-file/).
package struct Redirects: Hashable, Sendable {
  /// The most bytes of the file.
  package static let maximumSize = 64 << 10

  /// What to do with a path that is not there.
  package struct Target: Hashable, Sendable {
    /// A path of the same site, or an `http` or `https` URL.
    package let location: String
    /// 200 (serve what lies at the location), 301, 302, 303, 307, 308, 404, 410, 451.
    package let status: Int

    package init(location: String, status: Int) {
      self.location = location
      self.status = status
    }
  }

  private struct Rule: Hashable, Sendable {
    let from: [String]
    let location: String
    let status: Int
  }

  private let rules: [Rule]

  /// Reads the file's bytes.
  ///
  /// - Throws: `.tooLarge`, `.malformed` with the line at fault; a gateway answers 500 then.
  package init(_ bytes: [UInt8]) throws(ContentError) {
    guard bytes.count <= Self.maximumSize else {
      throw ContentError(
        .tooLarge,
        "could not parse _redirects: redirects file size cannot exceed \(Self.maximumSize) bytes, found \(bytes.count)")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw ContentError(.malformed, "could not parse _redirects: it is not UTF-8")
    }
    var rules: [Rule] = []
    for (number, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
      let words = line.split { $0 == " " || $0 == "\t" }.prefix { !$0.hasPrefix("#") }.map { String($0) }
      if words.isEmpty { continue }
      func fault(_ what: String) -> ContentError {
        ContentError(.malformed, "could not parse _redirects: line \(number + 1): \(what)")
      }
      guard words.count == 2 || words.count == 3 else { throw fault("expected from, to and perhaps a status") }
      guard words[0].hasPrefix("/") else { throw fault("from must begin with a slash") }
      guard words[1].hasPrefix("/") || words[1].hasPrefix("https://") || words[1].hasPrefix("http://") else {
        throw fault("to must be a path or a URL")
      }
      let from = PathResolver.segments(words[0])
      if let star = from.firstIndex(where: { $0.contains("*") }), star != from.count - 1 || from[star] != "*" {
        throw fault("an asterisk stands alone at the end")
      }
      var status = 301
      if words.count == 3 {
        guard let given = Int(words[2]), [200, 301, 302, 303, 307, 308, 404, 410, 451].contains(given) else {
          throw fault("status \(words[2]) is not supported")
        }
        status = given
      }
      rules.append(Rule(from: from, location: words[1], status: status))
    }
    self.rules = rules
  }

  /// The first rule that fits `path`, its placeholders and splat filled in; nil where none does.
  package func target(for path: String) -> Target? {
    let segments = PathResolver.segments(path)
    for rule in rules {
      guard let values = match(rule.from, segments) else { continue }
      var location = rule.location
      for (name, value) in values.sorted(by: { $0.key.count > $1.key.count }) {
        location = location.split(separator: ":" + name, omittingEmptySubsequences: false).joined(separator: value)
      }
      return Target(location: location, status: rule.status)
    }
    return nil
  }

  private func match(_ pattern: [String], _ segments: [String]) -> [String: String]? {
    var values: [String: String] = [:]
    for (index, part) in pattern.enumerated() {
      if part == "*" {
        values["splat"] = segments.dropFirst(index).joined(separator: "/")
        return values
      }
      guard index < segments.count else { return nil }
      if part.hasPrefix(":"), part.count > 1 {
        values[String(part.dropFirst())] = segments[index]
      } else if part != segments[index] {
        return nil
      }
    }
    return pattern.count == segments.count ? values : nil
  }
}
