/// What the runs of candidates have shown, as text for the prompt (EG-CFG, section 4: the signal).
struct SignalText: Sendable, Hashable {
  /// One candidate on one test's input.
  struct Block: Sendable, Hashable {
    var code: String
    var invocation: String
    var trace: String
  }

  /// The most characters of the whole text; blocks that no longer fit are left out.
  static let mostCharacters = 1_600

  /// In the order of the programs' text, then of the tests, so that the same runs give the same text.
  private(set) var blocks: [Block]

  init(_ blocks: [Block]) {
    var seen: Set<Block> = []
    self.blocks = blocks.filter { seen.insert($0).inserted }
  }

  /// Nothing where there are no blocks: the prompt is then the plain one.
  var text: String {
    guard !blocks.isEmpty else { return "" }
    var text = """

      ### Execution
      These are possible ways to go on, perhaps unfinished or wrong, and what they did when they were run. Use what they \
      show; do not repeat their mistakes.

      """
    var isFull = false
    for block in blocks where !isFull {
      let more = "\nFunction:\n\(block.code)\nInvocation:\n\(block.invocation)\nExecution trace:\n\(block.trace)\n"
      isFull = text.count + more.count > Self.mostCharacters
      if !isFull || text.count < 400 { text += more.prefix(Self.mostCharacters) }
    }
    return text + "\n"
  }
}
