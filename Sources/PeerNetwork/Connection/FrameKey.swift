internal import CCryptoBoringSSL
internal import Glibc

#if canImport(FoundationEssentials)
package import FoundationEssentials
#else
package import Foundation
#endif

/// A key of ChaCha20-Poly1305 (RFC 8439), set up once for all frames of one direction of a connection.
///
/// It calls the BoringSSL under swift-crypto. Swift-crypto's own interface sets a key up for each message and goes through
/// several copies; for a frame with one token in it that takes ten times as long as the cipher.
package final class FrameKey {
  private static let tagLength = 16

  private let context: UnsafeMutablePointer<EVP_AEAD_CTX>

  /// - Parameter key: 32 bytes.
  package init(_ key: [UInt8]) {
    let cipher = CCryptoBoringSSL_EVP_aead_chacha20_poly1305()
    guard let context = CCryptoBoringSSL_EVP_AEAD_CTX_new(cipher, key, key.count, Self.tagLength) else {
      preconditionFailure("a key of Noise has 32 bytes")
    }
    self.context = context
  }

  deinit { CCryptoBoringSSL_EVP_AEAD_CTX_free(context) }

  /// Noise's nonce (section 12 of its specification): 32 zero bits, then the counter in little-endian order.
  private static func withNonce<Result>(_ counter: UInt64, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
    let words = (
      UInt32(0), UInt32(truncatingIfNeeded: counter).littleEndian,
      UInt32(truncatingIfNeeded: counter >> 32).littleEndian
    )
    return withUnsafeBytes(of: words) { body($0.assumingMemoryBound(to: UInt8.self)) }
  }

  /// Writes the ciphertext and its tag to the start of `room`.
  ///
  /// - Returns: how many bytes that are; nil where there is too little room.
  package func seal(
    _ plaintext: UnsafeRawBufferPointer, _ counter: UInt64, into room: UnsafeMutableRawBufferPointer
  ) -> Int? {
    var length = 0
    let isDone = Self.withNonce(counter) { nonce in
      CCryptoBoringSSL_EVP_AEAD_CTX_seal(
        context, room.assumingMemoryBound(to: UInt8.self).baseAddress, &length, room.count, nonce.baseAddress,
        nonce.count, plaintext.assumingMemoryBound(to: UInt8.self).baseAddress, plaintext.count, nil, 0) == 1
    }
    guard isDone else {
      // BoringSSL notes why on a list of the thread's own, which nobody reads.
      CCryptoBoringSSL_ERR_clear_error()
      return nil
    }
    return length
  }

  /// The plaintext of ciphertext with its tag behind it; nil where the tag is not the right one.
  package func open(_ ciphertext: UnsafeRawBufferPointer, _ counter: UInt64) -> Data? {
    let capacity = max(1, ciphertext.count - Self.tagLength)
    guard let room = malloc(capacity) else { return nil }
    var length = 0
    let isDone = Self.withNonce(counter) { nonce in
      CCryptoBoringSSL_EVP_AEAD_CTX_open(
        context, room.assumingMemoryBound(to: UInt8.self), &length, capacity, nonce.baseAddress, nonce.count,
        ciphertext.assumingMemoryBound(to: UInt8.self).baseAddress, ciphertext.count, nil, 0) == 1
    }
    guard isDone else {
      CCryptoBoringSSL_ERR_clear_error()
      free(room)
      return nil
    }
    return Data(bytesNoCopy: room, count: length, deallocator: .free)
  }
}
