internal import Multiformats
internal import NIOCore
internal import PeerProtocols

/// Where TCP connects to: an IP address or a name, and a port.
struct TCPEndpoint: Hashable, Sendable {
  let host: String
  let port: Int
  let isName: Bool

  /// Nil where the address is not plain TCP over IP or a name.
  init?(_ address: Multiaddr) {
    let layers = address.components
    guard layers.count >= 2, layers[1].protocol.name == "tcp", let port = Int(layers[1].text),
      layers.count == 2 || (layers.count == 3 && layers[2].protocol.name == "p2p")
    else { return nil }
    switch layers[0].protocol.name {
    case "ip4", "ip6": isName = false
    case "dns", "dns4", "dns6": isName = true
    default: return nil
    }
    host = layers[0].text
    self.port = port
  }
}

extension Multiaddr {
  /// The address of a socket; nil for one that is not TCP over IP.
  static func tcp(_ address: SocketAddress?) -> Multiaddr? {
    guard let address, let host = address.ipAddress, let port = address.port else { return nil }
    let bare = host.prefix { $0 != "%" }
    // An IPv4 peer of a socket that listens on IPv6 keeps its own family.
    if bare.hasPrefix("::ffff:"), bare.contains(".") {
      return try? Multiaddr("/ip4/\(bare.dropFirst(7))/tcp/\(port)")
    }
    return try? Multiaddr("/\(bare.contains(":") ? "ip6" : "ip4")/\(bare)/tcp/\(port)")
  }
}
