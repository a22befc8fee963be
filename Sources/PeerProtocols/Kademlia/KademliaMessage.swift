internal import Multiformats

/// A value under a key, as the DHT stores and sends it.
package struct KademliaRecord: Hashable, Sendable {
  package var key: [UInt8]
  package var value: [UInt8]
  /// When the one who sends it received it, as RFC 3339 writes it; set by servers.
  package var timeReceived: String

  package init(key: [UInt8], value: [UInt8], timeReceived: String = "") {
    self.key = key
    self.value = value
    self.timeReceived = timeReceived
  }
}

/// A request or response of `/ipfs/kad/1.0.0` (https://github.com/libp2p/specs/tree/master/kad-dht, "RPC messages").
package struct KademliaMessage: Hashable, Sendable {
  /// What is asked, or was asked.
  package enum Kind: UInt64, Hashable, Sendable {
    case putValue = 0
    case getValue = 1
    case addProvider = 2
    case getProviders = 3
    case findNode = 4
    /// Deprecated: answered, never sent.
    case ping = 5
  }

  /// The protocol of the public network.
  package static let publicProtocol = "/ipfs/kad/1.0.0"
  /// The protocol of local networks.
  package static let localProtocol = "/ipfs/lan/kad/1.0.0"
  /// The longest message accepted, in bytes.
  package static let maximumSize = 128 << 10
  /// The longest key accepted, in bytes.
  package static let maximumKey = 1_024
  /// The longest value accepted, in bytes.
  package static let maximumValue = 64 << 10
  /// The most peers read from either list.
  package static let maximumPeers = 100

  package var kind: Kind
  package var key: [UInt8]
  package var record: KademliaRecord?
  package var closer: [KademliaContact]
  package var providers: [KademliaContact]

  package init(
    _ kind: Kind, key: [UInt8], record: KademliaRecord? = nil, closer: [KademliaContact] = [],
    providers: [KademliaContact] = []
  ) {
    self.kind = kind
    self.key = key
    self.record = record
    self.closer = closer
    self.providers = providers
  }
}
