package import Content
package import Multiformats
package import PeerProtocols

/// How a host behaves.
package struct HostOptions: Sendable {
  /// Where to listen; empty for a host that only dials.
  package var listen: [Multiaddr] = []
  /// Addresses to tell others besides those listened on.
  package var announce: [Multiaddr] = []
  /// The private network's pre-shared key, 32 bytes; nil for the public network.
  package var networkKey: [UInt8]?
  /// Who may connect and be connected to; nil for everyone.
  package var allowed: Set<PeerID>?
  package var trimming = ConnectionTrimming()
  package var limits = ConnectionLimits()
  package var yamux = YamuxLimits()
  /// From the first byte of a connection to an open session.
  package var upgradeTime: Duration = .seconds(10)
  /// Bytes received and not yet read, over all connections.
  package var bufferLimit = 512 << 20
  /// The address book's file; nil for memory alone.
  package var addressBookFile: String?
  package var agentVersion = "prsm"
  /// Who looks up what `/dnsaddr` stands for; nil for the name servers of this machine.
  package var resolver: DNSResolver?

  package init() {}
}
