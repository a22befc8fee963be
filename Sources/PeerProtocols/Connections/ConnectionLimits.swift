package import Multiformats

/// How many connections a host holds at most.
package struct ConnectionLimits: Hashable, Sendable {
  /// Connections in all.
  package var total = 1_024
  /// Connections that others opened.
  package var inbound = 768
  /// Connections with one peer.
  package var perPeer = 8
  /// Connections from one address outside of this machine: one IPv4 address, or one IPv6 network of 56 bits.
  package var perAddress = 64
  /// Connections that others opened and that have not proven who they are.
  package var pending = 256
  /// Dials under way.
  package var dials = 64
  /// Addresses of one peer tried at the same time.
  package var dialsPerPeer = 8

  package init() {}
}

/// Counts connections against ``ConnectionLimits``. Pure.
package struct ConnectionCount: Sendable {
  package let limits: ConnectionLimits
  package private(set) var open = 0
  package private(set) var inbound = 0
  private var perPeer: [PeerID: Int] = [:]
  private var perAddress: [[UInt8]: Int] = [:]

  package init(limits: ConnectionLimits) { self.limits = limits }

  /// Takes a place for a connection that has proven who it is; the reason where there is none.
  package mutating func admit(_ peer: PeerID, inbound isInbound: Bool) -> PeerError? {
    if open >= limits.total {
      return PeerError(.exhausted, "this node has \(open) connections, at most \(limits.total)")
    }
    if isInbound, inbound >= limits.inbound {
      return PeerError(.exhausted, "this node has \(inbound) connections that others opened, at most \(limits.inbound)")
    }
    let count = perPeer[peer] ?? 0
    if count >= limits.perPeer {
      return PeerError(.exhausted, "\(peer) has \(count) connections to this node, at most \(limits.perPeer)")
    }
    open += 1
    if isInbound { inbound += 1 }
    perPeer[peer] = count + 1
    return nil
  }

  package mutating func release(_ peer: PeerID, inbound isInbound: Bool) {
    open -= 1
    if isInbound { inbound -= 1 }
    let count = (perPeer[peer] ?? 1) - 1
    perPeer[peer] = count > 0 ? count : nil
  }

  /// Takes a place for a connection from an address, proven or not; false where there is none.
  package mutating func admit(from address: Multiaddr) -> Bool {
    guard let key = Self.network(of: address) else { return true }
    let count = perAddress[key] ?? 0
    guard count < limits.perAddress else { return false }
    perAddress[key] = count + 1
    return true
  }

  package mutating func release(from address: Multiaddr) {
    guard let key = Self.network(of: address), let count = perAddress[key] else { return }
    perAddress[key] = count > 1 ? count - 1 : nil
  }

  /// Nil for this machine, which is not counted.
  private static func network(of address: Multiaddr) -> [UInt8]? {
    guard AddressReach(address) != .loopback, let first = address.components.first else { return nil }
    switch first.protocol.name {
    case "ip4": return first.value
    case "ip6": return Array(first.value.prefix(7))
    default: return nil
    }
  }
}
