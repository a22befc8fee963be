package import Multiformats

/// How well peers kept what they promised, and who was found to lie.
package struct Reputation: Sendable {
  private struct Record: Sendable {
    var kept = 0.0
    var broken = 0.0
    /// Smoothed, in seconds.
    var firstToken: Double?
    var roundTrip: Double?
    var lies: [String] = []
    var accusers: Set<PeerID> = []
    /// Answers that are to be computed again, whatever the share of those that are.
    var trials = 0
    var touched: Duration = .zero
    /// What happened last, newest last, for whoever asks why.
    var history: [String] = []
  }

  /// Peers that are remembered.
  package static let maximumPeers = 4_096
  /// Entries of one peer's history.
  package static let maximumHistory = 32
  /// Accusers of one peer that are heard, and answers that are computed again for them at one time.
  private static let maximumAccusers = 16
  private static let maximumTrials = 4

  private var records: [PeerID: Record] = [:]

  package init() {}

  private mutating func change(_ peer: PeerID, at now: Duration, _ change: (inout Record) -> Void) {
    if records[peer] == nil, records.count >= Self.maximumPeers {
      // Those in bad standing are kept: forgetting them would pardon them. But a crowd of names that somebody has made up and
      // given a bad standing must not take all the room.
      let liars = records.count { !$0.value.lies.isEmpty }
      let idle = records.filter { $0.value.lies.isEmpty != (liars > Self.maximumPeers / 2) }
        .min { $0.value.touched < $1.value.touched }
      guard let idle else { return }
      records[idle.key] = nil
    }
    change(&records[peer, default: Record()])
    records[peer]?.touched = now
  }

  /// An answer came to its end.
  package mutating func succeeded(_ peer: PeerID, firstToken: Duration?, at now: Duration) {
    change(peer, at: now) { record in
      record.kept = record.kept * 0.98 + 1
      record.broken *= 0.98
      if let firstToken {
        let seconds = firstToken.inSeconds
        record.firstToken = record.firstToken.map { $0 + (seconds - $0) * 0.3 } ?? seconds
      }
    }
  }

  /// An answer broke off, stalled, or did not begin.
  package mutating func failed(_ peer: PeerID, _ reason: String, at now: Duration) {
    change(peer, at: now) { record in
      record.kept *= 0.9
      record.broken = record.broken * 0.98 + 1
    }
    note(peer, reason, at: now)
  }

  /// A false answer was proven.
  package mutating func lied(_ peer: PeerID, _ reason: String, at now: Duration) {
    change(peer, at: now) { record in if record.lies.count < 16 { record.lies.append(reason) } }
    note(peer, "gave a false answer: \(reason)", at: now)
  }

  /// Another node accuses the peer of what cannot be verified here. That costs the peer nothing: accusers are made up as
  /// easily as names. But for each of the first of them, one more of its answers is computed again.
  package mutating func accused(_ peer: PeerID, by accuser: PeerID, _ reason: String, at now: Duration) {
    var isHeard = false
    change(peer, at: now) { record in
      guard record.accusers.count < Self.maximumAccusers, record.accusers.insert(accuser).inserted else { return }
      record.trials = min(record.trials + 1, Self.maximumTrials)
      isHeard = true
    }
    if isHeard { note(peer, "is accused by \(accuser), which proves nothing: \(reason)", at: now) }
  }

  /// Whether this answer of the peer is to be computed again because others accuse it.
  package mutating func takeTrial(of peer: PeerID) -> Bool {
    guard let left = records[peer]?.trials, left > 0 else { return false }
    records[peer]?.trials = left - 1
    return true
  }

  /// Whether this node has had to do with the peer.
  package func knows(_ peer: PeerID) -> Bool { records[peer] != nil }

  package mutating func measured(_ peer: PeerID, roundTrip: Duration, at now: Duration) {
    change(peer, at: now) { record in
      let seconds = roundTrip.inSeconds
      record.roundTrip = record.roundTrip.map { $0 + (seconds - $0) * 0.3 } ?? seconds
    }
  }

  package mutating func note(_ peer: PeerID, _ what: String, at now: Duration) {
    change(peer, at: now) { record in
      record.history.append(what)
      if record.history.count > Self.maximumHistory { record.history.removeFirst() }
    }
  }

  /// 0 to 1; 0.5 for a peer of which nothing is known. What others say of it without proof does not count.
  package func reliability(of peer: PeerID) -> Double {
    guard let record = records[peer] else { return 0.5 }
    guard record.lies.isEmpty else { return 0 }
    return (1 + record.kept) / (2 + record.kept + record.broken)
  }

  /// Whether it was found to lie; such a peer is not asked again.
  package func isLiar(_ peer: PeerID) -> Bool { records[peer].map { !$0.lies.isEmpty } ?? false }

  /// All that were found to lie, with the reasons.
  package var liars: [(peer: PeerID, reasons: [String])] {
    records.filter { !$0.value.lies.isEmpty }.map { (peer: $0.key, reasons: $0.value.lies) }
      .sorted { $0.peer.bytes.lexicographicallyPrecedes($1.peer.bytes) }
  }

  /// Time to the first token as experienced; nil where unknown.
  package func firstToken(of peer: PeerID) -> Duration? { records[peer]?.firstToken.map { .seconds($0) } }
  package func roundTrip(of peer: PeerID) -> Duration? { records[peer]?.roundTrip.map { .seconds($0) } }

  package func history(of peer: PeerID) -> [String] { records[peer]?.history ?? [] }
}
