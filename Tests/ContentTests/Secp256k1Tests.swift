import Content
import Multiformats
import Testing

/// Signatures over secp256k1, made by OpenSSL.
@Suite struct Secp256k1Tests {
  private static let compressed =
    "022745dee12ebf2fbc30a74c5c19360a42118913e3453626d6c8d37816d900f46c"
  private static let whole =
    "042745dee12ebf2fbc30a74c5c19360a42118913e3453626d6c8d37816d900f46c147542268544609d30c74eb0b3ab54"
    + "30ab91c2ae086238ee06285fa3322ba024"
  private static let message = Array("to be or not to be".utf8)
  private static let signatures = [
    "304402206e4b558848c63d615062052bc39f2a2a9b63b2514454bfac5b052466cbd345060220575de0c0ee14ac4f292e"
      + "e60debe22c69b48b2ea9fc9564d225ab733160b8b5eb",
    "304402200eb419eaeb8bb9084be158a8ac2ad19c8710f2615c9fdbcffbd00dc89866772e022022155fd0967e91f1fc24"
      + "85c15ba89bd0619b9c8547b8d5f1326a9895351ffd57",
    "30450221009994dca5f97b54d55a43662c84fa6228ca314f9fe9574cd9993662299e0ba96f02204852734fbf0f8ccb6d"
      + "e0d9ed8e3aa0349e2351f9ca0583a5b92cfad51c40d7fe",
  ]
  private static let name = "16Uiu2HAkx4yg45vWvuSr2gKXZ6sMFjFYdeXiWkhENgs12h5rcLKd"
  private static let record =
    "0a0e2f697066732f6261666b716161611800221e323033332d30352d31385430333a33333a32302e3030303030303030"
    + "305a28073080f092cbdd0842463044022016ee48c09a5392c56849006c6aa1c077c8d792f573575e96158874b213e84c"
    + "bb022006af8d2e00549855e1ac51196e16c5283b98aa8afec896debc735e18e5ea4a554a64a56354544c1b00000045d9"
    + "64b8006556616c75654e2f697066732f6261666b716161616853657175656e6365076856616c6964697479581e323033"
    + "332d30352d31385430333a33333a32302e3030303030303030305a6c56616c69646974795479706500"

  private static func bytes(_ text: String) throws -> [UInt8] { try Multibase.decode("f" + text).bytes }

  private static func key(_ text: String) throws -> PeerPublicKey {
    PeerPublicKey(kind: .secp256k1, data: try bytes(text))
  }

  @Test func `signatures hold for their message and key, and for nothing else`() throws {
    for text in Self.signatures {
      let signature = try Self.bytes(text)
      for key in [try Self.key(Self.compressed), try Self.key(Self.whole)] {
        #expect(try PublicKeyVerifier.verify(signature, of: Self.message, by: key))
        #expect(try !PublicKeyVerifier.verify(signature, of: Self.message + [0], by: key))
      }
      var other = try Self.bytes(Self.compressed)
      other[0] ^= 1
      let negated = PeerPublicKey(kind: .secp256k1, data: other)
      #expect(try !PublicKeyVerifier.verify(signature, of: Self.message, by: negated))
    }
  }

  @Test func `a signature with any bit changed, or in another form, does not hold`() throws {
    let key = try Self.key(Self.compressed)
    let signature = try Self.bytes(Self.signatures[0])
    for index in signature.indices {
      for bit in [0, 7] {
        var changed = signature
        changed[index] ^= 1 << UInt8(bit)
        #expect(try !PublicKeyVerifier.verify(changed, of: Self.message, by: key), "\(index)")
      }
    }
    // Behind it, cut, with numbers that are zero or not below the order.
    let order = try Self.bytes("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
    for bad in [
      signature + [0], Array(signature.dropLast()), [], [0x30, 6, 2, 1, 0, 2, 1, 0], [0x30, 6, 2, 1, 1, 2, 1, 0],
      [0x30, 38, 2, 33, 0] + order + [2, 1, 1], [0x30, 7, 2, 2, 0, 1, 2, 1, 1],
    ] { #expect(try !PublicKeyVerifier.verify(bad, of: Self.message, by: key)) }
  }

  @Test func `what is no point of the curve is no key`() throws {
    let signature = try Self.bytes(Self.signatures[0])
    var off = try Self.bytes(Self.whole)
    off[64] ^= 1
    for bad in [
      off, Array(off.dropLast()), [2] + [UInt8](repeating: 0xff, count: 32), [5] + [UInt8](repeating: 1, count: 32),
      // x = 5: 5³ + 7 = 132 has no root.
      [2] + [UInt8](repeating: 0, count: 31) + [5],
    ] {
      let key = PeerPublicKey(kind: .secp256k1, data: bad)
      #expect(throws: ContentError.self) { try PublicKeyVerifier.verify(signature, of: Self.message, by: key) }
    }
  }

  @Test func `an IPNS record under such a key is read`() throws {
    let name = try PeerID(Self.name)
    let bytes = try Self.bytes(Self.record)
    let record = try IPNSRecord(verifying: bytes, name: name)
    #expect(record.value == "/ipfs/bafkqaaa")
    #expect(record.sequence == 7)
    #expect(record.isValid(at: 1_999_999_999))
    var damaged = bytes
    damaged[bytes.count - 3] ^= 1
    #expect(throws: ContentError.self) { try IPNSRecord(verifying: damaged, name: name) }
  }
}
