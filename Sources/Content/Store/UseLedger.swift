package import Multiformats
internal import Synchronization

/// How often and when pinned content was used, and what it was judged to be worth: what ``RetentionPolicy`` decides by.
///
/// It is written now and then. What a crash loses of it costs a worse guess, and nothing else.
package final class UseLedger: Sendable {
  /// Entries kept; the oldest make room.
  package static let maximumEntries = 100_000

  private struct State {
    var uses: [CID: ContentUse] = [:]
    var isDirty = false
  }

  private let path: String
  private let folder: String
  private let files: any StoreFileSystem
  private let state: Mutex<State>

  /// Reads the ledger beside a store; a damaged one begins anew.
  package init(folder: String, files: any StoreFileSystem = DiskFileSystem()) {
    self.folder = folder
    self.path = folder + "/uses"
    self.files = files
    var uses: [CID: ContentUse] = [:]
    if let file = try? files.open(folder + "/uses", create: false), let size = try? file.size(), size <= 64 << 20,
      let bytes = try? file.bytes(at: 0, count: Int(size)), let list = Self.list(bytes)
    {
      for element in list {
        guard let cid = element["0"]?.linkValue, let reads = element["1"]?.unsignedValue,
          let last = element["2"]?.unsignedValue, case .float(let quality)? = element["3"],
          let bytes = element["4"]?.unsignedValue
        else { continue }
        uses[cid] = ContentUse(reads: reads, lastUsed: Int64(clamping: last), quality: quality, bytes: bytes)
      }
    }
    state = Mutex(State(uses: uses))
  }

  /// The entries, where the bytes agree with the SHA-256 at their end.
  private static func list(_ bytes: [UInt8]) -> [Node]? {
    guard bytes.count > 32, Digest.sha256(Array(bytes.dropLast(32))).elementsEqual(bytes.suffix(32)) else { return nil }
    return try? DagCBOR.decode(Array(bytes.dropLast(32))).listValue
  }

  /// Notes that content was read at `now`, seconds since 1970. Content that has no entry is passed over.
  package func used(_ cid: CID, now: Int64) {
    state.withLock { state in
      guard state.uses[cid] != nil else { return }
      state.uses[cid]?.reads &+= 1
      state.uses[cid]?.lastUsed = now
      state.isDirty = true
    }
  }

  /// Begins or changes an entry.
  package func set(_ cid: CID, _ use: ContentUse) {
    state.withLock { state in
      if state.uses.count >= Self.maximumEntries, state.uses[cid] == nil,
        let oldest = state.uses.min(by: { $0.value.lastUsed < $1.value.lastUsed })?.key
      {
        state.uses[oldest] = nil
      }
      state.uses[cid] = use
      state.isDirty = true
    }
  }

  package func forget(_ cid: CID) {
    state.withLock { state in
      state.uses[cid] = nil
      state.isDirty = true
    }
  }

  package subscript(cid: CID) -> ContentUse? { state.withLock { $0.uses[cid] } }

  /// Writes what has changed.
  package func write() throws(ContentError) {
    let uses: [CID: ContentUse]? = state.withLock { state in
      guard state.isDirty else { return nil }
      state.isDirty = false
      return state.uses
    }
    guard let uses else { return }
    let list = uses.sorted { $0.key.description < $1.key.description }.map { cid, use in
      Node.list([
        .link(cid), .unsigned(use.reads), .unsigned(UInt64(max(0, use.lastUsed))), .float(use.quality),
        .unsigned(use.bytes),
      ])
    }
    let bytes = try DagCBOR.encode(.list(list))
    try files.replace([(path, bytes + Digest.sha256(bytes))], folder: folder, syncing: false)
  }
}
