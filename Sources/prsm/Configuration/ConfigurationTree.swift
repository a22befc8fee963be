import Yams

/// What a configuration file says, with the line of each thing, before anybody asks what it means.
struct ConfigurationTree: Sendable, Equatable {
  indirect enum Content: Sendable, Equatable {
    /// A word, number or text as it is written, quotes and escapes resolved.
    case text(String)
    /// A key that is followed by nothing.
    case nothing
    case list([ConfigurationTree])
    case map([Entry])
  }

  struct Entry: Sendable, Equatable {
    let key: String
    let line: Int
    let value: ConfigurationTree
  }

  let content: Content
  /// Counted from 1; 0 for what comes from a flag or the environment.
  let line: Int

  static func text(_ text: String) -> ConfigurationTree { ConfigurationTree(content: .text(text), line: 0) }

  /// What was found, for a message.
  var found: String {
    switch content {
    case .text(let text): text.count <= 60 ? "`\(text)`" : "`\(text.prefix(57))…`"
    case .nothing: "nothing"
    case .list(let elements): elements.isEmpty ? "an empty list" : "a list"
    case .map: "a group of keys"
    }
  }
}

/// A configuration file that has been read, but not understood yet.
struct ConfigurationFile: Sendable {
  /// A file larger than this is refused: nobody writes so much by hand.
  static let maximumSize = 1 << 20
  /// Settings are two deep; a file that nests further than this is a mistake or an attack on the reader.
  static let maximumDepth = 16
  /// A file that says more things than this, aliases put in, is a mistake or an attack on the reader: a few lines of aliases
  /// of aliases stand for millions.
  static let maximumNodes = 100_000

  let name: String
  let entries: [ConfigurationTree.Entry]

  /// Reads YAML 1.1.
  ///
  /// - Throws: ``ConfigurationProblems`` where the text is not YAML, or holds something else than keys with values.
  init(name: String, text: String) throws(ConfigurationProblems) {
    self.name = name
    func problem(_ line: Int?, _ message: String) -> ConfigurationProblems {
      ConfigurationProblems([ConfigurationProblem(place: line.map { "\(name):\($0)" } ?? name, message: message)])
    }
    guard text.utf8.count <= Self.maximumSize else {
      throw problem(nil, "is larger than \(Self.maximumSize) bytes; expected a configuration file")
    }
    let root: Yams.Node?
    do {
      // Some editors begin a file with a byte order mark, which libyaml counts as a column of the first line.
      root = try Yams.compose(
        yaml: text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text)
    } catch let error as YamlError {
      switch error {
      case .scanner(_, let reason, let mark, _), .parser(_, let reason, let mark, _),
        .composer(_, let reason, let mark, _):
        throw problem(mark.line, "is not YAML: \(reason) (column \(mark.column))")
      case .duplicatedKeysInMapping(let duplicates, let context):
        let names = duplicates.compactMap { Self.name(of: $0) }
        throw problem(context.mark.line, "has the same key twice: \(names.joined(separator: ", ")); keep one of them")
      default:
        throw problem(nil, "is not YAML: \(error)")
      }
    } catch {
      throw problem(nil, "is not YAML: \(error)")
    }
    guard let root else {
      entries = []
      return
    }
    let tree: ConfigurationTree
    do {
      var nodes = 0
      tree = try Self.tree(root, depth: 0, &nodes)
    } catch {
      throw problem(error.line, error.message)
    }
    switch tree.content {
    case .map(let entries): self.entries = entries
    case .nothing: entries = []
    case .text, .list: throw problem(tree.line, "expected keys with values, such as `listen: 127.0.0.1:8080`")
    }
  }

  private struct Misshapen: Error {
    let line: Int
    let message: String
  }

  /// The key as text. Yams gives the offending keys as descriptions of nodes.
  private static func name(of duplicate: Any) -> String? {
    if let node = duplicate as? Yams.Node { return node.scalar?.string }
    return "\(duplicate)"
  }

  /// - Parameter nodes: how many nodes have been read.
  private static func tree(
    _ node: Yams.Node, depth: Int, _ nodes: inout Int
  ) throws(Misshapen) -> ConfigurationTree {
    let line = node.mark?.line ?? 0
    nodes += 1
    guard nodes <= maximumNodes else {
      throw Misshapen(line: line, message: "says more than \(maximumNodes) things, once its aliases are put in")
    }
    guard depth < maximumDepth else {
      throw Misshapen(line: line, message: "is nested deeper than \(maximumDepth) levels")
    }
    switch node {
    case .scalar(let scalar):
      let isPlain = scalar.style == .plain || scalar.style == .any
      let isNothing = isPlain && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
      return ConfigurationTree(content: isNothing ? .nothing : .text(scalar.string), line: line)
    case .sequence(let sequence):
      var elements: [ConfigurationTree] = []
      for element in sequence { elements.append(try tree(element, depth: depth + 1, &nodes)) }
      return ConfigurationTree(content: .list(elements), line: line)
    case .mapping(let mapping):
      var entries: [ConfigurationTree.Entry] = []
      for (key, value) in mapping {
        let keyLine = key.mark?.line ?? line
        guard let name = key.scalar?.string else {
          throw Misshapen(line: keyLine, message: "has a key that is not a word")
        }
        entries.append(.init(key: name, line: keyLine, value: try tree(value, depth: depth + 1, &nodes)))
      }
      return ConfigurationTree(content: .map(entries), line: line)
    case .alias:
      throw Misshapen(line: line, message: "has an alias without its anchor")
    }
  }
}
