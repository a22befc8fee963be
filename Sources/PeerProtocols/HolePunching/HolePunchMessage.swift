package import Multiformats

/// A message of `/libp2p/dcutr`, by which two peers that are connected through a relay agree on when to dial each other
/// (https://github.com/libp2p/specs/blob/master/relay/DCUtR.md).
package struct HolePunchMessage: Hashable, Sendable {
  /// What it says.
  package enum Kind: UInt64, Hashable, Sendable {
    /// Where the sender may be reached.
    case connect = 100
    /// The other side is to dial now.
    case sync = 300
  }

  package static let protocolName = "/libp2p/dcutr"
  /// The longest message, in bytes.
  package static let maximumSize = 4_096
  /// Addresses of one message that are looked at.
  package static let maximumAddresses = 16

  package var kind: Kind
  package var addresses: [Multiaddr]

  package init(_ kind: Kind, addresses: [Multiaddr] = []) {
    self.kind = kind
    self.addresses = addresses
  }

  /// - Throws: `.malformed`, `.tooLarge`.
  package init(decoding bytes: [UInt8]) throws(PeerError) {
    var reader = ProtobufReader(bytes)
    var kind: Kind?
    addresses = []
    while let field = try reader.next() {
      switch field.number {
      case 1:
        let number = try field.varint()
        kind = Kind(rawValue: number)
        if kind == nil { throw PeerError(.malformed, "hole punching: type \(number), expected 100 or 300") }
      case 2 where addresses.count < Self.maximumAddresses:
        // An address of a kind that is not known here is passed over.
        if let address = try? Multiaddr(bytes: try field.bytes(maximum: Multiaddr.maximumLength)) {
          addresses.append(address)
        }
      default: continue
      }
    }
    guard let kind else { throw PeerError(.malformed, "hole punching: a message without a type") }
    self.kind = kind
  }

  /// The message as it travels, without its length.
  package var bytes: [UInt8] {
    var writer = ProtobufWriter()
    writer.varint(1, kind.rawValue)
    for address in addresses.prefix(Self.maximumAddresses) { writer.bytes(2, address.bytes) }
    return writer.bytes
  }

  /// Of addresses, those that can be dialled directly over TCP, each once.
  package static func direct(_ addresses: [Multiaddr]) -> [Multiaddr] {
    var seen: Set<Multiaddr> = []
    let usable = addresses.filter { address in
      let names = address.components.map(\.protocol.name)
      guard names.count >= 2, ["ip4", "ip6"].contains(names[0]), names[1] == "tcp", !names.contains("p2p-circuit"),
        AddressReach(address) != .unusable
      else { return false }
      return seen.insert(Multiaddr(components: Array(address.components.prefix(2)))).inserted
    }
    return usable.prefix(maximumAddresses).map { Multiaddr(components: Array($0.components.prefix(2))) }
  }
}
