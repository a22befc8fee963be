/// What the runs of candidates have shown, as text for the prompt (EG-CFG, section 4: the signal).
struct SignalText: Sendable, Hashable {
  /// One candidate on one test's input.
  struct Block: Sendable, Hashable {
    /// The candidate, with what its lines did.
    var code: String
    var invocation: String
    /// How the invocation ended.
    var trace: String
  }

  /// The most characters of the whole text; blocks that no longer fit are left out.
  static let mostCharacters = 1_600

  /// In the order in which they are given, each once.
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
      Programs that begin like this one, perhaps unfinished or wrong, each line with what it did:

      """
    var isFull = false
    for block in blocks where !isFull {
      let more = "\nExecution trace:\n\(block.code)\n# \(block.invocation): \(block.trace)\n"
      isFull = text.count + more.count > Self.mostCharacters
      if !isFull || text.count < 400 { text += more.prefix(Self.mostCharacters) }
    }
    return text + "\n"
  }
}
