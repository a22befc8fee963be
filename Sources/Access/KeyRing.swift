import GRDB
package import Storage
import Synchronization

/// The API keys of a node: made, listed and revoked here, and looked up for every request.
///
/// Good keys are held in memory, so that a look-up touches no disk. A key that another process makes or revokes in the
/// same store is noticed within ``staleness``.
package final class KeyRing: Sendable {
  /// The most keys a node keeps, revoked ones included.
  package static let maximumKeys = 100_000
  /// How long it may take until a change by another process is noticed.
  package static let staleness: Duration = .seconds(1)

  /// The tables that keys are kept in.
  package static let migrations = [
    Migration("access-1-keys") { database in
      try database.create(table: "accessKey") { table in
        table.primaryKey("prefix", .text)
        table.column("digest", .blob).notNull().unique()
        table.column("name", .text).notNull()
        table.column("scopes", .text).notNull()
        table.column("created", .integer).notNull()
        table.column("expires", .integer)
        table.column("revoked", .integer)
      }
    },
    Migration("access-2-payers") { database in
      try database.alter(table: "accessKey") { table in
        table.add(column: "user", .text)
        table.add(column: "project", .text)
        table.add(column: "organization", .text)
      }
    },
  ]

  private struct Cache {
    var entries: [String: StoredKey] = [:]
    var stamp: Int?
    var checked: ContinuousClock.Instant?
    /// Keys that are given in the configuration and not in the store.
    var configured: [String: StoredKey] = [:]
    /// Whether a shared store is being asked.
    var isRefreshing = false
  }

  private let store: any KeyStore
  private let now: @Sendable () -> Int
  private let clock: @Sendable () -> ContinuousClock.Instant
  private let cache = Mutex(Cache())

  /// The keys in a store.
  ///
  /// - Parameters:
  ///   - now: the time of day in seconds since 1970.
  ///   - clock: a clock that only moves forward.
  package init(
    _ store: any KeyStore, now: @escaping @Sendable () -> Int,
    clock: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now }
  ) {
    self.store = store
    self.now = now
    self.clock = clock
  }

  /// The keys in a node's own store.
  ///
  /// - Parameter store: opened with ``migrations`` among its own.
  package convenience init(
    store: Store, now: @escaping @Sendable () -> Int,
    clock: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now }
  ) {
    self.init(SQLiteKeyStore(store), now: now, clock: clock)
  }

  /// Makes a key. This is the only time that its text can be seen.
  ///
  /// - Parameters:
  ///   - name: 1 to 100 characters.
  ///   - lifetime: in seconds; nil for a key that does not expire.
  ///   - payer: on whose account it is used.
  /// - Throws: ``AccessError``: `badName`, `tooMany`, `store`.
  package func create(
    name: String, scopes: Set<Scope>, lifetime: Int? = nil, payer: Payer = Payer()
  ) async throws(AccessError) -> (key: APIKey, record: KeyRecord) {
    guard payer.isValid else { throw .badName }
    guard !name.isEmpty, name.count <= 100, name.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F })
    else { throw .badName }
    let key = APIKey.generate()
    let created = now()
    let record = KeyRecord(
      prefix: key.prefix, name: name, scopes: scopes, created: created,
      expires: lifetime.map { created.addingReportingOverflow($0) }.map { $0.overflow ? .max : $0.partialValue },
      payer: payer)
    let stored = StoredKey(digest: key.digest, record: record)
    guard try await store.add(stored, limit: Self.maximumKeys) else { throw .tooMany }
    cache.withLock { $0.entries[record.prefix] = stored }
    return (key, record)
  }

  /// Accepts one more key, given in the configuration, until the process ends. Its text is not kept.
  ///
  /// - Parameter text: at least 16 characters of any form.
  package func accept(configured text: String) {
    let digest = APIKey.digest(of: text)
    let record = KeyRecord(
      prefix: "configured", name: "configuration", scopes: Set(Scope.allCases), created: now(), expires: nil,
      revoked: nil)
    cache.withLock { $0.configured[record.prefix] = StoredKey(digest: digest, record: record) }
  }

  /// All keys, the newest first.
  ///
  /// - Throws: ``AccessError`` of kind `store`.
  package func list() async throws(AccessError) -> [KeyRecord] {
    try await store.all().map(\.record)
  }

  /// Revokes a key at once, and for good.
  ///
  /// - Parameter text: a beginning of the key (the whole key too), or its name.
  /// - Returns: the key as it now is; one that was revoked before stays as it was.
  /// - Throws: ``AccessError``: `noSuchKey`, `store`.
  package func revoke(_ text: String) async throws(AccessError) -> KeyRecord {
    let beginning = String(text.prefix(APIKey.prefixLength))
    let candidates = try await list().filter {
      $0.name == text || (beginning.count > APIKey.mark.count && $0.prefix.hasPrefix(beginning))
    }
    let active = candidates.filter { $0.revoked == nil }
    guard var record = active.count == 1 ? active.first : candidates.count == 1 ? candidates.first : nil else {
      throw .noSuchKey(text, matches: active.isEmpty ? candidates.count : active.count)
    }
    guard record.revoked == nil else { return record }
    record.revoked = now()
    let revoked = record
    try await store.revoke(revoked.prefix, at: record.revoked ?? now())
    cache.withLock { $0.entries[revoked.prefix]?.record = revoked }
    return record
  }

  /// Whether there is any key that is good now.
  ///
  /// - Throws: ``AccessError`` of kind `store`.
  package func hasKeys() async throws(AccessError) -> Bool {
    try await refresh()
    let time = now()
    return cache.withLock { cache in
      !cache.configured.isEmpty || cache.entries.values.contains { $0.record.isValid(at: time) }
    }
  }

  /// Tells who presents a key. Takes microseconds, and as long for a wrong key as for a right one. A shared store is never
  /// waited for: it is asked beside the requests, and answers for those that come after.
  ///
  /// - Throws: ``AccessError``: `malformed`, `unknown`, `expired`, `revoked`; `store` where the store has failed and
  ///   nothing was ever read from it.
  package func authenticate(_ text: String) throws(AccessError) -> KeyHolder {
    let isStale = cache.withLock { cache in
      cache.checked.map { clock() - $0 >= Self.staleness } ?? true
    }
    if isStale {
      if let local = store as? any LocalKeyStore {
        do throws(AccessError) {
          try refreshNow(local)
        } catch {
          // A store that fails for a moment must not lock out those whose keys are known.
          guard cache.withLock({ $0.stamp != nil }) else { throw error }
        }
      } else {
        refreshLater()
        guard cache.withLock({ $0.stamp != nil || !$0.configured.isEmpty }) else {
          throw .store("the keys have not been read yet; try again in a moment")
        }
      }
    }
    guard text.utf8.count <= 512 else { throw .malformed }
    let digest = APIKey.digest(of: text)
    let prefix = String(text.prefix(APIKey.prefixLength))
    let found: KeyRecord? = cache.withLock { cache in
      let absent = [UInt8](repeating: 0, count: digest.count)
      var match: KeyRecord?
      let stored = cache.entries[prefix]
      if constantTimeEqual(digest, stored?.digest ?? absent) { match = stored?.record }
      for entry in cache.configured.values where constantTimeEqual(digest, entry.digest) { match = entry.record }
      return match
    }
    guard let record = found else {
      throw APIKey(text) == nil ? .malformed : .unknown
    }
    guard record.revoked == nil else { throw .revoked }
    if let expires = record.expires, now() >= expires { throw .expired(expires) }
    return KeyHolder(tenant: record.prefix, name: record.name, scopes: record.scopes)
  }

  /// On whose account a key is used, by its ``KeyRecord/id``; from memory.
  package func payer(of id: String) -> Payer? {
    cache.withLock { cache in
      guard let record = cache.entries[id]?.record else { return nil }
      var payer = record.payer
      payer.keyName = record.name
      return payer
    }
  }

  /// The keys of that name, in use or not, by their ``KeyRecord/id``; from memory.
  package func ids(named name: String) -> [String] {
    cache.withLock { $0.entries.values.filter { $0.record.name == name }.map(\.record.id).sorted() }
  }

  /// Reads the keys again if any process has changed them.
  private func refreshNow(_ store: any LocalKeyStore) throws(AccessError) {
    let known = beginRefresh()
    let stamp = try store.changeStampNow()
    guard stamp != known else { return }
    put(try store.allNow(), stamp)
  }

  private func refresh() async throws(AccessError) {
    let known = beginRefresh()
    let stamp = try await store.changeStamp()
    guard stamp != known else { return }
    put(try await store.all(), stamp)
  }

  /// At most one at a time.
  private func refreshLater() {
    let isDue = cache.withLock { cache in
      defer { cache.isRefreshing = true }
      return !cache.isRefreshing
    }
    guard isDue else { return }
    // Unstructured because it serves all requests that come later, and none may take it along when it is cancelled. The
    // store's own deadline ends it.
    Task {
      // Where the store fails, keys that are known stay good; the next request finds that it is time to ask again.
      try? await self.refresh()
      self.cache.withLock { $0.isRefreshing = false }
    }
  }

  private func beginRefresh() -> Int? {
    let time = clock()
    return cache.withLock { cache in
      // Set first, so that one of many requests at a time asks the store.
      cache.checked = time
      return cache.stamp
    }
  }

  private func put(_ keys: [StoredKey], _ stamp: Int) {
    let byPrefix = Dictionary(keys.map { ($0.record.prefix, $0) }, uniquingKeysWith: { first, _ in first })
    cache.withLock { cache in
      cache.entries = byPrefix
      cache.stamp = stamp
    }
  }
}

/// Whether two texts of bytes are the same, in a time that depends on their lengths alone.
func constantTimeEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
  guard left.count == right.count else { return false }
  var difference: UInt8 = 0
  for index in left.indices { difference |= left[index] ^ right[index] }
  return difference == 0
}
