import Multiformats
import Testing

@Suite struct MultibaseTests {
  /// The vectors of the multibase repository (tests/basic.csv, tests/leading_zero.csv): "yes mani !".
  static let manes: [(Multibase, String)] = [
    (.identity, "\0yes mani !"),
    (.base2, "001111001011001010111001100100000011011010110000101101110011010010010000000100001"),
    (.base8, "7362625631006654133464440102"),
    (.base10, "9573277761329450583662625"),
    (.base16, "f796573206d616e692021"),
    (.base16upper, "F796573206D616E692021"),
    (.base32, "bpfsxgidnmfxgsibb"),
    (.base32upper, "BPFSXGIDNMFXGSIBB"),
    (.base32hex, "vf5in683dc5n6i811"),
    (.base32hexupper, "VF5IN683DC5N6I811"),
    (.base32pad, "cpfsxgidnmfxgsibb"),
    (.base32padupper, "CPFSXGIDNMFXGSIBB"),
    (.base32hexpad, "tf5in683dc5n6i811"),
    (.base32hexpadupper, "TF5IN683DC5N6I811"),
    (.base32z, "hxf1zgedpcfzg1ebb"),
    (.base36, "k2lcpzo5yikidynfl"),
    (.base36upper, "K2LCPZO5YIKIDYNFL"),
    (.base58flickr, "Z7Pznk19XTTzBtx"),
    (.base58btc, "z7paNL19xttacUY"),
    (.base64, "meWVzIG1hbmkgIQ"),
    (.base64pad, "MeWVzIG1hbmkgIQ=="),
    (.base64url, "ueWVzIG1hbmkgIQ"),
    (.base64urlpad, "UeWVzIG1hbmkgIQ=="),
  ]

  @Test(arguments: manes) func `each base writes and reads the published vector`(
    _ base: Multibase, _ text: String
  ) throws {
    let bytes = Array("yes mani !".utf8)
    #expect(base.encode(bytes) == text)
    let decoded = try Multibase.decode(text)
    #expect(decoded.base == base)
    #expect(decoded.bytes == bytes)
  }

  @Test(arguments: Multibase.allCases) func `leading zeros and every short length survive`(_ base: Multibase) throws {
    for count in 0..<40 {
      let bytes = (0..<count).map { $0 < 2 ? UInt8(0) : UInt8(($0 * 37) & 0x7f) }
      #expect(try Multibase.decode(base.encode(bytes)).bytes == bytes)
    }
  }

  @Test func `text outside of the alphabet, with loose bits or wrong padding is refused`() {
    for text in ["", "b1", "bpfsxgidnmfxgsibc=", "z0", "meWVzIG1hbmkgIR", "MeWVzIG1hbmkgIQ=", "M====", "f7", "@abc"] {
      #expect(throws: MultiformatError.self) { try Multibase.decode(text) }
    }
  }

  @Test func `a base58 text beyond the bound is refused before any work`() {
    let text = "z" + String(repeating: "2", count: Multibase.maximumPositionalLength + 1)
    #expect(throws: MultiformatError.self) { try Multibase.decode(text) }
  }
}
