internal import Multiformats
internal import NIOCore
internal import PeerProtocols
internal import Synchronization

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// What a connection needs to know and whom it tells. The closures are called on its event loop.
struct ConnectionTerms: Sendable {
  var identity: HostIdentity
  var isInitiator: Bool
  /// Who must be at the other end; nil for anyone.
  var expected: PeerID?
  var remote: Multiaddr
  var isLimited = false
  /// Whether a listener of this node took it, so that it has a place among those of its address.
  var isAccepted = false
  /// Whether this node dialled from the port that it listens on.
  var isFromListenPort = false
  var networkKey: [UInt8]?
  var limits = YamuxLimits()
  /// From the first byte to an open session.
  var upgradeTime: Duration = .seconds(10)
  var memory: MemoryAccount
  /// Why a peer is not wanted; nil where it is.
  var admits: @Sendable (PeerID) -> PeerError?
  var opened: @Sendable (Connection) -> Void
  var accepted: @Sendable (MuxedStream) -> Void
  var closed: @Sendable (Connection, PeerError) -> Void
}

extension ConnectionTerms {
  /// Whether it runs through a relay, limited or not.
  var isRelayed: Bool { isLimited || remote.value(of: "p2p-circuit") != nil }
}

/// One connection to a peer: from the first byte over multistream, Noise and yamux to streams.
///
/// Unchecked: everything mutable that is not behind a lock is touched on `eventLoop` alone.
final class Connection: @unchecked Sendable {
  enum Phase {
    case waiting
    case security(MultistreamNegotiation)
    case handshake(NoiseHandshake<NoiseCryptography>)
    case muxer(MultistreamNegotiation)
    case open
    case closed

    var name: String {
      switch self {
      case .waiting: "connecting"
      case .security: "agreeing on encryption"
      case .handshake: "the Noise handshake"
      case .muxer: "agreeing on a muxer"
      case .open: "open"
      case .closed: "closed"
      }
    }
  }

  static let securityName = "/noise"
  static let muxerName = "/yamux/1.0.0"
  /// A handshake message with a 16,384-bit RSA key in it is shorter.
  private static let maximumHandshakeMessage = 8 << 10

  let eventLoop: any EventLoop
  /// The same for tasks that pass on what the connection's streams bring.
  let executor: EventLoopExecutor
  let terms: ConnectionTerms
  let startedAt = ContinuousClock.now
  let counters = ConnectionCounters()
  /// Set by the transport when it is ready, on the event loop.
  var transport: (any ByteTransport)?
  private(set) var phase = Phase.waiting
  private let identified = Mutex<PeerID?>(nil)
  private var upgradeTimer: Scheduled<Void>?
  private var inbox = ByteBuffer()
  private var privateNetwork: PrivateNetworkCipher?
  private var sealing: NoiseCipher?
  private var opening: NoiseCipher?
  var plain: [UInt8] = []

  // The muxer's part; see Connection+Muxing.swift.
  var session: YamuxSession
  var streams: [UInt32: MuxedStream] = [:]
  var ready: CircularBuffer<MuxedStream> = []
  var control: CircularBuffer<YamuxHeader> = []
  var incoming = IncomingFrame()
  var keepAlive: RepeatedTask?
  var pingsUnanswered: [UInt32: ContinuousClock.Instant] = [:]
  var nextPing: UInt32 = 0

  init(eventLoop: any EventLoop, terms: ConnectionTerms) {
    self.eventLoop = eventLoop
    self.executor = EventLoopExecutor(eventLoop)
    self.terms = terms
    self.session = YamuxSession(isInitiator: terms.isInitiator, limits: terms.limits)
  }

  /// Who is at the other end, once proven.
  var peer: PeerID? { identified.withLock { $0 } }

  var isOpen: Bool { if case .open = phase { true } else { false } }

  /// Begins; called once, on the event loop, when bytes can be sent.
  func start() {
    guard case .waiting = phase else { return }
    upgradeTimer = eventLoop.scheduleTask(in: TimeAmount(terms.upgradeTime)) { [self] in
      close(PeerError(.timedOut, "no connection within \(terms.upgradeTime); it hung at \(phase.name)"))
    }
    if let key = terms.networkKey {
      let cipher = PrivateNetworkCipher(key: key)
      // The nonce goes in the clear, in front of everything.
      send(cipher.opening)
      privateNetwork = cipher
    }
    var negotiation = MultistreamNegotiation(
      terms.isInitiator ? .initiator([Self.securityName]) : .listener([Self.securityName]))
    let first = negotiation.start()
    advance(to: .security(negotiation))
    send(first)
  }

