import Content
import Foundation
import Multiformats
import Testing

/// The key stream of ChaCha20 (RFC 8439, section 2.3), from its first block on: what the vectors of IPIP-499 are made of.
private struct ChaCha20 {
  private var state: [UInt32]
  private var block: [UInt8] = []

  /// - Parameter seed: whose SHA-256 is the key; the nonce is zero.
  init(seed: String) {
    let key = Digest.sha256(Array(seed.utf8))
    state = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574]
    for word in 0..<8 {
      state.append((0..<4).reduce(UInt32(0)) { $0 | UInt32(key[4 * word + $1]) << UInt32(8 * $1) })
    }
    state += [0, 0, 0, 0]
  }

  mutating func bytes(_ count: Int) -> [UInt8] {
    while block.count < count { addBlock() }
    defer { block.removeFirst(count) }
    return Array(block.prefix(count))
  }

  private mutating func addBlock() {
    var words = state
    func turn(_ a: Int, _ b: Int, _ c: Int, _ d: Int) {
      for (first, second, third, bits) in [(a, b, d, UInt32(16)), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
        words[first] &+= words[second]
        let mixed = words[third] ^ words[first]
        words[third] = mixed << bits | mixed >> (32 - bits)
      }
    }
    for _ in 0..<10 {
      for column in 0..<4 { turn(column, column + 4, column + 8, column + 12) }
      for column in 0..<4 { turn(column, (column + 1) % 4 + 4, (column + 2) % 4 + 8, (column + 3) % 4 + 12) }
    }
    for (word, start) in zip(words, state) {
      let sum = word &+ start
      for byte in 0..<4 { block.append(UInt8(truncatingIfNeeded: sum >> UInt32(8 * byte))) }
    }
    state[12] &+= 1
  }
}

/// CIDs that Kubo's tests of the import profiles expect (IPIP-499; test/cli/cid_profiles_test.go).
@Suite(.timeLimit(.minutes(2))) struct ProfileTests {
  /// A folder of so many files of one byte, with names of so many letters, the last of another length.
  private static func folder(
    _ seed: String, _ files: Int, _ length: Int, _ last: Int, _ profile: ImportProfile
  ) throws -> CID {
    let letters = Array("abcdefghijklmnopqrstuvwxyz01234567890-_")
    var stream = ChaCha20(seed: seed)
    let sink = DiscardingSink()
    let entry = try UnixFSTests.add(Array("x".utf8), profile, to: sink)
    let items = (0..<files).map { number in
      let name = stream.bytes(number == files - 1 ? last : length).map { letters[Int($0) % letters.count] }
      return DirectoryImport.Item(name: String(name), entry: entry)
    }
    return try DirectoryImport.add(items, profile: profile, to: sink).cid
  }

  @Test func `small files have the names that their profile gives them`() throws {
    for (profile, cid) in [
      (ImportProfile.unixfsV0x2015, "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD"),
      (.unixfsV1x2025, "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"),
    ] {
      #expect("\(try UnixFSTests.add(Array("hello world".utf8), profile, to: DiscardingSink()).cid)" == cid)
    }
  }

  @Test func `folders become sharded one byte beyond the threshold, and not at it`() throws {
    let seed = "hamt-unixfs-v1-2025"
    #expect(
      "\(try Self.folder(seed, 4_766, 11, 21, .unixfsV1x2025))"
        == "bafybeic3h7rwruealwxkacabdy45jivq2crwz6bufb5ljwupn36gicplx4")
    #expect(
      "\(try Self.folder(seed, 4_766, 11, 22, .unixfsV1x2025))"
        == "bafybeiegvuterwurhdtkikfhbxcldohmxp566vpjdofhzmnhv6o4freidu")
    #expect(
      "\(try Self.folder("hamt-unixfs-v0-2015", 4_033, 31, 31, .unixfsV0x2015))"
        == "QmeMiJzmhpJAUgynAcxTQYek5PPKgdv3qEvFsdV3XpVnvP")
  }

  @Test func `in the older profile folders at the threshold are sharded too, as by Kubo 0 point 22`() throws {
    #expect(
      "\(try Self.folder("hamt-unixfs-v0-2015", 4_096, 30, 30, .unixfsV0x2015))"
        == "QmWCW8YwPBGWx2DGftBBKeack73sRpxaFYSh9sGmxpgcKb")
  }
}
