internal import Logging
package import Multiformats
internal import NIOCore
internal import NIOPosix
internal import PeerProtocols
internal import Synchronization

extension LibP2PHost {
  func listen(on address: Multiaddr) async throws(PeerError) {
    guard let endpoint = TCPEndpoint(address), !endpoint.isName else {
      throw PeerError(.unreachable, "cannot listen on \(address): expected /ip4/…/tcp/PORT or /ip6/…/tcp/PORT")
    }
    do {
      let channel = try await ServerBootstrap(group: group)
        .serverChannelOption(.backlog, value: 1_024)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
        .childChannelOption(
          .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 2_048, initial: 16_384, maximum: 256 << 10)
        )
        .childChannelOption(.writeBufferWaterMark, value: .init(low: 256 << 10, high: 1 << 20))
        .childChannelOption(.allowRemoteHalfClosure, value: false)
        .childChannelInitializer { channel in self.accept(channel) }
        .bind(host: endpoint.host, port: endpoint.port).get()
      // So that this node may dial from the port. Set after binding: who takes the port first is still alone there.
      try await channel.setOption(.socketOption(Self.reusePort), value: 1).get()
      state.withLock { $0.listeners.append(channel) }
    } catch {
      throw PeerError(.unreachable, "cannot listen on \(address): \(error); is the port taken by another program?")
    }
  }

  /// Takes a connection that someone opened, or closes it where there is no room.
  private func accept(_ channel: any Channel) -> EventLoopFuture<Void> {
    guard let remote = Multiaddr.tcp(channel.remoteAddress) else {
      return channel.eventLoop.makeFailedFuture(PeerError(.refused, "not TCP over IP"))
    }
    let isAdmitted = state.withLock { state in !state.isStopped && state.count.admit(from: remote) }
    guard isAdmitted else {
      logger.debug("refused a connection: too many from this address", metadata: ["remote": "\(remote)"])
      return channel.eventLoop.makeFailedFuture(PeerError(.exhausted, "too many connections"))
    }
    var terms = terms(isInitiator: false, expected: nil, remote: remote, isLimited: false)
    terms.isAccepted = true
    let connection = Connection(eventLoop: channel.eventLoop, terms: terms)
    // Who comes last is let in, and whoever has taken longest to say who it is goes: a real peer takes milliseconds.
    let oldest = state.withLock { state -> Connection? in
      let key = ObjectIdentifier(connection)
      state.pending[key] = connection
      state.pendingOrder.append(key)
      while state.pending.count > options.limits.pending, !state.pendingOrder.isEmpty {
        let first = state.pendingOrder.removeFirst()
        if let found = state.pending.removeValue(forKey: first) { return found }
      }
      if state.pendingOrder.count > 4 * options.limits.pending {
        state.pendingOrder.removeAll { state.pending[$0] == nil }
      }
      return nil
    }
    if let oldest {
      oldest.eventLoop.execute {
        oldest.close(
          PeerError(.exhausted, "more than \(self.options.limits.pending) callers have not said who they are"))
      }
    }
    return channel.eventLoop.makeCompletedFuture {
      try channel.pipeline.syncOperations.addHandler(SocketTransport(connection: connection))
    }
  }

  func terms(
    isInitiator: Bool, expected: PeerID?, remote: Multiaddr, isLimited: Bool,
    outcome: UpgradeOutcome? = nil
  ) -> ConnectionTerms {
    ConnectionTerms(
      identity: identity, isInitiator: isInitiator, expected: expected, remote: remote, isLimited: isLimited,
      networkKey: options.networkKey, limits: options.yamux, upgradeTime: options.upgradeTime, memory: memory,
      admits: { [weak self] peer in self?.refusal(of: peer) },
      opened: { [weak self] connection in
        if let refusal = self?.register(connection) {
          connection.close(refusal)
          outcome?.finish(.failure(refusal))
        } else {
          outcome?.finish(.success(connection))
        }
      },
      accepted: { [weak self] stream in self?.accepted(stream) },
      closed: { [weak self] connection, reason in
        self?.unregister(connection, reason)
        outcome?.finish(.failure(reason))
      })
  }

  func refusal(of peer: PeerID) -> PeerError? {
    guard let allowed = options.allowed, !allowed.contains(peer) else { return nil }
    return PeerError(.refused, "\(peer) is not on this node's list of allowed peers (peers.allow)")
  }

  /// Counts a connection that has proven who it is; the reason where there is no room.
  private func register(_ connection: Connection) -> PeerError? {
    guard let peer = connection.peer else { return PeerError(.unauthenticated, "no identity") }
    if connection.terms.isInitiator, !connection.terms.isLimited { book.proved(connection.terms.remote, of: peer) }
    let refusal = state.withLock { state -> PeerError? in
      state.pending[ObjectIdentifier(connection)] = nil
      if state.isStopped { return PeerError(.closed, "this node stops") }
      if let refusal = state.count.admit(peer, inbound: !connection.terms.isInitiator) { return refusal }
      state.connections[peer, default: []].append(connection)
      if state.connections[peer]?.count == 1 { state.publish(.connected(peer)) }
      return nil
    }
    if let refusal { return refusal }
    logger.debug(
      "connected",
      metadata: [
        "peer": "\(peer)", "remote": "\(connection.terms.remote)", "inbound": "\(!connection.terms.isInitiator)",
      ])
    // Bridges from the event loop; ends with the connection or its deadline.
    Task { await self.identify(connection) }
    return nil
  }

  private func unregister(_ connection: Connection, _ reason: PeerError) {
    let key = ObjectIdentifier(connection)
    let peer = connection.peer
    state.withLock { state in
      state.pending[key] = nil
      if connection.terms.isAccepted { state.count.release(from: connection.terms.remote) }
      guard let peer, var known = state.connections[peer], let index = known.firstIndex(where: { $0 === connection })
      else { return }
      known.remove(at: index)
      state.connections[peer] = known.isEmpty ? nil : known
      state.count.release(peer, inbound: !connection.terms.isInitiator)
      guard known.isEmpty else { return }
      state.identified[peer] = nil
      state.publish(.disconnected(peer, reason: reason.detail))
    }
    let metadata: Logger.Metadata = [
      "peer": "\(peer.map(\.description) ?? "unknown")", "remote": "\(connection.terms.remote)",
      "reason": "\(reason.detail)",
    ]
    if peer == nil, !connection.terms.isInitiator {
      note("let go of callers that did not prove who they are", metadata, pace: \.strangers)
    } else if reason.isPeersFault {
      note("disconnected a peer that broke the protocol", metadata, pace: \.offenders)
    } else {
      logger.debug("disconnected", metadata: metadata)
    }
    guard let peer else { return }
    note(peer, connection.terms.remote, "disconnected: \(reason.detail)", succeeded: false)
  }

  /// Logs what a crowd may cause: the first, and then some lines a second that say how many they stand for, so that a crowd does
  /// not fill the log.
  private func note(_ message: Logger.Message, _ metadata: Logger.Metadata, pace: WritableKeyPath<HostState, LogPace>) {
    guard let count = state.withLock({ $0[keyPath: pace].count(at: .now) }) else { return }
    var metadata = metadata
    if count > 1 { metadata["callers"] = "\(count)" }
    logger.notice(message, metadata: metadata)
  }

  package var listenAddresses: [Multiaddr] {
    let bound = state.withLock { $0.listeners.compactMap { Multiaddr.tcp($0.localAddress) } }
    var all: [Multiaddr] = []
    for address in bound {
      guard let first = address.components.first, first.value.allSatisfy({ $0 == 0 }) else {
        all.append(address)
        continue
      }
      // Link-local addresses mean nothing without their zone, which others do not share.
      for device in (try? System.enumerateDevices()) ?? [] {
        guard let found = Multiaddr.tcp(device.address?.withPort(address)),
          found.components[0].protocol == first.protocol,
          !found.isLinkLocal
        else { continue }
        all.append(found)
      }
    }
    return all
  }

  package var announcedAddresses: [Multiaddr] {
    let extra = state.withLock { state in state.announced.sorted { $0.key < $1.key }.flatMap(\.value) }
    var seen: Set<Multiaddr> = []
    return (options.announce + listenAddresses + extra).filter { seen.insert($0).inserted }
  }

  package func announce(_ addresses: [Multiaddr], source: String) {
    let isNew = state.withLock { state in
      let old = state.announced[source] ?? []
      state.announced[source] = addresses.isEmpty ? nil : addresses
      return old != addresses
    }
    guard isNew else { return }
    state.withLock { $0.publish(.addressesChanged) }
    pushIdentity()
  }
}

extension SocketAddress {
  /// The address with the port of a TCP multiaddr.
  fileprivate func withPort(_ address: Multiaddr) -> SocketAddress? {
    guard let port = address.value(of: "tcp").flatMap({ Int($0) }) else { return nil }
    var copy = self
    copy.port = port
    return copy
  }
}

extension Multiaddr {
  fileprivate var isLinkLocal: Bool {
    guard let first = components.first, first.protocol.name == "ip6" else { return false }
    return first.value[0] == 0xfe && first.value[1] & 0xc0 == 0x80
  }
}
