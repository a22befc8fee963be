/// The members of a group of keys, as a setting with parts of its own takes them apart.
struct ConfigurationMembers {
  /// What does not fit, with its line.
  struct Misfit: Error {
    var expected: String
    var found: String
    var line: Int
  }

  /// What the group is, for messages, such as ``jury`` or `jury.review`.
  let name: String
  let line: Int
  private let entries: [ConfigurationTree.Entry]

  /// - Parameter known: the keys that it may have.
  init(_ tree: ConfigurationTree, name: String, known: [String]) throws(Misfit) {
    guard case .map(let entries) = tree.content else {
      throw Misfit(
        expected: "`\(name)` to have some of \(known.joined(separator: ", "))", found: tree.found, line: tree.line)
    }
    self.name = name
    line = tree.line
    self.entries = entries
    for entry in entries where !known.contains(entry.key) {
      throw Misfit(
        expected: "`\(name)` to have only \(known.joined(separator: ", "))",
        found: "`\(entry.key)`" + NearestName.suggestion(for: entry.key, among: known), line: entry.line)
    }
  }

  /// What stands under a key; nil where it is not there.
  func tree(_ key: String) -> ConfigurationTree? { entries.first { $0.key == key }?.value }

  /// The value under a key; nil where it is not there.
  func value<Part>(_ key: String, _ form: Form<Part>) throws(Misfit) -> Part? {
    guard let entry = entries.first(where: { $0.key == key }) else { return nil }
    return try read(entry.value, form, "`\(name).\(key)`", line: entry.line)
  }

  /// The value under a key that has to be there.
  func required<Part>(_ key: String, _ form: Form<Part>) throws(Misfit) -> Part {
    guard let value = try value(key, form) else {
      throw Misfit(expected: "`\(name).\(key)`, \(form.expected)", found: "nothing", line: line)
    }
    return value
  }

  /// Any value of a form.
  func read<Part>(
    _ tree: ConfigurationTree, _ form: Form<Part>, _ what: String, line: Int? = nil
  ) throws(Misfit) -> Part {
    do throws(Form<Part>.Misfit) {
      return try form.read(tree)
    } catch {
      throw Misfit(
        expected: "\(what) to be \(error.expected ?? form.expected)", found: error.found ?? tree.found,
        line: error.line ?? line ?? tree.line)
    }
  }
}

extension Form<Double> {
  /// A decimal number in a range.
  static func decimal(_ range: ClosedRange<Double>) -> Form<Double> {
    .text("a number from \(Decimals.plain(range.lowerBound)) to \(Decimals.plain(range.upperBound))") { text in
      Double(text).flatMap { range.contains($0) ? $0 : nil }
    }
  }
}

extension Decimals {
  /// Without a fraction where there is none.
  static func plain(_ value: Double) -> String { value == value.rounded() ? text(value, 0) : "\(value)" }
}
