package import Multiformats

/// What names in addresses stand for: `/dns…` an IP address, `/dnsaddr` whole addresses that the domain's TXT records list
/// (https://github.com/multiformats/multiaddr/blob/master/protocols/DNSADDR.md). Pure: whoever asks the domain name system
/// hands the answers in.
package enum NamedAddress {
  /// How often one `/dnsaddr` may lead to another.
  package static let maximumDepth = 4
  /// Addresses that one name may stand for.
  package static let maximumAddresses = 32

  /// What has to be looked up.
  package enum Question: Hashable, Sendable {
    /// IP addresses of a host: of the fourth version, the sixth, or either.
    case addresses(host: String, family: Family)
    /// TXT records of a domain.
    case texts(domain: String)
  }

  package enum Family: Hashable, Sendable {
    case ip4
    case ip6
    case either
  }

  /// What must be known before the address can be dialled; nil where nothing is missing. Names behind a relay are looked up when
  /// the relay is dialled.
  package static func question(of address: Multiaddr) -> Question? {
    guard let first = address.components.first, address.value(of: "p2p-circuit") == nil else { return nil }
    switch first.protocol.name {
    case "dns": return .addresses(host: first.text, family: .either)
    case "dns4": return .addresses(host: first.text, family: .ip4)
    case "dns6": return .addresses(host: first.text, family: .ip6)
    case "dnsaddr": return .texts(domain: "_dnsaddr.\(first.text)")
    default: return nil
    }
  }

  /// The address with an IP address, 4 or 16 bytes, in place of the name.
  package static func replacing(_ address: Multiaddr, by ip: [UInt8]) -> Multiaddr? {
    guard let known = AddressProtocol(name: ip.count == 4 ? "ip4" : "ip6"),
      let layer = try? Multiaddr.Component(known, value: ip)
    else { return nil }
    return Multiaddr(components: [layer] + address.components.dropFirst())
  }

  /// The addresses that a domain's TXT records list for a `/dnsaddr` address: those that end in what follows the name there.
  ///
  /// - Parameter texts: each record's strings joined.
  package static func listed(_ texts: [String], for address: Multiaddr) -> [Multiaddr] {
    let rest = Array(address.components.dropFirst())
    let prefix = "dnsaddr="
    var seen: Set<Multiaddr> = []
    let found = texts.compactMap { text -> Multiaddr? in
      guard text.hasPrefix(prefix), let listed = try? Multiaddr(text.dropFirst(prefix.count)),
        listed.components.count >= rest.count,
        Array(listed.components.suffix(rest.count)) == rest, seen.insert(listed).inserted
      else { return nil }
      return listed
    }
    return Array(found.prefix(maximumAddresses))
  }
}
