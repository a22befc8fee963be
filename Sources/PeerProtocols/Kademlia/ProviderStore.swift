internal import Multiformats

/// Who provides what, as told by the providers themselves, each for a while.
package struct ProviderStore: Sendable {
  /// Bounds.
  package struct Limits: Sendable {
    /// Keys known.
    package var keys = 65_536
    /// Providers of one key.
    package var perKey = 256
    /// Keys that one peer may announce here.
    package var perPeer = 16_384
    /// Providers told in one answer.
    package var perAnswer = 32
    /// How long an announcement holds (the IPFS network's 48 hours).
    package var lifetime: Duration = .seconds(48 * 3_600)
    /// How long its addresses hold; later only the peer's id is told.
    package var addressLifetime: Duration = .seconds(30 * 60)

    package init() {}
  }

  /// What became of an announcement.
  package enum Outcome: Equatable, Sendable {
    case stored
    case renewed
    /// A bound was met; its name.
    case refused(String)
  }

  private struct Record: Sendable {
    let contact: KademliaContact
    let at: Duration
  }

  package let limits: Limits
  private var records: [[UInt8]: [PeerID: Record]] = [:]
  private var announced: [PeerID: Int] = [:]
  private var lastSweep: Duration = .zero

  package init(limits: Limits = Limits()) { self.limits = limits }

  /// Keys known.
  package var keyCount: Int { records.count }

  /// Stores that `contact` provides `key`.
  package mutating func add(_ contact: KademliaContact, key: [UInt8], at now: Duration) -> Outcome {
    if records[key]?[contact.peer] != nil {
      records[key]?[contact.peer] = Record(contact: contact, at: now)
      return .renewed
    }
    guard announced[contact.peer, default: 0] < limits.perPeer else { return .refused("keys of one peer") }
    if records[key] == nil, records.count >= limits.keys {
      sweep(at: now)
      guard records.count < limits.keys else { return .refused("keys") }
    }
    if records[key, default: [:]].count >= limits.perKey {
      // The oldest goes: a provider that is there renews its announcement.
      guard let oldest = records[key]?.min(by: { $0.value.at < $1.value.at })?.key else { return .refused("providers") }
      remove(oldest, key)
    }
    records[key, default: [:]][contact.peer] = Record(contact: contact, at: now)
    announced[contact.peer, default: 0] += 1
    return .stored
  }

  private mutating func remove(_ peer: PeerID, _ key: [UInt8]) {
    guard records[key]?.removeValue(forKey: peer) != nil else { return }
    if records[key]?.isEmpty == true { records[key] = nil }
    let left = announced[peer, default: 1] - 1
    announced[peer] = left > 0 ? left : nil
  }

  /// Who provides `key`, at most ``Limits/perAnswer``. Where there are more, each network group gets its turn, so that one
  /// network's announcements cannot crowd out another's.
  package func providers(of key: [UInt8], at now: Duration) -> [KademliaContact] {
    guard let known = records[key] else { return [] }
    let fresh = known.values.filter { now - $0.at < limits.lifetime }.sorted { left, right in
      left.at != right.at ? left.at > right.at : left.contact.key < right.contact.key
    }
    let told = fresh.map { record in
      now - record.at < limits.addressLifetime
        ? record.contact : KademliaContact(peer: record.contact.peer, key: record.contact.key, addresses: [])
    }
    guard told.count > limits.perAnswer else { return told }
    var turns: [NetworkGroup?: Int] = [:]
    let ranked = zip(fresh, told).map { record, contact in
      let turn = turns[record.contact.group, default: 0]
      turns[record.contact.group] = turn + 1
      return (turn, contact)
    }
    return ranked.enumerated().sorted { ($0.element.0, $0.offset) < ($1.element.0, $1.offset) }
      .prefix(limits.perAnswer).map(\.element.1)
  }

  /// Drops what has expired; does nothing within a minute of the last time.
  package mutating func expire(at now: Duration) {
    if now - lastSweep >= .seconds(60) { sweep(at: now) }
  }

  private mutating func sweep(at now: Duration) {
    lastSweep = now
    for (key, providers) in records {
      for (peer, record) in providers where now - record.at >= limits.lifetime { remove(peer, key) }
    }
  }
}
