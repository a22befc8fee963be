/// A key as it is kept: what is known of it, and the digest that it is recognised by.
package struct StoredKey: Sendable, Hashable {
  /// The SHA-256 of the key's text.
  package var digest: [UInt8]
  /// What is known of it.
  package var record: KeyRecord

  /// A key.
  package init(digest: [UInt8], record: KeyRecord) {
    self.digest = digest
    self.record = record
  }
}

/// Where keys are kept. Nodes that share one know the same keys.
///
/// The laws that every store keeps are those of `KeyStoreConformance` in the tests.
package protocol KeyStore: Sendable {
  /// Keeps a key.
  ///
  /// - Returns: false where `limit` keys are kept already.
  /// - Throws: ``AccessError`` of kind `store`; nothing has changed then.
  func add(_ key: StoredKey, limit: Int) async throws(AccessError) -> Bool

  /// All keys, the newest first.
  ///
  /// - Throws: ``AccessError`` of kind `store`.
  func all() async throws(AccessError) -> [StoredKey]

  /// Notes when a key was revoked. One that was revoked before, or is not there, stays as it is.
  ///
  /// - Throws: ``AccessError`` of kind `store`.
  func revoke(_ prefix: String, at time: Int) async throws(AccessError)

  /// A number that differs whenever a key was made or revoked since it was last asked for.
  ///
  /// - Throws: ``AccessError`` of kind `store`.
  func changeStamp() async throws(AccessError) -> Int
}

/// A store of this machine, which can be asked in microseconds without waiting for anybody.
package protocol LocalKeyStore: KeyStore {
  /// ``KeyStore/all()`` without waiting.
  func allNow() throws(AccessError) -> [StoredKey]
  /// ``KeyStore/changeStamp()`` without waiting.
  func changeStampNow() throws(AccessError) -> Int
}

extension Set<Scope> {
  /// As stores spell them.
  var text: String { sorted().map(\.rawValue).joined(separator: " ") }

  /// Reads ``text``; what is not known is left out.
  init(text: String) {
    self.init(text.split(separator: " ").compactMap { Scope(rawValue: String($0)) })
  }
}
