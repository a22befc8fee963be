/// The handshake `Noise_XX_25519_ChaChaPoly_SHA256` (https://noiseprotocol.org/noise.html, revision 34), message by message.
/// Pure but for the primitives, which are handed in.
package struct NoiseHandshake<Primitives: NoisePrimitives>: Sendable {
  /// Keys of the two directions once the handshake has ended, 32 bytes each.
  package struct Keys: Sendable {
    package let sending: [UInt8]
    package let receiving: [UInt8]
    /// What both sides now know to be common: Noise's handshake hash.
    package let transcript: [UInt8]
  }

  private enum Token { case e, s, ee, es, se }

  private static var name: String { "Noise_XX_25519_ChaChaPoly_SHA256" }
  private static var pattern: [[Token]] { [[.e], [.e, .ee, .s, .es], [.s, .se]] }
  private static var keyLength: Int { 32 }
  private static var tagLength: Int { 16 }

  package let isInitiator: Bool
  private let primitives: Primitives
  private let staticKey: NoiseKeyPair
  private var ephemeralKey: NoiseKeyPair?
  private var remoteEphemeral: [UInt8] = []
  /// The other side's static key, once it has said so.
  package private(set) var remoteStatic: [UInt8] = []
  private var step = 0
  private var chainingKey: [UInt8]
  private var transcript: [UInt8]
  private var key: [UInt8]?
  private var nonce: UInt64 = 0

  /// - Parameters:
  ///   - ephemeralKey: nil for a new one; tests hand in a recorded one.
  ///   - prologue: empty in libp2p.
  package init(
    isInitiator: Bool, primitives: Primitives, staticKey: NoiseKeyPair, ephemeralKey: NoiseKeyPair? = nil,
    prologue: [UInt8] = []
  ) {
    self.isInitiator = isInitiator
    self.primitives = primitives
    self.staticKey = staticKey
    self.ephemeralKey = ephemeralKey
    self.transcript = Array(Self.name.utf8)
    self.chainingKey = self.transcript
    mix(prologue)
  }

  /// Whether all three messages have passed.
  package var isComplete: Bool { step == Self.pattern.count }

  /// Whether this side sends the next message.
  package var isSending: Bool { !isComplete && (step % 2 == 0) == isInitiator }

  /// The next message of this side. Message 1 carries its payload in the clear.
  package mutating func write(_ payload: [UInt8]) throws(PeerError) -> [UInt8] {
    guard isSending else { throw PeerError(.violation, "noise: it is the other side's turn") }
    var message: [UInt8] = []
    for token in Self.pattern[step] {
      switch token {
      case .e:
        let pair = ephemeralKey ?? primitives.generateKeyPair()
        ephemeralKey = pair
        message += pair.publicKey
        mix(pair.publicKey)
      case .s: message += try encrypt(staticKey.publicKey)
      case .ee, .es, .se: try agree(token)
      }
    }
    message += try encrypt(payload)
    step += 1
    return message
  }

  /// Takes the next message of the other side and gives its payload.
  ///
  /// - Throws: `.malformed` for one that is too short, `.unauthenticated` for one that fails decryption.
  package mutating func read(_ message: [UInt8]) throws(PeerError) -> [UInt8] {
    guard !isComplete, !isSending else { throw PeerError(.violation, "noise: a message out of turn") }
    var rest = message[...]
    func take(_ count: Int) throws(PeerError) -> [UInt8] {
      guard rest.count >= count else {
        throw PeerError(.malformed, "noise handshake message \(step + 1): \(message.count) bytes are too few")
      }
      defer { rest = rest.dropFirst(count) }
      return Array(rest.prefix(count))
    }
    for token in Self.pattern[step] {
      switch token {
      case .e:
        remoteEphemeral = try take(Self.keyLength)
        mix(remoteEphemeral)
      case .s: remoteStatic = try decrypt(try take(Self.keyLength + (key == nil ? 0 : Self.tagLength)))
      case .ee, .es, .se: try agree(token)
      }
    }
    let payload = try decrypt(Array(rest))
    step += 1
    return payload
  }

  /// The keys for what follows. Call once ``isComplete``.
  package func keys() throws(PeerError) -> Keys {
    guard isComplete else { throw PeerError(.violation, "noise: the handshake has not ended") }
    let (first, second) = derive([])
    return Keys(
      sending: isInitiator ? first : second, receiving: isInitiator ? second : first, transcript: transcript)
  }

  private mutating func agree(_ token: Token) throws(PeerError) {
    let ephemeral = ephemeralKey?.secret ?? []
    let shared =
      switch token {
      case .ee: try primitives.agree(ephemeral, remoteEphemeral)
      case .es where isInitiator: try primitives.agree(ephemeral, remoteStatic)
      case .es: try primitives.agree(staticKey.secret, remoteEphemeral)
      case .se where isInitiator: try primitives.agree(staticKey.secret, remoteEphemeral)
      default: try primitives.agree(ephemeral, remoteStatic)
      }
    let (chained, derived) = derive(shared)
    chainingKey = chained
    key = derived
    nonce = 0
  }

  private func derive(_ input: [UInt8]) -> ([UInt8], [UInt8]) {
    let temporary = primitives.authenticate(input, key: chainingKey)
    let first = primitives.authenticate([1], key: temporary)
    return (first, primitives.authenticate(first + [2], key: temporary))
  }

  private mutating func mix(_ bytes: [UInt8]) { transcript = primitives.hash(transcript + bytes) }

  private mutating func encrypt(_ plaintext: [UInt8]) throws(PeerError) -> [UInt8] {
    guard let key else {
      mix(plaintext)
      return plaintext
    }
    let sealed = try primitives.seal(plaintext, key: key, nonce: nonce, associated: transcript)
    nonce += 1
    mix(sealed)
    return sealed
  }

  private mutating func decrypt(_ ciphertext: [UInt8]) throws(PeerError) -> [UInt8] {
    guard let key else {
      mix(ciphertext)
      return ciphertext
    }
    let opened = try primitives.open(ciphertext, key: key, nonce: nonce, associated: transcript)
    nonce += 1
    mix(ciphertext)
    return opened
  }
}
