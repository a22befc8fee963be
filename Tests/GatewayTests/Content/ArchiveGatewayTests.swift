import Content
import Multiformats
import Testing

extension GatewayConformance {
  @Suite struct ArchiveGateway {
    private static let folder = "trustless_gateway_car/"

    /// The same archive by the query and by the header.
    private static func archive(
      _ node: ConformanceNode, _ path: String, _ query: String = ""
    ) async throws -> [String] {
      let byQuery = try await node.get("/ipfs/\(path)?format=car\(query)")
      #expect(byQuery.status == 200, "\(path) \(query)")
      #expect(byQuery.header("content-type")?.hasPrefix("application/vnd.ipld.car") == true)
      let byHeader = try await node.get(
        "/ipfs/\(path)?\(query.dropFirst())", ["accept": "application/vnd.ipld.car"])
      let cids = try ConformanceNode.archive(byQuery)
      #expect(try ConformanceNode.archive(byHeader) == cids)
      return cids
    }

    @Test func `an archive proves its path and holds what it leads to, in order`() async throws {
      try await ConformanceNode.with { node in
        let root = try node.root(Self.folder + "subdir-with-two-single-block-files.car", codec: .dagPB)
        let sub = try await node.cid(root, "subdir").description
        let text = try await node.cid(root, "subdir/ascii.txt").description
        #expect(try await Self.archive(node, "\(root)/subdir/ascii.txt") == ["\(root)", sub, text])
        #expect(try await Self.archive(node, "\(root)/subdir", "&dag-scope=block") == ["\(root)", sub])
        #expect(try await Self.archive(node, "\(root)/subdir/ascii.txt", "&dag-scope=block") == ["\(root)", sub, text])
        #expect(try await Self.archive(node, "\(root)", "&dag-scope=entity") == ["\(root)"])
        #expect(try await node.get("/ipfs/\(root)/subdir/i-do-not-exist?format=car").status == 404)
      }
    }

    @Test func `paths through shards bring the shards on the way, and a sharded directory all of its own`() async throws
    {
      try await ConformanceNode.with { node in
        let root = try node.root(Self.folder + "single-layer-hamt-with-multi-block-files.car", codec: .dagPB)
        for (name, scope) in [("685.txt", ""), ("1.txt", "&dag-scope=block")] {
          let found = try await PathResolver.resolve(root, [name], from: node.blocks)
          var wanted = found.blocks.map(\.description)
          if scope.isEmpty { wanted += try DagPB(decoding: node.blocks.bytes(of: found.cid)).links.map { "\($0.cid)" } }
          #expect(try await Self.archive(node, "\(root)/\(name)", scope) == wanted)
        }
        let shards = try await Self.archive(node, "\(root)", "&dag-scope=entity")
        #expect(shards.first == "\(root)")
        for cid in shards {
          let cid = try CID(cid)
          #expect(try UnixFSNode(cid: cid, bytes: node.blocks.bytes(of: cid)).entry.kind == .hamtShard)
        }
        #expect(try await Self.archive(node, "\(root)", "&dag-scope=entity&entity-bytes=0:*") == shards)
      }
    }

