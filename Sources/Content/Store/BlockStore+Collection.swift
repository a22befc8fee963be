package import Multiformats
internal import Synchronization

extension BlockStore {
  /// What a collection did.
  package struct Collected: Hashable, Sendable {
    package var removedBlocks = 0
    package var removedBytes: UInt64 = 0
    /// Bytes given back to the disk.
    package var freedBytes: UInt64 = 0
    /// Blocks under pins that are not here; their pins stay.
    package var missing: [CID] = []
  }

  /// Removes every block that no pin reaches (mark and sweep), beside adds and reads.
  ///
  /// Spared is what was put or touched by an add or a pin that has not ended, so that nothing being added is lost.
  ///
  /// - Parameter room: bytes that are to be free below the capacity afterwards, where that is possible. Segments that are
  ///   mostly alive are rewritten for it, too.
  /// - Throws: `.corrupt` where the pin table cannot be read: nothing is removed then.
  package func collect(making room: UInt64 = 0) throws(ContentError) -> Collected {
    try collecting.withLock { _ in Result { () throws(ContentError) in try markAndSweep(room) } }.get()
  }

  private func markAndSweep(_ room: UInt64) throws(ContentError) -> Collected {
    if state.withLock({ $0.pinsUnreadable }) {
      throw ContentError(.corrupt, "both copies of the pin table are damaged; pin what is to be kept, then collect")
    }
    var report = Collected()
    let started = state.withLock { state in
      state.epoch += 1
      return state.epoch
    }
    var live: Set<BlockKey> = []
    // Pins may come while marking: the sweep begins only under the same lock that finds them unchanged. A pin not yet
    // written then still holds its session.
    var swept: (blocks: Int, bytes: UInt64)?
    while swept == nil {
      let (pins, generation) = state.withLock { ($0.pins.pins.values.map { $0 }, $0.pins.generation) }
      for pin in pins { mark(pin, &live, &report) }
      swept = sweep(keeping: live, pinGeneration: generation, started: started)
    }
    report.removedBlocks = swept?.blocks ?? 0
    report.removedBytes = swept?.bytes ?? 0
    if report.removedBlocks > 0 { report.freedBytes = try compact() }
    report.freedBytes += try squeeze(room)
    return report
  }

  /// Takes what is dead out of the index; nil where the pins have changed since they were marked.
  private func sweep(
    keeping keep: Set<BlockKey>, pinGeneration: UInt64, started: UInt32
  ) -> (blocks: Int, bytes: UInt64)? {
    state.withLock { state in
      guard state.pins.generation == pinGeneration else { return nil }
      let oldest = state.sessions.values.min().map { min($0, started) } ?? started
      var removed = (blocks: 0, bytes: UInt64(0))
      for (key, location) in state.index where location.epoch < oldest && !keep.contains(key) {
        state.index[key] = nil
        state.segments[location.segment]?.liveBytes -= UInt64(location.length)
        removed = (removed.blocks + 1, removed.bytes + UInt64(location.length))
      }
      return removed
    }
  }

  private func mark(_ pin: Pin, _ live: inout Set<BlockKey>, _ report: inout Collected) {
    guard pin.reach == .recursive else {
      live.insert(BlockKey(pin.cid.multihash))
      return
    }
    var stack = [pin.cid]
    while let cid = stack.popLast() {
      guard live.insert(BlockKey(cid.multihash)).inserted, cid.codec != .raw else { continue }
      guard let bytes = try? bytes(of: cid), let links = try? Codec.links(of: bytes, codec: cid.codec) else {
        if report.missing.count < 1_000 { report.missing.append(cid) }
        continue
      }
      stack.append(contentsOf: links)
    }
  }

