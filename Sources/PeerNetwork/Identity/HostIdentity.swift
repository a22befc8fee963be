internal import Content
package import Multiformats
package import PeerProtocols

/// The key pair by which peers know this node, and the Noise key that it vouches for.
package struct HostIdentity: Sendable {
  package let publicKey: PeerPublicKey
  package let peer: PeerID
  let noiseKey: NoiseKeyPair
  private let signing: @Sendable ([UInt8]) throws -> [UInt8]
  private let noiseSignature: [UInt8]

  /// - Parameter secret: the Ed25519 seed, 32 bytes.
  package init(secret: [UInt8]) throws(PeerError) {
    do throws(ContentError) {
      let signer = try Ed25519Signer(secret: secret)
      publicKey = signer.publicKey
      peer = try signer.peer
      signing = { try signer.sign($0) }
      noiseKey = NoiseCryptography().generateKeyPair()
      noiseSignature = try signer.sign(NoisePayload.signaturePrefix + noiseKey.publicKey)
    } catch {
      throw PeerError(.unauthenticated, error.detail)
    }
  }

  /// A new identity from the system's random source.
  package static func generate() throws(PeerError) -> HostIdentity {
    try HostIdentity(secret: Ed25519Signer.generateSecret())
  }

  package func sign(_ message: [UInt8]) throws(PeerError) -> [UInt8] {
    guard let signature = try? signing(message) else { throw PeerError(.unauthenticated, "signing failed") }
    return signature
  }

  func noisePayload(muxers: [String]) throws(PeerError) -> NoisePayload {
    NoisePayload(identityKey: publicKey, signature: noiseSignature, muxers: muxers)
  }

  /// The id of a key.
  package static func peer(of key: PeerPublicKey) throws(PeerError) -> PeerID {
    do { return try PeerID(publicKey: key, sha256: { Digest.sha256($0) }) } catch {
      throw PeerError(.unauthenticated, error.detail)
    }
  }

  /// Whether `signature` over `message` is by `key`.
  ///
  /// - Throws: `.unauthenticated` for a key that is none.
  package static func verify(
    _ signature: [UInt8], of message: [UInt8], by key: PeerPublicKey
  ) throws(PeerError) -> Bool {
    do throws(ContentError) { return try PublicKeyVerifier.verify(signature, of: message, by: key) } catch {
      throw PeerError(error.code == .unsupported ? .unsupported : .unauthenticated, error.detail)
    }
  }
}
