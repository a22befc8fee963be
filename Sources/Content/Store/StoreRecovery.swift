internal import Multiformats

/// Opens what lies in the store's folder: indexes where they are whole, and a walk over the records where not.
struct StoreRecovery {
  let folder: String
  let files: any StoreFileSystem
  let options: BlockStore.Options

  func run() throws(ContentError) -> BlockStore.State {
    var state = BlockStore.State()
    for name in try files.names(in: folder) {
      if name.hasSuffix(".new") {
        try files.remove(folder + "/" + name)
      } else if name.hasSuffix(".segment"), let number = UInt32(name.dropLast(8)) {
        try recover(number, &state)
      }
    }
    // An index whose segment is gone must not meet a new segment of the same number.
    for name in try files.names(in: folder) where name.hasSuffix(".index") {
      if let number = UInt32(name.dropLast(6)), state.segments[number] == nil { try files.remove(folder + "/" + name) }
    }
    if let last = state.segments.keys.max() {
      state.lastSegment = last
      if let segment = state.segments[last], segment.size < options.segmentSize { state.active = last }
    }
    state.fileBytes = state.segments.values.reduce(0) { $0 + $1.size }
    recoverPins(&state)
    return state
  }

  private func recover(_ number: UInt32, _ state: inout BlockStore.State) throws(ContentError) {
    let file = try files.open(BlockStore.segmentPath(folder, number), create: false)
    let size = try file.size()
    var segment = BlockStore.Segment(file: file, size: 0)
    var start: UInt64 = 0
    func enter(_ key: BlockKey, _ offset: UInt64, _ length: UInt32) {
      if let old = state.index[key] {
        if old.segment == number { segment.liveBytes -= UInt64(old.length) }
        state.segments[old.segment]?.liveBytes -= UInt64(old.length)
      }
      state.index[key] = BlockLocation(segment: number, offset: UInt32(offset), length: length, epoch: 0)
      segment.liveBytes += UInt64(length)
    }
    if let index = try readIndex(number, &state), index.covered <= size {
      start = index.covered
      segment.indexed = index.covered
      for entry in index.entries where UInt64(entry.offset) + UInt64(entry.length) <= size {
        enter(entry.key, UInt64(entry.offset), entry.length)
      }
    }
    // Behind the index lies what was written last. Each record must prove itself; a torn one is dropped.
    var end = start
    try walk(file, from: start, size: size) { multihash, offset, length in
      enter(BlockKey(multihash), offset, UInt32(length))
      end = offset + UInt64(length)
    }
    // Room that a process which was killed had set aside behind the end goes back, too.
    if end < size || start < size { try file.truncate(to: end) }
    segment.size = end
    segment.synced = start
    state.segments[number] = segment
  }

  private func readIndex(_ number: UInt32, _ state: inout BlockStore.State) throws(ContentError) -> SegmentIndex? {
    let path = BlockStore.indexPath(folder, number)
    guard let file = try? files.open(path, create: false) else { return nil }
    let size = try file.size()
    if size <= 1 << 30, let bytes = try file.bytes(at: 0, count: Int(size)), let index = SegmentIndex(decoding: bytes) {
      return index
    }
    state.damagedFiles.append(String(path.dropFirst(folder.count + 1)))
    return nil
  }

  /// Visits every record whose payload hashes to its name. Where a header is damaged, the next one is looked for.
  private func walk(
    _ file: any StoreFile, from start: UInt64, size: UInt64, _ visit: (Multihash, UInt64, Int) -> Void
  ) throws(ContentError) {
    var offset = start
    while offset + UInt64(SegmentRecord.fixedLength) <= size {
      if let fixed = try file.bytes(at: offset, count: SegmentRecord.fixedLength),
        let announced = SegmentRecord.announced(fixed[...]),
        let header = try file.bytes(at: offset, count: SegmentRecord.fixedLength + announced.name),
        let multihash = SegmentRecord.multihash(header),
        let payload = try file.bytes(at: offset + UInt64(header.count), count: announced.payload)
      {
        let length = header.count + payload.count
        if (try? Digest.matches(multihash, payload)) == true { visit(multihash, offset, length) }
        offset += UInt64(length)
      } else if let next = try nextHeader(file, after: offset, size: size) {
        offset = next
      } else {
        return
      }
    }
  }

  private func nextHeader(_ file: any StoreFile, after offset: UInt64, size: UInt64) throws(ContentError) -> UInt64? {
    var position = offset + 1
    let first = SegmentRecord.magic[0]
    while position + UInt64(SegmentRecord.fixedLength) <= size {
      let count = Int(min(1 << 20, size - position))
      guard let window = try file.bytes(at: position, count: count) else { return nil }
      var index = 0
      while index + 4 <= count {
        if window[index] == first, window[index..<(index + 4)].elementsEqual(SegmentRecord.magic),
          let fixed = try file.bytes(at: position + UInt64(index), count: SegmentRecord.fixedLength),
          let announced = SegmentRecord.announced(fixed[...]),
          let header = try file.bytes(at: position + UInt64(index), count: SegmentRecord.fixedLength + announced.name),
          SegmentRecord.multihash(header) != nil
        {
          return position + UInt64(index)
        }
        index += 1
      }
      position += UInt64(max(1, count - 3))
    }
    return nil
  }

  private func recoverPins(_ state: inout BlockStore.State) {
    var found = false
    for name in PinFiles.names {
      guard let file = try? files.open(folder + "/" + name, create: false), let size = try? file.size() else {
        continue
      }
      found = true
      guard size <= 1 << 30, let bytes = try? file.bytes(at: 0, count: Int(size)), let table = PinTable(decoding: bytes)
      else {
        state.damagedFiles.append(name)
        continue
      }
      if table.generation >= state.pins.generation { state.pins = table }
    }
    state.pinsUnreadable = found && state.pins.generation == 0
  }
}
