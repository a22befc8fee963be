package import Multiformats
internal import NIOCore
internal import NIOPosix
package import PeerProtocols
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#endif

extension LibP2PHost: DirectDialer {
  /// Addresses dialled at one time.
  private static var directDials: Int { 8 }

  package func dialDirectly(
    _ peer: PeerID, addresses: [Multiaddr], manner: DirectDial, deadline: ContinuousClock.Instant
  ) async throws(PeerError) {
    if let refusal = refusal(of: peer) { throw refusal }
    let usable = HolePunchMessage.direct(addresses).prefix(Self.directDials)
    guard peer != id, !usable.isEmpty else {
      throw PeerError(.unreachable, "\(peer) has no address that can be dialled directly")
    }
    let failures = await withTaskGroup(of: (Multiaddr, PeerError?).self) { group -> [String]? in
      for address in usable {
        group.addTask {
          do throws(PeerError) {
            try await self.dial(address, peer: peer, manner: manner, deadline: deadline)
            return (address, nil)
          } catch {
            return (address, error)
          }
        }
      }
      var failures: [String] = []
      for await (address, failure) in group {
        note(peer, address, failure?.detail ?? "connected directly", succeeded: failure == nil)
        guard let failure else {
          group.cancelAll()
          return nil
        }
        failures.append("\(address): \(failure.detail)")
      }
      return failures
    }
    guard let failures else { return }
    throw PeerError(.unreachable, "\(peer) could not be reached directly: \(failures.joined(separator: "; "))")
  }

  /// Where peers saw this node come from, as far as that says by which address a router lets them in.
  package var observedAddresses: [Multiaddr] {
    let now = uptime
    return state.withLock { $0.observed.addresses(at: now) }
  }

  package var directAddresses: [Multiaddr] {
    let own = listenAddresses
    let far = own.filter { AddressReach($0) != .loopback }
    return HolePunchMessage.direct(observedAddresses + options.announce + (far.isEmpty ? own : far))
  }

  package func endRelayed(_ peer: PeerID) -> Bool {
    let connections = state.withLock { $0.connections[peer] ?? [] }
    guard connections.contains(where: { !$0.terms.isRelayed }) else { return false }
    let relayed = connections.filter(\.terms.isRelayed)
    let idle = relayed.filter { $0.counters.streams.load(ordering: .relaxed) == 0 }
    for connection in idle {
      connection.eventLoop.execute { connection.close(PeerError(.closed, "there is a direct connection now")) }
    }
    return idle.count == relayed.count
  }

  /// Notes how a peer sees this node, where that says something about the port that is listened on.
  func noteObserved(_ address: Multiaddr?, by peer: PeerID, on connection: Connection) {
    guard let address, connection.terms.isFromListenPort else { return }
    let now = uptime
    state.withLock { $0.observed.note(address, by: peer, at: now) }
  }

  // MARK: The port that is listened on

  static var reusePort: NIOBSDSocket.Option { NIOBSDSocket.Option(rawValue: SO_REUSEPORT) }

  /// Where to dial from so that the port is one that is listened on; nil where no listener is of the target's family.
  func listenerPlace(for target: SocketAddress) -> SocketAddress? {
    let listeners = state.withLock { $0.listeners.compactMap { $0.localAddress } }
    let isLocal = Multiaddr.tcp(target).map { AddressReach($0) == .loopback } ?? false
    return listeners.first { place in
      guard place.protocol == target.protocol, let address = Multiaddr.tcp(place) else { return false }
      // An unspecified address stands for all; one of this machine reaches only this machine.
      return AddressReach(address) == .unusable || (AddressReach(address) == .loopback) == isLocal
    }
  }

  /// Whether usual dials to `address` begin at the port that is listened on: where a router stands in between, so that others
  /// see the address by which it lets them in.
  func dialsFromListener(to address: Multiaddr) -> Bool {
    AddressReach(address) == .global && !listenAddresses.contains { AddressReach($0) == .global }
  }
}