  /// Removes segments without live blocks, moves the live ones out of segments half dead, and writes the indexes anew so
  /// that what is dead stays dead.
  private func compact() throws(ContentError) -> UInt64 {
    // The active segment is closed, so that all may be looked at alike.
    let before = state.withLock { state in
      state.active = nil
      return state.segments
    }
    var freed: UInt64 = 0
    try flush()
    for (number, segment) in before.sorted(by: { $0.value.liveBytes < $1.value.liveBytes }) {
      if segment.liveBytes * 2 <= segment.size {
        if segment.liveBytes > 0 { try evacuate(number, segment) }
        let isEmpty = state.withLock { $0.segments[number]?.liveBytes == 0 }
        if isEmpty {
          try flush()
          // The segment goes first: an index without segment means nothing.
          try files.remove(segmentPath(number))
          try files.remove(Self.indexPath(folder, number))
          freed += forgetSegment(number)
          continue
        }
      }
      try writeIndex(number, covered: segment.size)
    }
    try files.syncFolder(folder)
    return freed
  }

  private func forgetSegment(_ number: UInt32) -> UInt64 {
    state.withLock { state in
      let size = state.segments.removeValue(forKey: number)?.size ?? 0
      state.fileBytes -= size
      return size
    }
  }

  /// Rewrites segments until `room` bytes are free below the capacity, those with the most dead bytes first.
  private func squeeze(_ room: UInt64) throws(ContentError) -> UInt64 {
    guard room > 0, let capacity = options.capacity else { return 0 }
    var freed: UInt64 = 0
    while let (number, segment) = state.withLock({ state -> (UInt32, Segment)? in
      guard room > capacity - min(capacity, state.fileBytes) else { return nil }
      // A segment that is alive to its last sixteenth gives less than it costs.
      let worst = state.segments.max { $0.value.size - $0.value.liveBytes < $1.value.size - $1.value.liveBytes }
      guard let worst, (worst.value.size - worst.value.liveBytes) * 16 > worst.value.size else { return nil }
      if state.active == worst.key { state.active = nil }
      return worst
    }) {
      try evacuate(number, segment)
      try flush()
      guard state.withLock({ $0.segments[number]?.liveBytes == 0 }) else { return freed }
      try files.remove(segmentPath(number))
      try files.remove(Self.indexPath(folder, number))
      freed += forgetSegment(number)
      try files.syncFolder(folder)
    }
    return freed
  }

  private func evacuate(_ number: UInt32, _ segment: Segment) throws(ContentError) {
    let entries = state.withLock { $0.index.filter { $0.value.segment == number } }
    for (key, location) in entries {
      guard let record = try segment.file.bytes(at: UInt64(location.offset), count: Int(location.length)) else {
        continue
      }
      let result = state.withLock { state in
        Result { () throws(ContentError) in
          guard state.index[key] == location || state.index[key]?.segment == number else { return }
          try record.withUnsafeBytes { bytes in
            Result { () throws(ContentError) in
              try append([bytes], length: record.count, key: key, replacing: true, &state)
            }
          }.get()
        }
      }
      try result.get()
    }
  }

  // MARK: Verifying

  /// What a check of every block found.
  package struct Verified: Hashable, Sendable {
    package var checked = 0
    /// Damaged blocks that a repair brought back, and whole ones whose header was damaged and has been written anew.
    package var repaired: [Multihash] = []
    /// Damaged blocks still to be fetched.
    package var damaged: [Multihash] = []
    /// Records whose very name is damaged; their blocks show as missing.
    package var unnamed = 0
    /// Indexes and copies of the pins that were damaged when the store was opened, and have been written anew.
    package var mendedFiles: [String] = []
  }

