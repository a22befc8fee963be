internal import Multiformats

/// Judges values under keys of one namespace (https://github.com/libp2p/specs/tree/master/kad-dht, "Entry validation").
package protocol RecordValidator: Sendable {
  /// The first part of the keys that it judges, such as `pk`.
  var namespace: String { get }
  /// Whether the value may stand under the key.
  func isValid(_ value: [UInt8], key: [UInt8]) -> Bool
  /// Whether the first value is to be preferred. Both are valid.
  func prefers(_ value: [UInt8], to other: [UInt8], key: [UInt8]) -> Bool
}

extension RecordValidator {
  /// The namespace of a key of the form `/namespace/rest`.
  package static func namespace(of key: [UInt8]) -> String? {
    guard key.first == UInt8(ascii: "/"), let end = key.dropFirst().firstIndex(of: UInt8(ascii: "/")) else {
      return nil
    }
    return String(validating: key[1..<end], as: UTF8.self)
  }
}

/// Public keys under `/pk/` and the multihash of their owner's peer id.
package struct PublicKeyValidator: RecordValidator {
  package let namespace = "pk"

  package init() {}

  package func isValid(_ value: [UInt8], key: [UInt8]) -> Bool {
    guard key.starts(with: Array("/pk/".utf8)), let named = try? PeerID(bytes: Array(key.dropFirst(4))),
      let publicKey = try? PeerPublicKey(bytes: value), publicKey.bytes == value
    else { return false }
    // The id may be the hash even of a key that is short enough to be kept inline.
    return named.multihash == Multihash(sha256: KeyHash.sha256(value))
      || named == (try? PeerID(publicKey: publicKey, sha256: KeyHash.sha256))
  }

  package func prefers(_ value: [UInt8], to other: [UInt8], key: [UInt8]) -> Bool { false }
}

/// Values that this node keeps for others.
package struct RecordStore: Sendable {
  /// Bounds.
  package struct Limits: Sendable {
    /// Records kept.
    package var records = 8_192
    /// How long one is kept after it was last put.
    package var lifetime: Duration = .seconds(48 * 3_600)

    package init() {}
  }

  private struct Kept: Sendable {
    let record: KademliaRecord
    let at: Duration
  }

  package let limits: Limits
  private let validators: [String: any RecordValidator]
  private var records: [[UInt8]: Kept] = [:]

  package init(validators: [any RecordValidator] = [PublicKeyValidator()], limits: Limits = Limits()) {
    self.validators = Dictionary(validators.map { ($0.namespace, $0) }) { first, _ in first }
    self.limits = limits
  }

  /// Whether a record may be stored or believed.
  package func isValid(_ record: KademliaRecord) -> Bool {
    guard let namespace = PublicKeyValidator.namespace(of: record.key) else { return false }
    return validators[namespace]?.isValid(record.value, key: record.key) ?? false
  }

  /// Whether `record` is better than `other`; both are valid and of one key.
  package func prefers(_ record: KademliaRecord, to other: KademliaRecord) -> Bool {
    guard let namespace = PublicKeyValidator.namespace(of: record.key) else { return false }
    return validators[namespace]?.prefers(record.value, to: other.value, key: record.key) ?? false
  }

  /// Keeps a record unless it is invalid or a better one is there.
  ///
  /// - Returns: whether it is kept.
  package mutating func put(_ record: KademliaRecord, at now: Duration) -> Bool {
    guard isValid(record) else { return false }
    if let kept = get(record.key, at: now), kept.value != record.value, !prefers(record, to: kept) { return false }
    if records[record.key] == nil, records.count >= limits.records {
      expire(at: now)
      guard records.count < limits.records else { return false }
    }
    records[record.key] = Kept(record: record, at: now)
    return true
  }

  /// The record of a key, unless it has expired or is no longer valid.
  package func get(_ key: [UInt8], at now: Duration) -> KademliaRecord? {
    guard let kept = records[key], now - kept.at < limits.lifetime, isValid(kept.record) else { return nil }
    return kept.record
  }

  /// Drops what has expired.
  package mutating func expire(at now: Duration) {
    records = records.filter { now - $0.value.at < limits.lifetime }
  }
}
