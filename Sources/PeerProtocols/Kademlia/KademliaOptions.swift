/// How a DHT node behaves.
package struct KademliaOptions: Sendable {
  package var lookup = KademliaLookup.Limits()
  package var table = RoutingTable.Limits()
  package var providers = ProviderStore.Limits()
  package var records = RecordStore.Limits()
  /// Operations under way; more are refused.
  package var operations = 64
  /// Requests in a row that a peer may leave unanswered before it leaves the table.
  package var tolerance = 1
  /// Probes under way.
  package var parallelProbes = 16
  /// A request that is neither answered nor failed by then has failed.
  package var requestTimeout: Duration = .seconds(10)
  /// The whole time of one operation.
  package var operationTimeout: Duration = .seconds(60)
  /// How often buckets are refreshed where nothing changes (specification: 10 minutes).
  package var refreshInterval: Duration = .seconds(600)
  /// The least time between refreshes that losses call for.
  package var hastyRefresh: Duration = .seconds(20)
  /// Peers unheard of for so long are asked whether they are there.
  package var livenessInterval: Duration = .seconds(60)
  /// How often one of those who failed is tried again.
  package var lostInterval: Duration = .seconds(2)
  /// For how long.
  package var lostLifetime: Duration = .seconds(3_600)
  /// How often own announcements are renewed where nothing changes (the IPFS network's 22 hours).
  package var republishInterval: Duration = .seconds(22 * 3_600)
  /// The least time between renewals that losses call for.
  package var hastyRepublish: Duration = .seconds(60)
  /// Own announcements kept alive.
  package var announcements = 65_536
  /// Announcements under way at once.
  package var parallelAnnouncements = 4

  package init() {}
}

/// SplitMix64 (Steele, Lea and Flood, 2014): the same seed gives the same run.
package struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var bits = state
    bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
    return bits ^ (bits >> 31)
  }

  /// A uniform number in `0 ..< 1`.
  package mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// 32 bytes, as many as a SHA2-256 hash has.
  mutating func digest() -> [UInt8] {
    var bytes: [UInt8] = []
    for _ in 0..<4 { withUnsafeBytes(of: next()) { bytes.append(contentsOf: $0) } }
    return bytes
  }
}
