package import Multiformats
package import PeerProtocols
internal import Synchronization

/// Tells others whether they can be reached, and asks them whether this node can
/// (https://github.com/libp2p/specs/blob/master/autonat/autonat-v1.md).
package final class AutoNATService: Sendable {
  private struct State: Sendable {
    var reachability = Reachability()
    /// Dials for others in the present minute, in all and by peer.
    var minute = 0
    var dials = 0
    var byPeer: [PeerID: Int] = [:]
  }

  /// Dials for others in a minute, and for one of them.
  private static let dialsPerMinute = 30
  private static let dialsPerPeer = 3
  private static let dialTime = Duration.seconds(10)
  /// Between questions once the answer is known, and before.
  private static let interval = Duration.seconds(90)
  private static let firstInterval = Duration.seconds(3)

  private let host: any PeerHost
  private let state = Mutex(State())
  private let start = ContinuousClock.now

  package init(host: any PeerHost) {
    self.host = host
    host.handle(AutoNATMessage.protocolName, limits: ProtocolLimits(streams: 64, streamsPerPeer: 4)) {
      [weak self] stream in
      guard let self else { return stream.reset() }
      try await self.serve(stream)
    }
  }

  /// Whether others can reach this node, as far as they say.
  package var verdict: Reachability.Verdict { state.withLock { $0.reachability.verdict } }

  /// Asks connected peers, one after the other, until cancelled.
  package func run() async {
    var asked: [PeerID] = []
    while (try? await Task.sleep(for: verdict == .unknown ? Self.firstInterval : Self.interval)) != nil {
      let able = host.connectedPeers.filter { host.protocols(of: $0).contains(AutoNATMessage.protocolName) }
      // Those that were not asked lately first.
      guard let peer = able.filter({ !asked.contains($0) }).randomElement() ?? able.randomElement() else { continue }
      asked = asked.suffix(max(0, able.count - 2)) + [peer]
      guard let found = try? await ask(peer), found != .unknown else { continue }
      state.withLock { _ = $0.reachability.note(found, by: peer, of: able.count) }
    }
  }

  /// Asks one peer to dial back.
  package func ask(_ peer: PeerID) async throws(PeerError) -> Reachability.Verdict {
    let addresses = host.announcedAddresses.filter { $0.value(of: "p2p-circuit") == nil }
    // Who listens nowhere cannot be reached.
    guard !addresses.isEmpty else { return .unreachable }
    let stream = try await host.openStream(
      to: peer, protocols: [AutoNATMessage.protocolName], deadline: .now + Self.dialTime)
    stream.setTimeout(Self.dialTime * 2)
    do throws(PeerError) {
      try await stream.writeMessage(AutoNATMessage.dial(host.id, addresses).bytes)
      guard let bytes = try await stream.readMessage(maximum: AutoNATMessage.maximumSize),
        case .response(let status, _, _) = try AutoNATMessage(decoding: bytes)
      else { throw PeerError(.violation, "\(peer): an answer about reachability expected") }
      try await stream.closeWrite()
      switch status {
      case .ok: return .reachable
      case .dialError: return .unreachable
      default: return .unknown
      }
    } catch {
      stream.reset()
      throw error
    }
  }

  private func serve(_ stream: any PeerStream) async throws {
    stream.setTimeout(Self.dialTime * 2)
    guard let bytes = try await stream.readMessage(maximum: AutoNATMessage.maximumSize) else { return }
    guard case .dial(let peer, let addresses) = try AutoNATMessage(decoding: bytes), peer ?? stream.peer == stream.peer
    else {
      try await answer(stream, .response(.badRequest, "a request to dial the asker itself is expected", nil))
      return
    }
    // Only where the asker's connection comes from: nobody can have a third one dialled.
    let seen = host.connections(of: stream.peer).filter { !$0.isLimited }.compactMap(\.remoteAddress.components.first)
    let own = addresses.filter { address in address.components.first.map { seen.contains($0) } ?? false }
    guard !own.isEmpty, let dialer = host as? any FreshDialer, admit(stream.peer) else {
      try await answer(stream, .response(.dialRefused, "no address of the connection's own, or too many requests", nil))
      return
    }
    for address in own.prefix(4) {
      if await dialer.canDial(address, deadline: .now + Self.dialTime) {
        try await answer(stream, .response(.ok, "", address))
        return
      }
    }
    try await answer(stream, .response(.dialError, "none of the addresses can be reached", nil))
  }

  private func answer(_ stream: any PeerStream, _ message: AutoNATMessage) async throws {
    try await stream.writeMessage(message.bytes)
    try await stream.closeWrite()
  }

  private func admit(_ peer: PeerID) -> Bool {
    let minute = Int((ContinuousClock.now - start).components.seconds / 60)
    return state.withLock { state in
      if state.minute != minute {
        state.minute = minute
        state.dials = 0
        state.byPeer = [:]
      }
      guard state.dials < Self.dialsPerMinute, state.byPeer[peer, default: 0] < Self.dialsPerPeer else { return false }
      state.dials += 1
      state.byPeer[peer, default: 0] += 1
      return true
    }
  }
}
