internal import Logging
package import Multiformats
internal import NIOCore
package import PeerProtocols
internal import Synchronization

extension LibP2PHost {
  /// How long agreeing on a stream's protocol may take.
  private static var negotiationTime: Duration { .seconds(10) }

  package func openStream(
    to peer: PeerID, protocols: [String], deadline: ContinuousClock.Instant
  ) async throws(PeerError) -> any PeerStream {
    if bestConnection(to: peer) == nil { try await connect(to: peer, addresses: [], deadline: deadline) }
    guard let connection = bestConnection(to: peer) else {
      throw PeerError(.closed, "the connection to \(peer) ended at once")
    }
    return try await openStream(on: connection, protocols: protocols, deadline: deadline)
  }

  /// A direct connection before one through a relay, and of those the youngest.
  private func bestConnection(to peer: PeerID) -> Connection? {
    state.withLock { state in
      state.connections[peer]?.max { a, b in
        (a.terms.isRelayed ? 0 : 1, a.startedAt) < (b.terms.isRelayed ? 0 : 1, b.startedAt)
      }
    }
  }

  func openStream(
    on connection: Connection, protocols: [String], deadline: ContinuousClock.Instant
  ) async throws(PeerError) -> MuxedStream {
    guard let first = protocols.first else { throw PeerError(.unsupported, "no protocol was asked for") }
    let opened = await withCheckedContinuation {
      (continuation: CheckedContinuation<Result<MuxedStream, PeerError>, Never>) in
      connection.eventLoop.execute {
        do throws(PeerError) { continuation.resume(returning: .success(try connection.openStream())) } catch {
          continuation.resume(returning: .failure(error))
        }
      }
    }
    let stream = try opened.get()
    stream.setDeadline(deadline)
    let spoken = self.protocols(of: stream.peer)
    let known = protocols.first { spoken.contains($0) }
    do throws(PeerError) {
      let agreed: String
      if let known {
        // The peer has said that it speaks this, so that its answer need not be waited for.
        stream.expect(OptimisticAnswer(name: known))
        try await stream.write(Multistream.message(Multistream.header) + Multistream.message(known))
        agreed = known
      } else {
        agreed = try await propose(protocols, first: first, on: stream)
      }
      let traffic = traffic(of: agreed)
      traffic.streamsOut.add(1, ordering: .relaxed)
      traffic.open.add(1, ordering: .relaxed)
      stream.agreed(on: agreed, traffic: traffic) { traffic.open.subtract(1, ordering: .relaxed) }
      stream.setDeadline(nil)
      return stream
    } catch {
      stream.abandon(error)
      throw error
    }
  }

  private func propose(_ protocols: [String], first: String, on stream: MuxedStream) async throws(PeerError) -> String {
    try await stream.write(Multistream.message(Multistream.header) + Multistream.message(first))
    guard try await line(stream) == Multistream.header else {
      throw PeerError(.violation, "the peer does not speak multistream-select 1.0")
    }
    for (index, name) in protocols.enumerated() {
      if index > 0 { try await stream.write(Multistream.message(name)) }
      let answer = try await line(stream)
      if answer == name { return name }
      guard answer == Multistream.refusal else {
        throw PeerError(.violation, "multistream: \(name) or na expected, found \(answer.prefix(64).debugDescription)")
      }
    }
    throw PeerError(.unsupported, "\(stream.peer) speaks none of \(protocols.joined(separator: ", "))")
  }

  private func line(_ stream: MuxedStream) async throws(PeerError) -> String {
    guard let message = try await stream.readMessage(maximum: Multistream.maximumLength) else {
      throw PeerError(.closed, "the peer ended the stream instead of agreeing on a protocol")
    }
    return try Multistream.text(message)
  }

  // MARK: Streams of others

  /// A peer opened a stream. On the connection's event loop.
  func accepted(_ stream: MuxedStream) {
    // Bridges from the event loop; bounded by the session's limit on streams, ends with the stream.
    Task { await self.serve(stream) }
  }

  private func serve(_ stream: MuxedStream) async {
    stream.setTimeout(Self.negotiationTime)
    do throws(PeerError) {
      guard let (name, handler) = try await agree(stream) else {
        stream.reset()
        return
      }
      let peer = stream.peer
      let traffic = traffic(of: name)
      guard enter(name, peer, handler.limits) else {
        traffic.refused.add(1, ordering: .relaxed)
        logger.debug(
          "refused a stream: too many of its protocol", metadata: ["peer": "\(peer)", "protocol": "\(name)"])
        stream.reset()
        return
      }
      traffic.streamsIn.add(1, ordering: .relaxed)
      traffic.open.add(1, ordering: .relaxed)
      stream.agreed(on: name, traffic: traffic) { traffic.open.subtract(1, ordering: .relaxed) }
      stream.setDeadline(nil)
      defer { leave(name, peer) }
      do { try await handler.answer(stream) } catch {
        if let error = error as? PeerError, error.isPeersFault { punish(stream, name, error) }
        logger.debug(
          "a stream broke off", metadata: ["peer": "\(peer)", "protocol": "\(name)", "reason": "\(error)"])
        stream.reset()
      }
    } catch {
      if error.isPeersFault { punish(stream, "multistream", error) }
      stream.reset()
    }
  }

  /// A peer that breaks a protocol's rules is let go of.
  private func punish(_ stream: MuxedStream, _ name: String, _ error: PeerError) {
    let connection = stream.connection
    connection.eventLoop.execute {
      connection.fail(PeerError(error.code, "\(name): \(error.detail)"))
    }
  }

  private func agree(_ stream: MuxedStream) async throws(PeerError) -> (String, StreamHandler)? {
    guard try await line(stream) == Multistream.header else {
      throw PeerError(.violation, "a stream did not begin with \(Multistream.header)")
    }
    try await stream.write(Multistream.message(Multistream.header))
    for _ in 0..<Multistream.maximumProposals {
      guard let message = try await stream.readMessage(maximum: Multistream.maximumLength) else { return nil }
      let name = try Multistream.text(message)
      if name == Multistream.listing {
        try await stream.write(Multistream.listing(of: handledProtocols))
      } else if let handler = state.withLock({ $0.handlers[name] }) {
        try await stream.write(Multistream.message(name))
        return (name, handler)
      } else {
        try await stream.write(Multistream.message(Multistream.refusal))
      }
    }
    throw PeerError(.violation, "more than \(Multistream.maximumProposals) proposals on one stream")
  }

  private func enter(_ name: String, _ peer: PeerID, _ limits: ProtocolLimits) -> Bool {
    state.withLock { state in
      let open = state.openStreams[name] ?? [:]
      let own = open[peer] ?? 0
      guard own < limits.streamsPerPeer, open.values.reduce(0, +) < limits.streams else { return false }
      state.openStreams[name, default: [:]][peer] = own + 1
      return true
    }
  }

  private func leave(_ name: String, _ peer: PeerID) {
    state.withLock { state in
      guard let own = state.openStreams[name]?[peer] else { return }
      state.openStreams[name]?[peer] = own > 1 ? own - 1 : nil
    }
  }
}
