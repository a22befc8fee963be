/// A Curve25519 key pair, 32 bytes each.
package struct NoiseKeyPair: Sendable {
  package let secret: [UInt8]
  package let publicKey: [UInt8]

  package init(secret: [UInt8], publicKey: [UInt8]) {
    self.secret = secret
    self.publicKey = publicKey
  }
}

/// The primitives of `25519_ChaChaPoly_SHA256` (Noise, sections 4 and 12), handed in.
package protocol NoisePrimitives: Sendable {
  func generateKeyPair() -> NoiseKeyPair

  /// The shared secret, 32 bytes.
  ///
  /// - Throws: `.unauthenticated` for a public key of low order.
  func agree(_ secret: [UInt8], _ publicKey: [UInt8]) throws(PeerError) -> [UInt8]

  /// SHA-256.
  func hash(_ bytes: [UInt8]) -> [UInt8]

  /// HMAC-SHA256.
  func authenticate(_ message: [UInt8], key: [UInt8]) -> [UInt8]

  /// ChaCha20-Poly1305 with a nonce of 32 zero bits and `nonce` in little-endian order; 16 bytes of tag at the end.
  func seal(_ plaintext: [UInt8], key: [UInt8], nonce: UInt64, associated: [UInt8]) throws(PeerError) -> [UInt8]

  /// The reverse of `seal`.
  ///
  /// - Throws: `.unauthenticated` where the tag does not hold.
  func open(_ ciphertext: [UInt8], key: [UInt8], nonce: UInt64, associated: [UInt8]) throws(PeerError) -> [UInt8]
}
