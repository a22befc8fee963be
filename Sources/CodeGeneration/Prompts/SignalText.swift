/// What the runs of candidates have shown, as text for the prompt (EG-CFG, section 4: the signal).
struct SignalText: Sendable, Hashable {
  /// One candidate on one test's input.
  struct Block: Sendable, Hashable {
    /// The candidate, with what its lines did.
    var code: String
    var invocation: String
    /// How the invocation ended; empty where the code says it already.
    var trace: String
  }

  /// The most characters of the whole text; blocks that no longer fit are left out.
  static let mostCharacters = 1_000
  /// So much of the first block is shown, however long it is.
  private static let leastCharacters = 400

  /// In the order in which they are given, each once.
  private(set) var blocks: [Block]

  init(_ blocks: [Block]) {
    var seen: Set<Block> = []
    self.blocks = blocks.filter { seen.insert($0).inserted }
  }

  /// Nothing where there are no blocks: the prompt is then the plain one.
  ///
  /// A block leaves out the lines with which the first block begins as it does, and its invocation where that is the one of
  /// the block before.
  var text: String {
    guard let first = blocks.first else { return "" }
    var text = """

      ### Execution trace:
      What programs did that begin like this one, perhaps unfinished or wrong.

      """
    let beginning = Self.lines(first)
    var invocation = ""
    var isFull = false
    for (index, block) in blocks.enumerated() where !isFull {
      var lines = Self.lines(block)[...]
      if index > 0 {
        let common = zip(lines, beginning).prefix { $0 == $1 }.count
        lines = lines.dropFirst(min(common, lines.count - 1))
      }
      var more = "\n" + lines.joined(separator: "\n") + "\n"
      if block.invocation != invocation {
        more += "# \(block.invocation)" + (block.trace.isEmpty ? "\n" : ": \(block.trace)\n")
      } else if !block.trace.isEmpty {
        more += "# \(block.trace)\n"
      }
      isFull = text.count + more.count > Self.mostCharacters
      if !isFull || text.count < Self.leastCharacters { text += more.prefix(Self.mostCharacters) }
      invocation = block.invocation
    }
    return text + "\n"
  }

  private static func lines(_ block: Block) -> [Substring] {
    block.code.split(separator: "\n", omittingEmptySubsequences: false)
  }
}
