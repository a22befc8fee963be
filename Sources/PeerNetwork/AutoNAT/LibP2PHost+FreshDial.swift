package import Multiformats
internal import NIOCore
internal import NIOPosix
internal import PeerProtocols

extension LibP2PHost: FreshDialer {
  package func canDial(_ address: Multiaddr, deadline: ContinuousClock.Instant) async -> Bool {
    let host = address.value(of: "ip4") ?? address.value(of: "ip6")
    guard let host, let port = address.value(of: "tcp").flatMap({ Int($0) }),
      let target = try? SocketAddress(ipAddress: host, port: port)
    else { return false }
    let left = max(.zero, deadline - .now)
    let channel = try? await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connectTimeout(.milliseconds(Int64(left / .milliseconds(1))))
      .connect(to: target).get()
    try? await channel?.close().get()
    return channel != nil
  }
}
