internal import Crypto
internal import NIOCore
internal import PeerProtocols

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// One direction of an encrypted connection after Noise's handshake: frames of a big-endian length and ciphertext.
struct NoiseCipher {
  /// The most bytes of plaintext in a frame.
  static let maximumPlaintext = 65_535 - tagLength
  static let tagLength = 16

  private let key: SymmetricKey
  private var counter: UInt64 = 0

  init(key: [UInt8]) { self.key = SymmetricKey(data: key) }

  private mutating func nextNonce() throws(PeerError) -> ChaChaPoly.Nonce {
    // 2^64 - 1 is reserved (Noise, section 5.1).
    guard counter < .max, let nonce = try? ChaChaPoly.Nonce(data: NoiseCryptography.nonce(counter)) else {
      throw PeerError(.exhausted, "noise: no nonces left on this connection")
    }
    counter += 1
    return nonce
  }

  /// The plaintext, at most ``maximumPlaintext`` bytes, as one frame.
  mutating func seal(_ plaintext: [UInt8], allocator: ByteBufferAllocator) throws(PeerError) -> ByteBuffer {
    let nonce = try nextNonce()
    guard let box = try? ChaChaPoly.seal(plaintext, using: key, nonce: nonce) else {
      throw PeerError(.unauthenticated, "noise: encryption failed")
    }
    var buffer = allocator.buffer(capacity: 2 + plaintext.count + Self.tagLength)
    buffer.writeInteger(UInt16(plaintext.count + Self.tagLength))
    box.combined.withUnsafeBytes { _ = buffer.writeBytes(UnsafeRawBufferPointer(rebasing: $0[12...])) }
    return buffer
  }

  /// The plaintext of one frame's ciphertext.
  ///
  /// - Throws: `.unauthenticated`.
  mutating func open(_ ciphertext: ByteBufferView) throws(PeerError) -> Data {
    guard ciphertext.count >= Self.tagLength else {
      throw PeerError(.malformed, "noise: a frame of \(ciphertext.count) bytes, at least \(Self.tagLength)")
    }
    let nonce = try nextNonce()
    let box = ciphertext.withUnsafeBytes { bytes in
      try? ChaChaPoly.SealedBox(
        nonce: nonce, ciphertext: UnsafeRawBufferPointer(rebasing: bytes.dropLast(Self.tagLength)),
        tag: UnsafeRawBufferPointer(rebasing: bytes.suffix(Self.tagLength)))
    }
    guard let box, let opened = try? ChaChaPoly.open(box, using: key) else {
      throw PeerError(.unauthenticated, "noise: a frame failed authentication")
    }
    return opened
  }
}
