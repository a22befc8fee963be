internal import Crypto
internal import CryptoExtras
package import Multiformats

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Checks signatures by the keys that libp2p knows.
package enum PublicKeyVerifier {
  /// Whether `signature` over `message` is by `key`.
  ///
  /// RSA keys have 2,048 bits or more, and sign with PKCS #1 v1.5 and SHA-256, as libp2p has it.
  ///
  /// - Throws: `.malformed` for a key that is none.
  package static func verify(
    _ signature: [UInt8], of message: [UInt8], by key: PeerPublicKey
  ) throws(ContentError) -> Bool {
    let fault = ContentError(.malformed, "\(key.kind) public key: not a key")
    switch key.kind {
    case .ed25519:
      guard let known = try? Curve25519.Signing.PublicKey(rawRepresentation: key.data) else { throw fault }
      return known.isValidSignature(signature, for: message)
    case .ecdsa:
      guard let known = try? P256.Signing.PublicKey(derRepresentation: key.data) else { throw fault }
      guard let parsed = try? P256.Signing.ECDSASignature(derRepresentation: signature) else { return false }
      return known.isValidSignature(parsed, for: message)
    case .rsa:
      guard let known = try? _RSA.Signing.PublicKey(derRepresentation: key.data), known.keySizeInBits >= 2_048 else {
        throw fault
      }
      return known.isValidSignature(
        _RSA.Signing.RSASignature(rawRepresentation: signature), for: message, padding: .insecurePKCS1v1_5)
    case .secp256k1:
      guard
        let isValid = Secp256k1.isValid(signature: signature, digest: Digest.sha256(message), key: key.data)
      else { throw fault }
      return isValid
    }
  }
}

/// Signs with an Ed25519 key.
package struct Ed25519Signer: Sendable {
  private let key: Curve25519.Signing.PrivateKey

  /// - Parameter secret: the 32-byte seed.
  package init(secret: [UInt8]) throws(ContentError) {
    guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: secret) else {
      throw ContentError(.malformed, "an Ed25519 secret has 32 bytes, found \(secret.count)")
    }
    self.key = key
  }

  /// A new key from the system's random source.
  package static func generateSecret() -> [UInt8] { Array(Curve25519.Signing.PrivateKey().rawRepresentation) }

  package var publicKey: PeerPublicKey {
    PeerPublicKey(kind: .ed25519, data: Array(key.publicKey.rawRepresentation))
  }

  package var peer: PeerID {
    get throws(ContentError) {
      try parsing { () throws(MultiformatError) in try PeerID(publicKey: publicKey, sha256: { Digest.sha256($0) }) }
    }
  }

  /// A signature of 64 bytes.
  package func sign(_ message: [UInt8]) throws(ContentError) -> [UInt8] {
    guard let signature = try? key.signature(for: message) else { throw ContentError(.storage, "signing failed") }
    return Array(signature)
  }
}
