internal import Content
internal import Multiformats
internal import PeerProtocols

/// IPNS records under `/ipns/` and the bytes of the name's peer id (https://specs.ipfs.tech/ipns/ipns-record/).
package struct IPNSValidator: RecordValidator {
  package let namespace = "ipns"
  private let now: @Sendable () -> Int64

  /// - Parameter now: seconds since 1970.
  package init(now: @escaping @Sendable () -> Int64) { self.now = now }

  private func record(_ value: [UInt8], _ key: [UInt8]) -> IPNSRecord? {
    guard key.starts(with: Array("/ipns/".utf8)), let name = try? PeerID(bytes: Array(key.dropFirst(6))) else {
      return nil
    }
    return try? IPNSRecord(verifying: value, name: name)
  }

  package func isValid(_ value: [UInt8], key: [UInt8]) -> Bool {
    record(value, key)?.isValid(at: now()) ?? false
  }

  package func prefers(_ value: [UInt8], to other: [UInt8], key: [UInt8]) -> Bool {
    guard let new = record(value, key) else { return false }
    guard let old = record(other, key) else { return true }
    return new.sequence != old.sequence ? new.sequence > old.sequence : new.validity > old.validity
  }
}
