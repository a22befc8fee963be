package import Multiformats
internal import Synchronization

/// Blocks on this machine's disk, in append-only segment files.
///
/// - A block put is safe from `kill -9` at once, and from a power cut after ``flush()``.
/// - Every read is checked against the block's hash.
/// - Puts, reads, pins and collection run side by side on any threads; all calls block their thread on the disk.
package final class BlockStore: BlockSource, BlockSink {
  /// Sizes and bounds.
  package struct Options: Sendable {
    /// Bytes at which a segment is closed and a new one begun; 1 MiB to 2 GiB.
    package var segmentSize: UInt64 = 256 << 20
    /// Bytes of the memory tier.
    package var cacheSize = 16 << 20
    /// The most bytes that segments may take on disk; nil for what the disk holds.
    package var capacity: UInt64?

    package init() {}
  }

  /// Blocks and bytes held.
  package struct Usage: Hashable, Sendable {
    package var blocks: Int
    /// Bytes of live records.
    package var liveBytes: UInt64
    /// Bytes of the segment files.
    package var fileBytes: UInt64
    package var pins: Int
    package var capacity: UInt64?
  }

  struct Segment {
    var file: any StoreFile
    var size: UInt64
    var liveBytes: UInt64 = 0
    /// Bytes known to survive a power cut.
    var synced: UInt64 = 0
    var writebackBegun: UInt64 = 0
    /// Where the room ends that the disk has set aside.
    var reserved: UInt64 = 0
    var indexed: UInt64 = 0
  }

  struct State {
    var index: [BlockKey: BlockLocation] = [:]
    var segments: [UInt32: Segment] = [:]
    var active: UInt32?
    var lastSegment: UInt32 = 0
    var folderDirty = false
    var epoch: UInt32 = 1
    /// The epochs in which adds that still run began.
    var sessions: [UInt64: UInt32] = [:]
    var nextSession: UInt64 = 0
    var pins = PinTable()
    var pinsWritten: UInt64 = 0
    var pinsUnreadable = false
    /// Indexes and copies of the pins that were damaged when the store was opened.
    var damagedFiles: [String] = []
    var appended: UInt64 = 0
    var flushed: UInt64 = 0
    /// Bytes of all segment files.
    var fileBytes: UInt64 = 0
    /// What there was when room was looked for in vain.
    var fruitless: RoomMark?
  }

  let folder: String
  let files: any StoreFileSystem
  let options: Options
  let state: Mutex<State>
  private let cache: Mutex<BlockCache>
  /// Held while flushing, so that those who wait find their work done.
  let flushing = Mutex(())
  /// Held while an index is gathered and written, so that an older one never lands on a newer.
  let indexWriting = Mutex(())
  /// Held while the pin files are written.
  let pinWriting = Mutex(())
  /// Held while collecting: one collection at a time.
  let collecting = Mutex(())
  /// What is asked to make room before a put is refused for the capacity; see ``whenFull(_:)``.
  let roomMaker = Mutex<(@Sendable (UInt64) throws(ContentError) -> Void)?>(nil)
  private let lock: any Sendable

  /// Opens the store in `folder`, making it where there is none. What a crash left half written is put right.
  ///
  /// - Throws: `.busy` where another process holds it, `.storage`.
  package init(
    folder: String, options: Options = Options(), files: any StoreFileSystem = DiskFileSystem()
  ) throws(ContentError) {
    self.folder = folder
    self.files = files
    self.options = options
    try files.makeFolder(folder)
    lock = try files.lock(folder + "/lock")
    cache = Mutex(BlockCache(capacity: options.cacheSize))
    let recovered = try StoreRecovery(folder: folder, files: files, options: options).run()
    state = Mutex(recovered)
  }

  func segmentPath(_ number: UInt32) -> String { Self.segmentPath(folder, number) }

  static func segmentPath(_ folder: String, _ number: UInt32) -> String {
    let digits = String(number)
    return folder + "/" + String(repeating: "0", count: 10 - digits.count) + digits + ".segment"
  }

  static func indexPath(_ folder: String, _ number: UInt32) -> String {
    String(segmentPath(folder, number).dropLast(7)) + "index"
  }

  // MARK: Reading

  /// Whether the block is here; its bytes are not checked.
  package func has(_ cid: CID) -> Bool {
    if cid.multihash.function == .identity { return true }
    let key = BlockKey(cid.multihash)
    return state.withLock { $0.index[key] != nil }
  }

  /// The bytes of a block, checked against its hash.
  package func bytes(of cid: CID) throws(ContentError) -> [UInt8] {
    let multihash = cid.multihash
    if multihash.function == .identity { return multihash.digest }
    if let bytes = cache.withLock({ $0.get(multihash) }) { return bytes }
    let key = BlockKey(multihash)
    let found = state.withLock { state in
      state.index[key].flatMap { location in state.segments[location.segment].map { (location, $0.file) } }
    }
    guard let (location, file) = found else { throw .missing(cid) }
    guard let bytes = try Self.payload(of: multihash, at: location, in: file) else { throw .corrupt(cid) }
    cache.withLock { $0.insert(bytes, for: multihash) }
    return bytes
  }

  /// Bytes of the block's payload, without reading it; nil where it is not here.
  package func size(of cid: CID) -> Int? {
    if cid.multihash.function == .identity { return cid.multihash.digest.count }
    let header = SegmentRecord.headerLength(cid.multihash)
    let key = BlockKey(cid.multihash)
    return state.withLock { $0.index[key].map { Int($0.length) - header } }
  }

  /// The verified payload of a record; nil where header or payload are damaged.
  static func payload(
    of multihash: Multihash, at location: BlockLocation, in file: any StoreFile
  ) throws(ContentError) -> [UInt8]? {
    let header = SegmentRecord.headerLength(multihash)
    guard Int(location.length) >= header,
      let payload = try file.bytes(
        at: UInt64(location.offset) + UInt64(header), count: Int(location.length) - header)
    else { return nil }
    // The header is not looked at: damage there loses nothing while the index knows the place.
    return try Digest.matches(multihash, payload) ? payload : nil
  }

  // MARK: Writing

  package func put(_ multihash: Multihash, _ pieces: [UnsafeRawBufferPointer]) throws(ContentError) {
    if multihash.function == .identity { return }
    let payload = pieces.reduce(0) { $0 + $1.count }
    guard payload <= Block.maximumSize else {
      throw ContentError(.tooLarge, "a block of \(payload) bytes; at most \(Block.maximumSize)")
    }
    let key = BlockKey(multihash)
    let known = state.withLock { state in
      guard state.index[key] != nil else { return false }
      state.index[key]?.epoch = state.epoch
      return true
    }
    if known { return }
    let header = SegmentRecord.header(multihash, payload: payload)
    try makeRoom(for: UInt64(header.count + payload))
    nonisolated(unsafe) let parts = pieces  // Read within this call only.
    let result = state.withLock { state in
      Result { () throws(ContentError) in
        try header.withUnsafeBytes { header in
          Result { () throws(ContentError) in
            try append([header] + parts, length: header.count + payload, key: key, replacing: false, &state)
          }
        }.get()
      }
    }
    try result.get()
  }

  /// Appends a record and enters it into the index. The lock is held, so that records lie whole one after the other.
  func append(
    _ pieces: [UnsafeRawBufferPointer], length: Int, key: BlockKey, replacing: Bool, _ state: inout State
  ) throws(ContentError) {
    if state.index[key] != nil, !replacing {
      state.index[key]?.epoch = state.epoch
      return
    }
    // What is only moved takes the room of what it leaves, which is free once the move is done.
    if let capacity = options.capacity, !replacing, state.fileBytes + UInt64(length) > capacity {
      throw ContentError(
        .quota,
        "the store holds \(state.fileBytes) of \(capacity) bytes; unpin what is not needed, collect, or raise the quota"
      )
    }
    let number = try activeSegment(for: length, &state)
    guard var segment = state.segments[number] else { throw ContentError(.storage, "segment \(number) is closed") }
    let offset = segment.size
    reserve(length, in: &segment)
    do throws(ContentError) {
      try segment.file.write(at: offset, pieces)
    } catch {
      // What is there of it lies behind the end and is written over; should even the cut fail, recovery drops it.
      try? segment.file.truncate(to: offset)
      throw error
    }
    segment.size += UInt64(length)
    segment.liveBytes += UInt64(length)
    if segment.size - segment.writebackBegun >= 8 << 20 {
      segment.file.beginWriteback(upTo: segment.size)
      segment.writebackBegun = segment.size
    }
    if let old = state.index[key] { state.segments[old.segment]?.liveBytes -= UInt64(old.length) }
    state.segments[number] = segment
    state.appended += UInt64(length)
    state.fileBytes += UInt64(length)
    state.index[key] = BlockLocation(
      segment: number, offset: UInt32(offset), length: UInt32(length), epoch: state.epoch)
  }

  /// Small stores take no more of the disk than they hold; a segment that grows has room set aside ahead of it.
  private func reserve(_ length: Int, in segment: inout Segment) {
    guard segment.size >= Self.reserveSize / 4, segment.size + UInt64(length) > segment.reserved else { return }
    segment.file.reserve(at: segment.size, count: max(Self.reserveSize, UInt64(length)))
    segment.reserved = segment.size + max(Self.reserveSize, UInt64(length))
  }

  /// Bytes set aside at a time.
  private static let reserveSize: UInt64 = 32 << 20

  private func activeSegment(for length: Int, _ state: inout State) throws(ContentError) -> UInt32 {
    if let active = state.active, let segment = state.segments[active],
      segment.size + UInt64(length) <= max(options.segmentSize, UInt64(length))
    {
      return active
    }
    if let active = state.active, let segment = state.segments[active], segment.reserved > segment.size {
      try segment.file.truncate(to: segment.size)
      state.segments[active]?.reserved = 0
    }
    let number = state.lastSegment + 1
    state.segments[number] = Segment(file: try files.open(segmentPath(number), create: true), size: 0)
    state.lastSegment = number
    state.active = number
    state.folderDirty = true
    return number
  }

  func forget(_ multihash: Multihash) { cache.withLock { $0.remove(multihash) } }

  // MARK: Durability

  /// Makes every block put before this call survive a power cut. Those who call at the same time share the work.
  package func flush() throws(ContentError) {
    let wanted = state.withLock { $0.appended }
    let result = flushing.withLock { _ in
      Result { () throws(ContentError) in
        if state.withLock({ $0.flushed >= wanted && !$0.folderDirty }) { return }
        let (work, appended, folderDirty) = state.withLock { state in
          let dirty = state.segments.filter { $0.value.synced < $0.value.size }
          defer { state.folderDirty = false }
          return (dirty, state.appended, state.folderDirty)
        }
        do throws(ContentError) {
          for (_, segment) in work.sorted(by: { $0.key < $1.key }) { try segment.file.sync() }
          if folderDirty { try files.syncFolder(folder) }
        } catch {
          state.withLock { $0.folderDirty = $0.folderDirty || folderDirty }
          throw error
        }
        state.withLock { state in
          for (number, segment) in work { state.segments[number]?.synced = segment.size }
          state.flushed = max(state.flushed, appended)
        }
      }
    }
    try result.get()
    try writeIndexes(includingActive: false)
  }

  /// Writes the index of each segment that grew, so that opening need not read it through.
  func writeIndexes(includingActive: Bool) throws(ContentError) {
    let stale = state.withLock { state in
      state.segments.filter { $0.value.indexed < $0.value.synced && (includingActive || $0.key != state.active) }
        .mapValues(\.synced)
    }
    for (number, covered) in stale { try writeIndex(number, covered: covered, syncing: false) }
  }

  /// - Parameter syncing: false where it may be lost: it proves itself, and the segment is read through without it.
  func writeIndex(_ number: UInt32, covered: UInt64, syncing: Bool = true) throws(ContentError) {
    let result = indexWriting.withLock { _ in
      Result { () throws(ContentError) in
        let entries: [(key: BlockKey, offset: UInt32, length: UInt32)]? = state.withLock { state in
          guard state.segments[number] != nil else { return nil }
          return state.index.compactMap { key, location in
            location.segment == number && UInt64(location.offset) + UInt64(location.length) <= covered
              ? (key: key, offset: location.offset, length: location.length) : nil
          }
        }
        guard let entries else { return }
        let bytes = SegmentIndex(covered: covered, entries: entries).encode()
        try files.replace([(Self.indexPath(folder, number), bytes)], folder: folder, syncing: syncing)
        state.withLock { $0.segments[number]?.indexed = covered }
      }
    }
    try result.get()
  }

  /// Flushes, and leaves an index of everything so that the next opening is quick. The store may be used on.
  package func close() throws(ContentError) {
    try flush()
    try writeIndexes(includingActive: true)
    // What was set aside is given back, under the lock, so that nothing is being written there.
    let result = state.withLock { state in
      Result { () throws(ContentError) in
        for (number, segment) in state.segments where segment.reserved > segment.size {
          try segment.file.truncate(to: segment.size)
          state.segments[number]?.reserved = 0
        }
      }
    }
    try result.get()
  }

  // MARK: Sessions and figures

  /// Protects what an add puts and touches from collection until the session ends or is let go of.
  package func beginSession() -> StoreSession {
    let id = state.withLock { state in
      state.nextSession += 1
      // What lies here already is older than the session, so that garbage of before is not spared for its sake.
      state.epoch += 1
      state.sessions[state.nextSession] = state.epoch
      return state.nextSession
    }
    return StoreSession(store: self, id: id)
  }

  package var usage: Usage {
    state.withLock { state in
      Usage(
        blocks: state.index.count, liveBytes: state.segments.values.reduce(0) { $0 + $1.liveBytes },
        fileBytes: state.fileBytes, pins: state.pins.pins.count,
        capacity: options.capacity)
    }
  }
}

/// While it lives, collection spares every block put or touched since it began.
package final class StoreSession: Sendable {
  private let store: BlockStore
  private let id: UInt64

  init(store: BlockStore, id: UInt64) {
    self.store = store
    self.id = id
  }

  /// Ends the protection; pins take over. Ending twice is harmless.
  package func end() { store.state.withLock { $0.sessions[id] = nil } }

  deinit { end() }
}

extension StoreFileSystem {
  /// Writes files of one folder beside, syncs them, renames them into place and syncs the folder.
  ///
  /// - Parameter syncing: false where surviving `kill -9` is enough.
  func replace(
    _ replacements: [(path: String, bytes: [UInt8])], folder: String, syncing: Bool = true
  ) throws(ContentError) {
    for (path, bytes) in replacements {
      let file = try open(path + ".new", create: true)
      try file.truncate(to: 0)
      try file.write(at: 0, bytes: bytes)
      if syncing { try file.sync() }
    }
    for (path, _) in replacements { try rename(path + ".new", to: path) }
    if syncing { try syncFolder(folder) }
  }
}
