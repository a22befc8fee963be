package import Multiformats

/// Peers that one operator is likely to control: an IPv4 /16 or an IPv6 /32.
package struct NetworkGroup: Hashable, Sendable {
  let value: UInt64

  package init(value: UInt64) { self.value = value }

  /// The group of an address. Nil for loopback, private and link-local addresses, where many honest peers share one
  /// prefix, and for names.
  package init?(_ address: Multiaddr) {
    guard let outer = address.components.first else { return nil }
    let bytes = outer.value
    switch outer.protocol.name {
    case "ip4":
      guard bytes.count == 4 else { return nil }
      let isPrivate =
        bytes[0] == 10 || bytes[0] == 127 || (bytes[0] == 172 && (16...31).contains(bytes[1]))
        || (bytes[0] == 192 && bytes[1] == 168) || (bytes[0] == 169 && bytes[1] == 254)
        || (bytes[0] == 100 && (64...127).contains(bytes[1]))
      if isPrivate { return nil }
      value = UInt64(bytes[0]) << 8 | UInt64(bytes[1])
    case "ip6":
      guard bytes.count == 16, bytes[0] & 0xfe != 0xfc, !(bytes[0] == 0xfe && bytes[1] & 0xc0 == 0x80),
        bytes.dropLast().contains(where: { $0 != 0 })
      else { return nil }
      value = bytes.prefix(4).reduce(UInt64(1)) { $0 << 8 | UInt64($1) }
    default: return nil
    }
  }
}

/// A peer as the DHT knows it: who, where in the space, and at which addresses.
package struct KademliaContact: Hashable, Sendable {
  /// How the one who tells of a peer stands to it; part of the wire format.
  package enum Connection: UInt64, Hashable, Sendable {
    case notConnected = 0
    case connected = 1
    case canConnect = 2
    case cannotConnect = 3
  }

  /// The most addresses kept of one peer.
  package static let maximumAddresses = 16

  package let peer: PeerID
  package let key: KademliaKey
  package let addresses: [Multiaddr]
  /// Of the first address that has one.
  package let group: NetworkGroup?
  package var connection: Connection

  /// A contact; addresses beyond ``maximumAddresses`` are dropped.
  package init(peer: PeerID, addresses: [Multiaddr], connection: Connection = .notConnected) {
    self.init(peer: peer, key: KademliaKey(peer), addresses: addresses, connection: connection)
  }

  /// A contact whose place is known already.
  init(peer: PeerID, key: KademliaKey, addresses: [Multiaddr], connection: Connection = .notConnected) {
    self.peer = peer
    self.key = key
    self.addresses =
      addresses.count > Self.maximumAddresses ? Array(addresses.prefix(Self.maximumAddresses)) : addresses
    var group: NetworkGroup?
    for address in self.addresses where group == nil { group = NetworkGroup(address) }
    self.group = group
    self.connection = connection
  }

  package static func == (left: KademliaContact, right: KademliaContact) -> Bool {
    left.key == right.key && left.addresses == right.addresses
  }

  package func hash(into hasher: inout Hasher) { hasher.combine(key) }
}