  /// Bytes as they came off the wire.
  func received(_ bytes: ByteBuffer) {
    guard !isClosed else { return }
    do throws(PeerError) {
      var bytes = bytes
      if privateNetwork != nil { try privateNetwork?.decrypt(&bytes) }
      // What is left of the last read is made a whole frame, and no more than that is copied.
      while inbox.readableBytes > 0, bytes.readableBytes > 0 {
        guard var part = bytes.readSlice(length: min(bytesMissing, bytes.readableBytes)) else { break }
        inbox.writeBuffer(&part)
        while try step() {}
      }
      guard bytes.readableBytes > 0 else {
        if inbox.readableBytes == 0 { inbox = ByteBuffer() }
        return
      }
      inbox = bytes
      while try step() {}
      // The rest, less than a frame, does not hold on to all that came.
      inbox = inbox.readableBytes == 0 ? ByteBuffer() : ByteBuffer(bytes: inbox.readableBytesView)
    } catch {
      fail(error)
    }
  }

  /// How many bytes the inbox needs to hold a whole frame; all that come where it holds no frames.
  private var bytesMissing: Int {
    switch phase {
    case .waiting, .security, .closed: return .max
    case .handshake, .muxer, .open:
      guard let length = inbox.getInteger(at: inbox.readerIndex, as: UInt16.self) else { return 1 }
      return max(1, 2 + Int(length) - inbox.readableBytes)
    }
  }

  func readComplete() { if isOpen { pump() } }

  func writabilityChanged() { if isOpen { pump() } }

  /// Ends a connection whose peer broke a rule, and says so to it where that is possible.
  func fail(_ error: PeerError) {
    if isOpen, error.isPeersFault {
      control.append(session.goAway(1))
      pump()
    }
    close(error)
  }

  /// Ends the connection and every stream on it. Safe to call more than once, on the event loop.
  func close(_ reason: PeerError) {
    guard !isClosed else { return }
    phase = .closed
    upgradeTimer?.cancel()
    keepAlive?.cancel()
    let ended = streams.values
    streams.removeAll()
    ready.removeAll()
    for stream in ended { stream.connectionEnded(reason) }
    inbox = ByteBuffer()
    // The stream that a frame is cut off on holds this connection.
    incoming = IncomingFrame()
    transport?.close()
    terms.closed(self, reason)
  }

  func transportClosed(_ reason: PeerError) {
    close(reason)
    transport = nil
  }

  private var isClosed: Bool { if case .closed = phase { true } else { false } }

  /// Goes on to the next phase, unless a write that failed has ended the connection.
  private func advance(to next: Phase) {
    if !isClosed { phase = next }
  }

  // MARK: Upgrade

  /// Takes one step with what is in the inbox; false where it needs more bytes.
  private func step() throws(PeerError) -> Bool {
    switch phase {
    case .waiting, .closed: return false
    case .security(var negotiation):
      guard inbox.readableBytes > 0 else { return false }
      let answer = try negotiation.receive(inbox.readableBytesView)
      inbox = ByteBuffer()
      advance(to: .security(negotiation))
      if !answer.isEmpty { send(answer) }
      guard negotiation.agreed != nil, !isClosed else { return false }
      inbox.writeBytes(negotiation.remainder)
      try beginHandshake()
      return true
    case .handshake(let handshake):
      guard let message = try nextFrame(maximum: Self.maximumHandshakeMessage) else { return false }
      try continueHandshake(handshake, Array(message.readableBytesView))
      return true
    case .muxer(var negotiation):
      guard let plaintext = try nextPlaintext() else { return false }
      let answer = try negotiation.receive(plaintext)
      advance(to: .muxer(negotiation))
      if !answer.isEmpty { try sendEncrypted(answer) }
      if negotiation.agreed != nil {
        open()
        if !negotiation.remainder.isEmpty { try receivedPlaintext(Data(negotiation.remainder)) }
      }
      return true
    case .open:
      guard let plaintext = try nextPlaintext() else { return false }
      try receivedPlaintext(plaintext)
      return true
    }
  }

