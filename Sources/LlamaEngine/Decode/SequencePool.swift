import ModelInterface

/// The sequences of a context: those in use, and those kept because a later prompt may begin the same way.
final class SequencePool {
  /// A sequence in use.
  final class Holding {
    let id: Int32
    fileprivate(set) var tokens: [TokenID] = []
    fileprivate var cells: [Int32] = []

    fileprivate init(id: Int32) {
      self.id = id
    }

    var count: Int { tokens.count }
  }

  private struct Kept {
    var holding: Holding
    var lastUse: UInt64
  }

  private let context: LlamaContext
  private var ledger: CellLedger
  private var freeIDs: [Int32]
  private var kept: [Kept] = []
  private var inUse: [Int32: Holding] = [:]
  private var clock: UInt64 = 0

  init(context: LlamaContext) {
    self.context = context
    ledger = CellLedger(capacity: context.capacity)
    freeIDs = (0..<Int32(clamping: context.sequenceCount)).reversed()
  }

  var usedCells: Int { ledger.usedCount }
  var capacity: Int { context.capacity }
  var keptCount: Int { kept.count }
  /// Sequence numbers that are free or can be freed.
  var availableSequences: Int { freeIDs.count + kept.count }

  /// A sequence that holds as much of the tokens' beginning as is known, at most `reusable` tokens; nil where every
  /// sequence is in use.
  func open(for tokens: [TokenID], reusable: Int) -> Holding? {
    let best = longestPrefix(of: tokens, atMost: reusable)
    clock += 1
    if let best, let place = kept.firstIndex(where: { $0.holding === best.holding }) {
      let isWhole = best.length == best.holding.count
      if isWhole || freeIDs.isEmpty {
        guard best.length == best.holding.count || context.truncate(best.holding.id, to: best.length) else {
          return openEmpty()
        }
        kept.remove(at: place)
        forgetTail(of: best.holding, from: best.length)
        inUse[best.holding.id] = best.holding
        return best.holding
      }
      kept[place].lastUse = clock
    }
    guard let target = openEmpty() else { return nil }
    if let best, inUse[best.holding.id] === best.holding || kept.contains(where: { $0.holding === best.holding }) {
      share(best.holding, with: target, length: best.length)
    }
    return target
  }

  /// An empty sequence; nil where every one is in use.
  func openEmpty() -> Holding? {
    if freeIDs.isEmpty, !evictOldest() { return nil }
    guard let id = freeIDs.popLast() else { return nil }
    let holding = Holding(id: id)
    inUse[id] = holding
    return holding
  }

  /// Makes an empty sequence hold the first tokens of another.
  func share(_ source: Holding, with target: Holding, length: Int) {
    guard length > 0, target.count == 0, length <= source.count else { return }
    context.copy(source.id, to: target.id, length: length)
    target.tokens = Array(source.tokens.prefix(length))
    target.cells = Array(source.cells.prefix(length))
    ledger.share(target.cells)
  }

  /// Frees kept sequences until so many cells are free; false where that is not enough.
  func makeRoom(for count: Int) -> Bool {
    while ledger.freeCount < count {
      guard evictOldest() else { return false }
    }
    return true
  }

  /// Whether so many cells are free or can be made so by dropping what is kept.
  func couldHold(_ count: Int) -> Bool {
    if ledger.freeCount >= count { return true }
    // What is shared with sequences in use does not come free, so this is exact only by counting; the bound is enough.
    var heldByUse: Set<Int32> = []
    for holding in inUse.values { heldByUse.formUnion(holding.cells) }
    return capacity - heldByUse.count >= count
  }

  /// Notes that tokens were appended by a decode. ``makeRoom(for:)`` came before.
  func append(_ tokens: some Sequence<TokenID>, to holding: Holding) {
    for token in tokens {
      guard let cell = ledger.take() else { return }
      holding.tokens.append(token)
      holding.cells.append(cell)
    }
  }

  /// Drops all but the first tokens; false where the model cannot, and the sequence is then empty.
  func truncate(_ holding: Holding, to length: Int) -> Bool {
    guard length < holding.count else { return true }
    if length > 0, context.truncate(holding.id, to: length) {
      forgetTail(of: holding, from: length)
      return true
    }
    context.clear(holding.id)
    forgetTail(of: holding, from: 0)
    return length == 0
  }

  /// Gives a sequence back, keeping its contents for later prompts where that is useful.
  func close(_ holding: Holding, keeps: Bool) {
    guard inUse.removeValue(forKey: holding.id) != nil else { return }
    clock += 1
    guard keeps, holding.count >= Self.leastUsefulPrefix else {
      drop(holding)
      return
    }
    // What an older sequence holds is of no more use when this one begins with it.
    for index in kept.indices.reversed() where holding.tokens.starts(with: kept[index].holding.tokens) {
      drop(kept.remove(at: index).holding)
    }
    kept.append(Kept(holding: holding, lastUse: clock))
  }

  /// Drops everything that is kept.
  func dropKept() {
    while evictOldest() {}
  }

  /// Shorter beginnings than this are not worth keeping.
  static let leastUsefulPrefix = 8

  private func longestPrefix(of tokens: [TokenID], atMost limit: Int) -> (holding: Holding, length: Int)? {
    var best: (holding: Holding, length: Int)?
    for holding in kept.map(\.holding) + Array(inUse.values) {
      var length = 0
      let bound = min(limit, holding.count, tokens.count)
      while length < bound, holding.tokens[length] == tokens[length] { length += 1 }
      if !context.model.canTruncate, length < holding.count { continue }
      if length >= Self.leastUsefulPrefix, length > best?.length ?? 0 { best = (holding, length) }
    }
    return best
  }

  private func evictOldest() -> Bool {
    guard let oldest = kept.indices.min(by: { kept[$0].lastUse < kept[$1].lastUse }) else { return false }
    drop(kept.remove(at: oldest).holding)
    return true
  }

  private func drop(_ holding: Holding) {
    context.clear(holding.id)
    forgetTail(of: holding, from: 0)
    freeIDs.append(holding.id)
  }

  private func forgetTail(of holding: Holding, from length: Int) {
    guard length < holding.count else { return }
    ledger.release(holding.cells[length...])
    holding.cells.removeLast(holding.cells.count - length)
    holding.tokens.removeLast(holding.tokens.count - length)
  }
}
