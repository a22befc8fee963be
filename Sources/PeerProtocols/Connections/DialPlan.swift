package import Multiformats

/// In which order a peer's addresses are tried, and when (after RFC 8305, happy eyeballs, and go-libp2p's ranking).
package struct DialPlan: Hashable, Sendable {
  /// One address and how long after the start it is tried, unless one before it has answered.
  package struct Attempt: Hashable, Sendable {
    package let address: Multiaddr
    package let delay: Duration
  }

  /// The most addresses tried for one dial.
  package static let maximumAttempts = 32
  /// Between two addresses of the same kind.
  private static let stagger = Duration.milliseconds(250)

  package let attempts: [Attempt]

  /// Orders addresses: this machine, then private networks, then IPv6 and IPv4 in turn, names, and relays at last. Doubles
  /// are dropped.
  package init(_ addresses: [Multiaddr]) {
    var seen: Set<Multiaddr> = []
    let ranked = addresses.filter { seen.insert($0).inserted }.map { (rank: Self.rank($0), address: $0) }
    let sorted = ranked.enumerated().sorted { ($0.element.rank, $0.offset) < ($1.element.rank, $1.offset) }
      .map(\.element.address)
    var attempts: [Attempt] = []
    var delay = Duration.zero
    for address in sorted.prefix(Self.maximumAttempts) {
      // What is near answers or refuses at once, so that nothing is lost by trying all of it together.
      let isNear = Self.rank(address) == 0
      attempts.append(Attempt(address: address, delay: isNear ? .zero : delay))
      if !isNear { delay += Self.stagger }
    }
    self.attempts = attempts
  }

  private static func rank(_ address: Multiaddr) -> Int {
    if address.components.contains(where: { $0.protocol.name == "p2p-circuit" }) { return 5 }
    switch AddressReach(address) {
    case .loopback: return 0
    case .privateNetwork: return 1
    case .global: return address.value(of: "ip6") != nil ? 2 : 3
    case .name: return 4
    case .unusable: return 6
    }
  }
}

/// How far an address reaches.
package enum AddressReach: Hashable, Sendable {
  case loopback
  case privateNetwork
  case global
  /// A name that must be looked up.
  case name
  /// Unspecified, multicast, or without an IP address.
  case unusable

  package init(_ address: Multiaddr) {
    guard let first = address.components.first else {
      self = .unusable
      return
    }
    let bytes = first.value
    switch first.protocol.name {
    case "ip4":
      switch (bytes[0], bytes[1]) {
      case (127, _): self = .loopback
      case (10, _), (192, 168), (169, 254), (172, 16...31), (100, 64...127): self = .privateNetwork
      case (0, _), (224...255, _): self = .unusable
      default: self = .global
      }
    case "ip6":
      if bytes.dropLast().allSatisfy({ $0 == 0 }) {
        self = bytes[15] == 1 ? .loopback : .unusable
      } else if bytes[0] & 0xfe == 0xfc || (bytes[0] == 0xfe && bytes[1] & 0xc0 == 0x80) {
        self = .privateNetwork
      } else {
        self = bytes[0] == 0xff ? .unusable : .global
      }
    case "dns", "dns4", "dns6", "dnsaddr": self = .name
    default: self = .unusable
    }
  }
}
