internal import Crypto
package import Multiformats

extension Digest {
  /// The multihash of bytes that lie within others, without copying them where the function is SHA2-256.
  ///
  /// - Parameter length: bytes of digest; -1 for all of it. Less than 16 (20 for SHA-1) proves too little.
  /// - Throws: `.unsupported` for a function not computed here or too short a digest.
  package static func multihash(
    of bytes: ArraySlice<UInt8>, _ function: Multihash.Function, length: Int
  ) throws(ContentError) -> Multihash {
    var full: [UInt8]
    if function == .sha256 {
      var hasher = SHA256()
      bytes.withUnsafeBytes { hasher.update(bufferPointer: $0) }
      full = Array(hasher.finalize())
    } else {
      full = try multihash(of: Array(bytes), function).digest
    }
    if length >= 0, length < full.count, function != .identity {
      guard length >= (function == .sha1 ? 20 : 16) else {
        throw ContentError(.unsupported, "a \(function) digest of \(length) bytes proves too little")
      }
      full.removeLast(full.count - length)
    }
    let digest = full
    return try parsing { () throws(MultiformatError) in try Multihash(function: function, digest: digest) }
  }
}
