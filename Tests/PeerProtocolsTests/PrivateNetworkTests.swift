import PeerProtocols
import Testing

@Suite struct PrivateNetworkTests {
  /// From "Cryptography in NaCl" (Bernstein, 2009), section 8: the first 32 bytes of key stream.
  @Test func xsalsa20GivesTheKeyStreamOfItsPaper() {
    let key = hexadecimal("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389")
    let nonce = hexadecimal("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37")
    var cipher = XSalsa20(key: key, nonce: nonce)
    var bytes = [UInt8](repeating: 0, count: 32)
    bytes.withUnsafeMutableBytes { cipher.apply(to: $0) }
    #expect(bytes == hexadecimal("eea6a7251c1e72916d11c2cb214d3c252539121d8e234e652d651fa4c8cff880"))
  }

  @Test(arguments: [1, 3, 63, 64, 65, 1_000])
  func aStreamCutAnyhowIsTheSameStream(piece: Int) {
    let key = [UInt8](0..<32)
    let nonce = [UInt8](100..<124)
    var whole = [UInt8](repeating: 0x55, count: 5_000)
    var one = XSalsa20(key: key, nonce: nonce)
    whole.withUnsafeMutableBytes { one.apply(to: $0) }
    var parts = [UInt8](repeating: 0x55, count: 5_000)
    var other = XSalsa20(key: key, nonce: nonce)
    parts.withUnsafeMutableBytes { bytes in
      var offset = 0
      while offset < bytes.count {
        let end = min(offset + piece, bytes.count)
        other.apply(to: UnsafeMutableRawBufferPointer(rebasing: bytes[offset..<end]))
        offset = end
      }
    }
    #expect(whole == parts)
  }

  @Test func keyFilesOfEveryEncodingAreRead() throws {
    let key = [UInt8](0..<32)
    let base16 = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    let base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    #expect(try NetworkKey.parse(Array("/key/swarm/psk/1.0.0/\n/base16/\n\(base16)\n".utf8)) == key)
    #expect(try NetworkKey.parse(Array("/key/swarm/psk/1.0.0/\n/base64/\n\(base64)".utf8)) == key)
    #expect(try NetworkKey.parse(Array("/key/swarm/psk/1.0.0/\n/bin/\n".utf8) + key) == key)
    for wrong in [
      "", "/key/swarm/psk/2.0.0/\n/base16/\n\(base16)", "/key/swarm/psk/1.0.0/\n/base16/\n\(base16.dropLast())",
    ] {
      #expect(throws: PeerError.self) { _ = try NetworkKey.parse(Array(wrong.utf8)) }
    }
  }
}
