internal import Glibc
package import Logging
internal import Multiformats
internal import NIOCore
internal import NIOPosix
package import PeerProtocols
internal import Synchronization

/// Finds nodes of the local network, and is found by them, by multicast DNS over IPv4
/// (https://github.com/libp2p/specs/blob/master/discovery/mdns.md).
package final class MDNSService: Sendable {
  private typealias Datagrams = NIOAsyncChannel<AddressedEnvelope<ByteBuffer>, AddressedEnvelope<ByteBuffer>>

  /// Where multicast DNS is spoken (RFC 6762, section 3).
  private static let group = "224.0.0.251"
  private static let port = 5_353
  /// Interfaces that are used at most.
  private static let maximumInterfaces = 16
  /// Peers that are dialled at one time.
  private static let parallelDials = 16
  /// The first questions come quickly one after the other, later ones every minute.
  private static let pauses: [Duration] = [
    .milliseconds(100), .milliseconds(400), .seconds(1), .seconds(3), .seconds(10),
  ]
  private static let steadyPause = Duration.seconds(60)
  /// How long an address that was announced is remembered.
  private static let addressLifetime = Duration.seconds(150)

  private let host: any PeerHost
  private let logger: Logger
  /// Says nothing about the node.
  private let name: String
  private let dialling = Mutex<Set<PeerID>>([])

  package init(host: any PeerHost, logger: Logger) {
    self.host = host
    self.logger = logger
    let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789")
    name = String((0..<36).compactMap { _ in letters.randomElement() })
  }

  /// Takes part until cancelled. Interfaces without multicast are passed over, and where there is none, it only waits.
  package func run() async {
    await withDiscardingTaskGroup { group in
      for device in Self.devices() {
        group.addTask {
          do {
            try await self.speak(on: device)
          } catch is CancellationError {
            return
          } catch {
            self.logger.notice(
              "no peers are looked for by multicast DNS here",
              metadata: ["interface": "\(device.name)", "reason": "\(error)"])
          }
        }
      }
    }
  }

  private static func devices() -> [NIONetworkDevice] {
    let all = (try? System.enumerateDevices()) ?? []
    let usable = all.filter { device in
      guard device.multicastSupported, case .v4? = device.address else { return false }
      return device.address?.ipAddress != "127.0.0.1"
    }
    return Array(usable.prefix(maximumInterfaces))
  }

  /// The device's IPv4 address as the socket option takes it: four bytes in network order (ip(7), `IP_MULTICAST_IF`).
  private static func interface(_ device: NIONetworkDevice) -> Int {
    let octets = (device.address?.ipAddress ?? "").split(separator: ".").compactMap { UInt8($0) }
    guard octets.count == 4 else { return 0 }
    return Int(octets.withUnsafeBytes { $0.loadUnaligned(as: Int32.self) })
  }

  private func speak(on device: NIONetworkDevice) async throws {
    let group = try SocketAddress(ipAddress: Self.group, port: Self.port)
    let datagrams: Datagrams = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.socketOption(.so_reuseaddr), value: 1)
      .channelOption(.socketOption(NIOBSDSocket.Option(rawValue: SO_REUSEPORT)), value: 1)
      .channelOption(.ipOption(.ip_multicast_if), value: Self.interface(device))
      .bind(host: "0.0.0.0", port: Self.port) { channel in
        channel.eventLoop.makeCompletedFuture { try Datagrams(wrappingChannelSynchronously: channel) }
      }
    try await datagrams.executeThenClose { inbound, outbound in
      if let channel = datagrams.channel as? any MulticastChannel {
        try await channel.joinGroup(group, device: device).get()
      }
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await self.ask(outbound, group) }
        tasks.addTask { try await self.listen(inbound, outbound, group) }
        try await tasks.next()
        tasks.cancelAll()
      }
    }
  }

  private func ask(
    _ outbound: NIOAsyncChannelOutboundWriter<AddressedEnvelope<ByteBuffer>>, _ group: SocketAddress
  ) async throws {
    var pauses = Self.pauses[...]
    while true {
      try await send(PeerAnnouncement.query, outbound, group)
      // Whoever came before may wait long until its next question.
      try await announce(outbound, group)
      try await Task.sleep(for: pauses.popFirst() ?? Self.steadyPause)
    }
  }

  private func send(
    _ message: DNSMessage, _ outbound: NIOAsyncChannelOutboundWriter<AddressedEnvelope<ByteBuffer>>,
    _ group: SocketAddress
  ) async throws {
    try await outbound.write(AddressedEnvelope(remoteAddress: group, data: ByteBuffer(bytes: message.bytes)))
  }

  private func announce(
    _ outbound: NIOAsyncChannelOutboundWriter<AddressedEnvelope<ByteBuffer>>, _ group: SocketAddress
  ) async throws {
    // Others cannot reach what is local to this machine.
    let addresses = host.listenAddresses.filter { !Self.isLoopback($0) }
    guard !addresses.isEmpty else { return }
    try await send(PeerAnnouncement(peer: host.id, addresses: addresses).response(name: name), outbound, group)
  }

  private static func isLoopback(_ address: Multiaddr) -> Bool {
    address.value(of: "ip4")?.hasPrefix("127.") == true || address.value(of: "ip6") == "::1"
  }

  private func listen(
    _ inbound: NIOAsyncChannelInboundStream<AddressedEnvelope<ByteBuffer>>,
    _ outbound: NIOAsyncChannelOutboundWriter<AddressedEnvelope<ByteBuffer>>, _ group: SocketAddress
  ) async throws {
    try await withThrowingDiscardingTaskGroup { dials in
      var lastAnswer = ContinuousClock.now - .seconds(1)
      for try await envelope in inbound {
        guard let message = try? DNSMessage(decoding: Array(envelope.data.readableBytesView)) else { continue }
        let asksForThis = message.questions.contains { $0.name.first?.lowercased() == name }
        if PeerAnnouncement.isQuery(message) || (!message.isResponse && asksForThis) {
          // One answer serves all who ask within that time.
          guard ContinuousClock.now - lastAnswer >= .milliseconds(100) else { continue }
          lastAnswer = .now
          try await announce(outbound, group)
        }
        for announced in PeerAnnouncement.announced(in: message) where announced.peer != host.id {
          meet(announced, &dials)
        }
      }
    }
  }

  private func meet(_ announced: PeerAnnouncement, _ dials: inout ThrowingDiscardingTaskGroup<any Error>) {
    let addresses = announced.addresses.filter { !Self.isLoopback($0) }
    guard !addresses.isEmpty else { return }
    host.addressBook.add(addresses, of: announced.peer, for: Self.addressLifetime)
    guard host.connections(of: announced.peer).isEmpty else { return }
    let isFree = dialling.withLock { dialling in
      dialling.count < Self.parallelDials && dialling.insert(announced.peer).inserted
    }
    guard isFree else { return }
    dials.addTask {
      defer { self.dialling.withLock { _ = $0.remove(announced.peer) } }
      do throws(PeerError) {
        try await self.host.connect(to: announced.peer, addresses: addresses, deadline: .now + .seconds(10))
        self.logger.info("met a peer of the local network", metadata: ["peer": "\(announced.peer)"])
      } catch {
        self.logger.debug(
          "a peer of the local network cannot be reached",
          metadata: ["peer": "\(announced.peer)", "reason": "\(error.detail)"])
      }
    }
  }
}
