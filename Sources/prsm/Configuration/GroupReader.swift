/// Why a group of keys cannot be read.
struct GroupMisfit: Error {
  /// What was expected, with the key.
  var expected: String
  var found: String
  var line: Int
}

/// Reads the keys of a group, and complains with the key, its line, and the nearest key that there is.
struct GroupReader {
  /// The group's name, as messages give it.
  let name: String
  let line: Int
  private let members: [ConfigurationTree.Entry]

  /// - Parameter keys: those that there are.
  /// - Throws: ``GroupMisfit`` where it is no group, or has another key.
  init(_ tree: ConfigurationTree, name: String, line: Int? = nil, keys: [String]) throws(GroupMisfit) {
    self.name = name
    self.line = tree.line == 0 ? line ?? 0 : tree.line
    guard case .map(let members) = tree.content else {
      throw GroupMisfit(
        expected: "`\(name)` to have \(keys.joined(separator: ", "))", found: tree.found, line: self.line)
    }
    for member in members where !keys.contains(member.key) {
      throw GroupMisfit(
        expected: "`\(name)` to have only \(keys.joined(separator: ", "))",
        found: "`\(member.key)`" + NearestName.suggestion(for: member.key, among: keys), line: member.line)
    }
    self.members = members
  }

  /// The value under a key; nil where there is none.
  func value<Value>(_ key: String, _ form: Form<Value>) throws(GroupMisfit) -> Value? {
    guard let member = members.first(where: { $0.key == key }) else { return nil }
    return try Self.read(form, member.value, name: "\(name).\(key)", line: member.line)
  }

  /// The value under a key that must be there.
  func required<Value>(_ key: String, _ form: Form<Value>) throws(GroupMisfit) -> Value {
    guard let value = try value(key, form) else {
      throw GroupMisfit(expected: "`\(name).\(key)`, \(form.expected)", found: "nothing", line: line)
    }
    return value
  }

  /// What is written under a key; nil where there is nothing.
  func tree(_ key: String) -> ConfigurationTree? { members.first { $0.key == key }?.value }

  static func read<Value>(
    _ form: Form<Value>, _ tree: ConfigurationTree, name: String, line: Int
  ) throws(GroupMisfit) -> Value {
    do throws(Form<Value>.Misfit) {
      return try form.read(tree)
    } catch {
      throw GroupMisfit(
        expected: "`\(name)` to be \(error.expected ?? form.expected)", found: error.found ?? tree.found,
        line: error.line ?? line)
    }
  }
}

extension Form {
  /// A form that reads groups.
  static func reading(
    _ expected: String, _ body: @escaping @Sendable (ConfigurationTree) throws(GroupMisfit) -> Value
  ) -> Form<Value> {
    Form(expected) { tree throws(Misfit) in
      do throws(GroupMisfit) {
        return try body(tree)
      } catch {
        throw Misfit(expected: error.expected, found: error.found, line: error.line)
      }
    }
  }

  /// A form that reads groups by name.
  static func groups<Element>(
    _ expected: String, atMost limit: Int = 1_024,
    _ element: @escaping @Sendable (String, ConfigurationTree, Int) throws(GroupMisfit) -> Element
  ) -> Form<[(name: String, value: Element)]> where Value == [(name: String, value: Element)] {
    .reading(expected) { tree throws(GroupMisfit) in
      guard case .map(let entries) = tree.content else {
        throw GroupMisfit(expected: expected, found: tree.found, line: tree.line)
      }
      guard entries.count <= limit else {
        throw GroupMisfit(expected: expected, found: "\(entries.count) of them, of at most \(limit)", line: tree.line)
      }
      var values: [(name: String, value: Element)] = []
      for entry in entries { values.append((entry.key, try element(entry.key, entry.value, entry.line))) }
      return values
    }
  }
}

extension Form<Double> {
  /// A number in a range.
  static func number(_ range: ClosedRange<Double>) -> Form<Double> {
    func plain(_ value: Double) -> String { value == value.rounded() ? "\(Int(value))" : "\(value)" }
    return .text("a number from \(plain(range.lowerBound)) to \(plain(range.upperBound))") { text in
      Double(text).flatMap { $0.isFinite && range.contains($0) ? $0 : nil }
    }
  }

  /// A share, as `0.05` or `5%`.
  static let share = Form<Double>.text("a share such as `0.05` or `5%`") { text in
    let isPercent = text.hasSuffix("%")
    guard let number = Double(isPercent ? String(text.dropLast()) : text), number.isFinite else { return nil }
    let share = isPercent ? number / 100 : number
    return (0...1).contains(share) ? share : nil
  }
}
