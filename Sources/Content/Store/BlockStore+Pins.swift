package import Multiformats
internal import Synchronization

/// The two copies of the pin table.
enum PinFiles {
  static let names = ["pins", "pins.copy"]
}

extension BlockStore {
  /// Every pin, by CID.
  package var pins: [Pin] {
    state.withLock { Array($0.pins.pins.values) }.sorted { $0.cid.description < $1.cid.description }
  }

  /// Keeps content from collection. Everything under a recursive pin must be here; it survives a power cut afterwards.
  ///
  /// - Throws: `.missing` with the block that is not here, `.tooLarge` for a name beyond 256 bytes.
  package func pin(_ pin: Pin) throws(ContentError) {
    guard pin.name.utf8.count <= 256 else { throw ContentError(.tooLarge, "pin name beyond 256 bytes") }
    // Touched in a session, nothing of it can be collected between this walk and the pin.
    let session = beginSession()
    defer { session.end() }
    switch pin.reach {
    case .direct: try touch(pin.cid)
    case .recursive:
      try DAGWalk.visit(pin.cid) { (cid) throws(ContentError) in
        try touch(cid)
        return cid.codec == .raw ? [] : try Codec.links(of: try bytes(of: cid), codec: cid.codec)
      }
    }
    try flush()
    try changePins { $0[pin.cid] = pin }
  }

  /// Pins what an add has just put: its session protects it, so that no walk is needed.
  func pinAdded(_ pin: Pin, _ durability: Durability) throws(ContentError) {
    guard pin.name.utf8.count <= 256 else { throw ContentError(.tooLarge, "pin name beyond 256 bytes") }
    if durability == .power { try flush() }
    try changePins(syncing: durability == .power) { $0[pin.cid] = pin }
  }

  /// Gives content free for collection.
  ///
  /// - Throws: `.notFound` where it is not pinned.
  package func unpin(_ cid: CID) throws(ContentError) {
    guard state.withLock({ $0.pins.pins[cid] != nil }) else {
      throw ContentError(.notFound, "\(cid) is not pinned", cid: cid)
    }
    try changePins { $0[cid] = nil }
  }

  private func touch(_ cid: CID) throws(ContentError) {
    if cid.multihash.function == .identity { return }
    let key = BlockKey(cid.multihash)
    let here = state.withLock { state in
      guard state.index[key] != nil else { return false }
      state.index[key]?.epoch = state.epoch
      return true
    }
    guard here else { throw .missing(cid) }
  }

  func changePins(
    syncing: Bool = true, _ change: @Sendable (inout [CID: Pin]) -> Void
  ) throws(ContentError) {
    let generation = state.withLock { state in
      change(&state.pins.pins)
      state.pins.generation += 1
      return state.pins.generation
    }
    let result = pinWriting.withLock { _ in
      Result { () throws(ContentError) in
        let (table, isWritten) = state.withLock { ($0.pins, $0.pinsWritten >= generation) }
        if isWritten { return }
        let bytes = try table.encode()
        try files.replace(
          PinFiles.names.map { (folder + "/" + $0, bytes) }, folder: folder, syncing: syncing)
        state.withLock {
          $0.pinsWritten = table.generation
          $0.pinsUnreadable = false
        }
      }
    }
    try result.get()
  }
}
