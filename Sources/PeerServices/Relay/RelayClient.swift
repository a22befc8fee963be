package import Multiformats
package import PeerProtocols
internal import Synchronization

/// Reaches peers through relays, and is reached through them
/// (https://github.com/libp2p/specs/blob/master/relay/circuit-v2.md).
package final class RelayClient: PeerTransport, Sendable {
  private static let patience = Duration.seconds(15)

  private let host: any PeerHost
  private let seconds: @Sendable () -> UInt64

  /// - Parameter seconds: since 1970.
  package init(host: any PeerHost, seconds: @escaping @Sendable () -> UInt64) {
    self.host = host
    self.seconds = seconds
    host.handle(RelayMessage.stopProtocol, limits: ProtocolLimits(streams: 64, streamsPerPeer: 16)) {
      [weak self] stream in
      guard let self else { return stream.reset() }
      try await self.accept(stream)
    }
  }

  package func accepts(_ address: Multiaddr) -> Bool { address.value(of: "p2p-circuit") != nil }

  /// The relay of an address, and where it can be reached.
  private static func relay(of address: Multiaddr) throws(PeerError) -> (relay: PeerID, address: Multiaddr) {
    let before = address.components.prefix { $0.protocol.name != "p2p-circuit" }
    let outer = Multiaddr(components: Array(before))
    guard let relay = outer.peer else {
      throw PeerError(.unreachable, "\(address): the relay's id is missing in front of /p2p-circuit")
    }
    return (relay, Multiaddr(components: before.filter { $0.protocol.name != "p2p" }))
  }

  package func dial(
    _ address: Multiaddr, peer: PeerID, host: any PeerHost, deadline: ContinuousClock.Instant
  ) async throws(PeerError) {
    let (relay, place) = try Self.relay(of: address)
    if !place.components.isEmpty { host.addressBook.add([place], of: relay, for: .seconds(600)) }
    let stream = try await host.openStream(to: relay, protocols: [RelayMessage.hopProtocol], deadline: deadline)
    stream.setDeadline(deadline)
    do throws(PeerError) {
      var message = RelayMessage(.connect)
      message.peer = peer
      try await stream.writeMessage(message.bytes(.hop))
      let answer = try await Self.answer(stream, .hop)
      guard answer.status == .ok else {
        throw PeerError(.unreachable, "relay \(relay) does not connect to \(peer): \(answer.status ?? .unused)")
      }
      stream.setDeadline(nil)
      _ = try await host.adopt(
        stream, expected: peer, isInitiator: true, isLimited: answer.limit != nil, remote: address, deadline: deadline)
    } catch {
      stream.reset()
      throw error
    }
  }

  private static func answer(
    _ stream: any PeerStream, _ side: RelayMessage.Side
  ) async throws(PeerError) -> RelayMessage {
    guard let bytes = try await stream.readMessage(maximum: RelayMessage.maximumSize) else {
      throw PeerError(.closed, "\(stream.protocolName): the stream ended without an answer")
    }
    return try RelayMessage(decoding: bytes, side)
  }

  private func accept(_ stream: any PeerStream) async throws {
    stream.setTimeout(Self.patience)
    let message = try await Self.answer(stream, .stop)
    var reply = RelayMessage(.status)
    guard message.kind == .connect, let caller = message.peer,
      let outer = host.connections(of: stream.peer).first(where: { !$0.isRelayed })?.remoteAddress,
      let circuit = try? Multiaddr("/p2p-circuit")
    else {
      reply.status = .malformedMessage
      try await stream.writeMessage(reply.bytes(.stop))
      try await stream.closeWrite()
      return
    }
    reply.status = .ok
    try await stream.writeMessage(reply.bytes(.stop))
    stream.setDeadline(nil)
    let remote = outer.appending(peer: stream.peer).appending(circuit)
    _ = try await host.adopt(
      stream, expected: caller, isInitiator: false, isLimited: message.limit != nil, remote: remote,
      deadline: .now + Self.patience)
  }

  /// Asks for a place at a relay, and tells others the addresses that come with it.
  ///
  /// - Returns: for how long the place holds.
  /// - Throws: `.refused` where the relay has none, `.unauthenticated` where its voucher does not hold.
  package func reserve(at relay: PeerID) async throws(PeerError) -> Duration {
    let stream = try await host.openStream(
      to: relay, protocols: [RelayMessage.hopProtocol], deadline: .now + Self.patience)
    stream.setTimeout(Self.patience)
    do throws(PeerError) {
      try await stream.writeMessage(RelayMessage(.reserve).bytes(.hop))
      let answer = try await Self.answer(stream, .hop)
      let now = seconds()
      guard answer.status == .ok, let reservation = answer.reservation, reservation.expires > now else {
        throw PeerError(.refused, "relay \(relay) gives no place: \(answer.status ?? .unused)")
      }
      if !reservation.voucher.isEmpty { try verify(reservation, relay) }
      try await stream.closeWrite()
      host.announce(circuits(through: relay, reservation.addresses), source: Self.source(relay))
      host.protect(relay, Self.protection)
      return .seconds(Int64(clamping: min(reservation.expires - now, Self.longestPlace)))
    } catch {
      stream.reset()
      throw error
    }
  }

  /// Tells nobody of the place any more.
  package func withdraw(_ relay: PeerID) {
    host.announce([], source: Self.source(relay))
    host.unprotect(relay, Self.protection)
  }

  private static let protection = "relay"
  /// Seconds of a place that are believed.
  private static let longestPlace: UInt64 = 86_400

  private static func source(_ relay: PeerID) -> String { "relay \(relay)" }

  /// The addresses of a place: the relay's own, as it tells them, or where it does not, those by which it is known here.
  private func circuits(through relay: PeerID, _ told: [Multiaddr]) -> [Multiaddr] {
    guard let circuit = try? Multiaddr("/p2p-circuit") else { return [] }
    let connected = host.connections(of: relay).filter { !$0.isRelayed && !$0.isInbound }.map(\.remoteAddress)
    let places = told.isEmpty ? connected + host.addressBook.addresses(of: relay) : told
    var seen: Set<Multiaddr> = []
    return places.filter { $0.value(of: "p2p-circuit") == nil && ($0.peer ?? relay) == relay }
      .map { $0.appending(peer: relay).appending(circuit) }.filter { seen.insert($0).inserted }.prefix(8).map(\.self)
  }

  private func verify(_ reservation: RelayReservation, _ relay: PeerID) throws(PeerError) {
    let envelope = try SignedEnvelope(decoding: reservation.voucher)
    let signed = SignedEnvelope.signed(
      domain: RelayMessage.voucherDomain, payloadType: envelope.payloadType, payload: envelope.payload)
    let said = RelayMessage.voucher(relay: relay, peer: host.id, expires: reservation.expires)
    guard envelope.payloadType == RelayMessage.voucherType, envelope.payload == said,
      (try? PeerID(publicKey: envelope.publicKey, sha256: KeyHash.sha256)) == relay,
      try host.verify(envelope.signature, of: signed, by: envelope.publicKey)
    else { throw PeerError(.unauthenticated, "relay \(relay): its voucher does not hold") }
  }
}
