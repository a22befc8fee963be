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

  private let key: FrameKey
  private var counter: UInt64 = 0

  /// - Parameter key: 32 bytes.
  init(key: [UInt8]) { self.key = FrameKey(key) }

  private mutating func nextCounter() throws(PeerError) -> UInt64 {
    // 2^64 - 1 is reserved (Noise, section 5.1).
    guard counter < .max else { throw PeerError(.exhausted, "noise: no nonces left on this connection") }
    defer { counter += 1 }
    return counter
  }

  /// The plaintext, at most ``maximumPlaintext`` bytes, as one frame.
  mutating func seal(_ plaintext: [UInt8], allocator: ByteBufferAllocator) throws(PeerError) -> ByteBuffer {
    let counter = try nextCounter()
    let length = plaintext.count + Self.tagLength
    var buffer = allocator.buffer(capacity: 2 + length)
    buffer.writeInteger(UInt16(length))
    let written = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { room in
      plaintext.withUnsafeBytes { key.seal($0, counter, into: room) } ?? 0
    }
    guard written == length else { throw PeerError(.unauthenticated, "noise: encryption failed") }
    return buffer
  }

  /// The plaintext of one frame's ciphertext.
  ///
  /// - Throws: `.unauthenticated`.
  mutating func open(_ ciphertext: ByteBufferView) throws(PeerError) -> Data {
    guard ciphertext.count >= Self.tagLength else {
      throw PeerError(.malformed, "noise: a frame of \(ciphertext.count) bytes, at least \(Self.tagLength)")
    }
    let counter = try nextCounter()
    guard let opened = ciphertext.withUnsafeBytes({ key.open($0, counter) }) else {
      throw PeerError(.unauthenticated, "noise: a frame failed authentication")
    }
    return opened
  }
}
