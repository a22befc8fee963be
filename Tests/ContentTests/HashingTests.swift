import Content
import Multiformats
import Testing

@Suite struct HashingTests {
  /// Published vectors: FIPS 202 examples, RFC 7693 appendix A, the BLAKE3 test vectors (input bytes 0, 1, … 250, 0, …).
  static let vectors: [(String, String, String)] = [
    ("sha2-256", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ("sha3-224", "abc", "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf"),
    ("sha3-256", "abc", "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
    (
      "sha3-512", "abc",
      "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0"
    ),
    (
      "blake2b-512", "abc",
      "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"
    ),
    ("blake2b-256", "", "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"),
    ("blake3", "", "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
  ]

  @Test(arguments: vectors) func `a digest is the published one`(_ name: String, _ text: String, _ hex: String) throws {
    let function = try #require(Multihash.Function(name: name))
    #expect(Multibase.base16.encodeBody(try Digest.multihash(of: Array(text.utf8), function).digest) == hex)
  }

  static let blake3: [(Int, String)] = [
    (1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"),
    (1_024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"),
    (1_025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"),
    (2_049, "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030"),
    (31_744, "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47"),
  ]

  @Test(arguments: blake3) func `BLAKE3 joins its chunks as published`(_ count: Int, _ hex: String) throws {
    let bytes = (0..<count).map { UInt8($0 % 251) }
    #expect(Multibase.base16.encodeBody(try Digest.multihash(of: bytes, .blake3).digest) == hex)
  }
}