    @Test func `files in pieces, mixed folders and data come with their scopes`() async throws {
      try await ConformanceNode.with { node in
        let root = try node.root(Self.folder + "subdir-with-mixed-block-files.car", codec: .dagPB)
        let sub = try await node.cid(root, "subdir").description
        let text = try await node.cid(root, "subdir/ascii.txt").description
        let file = try await node.cid(root, "subdir/multiblock.txt")
        let pieces = try DagPB(decoding: node.blocks.bytes(of: file)).links.map { "\($0.cid)" }
        let path = "\(root)/subdir/multiblock.txt"
        #expect(
          try await Self.archive(node, "\(root)/subdir/ascii.txt", "&dag-scope=entity") == ["\(root)", sub, text])
        for query in ["&dag-scope=entity", "&dag-scope=all", "&dag-scope=entity&entity-bytes=0:*"] {
          #expect(try await Self.archive(node, path, query) == ["\(root)", sub, "\(file)"] + pieces, "\(query)")
        }
        let all = try await Self.archive(node, "\(root)/subdir", "&dag-scope=all")
        #expect(all.starts(with: ["\(root)", sub]))
        #expect(Set(all).isSuperset(of: [text, "\(file)"] + pieces))
        for (range, part) in [
          ("512:*", 2..<5), ("512:1023", 2..<4), ("512:-256", 2..<4), ("-5:*", 3..<5), ("-9999:*", 0..<5),
          ("-9999:-3", 0..<4), ("0:0", 0..<1),
        ] {
          #expect(
            try await Self.archive(node, "\(file)", "&dag-scope=entity&entity-bytes=\(range)")
              == ["\(file)"] + pieces[part], "\(range)")
        }
        let mixed = try node.root(Self.folder + "dir-with-dag-cbor-with-links.car", codec: .dagPB)
        let document = try await node.cid(mixed, "document")
        let single = try await node.cid(document, "files/single").description
        #expect(try await Self.archive(node, "\(document)/files/single") == ["\(document)", single])
        #expect(
          try await Self.archive(node, "\(mixed)/document", "&dag-scope=entity") == ["\(mixed)", "\(document)"])
      }
    }

    @Test func `a range does not need the blocks outside of it`() async throws {
      try await ConformanceNode.with { node in
        let root = try node.root(Self.folder + "file-3k-and-3-blocks-missing-block.car", codec: .dagPB)
        for (range, block) in [
          ("0:1000", "QmPKt7ptM2ZYSGPUc8PmPT2VBkLDK3iqpG9TBJY7PCE9rF"),
          ("2200:*", "QmWXY482zQdwecnfBsj78poUUuPXvyw2JAFAEMw4tzTavV"),
        ] {
          #expect(
            try await Self.archive(node, "\(root)", "&dag-scope=entity&entity-bytes=\(range)") == ["\(root)", block])
        }
      }
    }

    @Test func `order and duplicates are as they were asked for, and are told`() async throws {
      try await ConformanceNode.with { node in
        let root = try node.root(Self.folder + "dir-with-duplicate-files.car")
        func type(_ parameters: String) -> [String: String] { ["accept": "application/vnd.ipld.car; \(parameters)"] }
        let path = "/ipfs/\(root)"
        let names = try await DirectoryReader.list(root, from: node.blocks)
        for (query, headers, wanted) in [
          ("", type("version=1; order=dfs; dups=y"), ["order=dfs", "dups=y"]),
          ("", type("version=1; order=dfs; dups=n"), ["order=dfs", "dups=n"]),
          ("?format=car", type("version=1; order=dfs; dups=y"), ["order=dfs", "dups=y"]),
          ("", type("version=1; order=unk"), ["order="]),
          ("?format=car&car-order=dfs", type("order=unk"), ["order=dfs"]),
          ("?format=car&car-dups=y", type("dups=n"), ["dups=y"]),
        ] {
          let answer = try await node.get(path + query, headers)
          #expect(answer.status == 200)
          for part in wanted { #expect(answer.header("content-type")?.contains(part) == true, "\(query) \(headers)") }
          let cids = try ConformanceNode.archive(answer)
          let files = names.map { "\($0.cid)" }
          #expect(Set(cids).isSuperset(of: files))
          // The first two names are of one block.
          try #require(files[0] == files[1])
          if wanted.contains("dups=y") { #expect(cids.filter { $0 == files[0] }.count == 2, "\(query) \(headers)") }
          if wanted.contains("dups=n") { #expect(Set(cids).count == cids.count) }
        }
        let identity = "bafkqaf3imvwgy3zaneqgc3janfxgy2lomvscay3jmqfa"
        let empty = try await node.get("/ipfs/\(identity)", type("dups=y"))
        #expect(empty.status == 200)
        #expect(try ConformanceNode.archive(empty).isEmpty)
        for bad in [
          "dag-scope=some", "entity-bytes=x", "entity-bytes=5", "car-order=bfs", "car-dups=maybe", "car-version=2",
        ] {
          #expect(try await node.get("\(path)?format=car&\(bad)").status == 400, "\(bad)")
        }
      }
    }
  }
}
