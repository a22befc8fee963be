/// Looks at a grammar that a client wrote before llama.cpp reads it, whose reader follows rules within one another: long
/// chains of them would overflow its stack, and rules that refer to others twice over take it longer than anyone waits.
enum GrammarText {
  /// What a grammar may hold.
  enum Limit {
    /// Bytes.
    static let bytes = 64 << 10
    /// Rules.
    static let rules = 1000
    /// Parentheses within one another.
    static let depth = 64
    /// Ways through the rules from the first one.
    static let ways = 1 << 20
  }

  /// - Throws: ``GrammarError``.
  static func check(_ text: String) throws(GrammarError) {
    guard text.utf8.contains(where: { $0 > 0x20 }) else { throw fault("expected a grammar, found an empty text") }
    guard text.utf8.count <= Limit.bytes else {
      throw fault("expected a grammar of at most \(Limit.bytes) bytes, found \(text.utf8.count)")
    }
    let references = try references(Array(text.utf8))
    guard references.count <= Limit.rules else {
      throw fault("expected at most \(Limit.rules) rules, found \(references.count)")
    }
    var ways: [String: Int] = [:]
    for name in references.keys.sorted() { try count(name, references, &ways) }
  }

  private static func fault(_ reason: String) -> GrammarError {
    GrammarError(path: "#", reason: reason, advice: "Simplify the grammar, or use a JSON schema.")
  }

  /// For each rule, the names on its right side.
  private static func references(_ bytes: [UInt8]) throws(GrammarError) -> [String: [String]] {
    var references: [String: [String]] = [:]
    var rule = ""
    var depth = 0
    var index = 0
    func isWord(_ byte: UInt8) -> Bool {
      switch byte | 0x20 {
      case UInt8(ascii: "a")...UInt8(ascii: "z"): true
      default: (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-")
      }
    }
    while index < bytes.count {
      let byte = bytes[index]
      switch byte {
      case UInt8(ascii: "#"):
        while index < bytes.count, bytes[index] != 0x0A, bytes[index] != 0x0D { index += 1 }
        continue
      case UInt8(ascii: "\""), UInt8(ascii: "["):
        let end = byte == UInt8(ascii: "[") ? UInt8(ascii: "]") : byte
        index += 1
        while index < bytes.count, bytes[index] != end { index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1 }
      case UInt8(ascii: "("):
        depth += 1
        guard depth <= Limit.depth else {
          throw fault("expected at most \(Limit.depth) parentheses within one another, found more")
        }
      case UInt8(ascii: ")"): depth -= 1
      case _ where isWord(byte):
        let start = index
        while index < bytes.count, isWord(bytes[index]) { index += 1 }
        let name = String(decoding: bytes[start..<index], as: UTF8.self)
        var next = index
        while next < bytes.count, bytes[next] == 0x20 || bytes[next] == 0x09 { next += 1 }
        if bytes[next...].starts(with: "::=".utf8) {
          rule = name
          index = next + 3
          if references[name] == nil { references[name] = [] }
        } else {
          references[rule, default: []].append(name)
        }
        continue
      default: break
      }
      index += 1
    }
    return references
  }

  /// Counts the ways from a rule, circles left out.
  private static func count(
    _ start: String, _ references: [String: [String]], _ ways: inout [String: Int]
  ) throws(GrammarError) {
    guard ways[start] == nil else { return }
    var stack = [(name: start, next: 0)]
    ways[start] = 0
    while let (name, next) = stack.last {
      let targets = references[name] ?? []
      guard next < targets.count else {
        let sum = targets.reduce(1) { min($0 + (ways[$1] ?? 0), Limit.ways + 1) }
        guard sum <= Limit.ways else {
          throw fault("expected rules that refer to others a few times, found a web of more than \(Limit.ways) ways")
        }
        ways[name] = sum
        stack.removeLast()
        continue
      }
      stack[stack.count - 1].next += 1
      if ways[targets[next]] == nil {
        ways[targets[next]] = 0
        stack.append((targets[next], 0))
      }
    }
  }
}
