import Content
import Multiformats
import Testing

extension GatewayConformance {
  @Suite struct PathGateway {
    @Test func `a directory is listed, with links, crumbs and a way back`() async throws {
      try await ConformanceNode.with { node in
        let root = try node.root("dir_listing/fixtures.car")
        let top = try await node.get("/ipfs/\(root)/")
        #expect(top.status == 200)
        #expect(top.body.contains("Index of"))
        #expect(!top.body.contains("<a href=\"/ipfs/\(root)/\">..</a>"))
        let moved = try await node.get("/ipfs/\(root)/ą/ę")
        #expect(moved.status == 301)
        #expect(moved.header("location") == "/ipfs/\(root)/%C4%85/%C4%99/")
        let inner = try await node.get("/ipfs/\(root)/ą/ę/")
        #expect(inner.header("etag")?.contains("\"DirIndex-") == true)
        let file = try await node.cid(root, "ą/ę/file-źł.txt")
        for part in [
          "Index of",
          "/ipfs/<a href=\"/ipfs/\(root)\">\(root)</a>/<a href=\"/ipfs/\(root)/%C4%85\">ą</a>/<a href=\"/ipfs/\(root)/%C4%85/%C4%99\">ę</a>",
          "<a href=\"/ipfs/\(root)/%C4%85/%C4%99/..\">..</a>",
          "<a href=\"/ipfs/\(root)/%C4%85/%C4%99/file-%C5%BA%C5%82.txt\">file-źł.txt</a>",
          "<a class=\"ipfs-hash\" translate=\"no\" href=\"/ipfs/\(file)?filename=file-%25C5%25BA%25C5%2582.txt\">",
        ] { #expect(inner.body.contains(part), "\(part)") }
        #expect(try await node.get("/ipfs/\(root)/i-do-not-exist").status == 404)
      }
    }

    @Test func `answers say how they may be cached and what they are made of`() async throws {
      try await ConformanceNode.with { node in
        let root = try node.root("gateway-cache/fixtures.car")
        let cids = try await ["", "root2", "root2/root3", "root2/root3/root4", "root2/root3/root4/index.html"].asyncMap
        {
          try await node.cid(root, $0).description
        }
        let list = try await node.get("/ipfs/\(root)/root2/root3/")
        #expect(list.status == 200)
        #expect(list.header("x-ipfs-path") == "/ipfs/\(root)/root2/root3/")
        #expect(list.header("x-ipfs-roots") == cids[..<3].joined(separator: ","))
        #expect(list.header("etag")?.hasSuffix("_CID-\(cids[2])\"") == true)
        #expect(list.header("cache-control") == "public, max-age=604800, stale-while-revalidate=2678400")
        for (path, count) in [("root2/root3/root4/", 4), ("root2/root3/root4/index.html", 5)] {
          let page = try await node.get("/ipfs/\(root)/\(path)")
          #expect(page.status == 200)
          #expect(page.body == "hello\n")
          #expect(page.header("cache-control") == "public, max-age=29030400, immutable")
          #expect(page.header("x-ipfs-path") == "/ipfs/\(root)/\(path)")
          #expect(page.header("x-ipfs-roots") == cids[..<count].joined(separator: ","))
          #expect(page.header("etag") == "\"\(cids[count - 1])\"")
        }
        let raw = try await node.get("/ipfs/\(root)/root2/root3/root4/?format=raw")
        #expect(raw.header("cache-control") == "public, max-age=29030400, immutable")
        #expect(raw.bytes == (try await node.bytes(root, "root2/root3/root4")))
      }
    }

    @Test func `what is only wanted from the cache is not looked for elsewhere`() async throws {
      try await ConformanceNode.with { node in
        let root = try node.root("gateway-cache/fixtures.car")
        for method in ["HEAD", "GET"] {
          let here = try await node.get(
            "/ipfs/\(root)/root2/root3/root4/?format=raw", ["cache-control": "only-if-cached"], method: method)
          #expect(here.status == 200)
          let absent = try await node.get(
            "/ipfs/QmYzfKSE55XCjD1MW128RfciAf2DViABhEiXfgVFMabSjN", ["cache-control": "only-if-cached"],
            method: method)
          #expect(absent.status == 412)
        }
      }
    }

    @Test func `what a client has is not sent again`() async throws {
      try await ConformanceNode.with { node in
        let root = try node.root("gateway-cache/fixtures.car")
        let file = try await node.cid(root, "root2/root3/root4/index.html")
        let folder = try await node.cid(root, "root2/root3/root4")
        let path = "/ipfs/\(root)/root2/root3/root4/"
        for (path, tag) in [
          (path + "index.html", "\"\(file)\""), (path, "\"\(folder)\""), (path + "index.html", "W/\"\(file)\""),
          (path + "index.html", "\"fakeEtag1\", \"fakeEtag2\", \"\(file)\""), (path + "index.html", "*"),
        ] { #expect(try await node.get(path, ["if-none-match": tag]).status == 304, "\(path) \(tag)") }
        #expect(try await node.get(path + "index.html", ["if-none-match": "\"other\""]).status == 200)
        let list = "/ipfs/\(root)/root2/root3/"
        let tag = try #require(try await node.get(list).header("etag"))
        #expect(try await node.get(list, ["if-none-match": tag]).status == 304)
        #expect(try await node.get(list, ["if-none-match": "W/" + tag]).status == 304)
      }
    }

    @Test func `a symbolic link is its target, and is listed`() async throws {
      try await ConformanceNode.with { node in
        let root = try node.root("path_gateway_unixfs/symlink.car")
        let list = try await node.get("/ipfs/\(root)/")
        #expect(list.body.contains(">foo<") && list.body.contains(">bar<"))
        #expect(try await node.get("/ipfs/\(root)?format=raw").bytes == (try await node.bytes(root)))
        let link = try await node.get("/ipfs/\(root)/bar")
        #expect(link.status == 200)
        #expect(link.body == "foo")
      }
    }

    @Test func `ranges of a file are sent, though other blocks of it are missing`() async throws {
      try await ConformanceNode.with { node in
        let root = try node.root("path_gateway_unixfs/dir-with-files.car")
        let text = try await node.bytes(root, "ascii.txt")
        let whole = try await node.get("/ipfs/\(root)/ascii.txt")
        #expect(whole.header("accept-ranges") == "bytes")
        #expect(whole.bytes == text)
        for (range, found, part) in [
          ("6-16", "6-16", 6..<17), ("-3", "28-30", 28..<31), ("6-16,0-4", "6-16", 6..<17), ("20-", "20-30", 20..<31),
          ("0-99", "0-30", 0..<31),
        ] {
          let answer = try await node.get("/ipfs/\(root)/ascii.txt", ["range": "bytes=\(range)"])
          #expect(answer.status == 206)
          #expect(answer.header("content-range") == "bytes \(found)/31")
          #expect(answer.bytes == Array(text[part]))
        }
        let beyond = try await node.get("/ipfs/\(root)/ascii.txt", ["range": "bytes=31-40"])
        #expect(beyond.status == 416)
        #expect(beyond.header("content-range") == "bytes */31")
        #expect(try await node.get("/ipfs/\(root)/ascii.txt", ["range": "lines=1-2"]).status == 200)
        let holey = try node.root("trustless_gateway_car/file-3k-and-3-blocks-missing-block.car", codec: .dagPB)
        for range in ["997-1000", "2200-2201"] {
          let answer = try await node.get("/ipfs/\(holey)", ["range": "bytes=\(range)"])
          #expect(answer.status == 206)
          #expect(answer.header("content-range") == "bytes \(range)/3072")
        }
      }
    }

    @Test func `names with percent signs and marks are found`() async throws {
      try await ConformanceNode.with { node in
        let root = try node.root("path_gateway_unixfs/dir-with-percent-encoded-filename.car")
        let answer = try await node.get("/ipfs/\(root)/Portugal%252C+España=Peninsula%20Ibérica.txt")
        #expect(answer.status == 200)
        #expect(answer.bytes == (try await node.bytes(root, "Portugal%2C+España=Peninsula Ibérica.txt")))
      }
    }

    @Test func `a raw block is sent with its headers, whole or in part`() async throws {
      try await ConformanceNode.with { node in
        let root = try node.root("gateway-raw-block.car")
        let folder = try await node.bytes(root, "dir")
        let raw = ["accept": "application/vnd.ipld.raw"]
        #expect(try await node.get("/ipfs/\(root)/dir?format=raw").bytes == folder)
        #expect(try await node.get("/ipfs/\(root)/dir", raw).bytes == folder)
        let part = try await node.get("/ipfs/\(root)/dir", raw.merging(["range": "bytes=6-16"]) { $1 })
        #expect(part.status == 206)
        #expect(part.header("content-type") == "application/vnd.ipld.raw")
        #expect(part.header("content-range") == "bytes 6-16/\(folder.count)")
        #expect(part.bytes == Array(folder[6..<17]))
        let text = try await node.bytes(root, "dir/ascii.txt")
        let cid = try await node.cid(root, "dir/ascii.txt")
        for path in ["/ipfs/\(root)/dir/ascii.txt", "/ipfs/\(cid)"] {
          let answer = try await node.get(path, raw)
          #expect(answer.bytes == text)
          #expect(answer.header("content-type") == "application/vnd.ipld.raw")
          #expect(answer.header("content-length") == "\(text.count)")
          #expect(answer.header("content-disposition")?.contains("attachment;") == true)
          #expect(answer.header("x-content-type-options") == "nosniff")
          #expect(answer.header("etag") != nil)
          #expect(answer.header("x-ipfs-path") == path)
          #expect(answer.header("x-ipfs-roots")?.contains("\(path.contains(root.description) ? root : cid)") == true)
          #expect(answer.header("cache-control") == "public, max-age=29030400, immutable")
          let named = try await node.get(path + "?filename=foobar.bin", raw)
          #expect(named.header("content-disposition")?.contains("filename=\"foobar.bin\"") == true)
          for (range, found) in [("0-4", "0-4"), ("-5", "\(text.count - 5)-\(text.count - 1)")] {
            let some = try await node.get(path, raw.merging(["range": "bytes=\(range)"]) { $1 })
            #expect(some.status == 206)
            #expect(some.header("content-range") == "bytes \(found)/\(text.count)")
          }
        }
        // The query beats the header.
        let car = try await node.get("/ipfs/\(root)/dir?format=car", raw)
        #expect(car.header("content-type")?.contains("application/vnd.ipld.car") == true)
        let block = try await node.get("/ipfs/\(root)/dir?format=raw", ["accept": "application/vnd.ipld.car"])
        #expect(block.header("content-type") == "application/vnd.ipld.raw")
      }
    }

    @Test func `a folder comes as TAR, unless a name in it leads out`() async throws {
      try await ConformanceNode.with { node in
        let root = try node.root("path_gateway_tar/fixtures.car")
        let file = try await node.cid(root, "ą/ę/file-źł.txt")
        for answer in [
          try await node.get("/ipfs/\(file)?format=tar"),
          try await node.get("/ipfs/\(file)", ["accept": "application/x-tar"]),
        ] {
          #expect(answer.status == 200)
          #expect(answer.header("content-disposition")?.contains("attachment;") == true)
          #expect(answer.header("etag")?.contains("W/\"\(file).x-tar") == true)
          #expect(answer.header("content-type")?.contains("application/x-tar") == true)
          #expect(answer.body.contains("I am a txt file on path with utf8\n"))
        }
        let tree = try await node.get("/ipfs/\(root)?format=tar")
        #expect(tree.body.contains("\(root)/ą/ę/file-źł.txt"))
        let named = try await node.get("/ipfs/\(root)?filename=testтест.tar&format=tar")
        #expect(
          named.header("content-disposition")
            == "attachment; filename=\"test____.tar\"; filename*=UTF-8''test%D1%82%D0%B5%D1%81%D1%82.tar")
        let outside = try node.root("path_gateway_tar/outside-root.car")
        #expect((400...599).contains(try await node.get("/ipfs/\(outside)?format=tar").status))
        let inside = try node.root("path_gateway_tar/inside-root.car")
        let good = try await node.get("/ipfs/\(inside)?format=tar")
        #expect(good.status == 200)
        #expect(good.body.contains("\(inside)/foobar/file"))
      }
    }
  }
}

extension Sequence {
  func asyncMap<Value>(_ transform: (Element) async throws -> Value) async rethrows -> [Value] {
    var values: [Value] = []
    for element in self { values.append(try await transform(element)) }
    return values
  }
}
