import Foundation
import Multiformats
import PeerProtocols

/// What the configuration says of peers.
struct PeersConfiguration: Sendable, Equatable {
  var listen: [Multiaddr]
  var announce: [Multiaddr]
  var bootstrap: [Multiaddr]
  var allowed: [PeerID]
  var networkKeyFile: String?
  var lowWater: Int
  var highWater: Int

  /// Whether the node takes part at all.
  var isOn: Bool { !listen.isEmpty || !bootstrap.isEmpty }

  init(_ sources: inout ConfigurationSources) {
    listen = sources.value(PeerSettings.listen)
    announce = sources.value(PeerSettings.announce)
    bootstrap = sources.value(PeerSettings.bootstrap)
    allowed = sources.value(PeerSettings.allowed)
    networkKeyFile = sources.value(PeerSettings.networkKey)
    lowWater = sources.value(PeerSettings.lowWater)
    highWater = sources.value(PeerSettings.highWater)
  }
}

/// The settings of peers.
enum PeerSettings {
  static let listen = Setting(
    "peers.listen", Form<Multiaddr>.listenMultiaddr.list(of: "multiaddrs"), default: [], "none: the node has no peers",
    flag: "--peer-listen",
    "Where other nodes reach this one, such as `/ip4/0.0.0.0/tcp/4001`. Peers prove who they are and all is encrypted.")
  static let announce = Setting(
    "peers.announce", Form<Multiaddr>.multiaddr.list(of: "multiaddrs"), default: [], "none",
    "Addresses to tell peers besides those of this machine, for a node behind a router that forwards a port.")
  static let bootstrap = Setting(
    "peers.bootstrap", Form<Multiaddr>.peerMultiaddr.list(of: "multiaddrs with `/p2p/…`"), default: [], "none",
    "Peers to stay connected to, each as an address that ends in `/p2p/` and its id.")
  static let allowed = Setting(
    "peers.allow", Form<PeerID>.peer.list(of: "peer ids"), default: [], "everyone",
    "The only peers that may connect and are connected to.")
  static let networkKey = Setting(
    "peers.network-key", Form<String>.path("a `swarm.key` file").optional, default: nil, "none: the public network",
    "The pre-shared key of a private network; only nodes that have it can connect.")
  static let lowWater = Setting(
    "peers.low-water", .integer(1...100_000), default: 96, "96",
    "Connections that are left when there were too many.")
  static let highWater = Setting(
    "peers.high-water", .integer(1...100_000), default: 192, "192",
    "Connections above which the least useful are closed.")

  static let all: [SettingOutline] = [
    listen.outline, announce.outline, bootstrap.outline, allowed.outline, networkKey.outline, lowWater.outline,
    highWater.outline,
  ]
}

extension Form<Multiaddr> {
  /// Any multiaddr.
  static let multiaddr = Form<Multiaddr>.text("a multiaddr such as `/ip4/203.0.113.7/tcp/4001`") { try? Multiaddr($0) }

  /// One that can be listened on.
  static let listenMultiaddr = Form<Multiaddr>.text("a multiaddr such as `/ip4/0.0.0.0/tcp/4001` or `/ip6/::/tcp/4001`")
  {
    text in
    guard let address = try? Multiaddr(text), address.components.count == 2,
      ["ip4", "ip6"].contains(address.components[0].protocol.name), address.components[1].protocol.name == "tcp"
    else { return nil }
    return address
  }

  /// One that says whose it is.
  static let peerMultiaddr = Form<Multiaddr>.text("a multiaddr that ends in `/p2p/` and a peer id") { text in
    guard let address = try? Multiaddr(text), address.components.last?.protocol.name == "p2p",
      address.components.count > 1
    else { return nil }
    return address
  }
}

extension Form<PeerID> {
  static let peer = Form<PeerID>.text("a peer id such as `12D3KooW…`") { try? PeerID($0) }
}
