package import Multiformats
package import PeerProtocols
internal import Synchronization

/// Keeps places at relays for a node that others cannot reach.
package final class RelayKeeper: Sendable {
  private static let pause = Duration.seconds(1)

  private let host: any PeerHost
  private let client: RelayClient
  private let isNeeded: @Sendable () -> Bool
  private let log: @Sendable (String) -> Void
  private let places: Mutex<RelayPlaces>
  private let start = ContinuousClock.now

  /// - Parameters:
  ///   - isNeeded: asked every second, whether others cannot reach this node.
  ///   - log: takes a sentence about places won and lost.
  package init(
    host: any PeerHost, client: RelayClient, options: RelayPlaces.Options = RelayPlaces.Options(),
    isNeeded: @escaping @Sendable () -> Bool, log: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.host = host
    self.client = client
    self.isNeeded = isNeeded
    self.log = log
    places = Mutex(RelayPlaces(options: options))
  }

  /// The relays at which there is a place now.
  package var held: [PeerID] { places.withLock { $0.held } }

  /// Looks after the places until cancelled.
  package func run() async {
    let events = host.events()
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        for await event in events {
          if case .disconnected(let peer, _) = event { self.lost(peer) }
        }
      }
      group.addTask {
        while !Task.isCancelled {
          await self.turn()
          try? await Task.sleep(for: Self.pause)
        }
      }
      await group.waitForAll()
    }
    for relay in held { client.withdraw(relay) }
  }

  private var now: Duration { ContinuousClock.now - start }

  private func turn() async {
    let isNeeded = isNeeded()
    let able =
      isNeeded
      ? host.connectedPeers.filter { peer in
        host.protocols(of: peer).contains(RelayMessage.hopProtocol)
          && host.connections(of: peer).contains { !$0.isRelayed }
      } : []
    let actions = places.withLock { $0.update(isNeeded: isNeeded, able: nearest(able), at: now) }
    for action in actions {
      switch action {
      case .withdraw(let relay): client.withdraw(relay)
      case .reserve(let relay): await reserve(relay)
      }
    }
  }

  /// The quickest to answer first.
  private func nearest(_ peers: [PeerID]) -> [PeerID] {
    let trips = peers.map { peer in
      (peer, host.connections(of: peer).compactMap(\.roundTrip).min() ?? .seconds(10))
    }
    return trips.sorted { $0.1 < $1.1 }.map(\.0)
  }

  private func reserve(_ relay: PeerID) async {
    do throws(PeerError) {
      let lifetime = try await client.reserve(at: relay)
      if places.withLock({ $0.granted(relay, for: lifetime, at: now) }) {
        log(
          "this node has a place at relay \(relay) for \(lifetime.components.seconds) s, and can be reached through it")
      } else {
        client.withdraw(relay)
      }
    } catch {
      let wasLost = places.withLock { places in
        error.code == .refused ? places.refused(relay, at: now) : places.failed(relay, at: now)
      }
      log("relay \(relay) gives no place: \(error.detail)")
      if wasLost { client.withdraw(relay) }
    }
  }

  private func lost(_ peer: PeerID) {
    guard places.withLock({ $0.lost(peer) }) else { return }
    client.withdraw(peer)
    log("the place at relay \(peer) ended with the connection")
  }
}
