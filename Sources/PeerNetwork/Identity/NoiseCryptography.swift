internal import Crypto
package import PeerProtocols

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Noise's primitives by swift-crypto.
package struct NoiseCryptography: NoisePrimitives {
  package init() {}

  package func generateKeyPair() -> NoiseKeyPair {
    let key = Curve25519.KeyAgreement.PrivateKey()
    return NoiseKeyPair(
      secret: Array(key.rawRepresentation), publicKey: Array(key.publicKey.rawRepresentation))
  }

  /// The pair of a recorded secret; nil where it is none.
  package static func keyPair(secret: [UInt8]) -> NoiseKeyPair? {
    guard let key = try? Curve25519.KeyAgreement.PrivateKey(rawRepresentation: secret) else { return nil }
    return NoiseKeyPair(secret: secret, publicKey: Array(key.publicKey.rawRepresentation))
  }

  package func agree(_ secret: [UInt8], _ publicKey: [UInt8]) throws(PeerError) -> [UInt8] {
    guard let key = try? Curve25519.KeyAgreement.PrivateKey(rawRepresentation: secret),
      let other = try? Curve25519.KeyAgreement.PublicKey(rawRepresentation: publicKey),
      let shared = try? key.sharedSecretFromKeyAgreement(with: other)
    else { throw PeerError(.unauthenticated, "noise: the peer's Curve25519 key is not usable") }
    return shared.withUnsafeBytes { Array($0) }
  }

  package func hash(_ bytes: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: bytes)) }

  package func authenticate(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
    Array(HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: key)))
  }

  package func seal(
    _ plaintext: [UInt8], key: [UInt8], nonce: UInt64, associated: [UInt8]
  ) throws(PeerError) -> [UInt8] {
    guard let nonce = try? ChaChaPoly.Nonce(data: Self.nonce(nonce)),
      let box = try? ChaChaPoly.seal(
        plaintext, using: SymmetricKey(data: key), nonce: nonce, authenticating: associated)
    else { throw PeerError(.unauthenticated, "noise: encryption failed") }
    return Array(box.ciphertext) + Array(box.tag)
  }

  package func open(
    _ ciphertext: [UInt8], key: [UInt8], nonce: UInt64, associated: [UInt8]
  ) throws(PeerError) -> [UInt8] {
    guard let box = try? ChaChaPoly.SealedBox(combined: Self.nonce(nonce) + ciphertext),
      let opened = try? ChaChaPoly.open(box, using: SymmetricKey(data: key), authenticating: associated)
    else { throw PeerError(.unauthenticated, "noise: a message failed authentication") }
    return Array(opened)
  }

  /// 32 zero bits, then the counter in little-endian order (Noise, section 12).
  static func nonce(_ counter: UInt64) -> [UInt8] {
    [0, 0, 0, 0] + (0..<8).map { UInt8(truncatingIfNeeded: counter >> UInt64(8 * $0)) }
  }
}
