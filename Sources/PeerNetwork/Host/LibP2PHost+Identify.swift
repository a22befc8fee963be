internal import Logging
package import Multiformats
package import PeerProtocols
internal import Synchronization

extension LibP2PHost {
  package static var pingProtocolName: String { "/ipfs/ping/1.0.0" }
  private static var pingLength: Int { 32 }
  private static var exchangeTime: Duration { .seconds(10) }

  /// Identify, identify/push and ping.
  func addOwnProtocols() {
    handle(IdentifyMessage.protocolName) { [weak self] stream in
      stream.setTimeout(Self.exchangeTime)
      guard let self else { return }
      try await stream.writeMessage(try ownIdentity(for: stream).bytes)
      try await stream.closeWrite()
      _ = try await stream.read(upTo: 1)
      stream.reset()
    }
    handle(IdentifyMessage.pushProtocolName) { [weak self] stream in
      stream.setTimeout(Self.exchangeTime)
      let message = try await Self.readIdentity(stream)
      try await stream.closeWrite()
      try self?.learn(message, from: stream.peer)
    }
    handle(Self.pingProtocolName, limits: ProtocolLimits(streams: 512, streamsPerPeer: 4)) { stream in
      while true {
        stream.setTimeout(.seconds(60))
        guard let first = try await stream.read(upTo: Self.pingLength) else { break }
        let rest = try await first.count < Self.pingLength ? stream.readExactly(Self.pingLength - first.count) : []
        try await stream.write(first + rest)
      }
      try await stream.closeWrite()
    }
  }

  /// What this node says of itself to the other end of a stream.
  private func ownIdentity(for stream: any PeerStream) throws(PeerError) -> IdentifyMessage {
    var message = IdentifyMessage()
    message.publicKey = publicKey
    message.listenAddresses = announcedAddresses
    message.protocols = handledProtocols
    message.observedAddress = (stream as? MuxedStream)?.remoteAddress
    message.protocolVersion = "ipfs/0.1.0"
    message.agentVersion = options.agentVersion
    message.signedPeerRecord = try signedRecord().bytes
    return message
  }

  /// Where this node can be reached, signed.
  package func signedRecord() throws(PeerError) -> SignedEnvelope {
    let sequence = state.withLock { $0.recordSequence }
    let record = PeerRecord(peer: id, sequence: sequence, addresses: announcedAddresses)
    let signed = SignedEnvelope.signed(
      domain: PeerRecord.domain, payloadType: PeerRecord.payloadType, payload: record.bytes)
    return SignedEnvelope(
      publicKey: publicKey, payloadType: PeerRecord.payloadType, payload: record.bytes, signature: try sign(signed))
  }

  /// Reads a record that `peer` has signed.
  ///
  /// - Throws: `.unauthenticated` where the signature does not hold, or the record is another's.
  package func record(_ envelope: SignedEnvelope, of peer: PeerID) throws(PeerError) -> PeerRecord {
    let signed = SignedEnvelope.signed(
      domain: PeerRecord.domain, payloadType: envelope.payloadType, payload: envelope.payload)
    guard envelope.payloadType == PeerRecord.payloadType,
      try HostIdentity.verify(envelope.signature, of: signed, by: envelope.publicKey),
      try HostIdentity.peer(of: envelope.publicKey) == peer
    else { throw PeerError(.unauthenticated, "the signed record of \(peer) does not hold") }
    let record = try PeerRecord(decoding: envelope.payload)
    guard record.peer == peer else {
      throw PeerError(.unauthenticated, "the signed record of \(peer) is about \(record.peer)")
    }
    return record
  }

  /// Asks a peer who has just connected what it speaks.
  func identify(_ connection: Connection) async {
    guard let peer = connection.peer else { return }
    do throws(PeerError) {
      let stream = try await openStream(
        on: connection, protocols: [IdentifyMessage.protocolName], deadline: .now + Self.exchangeTime)
      stream.setTimeout(Self.exchangeTime)
      defer { stream.reset() }
      let message = try await Self.readIdentity(stream)
      noteObserved(message.observedAddress, by: peer, on: connection)
      try learn(message, from: peer)
    } catch {
      logger.debug("identify failed", metadata: ["peer": "\(peer)", "reason": "\(error.detail)"])
    }
  }

  /// A message may come in parts, which are read as one (identify specification, "large messages").
  private static func readIdentity(_ stream: any PeerStream) async throws(PeerError) -> IdentifyMessage {
    var bytes: [UInt8] = []
    while let part = try await stream.readMessage(maximum: IdentifyMessage.maximumSize - bytes.count) {
      bytes += part
      guard bytes.count < IdentifyMessage.maximumSize else { break }
    }
    return try IdentifyMessage(decoding: bytes)
  }

  private func learn(_ message: IdentifyMessage, from peer: PeerID) throws(PeerError) {
    if let key = message.publicKey, try HostIdentity.peer(of: key) != peer {
      throw PeerError(.unauthenticated, "identify: \(peer) shows the key of another")
    }
    var addresses = message.listenAddresses
    if let bytes = message.signedPeerRecord, let envelope = try? SignedEnvelope(decoding: bytes),
      let record = try? record(envelope, of: peer)
    {
      addresses = record.addresses
    }
    guard state.withLock({ $0.connections[peer] != nil }) else { return }
    // Whoever hears of the peer finds them there.
    book.add(addresses, of: peer, for: .seconds(3_600))
    state.withLock { state in
      guard state.connections[peer] != nil else { return }
      var merged = message
      // A push says only what has changed.
      if merged.protocols.isEmpty { merged.protocols = state.identified[peer]?.protocols ?? [] }
      if merged.agentVersion == nil { merged.agentVersion = state.identified[peer]?.agentVersion }
      state.identified[peer] = merged
      if let observed = message.observedAddress { state.publish(.observed(observed, by: peer)) }
      state.publish(.identified(peer, protocols: Set(merged.protocols)))
    }
  }

  /// Tells connected peers that this node speaks or listens otherwise than before.
  func pushIdentity() {
    let connections = state.withLock { state -> [Connection] in
      state.recordSequence += 1
      return state.identified.compactMap { peer, message in
        message.protocols.contains(IdentifyMessage.pushProtocolName) ? state.connections[peer]?.first : nil
      }
    }
    for connection in connections {
      // Bridges from a synchronous call; ends at its deadline.
      Task {
        do throws(PeerError) {
          let stream = try await openStream(
            on: connection, protocols: [IdentifyMessage.pushProtocolName], deadline: .now + Self.exchangeTime)
          stream.setTimeout(Self.exchangeTime)
          try await stream.writeMessage(try ownIdentity(for: stream).bytes)
          try await stream.closeWrite()
          _ = try await stream.read(upTo: 1)
          stream.reset()
        } catch {
          logger.debug("identify/push failed", metadata: ["reason": "\(error.detail)"])
        }
      }
    }
  }

  /// The time that 32 bytes take to a peer and back.
  package func ping(_ peer: PeerID, deadline: ContinuousClock.Instant) async throws(PeerError) -> Duration {
    let stream = try await openStream(to: peer, protocols: [Self.pingProtocolName], deadline: deadline)
    stream.setDeadline(deadline)
    defer { stream.reset() }
    var generator = SystemRandomNumberGenerator()
    let bytes = (0..<Self.pingLength).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    let start = ContinuousClock.now
    try await stream.write(bytes)
    guard try await stream.readExactly(Self.pingLength) == bytes else {
      throw PeerError(.violation, "\(peer) answered a ping with other bytes")
    }
    return .now - start
  }
}