  /// Reads every block and checks it against its hash. A damaged one is asked of `repair`, which may fetch it from peers;
  /// what comes is checked as well.
  package func verify(
    repair: (Multihash) async -> [UInt8]? = { _ in nil }
  ) async throws(ContentError) -> Verified {
    var report = Verified()
    let entries = state.withLock { Array($0.index) }.sorted {
      ($0.value.segment, $0.value.offset) < ($1.value.segment, $1.value.offset)
    }
    for (key, location) in entries {
      guard let file = state.withLock({ $0.segments[location.segment]?.file }) else { continue }
      report.checked += 1
      // A check of everything takes long: others who share the thread have their turn.
      if report.checked % 64 == 0 { await Task.yield() }
      guard let record = try file.bytes(at: UInt64(location.offset), count: Int(location.length)),
        let announced = SegmentRecord.announced(record.prefix(SegmentRecord.fixedLength)),
        record.count == SegmentRecord.fixedLength + announced.name + announced.payload,
        let multihash = SegmentRecord.multihash(Array(record.prefix(SegmentRecord.fixedLength + announced.name)))
      else {
        drop(key, location)
        if let multihash = try restoreName(key, location, file) {
          report.repaired.append(multihash)
        } else {
          report.unnamed += 1
        }
        continue
      }
      if try Digest.matches(multihash, Array(record.suffix(announced.payload))) { continue }
      forget(multihash)
      drop(key, location)
      if let bytes = await repair(multihash), try Digest.matches(multihash, bytes) {
        try put(Block(unchecked: bytes, cid: CID(codec: .raw, multihash: multihash)))
        report.repaired.append(multihash)
      } else {
        report.damaged.append(multihash)
      }
    }
    try flush()
    report.mendedFiles = try mendFiles()
    return report
  }

  /// Writes indexes and pins anew of which a copy was damaged. Where no copy of the pins could be read, nobody knows what was
  /// in them.
  private func mendFiles() throws(ContentError) -> [String] {
    let (damaged, isUnreadable) = state.withLock { ($0.damagedFiles, $0.pinsUnreadable) }
    if damaged.isEmpty { return [] }
    try writeIndexes(includingActive: true)
    if !isUnreadable, damaged.contains(where: PinFiles.names.contains) { try changePins { _ in } }
    let mended = damaged.filter { !isUnreadable || !PinFiles.names.contains($0) }
    state.withLock { state in state.damagedFiles.removeAll(where: mended.contains) }
    return mended
  }

  /// Writes a block anew whose header is damaged and whose payload is not, as its SHA-256 and the index agree.
  private func restoreName(
    _ key: BlockKey, _ location: BlockLocation, _ file: any StoreFile
  ) throws(ContentError) -> Multihash? {
    let header = SegmentRecord.fixedLength + 34
    guard Int(location.length) >= header,
      let payload = try file.bytes(at: UInt64(location.offset) + UInt64(header), count: Int(location.length) - header)
    else { return nil }
    let multihash = Multihash(sha256: Digest.sha256(payload))
    guard BlockKey(multihash) == key else { return nil }
    try put(Block(unchecked: payload, cid: CID(codec: .raw, multihash: multihash)))
    return multihash
  }

  /// Takes a damaged record out of the index, unless it has been replaced meanwhile.
  private func drop(_ key: BlockKey, _ location: BlockLocation) {
    state.withLock { state in
      guard state.index[key]?.segment == location.segment, state.index[key]?.offset == location.offset else { return }
      state.index[key] = nil
      state.segments[location.segment]?.liveBytes -= UInt64(location.length)
      state.segments[location.segment]?.indexed = 0
    }
  }

  /// The multihash of every block, as the records name it.
  package func multihashes() throws(ContentError) -> [Multihash] {
    let entries = state.withLock { state in state.index.values.map { ($0, state.segments[$0.segment]?.file) } }
    var result: [Multihash] = []
    for (location, file) in entries {
      let count = min(Int(location.length), SegmentRecord.fixedLength + Multihash.maximumDigestLength + 20)
      guard let head = try file?.bytes(at: UInt64(location.offset), count: count),
        let announced = SegmentRecord.announced(head.prefix(SegmentRecord.fixedLength)),
        let multihash = SegmentRecord.multihash(Array(head.prefix(SegmentRecord.fixedLength + announced.name)))
      else { continue }
      result.append(multihash)
    }
    return result
  }
}
