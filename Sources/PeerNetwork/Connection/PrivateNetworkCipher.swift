internal import NIOCore
internal import PeerProtocols

/// The cipher of a private network over a connection: each side sends a nonce in the clear and encrypts all that follows with
/// XSalsa20 of it and the network's key. Whoever has another key sees noise and cannot make a connection.
struct PrivateNetworkCipher {
  /// The nonce that this side sends first.
  let opening: [UInt8]
  private let key: [UInt8]
  private var sending: XSalsa20
  private var receiving: XSalsa20?
  private var nonce: [UInt8] = []

  init(key: [UInt8]) {
    var generator = SystemRandomNumberGenerator()
    let opening = (0..<XSalsa20.nonceLength).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    self.opening = opening
    self.key = key
    self.sending = XSalsa20(key: key, nonce: opening)
  }

  mutating func encrypt(_ buffer: inout ByteBuffer) {
    buffer.withUnsafeMutableReadableBytes { sending.apply(to: $0) }
  }

  /// Decrypts in place; takes the other side's nonce off the front first.
  mutating func decrypt(_ buffer: inout ByteBuffer) throws(PeerError) {
    if receiving == nil {
      let missing = XSalsa20.nonceLength - nonce.count
      nonce += buffer.readBytes(length: min(missing, buffer.readableBytes)) ?? []
      guard nonce.count == XSalsa20.nonceLength else { return }
      receiving = XSalsa20(key: key, nonce: nonce)
    }
    buffer.withUnsafeMutableReadableBytes { receiving?.apply(to: $0) }
  }
}
