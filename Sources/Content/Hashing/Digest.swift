internal import Crypto
package import Multiformats

/// The hash functions of the multihash table that PRSM computes.
package enum Digest {
  /// The SHA-256 digest, 32 bytes.
  package static func sha256(_ bytes: [UInt8]) -> [UInt8] {
    var hasher = SHA256()
    bytes.withUnsafeBytes { hasher.update(bufferPointer: $0) }
    return Array(hasher.finalize())
  }

  /// The SHA-256 digest of several pieces one after the other.
  static func sha256(_ pieces: UnsafeRawBufferPointer...) -> [UInt8] {
    var hasher = SHA256()
    for piece in pieces { hasher.update(bufferPointer: piece) }
    return Array(hasher.finalize())
  }

  /// SHA-256 of bytes that come piece by piece.
  package struct Streaming: ~Copyable {
    private var hasher = SHA256()

    package init() {}

    package mutating func update(_ bytes: UnsafeRawBufferPointer) { hasher.update(bufferPointer: bytes) }

    /// The digest, 32 bytes.
    package consuming func finalize() -> [UInt8] { Array(hasher.finalize()) }
  }

  /// Hashes bytes with `function`.
  ///
  /// - Throws: `.unsupported` for a function not computed here, `.tooLarge` for identity beyond 128 bytes.
  package static func multihash(
    of bytes: [UInt8], _ function: Multihash.Function = .sha256
  ) throws(ContentError) -> Multihash {
    let digest = try digest(of: bytes, function, length: function.digestLength ?? 32)
    return try parsing { () throws(MultiformatError) in try Multihash(function: function, digest: digest) }
  }

  /// Whether bytes hash to `multihash`, which may be truncated to no less than 16 bytes (20 for SHA-1).
  package static func matches(_ multihash: Multihash, _ bytes: [UInt8]) throws(ContentError) -> Bool {
    if multihash.function == .identity { return multihash.digest == bytes }
    let length = multihash.digest.count
    guard length >= 16 else {
      throw ContentError(.unsupported, "\(multihash.function) digest of \(length) bytes proves too little; at least 16")
    }
    let full = try digest(of: bytes, multihash.function, length: length)
    return full.count >= length && full.prefix(length).elementsEqual(multihash.digest)
  }

  private static func digest(
    of bytes: [UInt8], _ function: Multihash.Function, length: Int
  ) throws(ContentError) -> [UInt8] {
    switch function {
    case .identity: return bytes
    case .sha256: return sha256(bytes)
    case .sha384: return Array(SHA384.hash(data: bytes))
    case .sha512: return Array(SHA512.hash(data: bytes))
    case .sha1: return Array(Insecure.SHA1.hash(data: bytes))
    case .sha3x224: return Keccak.sha3(bytes, digestLength: 28)
    case .sha3x256: return Keccak.sha3(bytes, digestLength: 32)
    case .sha3x384: return Keccak.sha3(bytes, digestLength: 48)
    case .sha3x512: return Keccak.sha3(bytes, digestLength: 64)
    case .blake3: return BLAKE3.hash(bytes, length: length)
    default:
      if let length = function.blake2bLength { return BLAKE2b.hash(bytes, length: length) }
      throw ContentError(.unsupported, "hash function \(function) is not computed here")
    }
  }
}