  private func beginHandshake() throws(PeerError) {
    var handshake = NoiseHandshake(
      isInitiator: terms.isInitiator, primitives: NoiseCryptography(), staticKey: terms.identity.noiseKey)
    if terms.isInitiator { sendFrame(try handshake.write([])) }
    advance(to: .handshake(handshake))
  }

  private func continueHandshake(
    _ current: NoiseHandshake<NoiseCryptography>, _ message: [UInt8]
  ) throws(PeerError) {
    var handshake = current
    let payload = try handshake.read(message)
    // Message 1 comes from the initiator and carries nothing that could be trusted.
    if !terms.isInitiator, handshake.remoteStatic.isEmpty {
      sendFrame(try handshake.write(try terms.identity.noisePayload(muxers: [Self.muxerName]).bytes))
      advance(to: .handshake(handshake))
      return
    }
    let said = try NoisePayload(decoding: payload)
    try authenticate(said, staticKey: handshake.remoteStatic)
    if terms.isInitiator {
      sendFrame(try handshake.write(try terms.identity.noisePayload(muxers: [Self.muxerName]).bytes))
    }
    let keys = try handshake.keys()
    sealing = NoiseCipher(key: keys.sending)
    opening = NoiseCipher(key: keys.receiving)
    if said.muxers.contains(Self.muxerName) {
      open()
      return
    }
    var negotiation = MultistreamNegotiation(
      terms.isInitiator ? .initiator([Self.muxerName]) : .listener([Self.muxerName]))
    let first = negotiation.start()
    advance(to: .muxer(negotiation))
    if !first.isEmpty { try sendEncrypted(first) }
  }

  private func authenticate(_ said: NoisePayload, staticKey: [UInt8]) throws(PeerError) {
    let message = NoisePayload.signaturePrefix + staticKey
    guard try HostIdentity.verify(said.signature, of: message, by: said.identityKey) else {
      throw PeerError(.unauthenticated, "the peer's signature over its Noise key does not hold")
    }
    let peer = try HostIdentity.peer(of: said.identityKey)
    if let expected = terms.expected, expected != peer {
      throw PeerError(.unauthenticated, "\(peer) answered where \(expected) was expected")
    }
    guard peer != terms.identity.peer else { throw PeerError(.refused, "this node called itself") }
    if let refusal = terms.admits(peer) { throw refusal }
    identified.withLock { $0 = peer }
  }

  private func open() {
    guard !isClosed else { return }
    phase = .open
    upgradeTimer?.cancel()
    upgradeTimer = nil
    startKeepAlive()
    terms.opened(self)
  }

  // MARK: Frames

  private func nextFrame(maximum: Int) throws(PeerError) -> ByteBuffer? {
    guard let length = inbox.getInteger(at: inbox.readerIndex, as: UInt16.self) else { return nil }
    guard Int(length) <= maximum else {
      throw PeerError(.tooLarge, "noise: a handshake message of \(length) bytes, at most \(maximum)")
    }
    guard inbox.readableBytes >= 2 + Int(length) else { return nil }
    inbox.moveReaderIndex(forwardBy: 2)
    return inbox.readSlice(length: Int(length))
  }

  private func nextPlaintext() throws(PeerError) -> Data? {
    guard let frame = try nextFrame(maximum: 65_535) else { return nil }
    return try opening?.open(frame.readableBytesView)
  }

  /// Bytes in the clear, but for the private network's cipher.
  private func send(_ bytes: [UInt8]) {
    guard !bytes.isEmpty else { return }
    write(ByteBuffer(bytes: bytes))
    transport?.flush()
  }

  private func sendFrame(_ message: [UInt8]) {
    send([UInt8(message.count >> 8), UInt8(message.count & 0xff)] + message)
  }

  private func sendEncrypted(_ bytes: [UInt8]) throws(PeerError) {
    plain += bytes
    try sealPlain()
    transport?.flush()
  }

  /// Encrypts and writes what is in `plain`, at most ``NoiseCipher/maximumPlaintext`` bytes.
  func sealPlain() throws(PeerError) {
    guard let frame = try sealing?.seal(plain, allocator: ByteBufferAllocator()) else { return }
    plain.removeAll(keepingCapacity: true)
    write(frame)
  }

  private func write(_ buffer: ByteBuffer) {
    var buffer = buffer
    privateNetwork?.encrypt(&buffer)
    transport?.write(buffer)
  }
}
