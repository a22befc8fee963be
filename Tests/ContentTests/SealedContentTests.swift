import Content
import Multiformats
import Synchronization
import Testing

@Suite struct SealedContentTests {
  static func seal(_ plain: [UInt8], _ key: ObjectKey, to blocks: MemoryBlocks) throws -> AddedEntry {
    let pieces = PieceReader(plain)
    let reader = Mutex(SealingReader(key: key) { (buffer) throws(ContentError) in pieces.read(buffer) })
    return try FileImport.add(profile: .unixfsV1x2025, to: blocks) { (buffer) throws(ContentError) in
      nonisolated(unsafe) let buffer = buffer
      return try reader.withLock { reader in
        Result { () throws(ContentError) in try reader.read(into: buffer) }
      }.get()
    }
  }

  @Test(arguments: [0, 1, 65_535, 65_536, 65_537, 3_000_000])
  func `sealed content opens whole and in ranges`(_ count: Int) async throws {
    var random = SplitMix(state: UInt64(count))
    let plain = random.bytes(count)
    let key = ObjectKey()
    let blocks = MemoryBlocks()
    let added = try Self.seal(plain, key, to: blocks)
    #expect(added.fileSize == SealedObject.sealedSize(of: UInt64(count)))
    #expect(try SealedObject.plainSize(of: added.fileSize) == UInt64(count))
    #expect(try await OpenedBytes(added.cid, key: key, from: blocks).collected() == plain)
    for _ in 0..<5 {
      let start = Int.random(in: 0...count, using: &random)
      let end = Int.random(in: start...count, using: &random)
      let range = UInt64(start)..<UInt64(end)
      #expect(
        try await OpenedBytes(added.cid, key: key, range: range, from: blocks).collected() == Array(plain[start..<end]))
    }
    await #expect(throws: ContentError.self) { try await OpenedBytes(added.cid, key: ObjectKey(), from: blocks) }
  }

  @Test func `content cut off at a segment's end, or with segments exchanged, does not open`() async throws {
    let key = ObjectKey()
    let blocks = MemoryBlocks()
    let added = try Self.seal([UInt8](repeating: 3, count: 200_000), key, to: blocks)
    let sealed = try await FileBytes(added.cid, from: blocks).collected()
    let step = 65_552
    let cut = Array(sealed.prefix(16 + 2 * step))
    let swapped = Array(
      sealed[..<16] + sealed[(16 + step)..<(16 + 2 * step)] + sealed[16..<(16 + step)] + sealed[(16 + 2 * step)...])
    for bytes in [cut, swapped, Array(sealed.dropLast())] {
      let other = try UnixFSTests.add(bytes, .unixfsV1x2025, to: blocks)
      await #expect(throws: ContentError.self) {
        try await OpenedBytes(other.cid, key: key, from: blocks).collected()
      }
    }
  }

  @Test func `each reader unwraps the key, others do not, and wrapping anew revokes`() throws {
    let content = try Block([1], codec: .raw).cid
    let key = ObjectKey()
    let (alice, bob, eve) = (KeyEnvelope.generateReader(), KeyEnvelope.generateReader(), KeyEnvelope.generateReader())
    let envelope = try KeyEnvelope(content: content, key: key, readers: [alice.publicKey, bob.publicKey])
    let read = try KeyEnvelope(DagCBOR.decode(DagCBOR.encode(envelope.node)))
    #expect(read == envelope)
    #expect(try read.key(secret: alice.secret).bytes == key.bytes)
    #expect(try read.key(secret: bob.secret).bytes == key.bytes)
    #expect(throws: ContentError.self) { try read.key(secret: eve.secret) }
    let later = try read.rewrapped(for: [alice.publicKey], secret: alice.secret)
    #expect(try later.key(secret: alice.secret).bytes == key.bytes)
    #expect(throws: ContentError.self) { try later.key(secret: bob.secret) }
  }

  @Test func `a manifest is read back as it was signed, and not with a byte changed`() throws {
    let cid = try Block([1], codec: .raw).cid
    let provenance = Provenance(
      licence: "Apache-2.0", derivedFrom: [cid], statement: "distilled", publishedAt: 1_700_000_000)
    let model = ModelManifest(
      name: "tiny", architecture: "llama", parameters: 15_000_000,
      files: [.init(path: "tiny-q4.gguf", cid: cid, size: 1)], metrics: ["mbpp": 0.25], provenance: provenance)
    let signer = try Ed25519Signer(secret: Ed25519Signer.generateSecret())
    let block = try SignedManifest(signing: model.node, by: signer).block
    let read = try SignedManifest(verifying: block.bytes)
    #expect(try ModelManifest(read.body) == model)
    #expect(read.publisher == signer.publicKey)
    #expect(try Codec.links(of: block.bytes, codec: .dagCBOR) == [cid, cid])
    for index in block.bytes.indices {
      var bytes = block.bytes
      bytes[index] ^= 1
      #expect(throws: ContentError.self) { try SignedManifest(verifying: bytes) }
    }
    let data = DataSetManifest(
      name: "rows", format: "jsonl", schema: [.init(name: "text", type: "string")],
      shards: [.init(path: "a/0.jsonl", cid: cid, size: 1, rows: 9)], provenance: provenance)
    #expect(try DataSetManifest(data.node) == data)
    #expect(throws: ContentError.self) {
      try DataSetManifest(
        DataSetManifest(
          name: "x", format: "", schema: [], shards: [.init(path: "../x", cid: cid, size: 1)], provenance: provenance
        ).node)
    }
  }
}
