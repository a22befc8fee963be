package import ModelInterface

/// A session of a model with what the search needs of it: free sequences, the prompts' caches, and an account of tokens.
///
/// Used by one task at a time. Kept over several searches, it keeps what their prompts have in common. After an error it is
/// of no more use and has to be closed.
package final class Workbench {
  let model: any TokenModel
  let session: any TokenSession
  private var free: [SequenceID]
  private var held: [PromptStyle: (sequence: SequenceID, tokens: [TokenID])] = [:]
  /// Sequences that nobody writes to, kept for what they hold; the newest last. Each may hold more than these tokens.
  private var shelf: [(sequence: SequenceID, tokens: [TokenID])] = []
  private static let mostShelved = 3
  /// Tokens that were chosen; the measure of every budget.
  package private(set) var generated = 0
  /// Whether the time for writing is over; what is being written then ends as it does at the end of the tokens.
  var isLate: () -> Bool = { false }
  /// Tokens that were only read: prompts, signals, beginnings taken up again.
  package private(set) var read = 0
  /// Rows that the model was given, and the calls in which it was.
  private(set) var rows = 0
  private(set) var steps = 0
  /// Rows of strands' beginnings beyond the last token of each, and of tokens that were proposed and not chosen.
  private(set) var rowsOfBeginnings = 0
  private(set) var rowsInVain = 0
  private(set) var rowsRead = 0

  /// Opens a session of so many sequences: one for each prompt style, two for each attempt, one for each candidate.
  ///
  /// - Throws: ``GenerationError`` of kind `overloaded` where the model has no room.
  package init(
    _ model: any TokenModel, sequences: Int, context: RequestContext
  ) async throws(GenerationError) {
    self.model = model
    session = try await model.openSession(sequences: sequences, context: context)
    free = (0..<sequences).reversed()
  }

  /// Gives the sequences back.
  package func close() async {
    await session.close()
  }

  var freeSequences: Int { free.count }

  /// An empty sequence; where none is free, the oldest that is only kept.
  func takeSequence() async throws(GenerationError) -> SequenceID? {
    if free.isEmpty, !shelf.isEmpty { try await giveBack(shelf.removeFirst().sequence) }
    return free.popLast()
  }

  func giveBack(_ sequence: SequenceID) async throws(GenerationError) {
    try await session.truncate(sequence, to: 0)
    free.append(sequence)
  }

  /// Keeps a sequence for those that come, as long as there is room.
  ///
  /// - Parameter tokens: what it begins with.
  func shelve(_ sequence: SequenceID, _ tokens: [TokenID]) async throws(GenerationError) {
    shelf.append((sequence, tokens))
    if shelf.count > Self.mostShelved { try await giveBack(shelf.removeFirst().sequence) }
  }

  /// How much of a text one of the kept sequences begins with, at most.
  func shelved(of wanted: [TokenID]) -> Int {
    shelf.map { Self.commonPrefix($0.tokens, wanted) }.max() ?? 0
  }

  /// The kept sequence that begins with the most of a text. It may hold more than that.
  func unshelve(_ wanted: [TokenID]) -> SequenceID? {
    let lengths = shelf.map { Self.commonPrefix($0.tokens, wanted) }
    guard let longest = lengths.max(), let index = lengths.lastIndex(of: longest) else { return nil }
    return shelf.remove(at: index).sequence
  }

  /// Gives back what is only kept.
  func clearShelf() async throws(GenerationError) {
    while let last = shelf.popLast() { try await giveBack(last.sequence) }
  }

  /// The tokens of a prompt with a signal, ready to be continued.
  func tokens(of prompt: CodePrompt, signal: String = "") -> [TokenID] {
    var tokens: [TokenID] = []
    var addsStart = prompt.addsStart
    var pieces = prompt.before
    if !signal.isEmpty { pieces.append(PromptPiece(text: signal, isTemplate: false)) }
    pieces += prompt.after
    pieces.append(PromptPiece(text: prompt.opening, isTemplate: false))
    for piece in pieces where !piece.text.isEmpty {
      tokens += self.tokens(of: piece, addsStart: addsStart, isKept: piece.text != signal)
      addsStart = false
    }
    return tokens
  }

  private struct KnownPiece: Hashable {
    var piece: PromptPiece
    var addsStart: Bool
  }

  /// Tokens of the pieces of prompts that were asked for before, because a prompt is put together anew for each line.
  private var knownPieces: [KnownPiece: [TokenID]] = [:]
  private static let mostKnownPieces = 64

  private func tokens(of piece: PromptPiece, addsStart: Bool, isKept: Bool) -> [TokenID] {
    let key = KnownPiece(piece: piece, addsStart: addsStart)
    if isKept, let known = knownPieces[key] { return known }
    let tokens = model.tokenize(piece.text, addsSpecial: addsStart, parsesSpecial: piece.isTemplate)
    if isKept {
      if knownPieces.count >= Self.mostKnownPieces { knownPieces = [:] }
      knownPieces[key] = tokens
    }
    return tokens
  }

  /// A sequence that holds all of a prompt but its last token; shared, to be forked and never written to.
  func base(_ style: PromptStyle, _ tokens: [TokenID]) async throws(GenerationError) -> SequenceID {
    let wanted = Array(tokens.dropLast())
    var sequence: SequenceID
    var known: [TokenID] = []
    if let holding = held[style] {
      sequence = holding.sequence
      known = holding.tokens
    } else {
      guard let taken = try await takeSequence() else { throw Self.noSequence }
      sequence = taken
    }
    let common = Self.commonPrefix(known, wanted)
    held[style] = (sequence, Array(wanted.prefix(common)))
    if common < known.count { try await session.truncate(sequence, to: common) }
    try await read([(sequence, Array(wanted[common...]))])
    held[style] = (sequence, wanted)
    return sequence
  }

  /// A fresh sequence with the same tokens as another.
  func fork(_ source: SequenceID) async throws(GenerationError) -> SequenceID {
    guard let target = try await takeSequence() else { throw Self.noSequence }
    try await session.fork(source, to: target)
    return target
  }

  /// Has sequences take in tokens, all in one batch.
  func read(_ work: [(sequence: SequenceID, tokens: [TokenID])]) async throws(GenerationError) {
    let steps = work.filter { !$0.tokens.isEmpty }.map {
      TokenStep(sequence: $0.sequence, tokens: $0.tokens, rule: .none)
    }
    guard !steps.isEmpty else { return }
    rowsRead += steps.reduce(0) { $0 + $1.tokens.count }
    read += steps.reduce(0) { $0 + $1.tokens.count }
    _ = try await choose(steps)
  }

  private func choose(_ steps: [TokenStep]) async throws(GenerationError) -> [TokenChoice?] {
    rows += steps.reduce(0) { $0 + $1.tokens.count }
    self.steps += 1
    return try await session.choose(steps)
  }

  /// What the model says may follow, without a token being counted; see ``count(generated:)``.
  func ask(_ steps: [TokenStep]) async throws(GenerationError) -> [TokenChoice?] {
    guard !steps.isEmpty else { return [] }
    read += steps.reduce(0) { $0 + $1.tokens.count } - steps.count
    return try await choose(steps)
  }

  /// Counts tokens that were drawn from what the model said.
  func count(generated tokens: Int) { generated += tokens }

  /// Writes strands on, all together, until each of them has ended or the allowance of tokens is used up.
  ///
  /// - Parameters:
  ///   - allowance: the most tokens that are generated.
  ///   - observe: called after each token, with the number of its strand.
  func write(
    _ strands: [Strand], allowance: Int, observe: (Int) async -> Void = { _ in }
  ) async throws(GenerationError) {
    var left = allowance
    while true {
      if isLate() {
        for strand in strands where !strand.isOver { strand.draft.end(.tokens) }
        return
      }
      var steps: [TokenStep] = []
      var owners: [(strand: Int, steps: Range<Int>)] = []
      let waiting = strands.count { !$0.isOver }
      for (index, strand) in strands.enumerated() where !strand.isOver {
        guard owners.count < left else {
          strand.draft.end(.tokens)
          continue
        }
        let first = steps.count
        steps += strand.steps(at: first, most: max(1, left / max(1, waiting)))
        owners.append((index, first..<steps.count))
      }
      guard !owners.isEmpty else { return }
      let choices = try await choose(steps)
      read += steps.reduce(0) { $0 + $1.tokens.count }
      for (index, range) in owners {
        let strand = strands[index]
        rowsOfBeginnings += steps[range].reduce(0) { $0 + $1.tokens.count - 1 }
        rowsInVain += max(0, range.count - 2)
        let (taken, truncated) = strand.take(choices[range], model)
        rowsInVain -= range.count > 2 ? 2 * (taken - 1) : 0
        generated += taken
        left -= taken
        read -= taken
        if let truncated, case .guided(let conditional, _) = strand.manner {
          try await session.truncate(strand.sequence, to: truncated.plain)
          try await session.truncate(conditional, to: truncated.conditional)
        }
        await observe(index)
      }
    }
  }

  static func commonPrefix(_ left: [TokenID], _ right: [TokenID]) -> Int {
    var count = 0
    while count < left.count, count < right.count, left[count] == right[count] { count += 1 }
    return count
  }

  private static var noSequence: GenerationError {
    GenerationError(.internal, "the search asks for more sequences than its session has")
  }
}
