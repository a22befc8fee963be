package import Multiformats

/// What libp2p says inside the second and third handshake message
/// (https://github.com/libp2p/specs/blob/master/noise/README.md): who one is, and which muxers one speaks.
package struct NoisePayload: Hashable, Sendable {
  /// Precedes the static key in what is signed.
  package static let signaturePrefix = Array("noise-libp2p-static-key:".utf8)
  /// The most muxers read.
  private static let maximumMuxers = 32

  package var identityKey: PeerPublicKey
  package var signature: [UInt8]
  package var muxers: [String]

  package init(identityKey: PeerPublicKey, signature: [UInt8], muxers: [String]) {
    self.identityKey = identityKey
    self.signature = signature
    self.muxers = muxers
  }

  /// - Throws: `.malformed` where key or signature are missing or cannot be read.
  package init(decoding bytes: [UInt8]) throws(PeerError) {
    var reader = ProtobufReader(bytes)
    var key: [UInt8]?
    var signature: [UInt8]?
    var muxers: [String] = []
    while let field = try reader.next() {
      switch field.number {
      case 1: key = try field.bytes(maximum: PeerPublicKey.maximumLength)
      case 2: signature = try field.bytes(maximum: PeerPublicKey.maximumLength)
      case 4:
        var extensions = try field.message()
        while muxers.count < Self.maximumMuxers, let field = try extensions.next() {
          if field.number == 2 { muxers.append(try field.text(maximum: 256)) }
        }
      default: break
      }
    }
    guard let key, let signature else { throw PeerError(.malformed, "noise payload: no identity key or no signature") }
    do { self.identityKey = try PeerPublicKey(bytes: key) } catch {
      throw PeerError(.malformed, "noise payload: \(error.detail)")
    }
    self.signature = signature
    self.muxers = muxers
  }

  package var bytes: [UInt8] {
    var writer = ProtobufWriter()
    writer.bytes(1, identityKey.bytes)
    writer.bytes(2, signature)
    if !muxers.isEmpty {
      writer.message(4) { extensions in
        for muxer in muxers { extensions.text(2, muxer) }
      }
    }
    return writer.bytes
  }
}
