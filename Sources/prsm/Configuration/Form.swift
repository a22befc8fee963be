/// How the value of a setting is written.
struct Form<Value: Sendable>: Sendable {
  /// What was written does not fit; `found` where something better than the text itself can be said.
  struct Misfit: Error {
    var expected: String?
    var found: String?
    var line: Int?
  }

  /// What to write, to be read after "expected".
  let expected: String
  /// Reads a value from the file, or (as text) from a flag or an environment variable.
  let read: @Sendable (ConfigurationTree) throws(Misfit) -> Value

  init(_ expected: String, read: @escaping @Sendable (ConfigurationTree) throws(Misfit) -> Value) {
    self.expected = expected
    self.read = read
  }

  /// A form that is one word or text.
  static func text(_ expected: String, _ parse: @escaping @Sendable (String) -> Value?) -> Form<Value> {
    Form(expected) { tree throws(Misfit) in
      guard case .text(let text) = tree.content, let value = parse(text) else { throw Misfit() }
      return value
    }
  }

  /// The same, where no value can be told from any.
  var optional: Form<Value?> {
    Form<Value?>(expected) { tree throws(Form<Value?>.Misfit) in
      do throws(Misfit) {
        return try self.read(tree)
      } catch {
        throw Form<Value?>.Misfit(expected: error.expected, found: error.found, line: error.line)
      }
    }
  }

  /// Several values: a list in the file, separated by commas elsewhere.
  func list(of name: String, atMost limit: Int = 256) -> Form<[Value]> {
    Form<[Value]>("a list of \(name)") { tree throws(Form<[Value]>.Misfit) in
      let parts: [ConfigurationTree]
      switch tree.content {
      case .list(let elements): parts = elements
      case .text(let text):
        parts = text.split(separator: ",").map { ConfigurationTree(content: .text(trimmed($0)), line: tree.line) }
      case .nothing, .map: throw Form<[Value]>.Misfit()
      }
      guard parts.count <= limit else {
        throw Form<[Value]>.Misfit(found: "\(parts.count) of them, of at most \(limit)")
      }
      var values: [Value] = []
      for part in parts {
        do throws(Misfit) {
          values.append(try self.read(part))
        } catch {
          throw Form<[Value]>.Misfit(
            expected: error.expected ?? self.expected, found: error.found ?? part.found, line: part.line)
        }
      }
      return values
    }
  }

  /// Values by name: keys in the file, `name=value` separated by commas elsewhere.
  func map(of name: String, atMost limit: Int = 256) -> Form<[String: Value]> {
    Form<[String: Value]>(name) { tree throws(Form<[String: Value]>.Misfit) in
      typealias Failure = Form<[String: Value]>.Misfit
      var parts: [(String, ConfigurationTree)] = []
      switch tree.content {
      case .map(let entries): parts = entries.map { ($0.key, $0.value) }
      case .text(let text):
        for pair in text.split(separator: ",") {
          guard let equals = pair.firstIndex(of: "=") else { throw Failure(found: "`\(pair)` without `=`") }
          let value = ConfigurationTree(content: .text(trimmed(pair[pair.index(after: equals)...])), line: tree.line)
          parts.append((trimmed(pair[..<equals]), value))
        }
      case .nothing, .list: throw Failure()
      }
      guard parts.count <= limit else { throw Failure(found: "\(parts.count) of them, of at most \(limit)") }
      var values: [String: Value] = [:]
      for (key, part) in parts {
        do throws(Misfit) {
          values[key] = try self.read(part)
        } catch {
          throw Failure(
            expected: "`\(key)` to be \(error.expected ?? self.expected)", found: error.found ?? part.found,
            line: part.line)
        }
      }
      return values
    }
  }
}

/// The text without blanks around it.
private func trimmed(_ text: some StringProtocol) -> String {
  var rest = Substring(text)
  while rest.first?.isWhitespace == true { rest.removeFirst() }
  while rest.last?.isWhitespace == true { rest.removeLast() }
  return String(rest)
}
