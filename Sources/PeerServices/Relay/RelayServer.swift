internal import Multiformats
package import PeerProtocols
internal import Synchronization

/// Passes bytes on between peers that cannot reach each other, within bounds
/// (https://github.com/libp2p/specs/blob/master/relay/circuit-v2.md).
package final class RelayServer: Sendable {
  private static let patience = Duration.seconds(15)

  private let host: any PeerHost
  private let book: Mutex<RelayBook>
  private let limits: RelayBook.Limits
  private let start = ContinuousClock.now
  private let seconds: @Sendable () -> UInt64

  /// - Parameter seconds: since 1970.
  package init(
    host: any PeerHost, limits: RelayBook.Limits = RelayBook.Limits(), seconds: @escaping @Sendable () -> UInt64
  ) {
    self.host = host
    self.limits = limits
    self.seconds = seconds
    book = Mutex(RelayBook(limits: limits))
    host.handle(RelayMessage.hopProtocol, limits: ProtocolLimits(streams: 256, streamsPerPeer: 16)) {
      [weak self] stream in
      guard let self else { return stream.reset() }
      try await self.serve(stream)
    }
  }

  private func serve(_ stream: any PeerStream) async throws {
    stream.setTimeout(Self.patience)
    guard let bytes = try await stream.readMessage(maximum: RelayMessage.maximumSize) else { return }
    guard let message = try? RelayMessage(decoding: bytes, .hop) else {
      try await answer(stream, .malformedMessage)
      return
    }
    switch message.kind {
    case .reserve: try await reserve(stream)
    case .connect: try await connect(stream, message)
    case .status: try await answer(stream, .unexpectedMessage)
    }
  }

  private func answer(_ stream: any PeerStream, _ status: RelayStatus) async throws {
    var message = RelayMessage(.status)
    message.status = status
    try await stream.writeMessage(message.bytes(.hop))
    try await stream.closeWrite()
  }

  private func reserve(_ stream: any PeerStream) async throws {
    let now = ContinuousClock.now - start
    // Whoever came through a relay itself would make a chain of them.
    guard !stream.isLimited, let until = book.withLock({ $0.reserve(stream.peer, at: now) }) else {
      try await answer(stream, .reservationRefused)
      return
    }
    let expires = seconds() + UInt64(max(0, (until - now).components.seconds))
    let payload = RelayMessage.voucher(relay: host.id, peer: stream.peer, expires: expires)
    let signed = SignedEnvelope.signed(
      domain: RelayMessage.voucherDomain, payloadType: RelayMessage.voucherType, payload: payload)
    let envelope = SignedEnvelope(
      publicKey: host.publicKey, payloadType: RelayMessage.voucherType, payload: payload,
      signature: try host.sign(signed))
    var message = RelayMessage(.status)
    message.status = .ok
    message.reservation = RelayReservation(
      expires: expires, addresses: host.announcedAddresses.prefix(8).map { $0.appending(peer: host.id) },
      voucher: envelope.bytes)
    message.limit = limit
    try await stream.writeMessage(message.bytes(.hop))
    try await stream.closeWrite()
  }

  private var limit: RelayLimit {
    RelayLimit(duration: UInt64(limits.duration.components.seconds), data: UInt64(limits.data))
  }

  private func connect(_ stream: any PeerStream, _ message: RelayMessage) async throws {
    guard let target = message.peer, target != stream.peer, target != host.id else {
      try await answer(stream, .malformedMessage)
      return
    }
    let now = ContinuousClock.now - start
    let isHere = host.connections(of: target).contains { !$0.isRelayed }
    let status = book.withLock { book in
      // Whoever has gone has given its place up.
      if !isHere { book.release(target) }
      return book.begin(from: stream.peer, to: target, at: now)
    }
    guard status == .ok else {
      try await answer(stream, status)
      return
    }
    defer { book.withLock { $0.end(from: stream.peer, to: target) } }
    let far: any PeerStream
    do {
      far = try await call(target, for: stream.peer)
    } catch {
      try await answer(stream, .connectionFailed)
      return
    }
    var accepted = RelayMessage(.status)
    accepted.status = .ok
    accepted.limit = limit
    try await stream.writeMessage(accepted.bytes(.hop))
    await pass(stream, far)
  }

  private func call(_ target: PeerID, for peer: PeerID) async throws -> any PeerStream {
    let far = try await host.openStream(
      to: target, protocols: [RelayMessage.stopProtocol], deadline: .now + Self.patience)
    far.setTimeout(Self.patience)
    var message = RelayMessage(.connect)
    message.peer = peer
    message.limit = limit
    do {
      try await far.writeMessage(message.bytes(.stop))
      guard let bytes = try await far.readMessage(maximum: RelayMessage.maximumSize),
        try RelayMessage(decoding: bytes, .stop).status == .ok
      else { throw PeerError(.refused, "\(target) does not take the call") }
    } catch {
      far.reset()
      throw error
    }
    return far
  }

  private func pass(_ near: any PeerStream, _ far: any PeerStream) async {
    let end = ContinuousClock.now + limits.duration
    near.setDeadline(end)
    far.setDeadline(end)
    await withTaskGroup(of: Void.self) { group in
      for (from, to) in [(near, far), (far, near)] {
        group.addTask { [limits] in
          var left = limits.data
          do throws(PeerError) {
            while let bytes = try await from.read(upTo: min(16 << 10, max(1, left))) {
              left -= bytes.count
              guard left >= 0 else { throw PeerError(.exhausted, "the relay's limit of bytes is reached") }
              try await to.write(bytes)
            }
            try await to.closeWrite()
          } catch {
            from.reset()
            to.reset()
          }
        }
      }
      await group.waitForAll()
    }
  }
}
