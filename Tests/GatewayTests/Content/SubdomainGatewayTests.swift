import Content
import Multiformats
import Testing

extension GatewayConformance {
  @Suite struct SubdomainGateway {
    private static let host = ConformanceNode.host

    @Test func `directories are listed under a name of their own`() async throws {
      try await ConformanceNode.with { node in
        let root = try node.root("dir_listing/fixtures.car")
        let file = try await node.cid(root, "ą/ę/file-źł.txt")
        let name = "\(root).ipfs.\(Self.host)"
        let top = try await node.get("/", host: name)
        #expect(top.body.contains("Index of"))
        #expect(!top.body.contains("<a href=\"/\">..</a>"))
        let moved = try await node.get("/ą/ę", host: name)
        #expect(moved.status == 301)
        #expect(moved.header("location") == "/%C4%85/%C4%99/")
        let list = try await node.get("/ą/ę/", host: name)
        #expect(list.header("etag")?.contains("\"DirIndex-") == true)
        let up = "//\(Self.host)/ipfs/\(root)"
        for part in [
          "Index of", "<a href=\"/%C4%85/%C4%99/..\">..</a>",
          "/ipfs/<a href=\"\(up)\">\(root)</a>/<a href=\"\(up)/%C4%85\">ą</a>/<a href=\"\(up)/%C4%85/%C4%99\">ę</a>",
          "<a href=\"/%C4%85/%C4%99/file-%C5%BA%C5%82.txt\">file-źł.txt</a>",
          "<a class=\"ipfs-hash\" translate=\"no\" href=\"//\(Self.host)/ipfs/\(file)?filename=file-%25C5%25BA%25C5%2582.txt\">",
        ] { #expect(list.body.contains(part), "\(part)") }
      }
    }

    @Test func `paths lead to names, and names to content`() async throws {
      try await ConformanceNode.with { node in
        let root = try node.root("subdomain_gateway/fixtures.car")
        let folder = try await node.cid(root, "testdirlisting")
        let v1 = try await node.cid(root, "hello-CIDv1")
        let v0 = try await node.cid(root, "hello-CIDv0")
        let v0to1 = try await node.cid(root, "hello-CIDv0to1")
        let long = try await node.cid(root, "hello-CIDv1_TOO_LONG")
        for (path, location) in [
          ("/ipfs/\(v1)/", "http://\(v1).ipfs.\(Self.host)/"), ("/ipfs/\(v1)", "http://\(v1).ipfs.\(Self.host)/"),
          ("/ipfs/\(folder)/", "http://\(folder).ipfs.\(Self.host)/"),
          ("/ipfs/\(v0)/", "http://\(v0to1).ipfs.\(Self.host)/"),
        ] {
          let answer = try await node.get(path, host: Self.host)
          #expect(answer.status == 301)
          #expect(answer.header("location") == location)
        }
        let odd = try node.root("path_gateway_unixfs/dir-with-percent-encoded-filename.car")
        #expect(
          try await node.get("/ipfs/\(odd)/Portugal%252C+España=Peninsula%20Ibérica.txt", host: Self.host).header(
            "location")
            == "http://\(odd).ipfs.\(Self.host)/Portugal%252C+Espa%C3%B1a=Peninsula%20Ib%C3%A9rica.txt")
        let text = String(decoding: try node.blocks.bytes(of: v1), as: UTF8.self)
        #expect(try await node.get("/", host: "\(v1).ipfs.\(Self.host)").body.contains(text))
        #expect(try await node.get("/ipfs/\(v1)/", host: "\(v1).ipfs.\(Self.host)").status == 404)
        let name = "\(folder).ipfs.\(Self.host)"
        #expect(try await node.get("/ipfs/file.txt", host: name).body.contains("I am a txt file"))
        let list = try await node.get("/", host: name)
        #expect(list.body.contains("<a href=\"/hello\">hello</a>") && list.body.contains("<a href=\"/ipfs\">ipfs</a>"))
        let inner = try await node.get("/ipfs/ipns/", host: name)
        let up = "//\(Self.host)/ipfs/\(folder)"
        for part in [
          "<a href=\"/ipfs/ipns/..\">..</a>", "<a href=\"/ipfs/ipns/bar\">bar</a>",
          "/ipfs/<a href=\"\(up)\">\(folder)</a>/<a href=\"\(up)/ipfs\">ipfs</a>/<a href=\"\(up)/ipfs/ipns\">ipns</a>",
        ] { #expect(inner.body.contains(part), "\(part)") }
        #expect(try await node.get("/ipfs/ipns/bar", host: name).body.contains("text-file-content"))
        for answer in [
          try await node.get("/ipfs/\(long)/", host: Self.host),
          try await node.get("/", host: "\(long).ipfs.\(Self.host)"),
        ] {
          #expect(answer.status == 400)
          #expect(answer.body.contains("CID incompatible with DNS label length limit of 63"))
        }
        #expect(
          try await node.get("/ipfs/QmInvalidCID", host: Self.host).body.contains("invalid path \"/ipfs/QmInvalidCID\"")
        )
      }
    }

    @Test func `what a proxy says of host and scheme is followed`() async throws {
      try await ConformanceNode.with { node in
        let root = try node.root("subdomain_gateway/fixtures.car")
        let cid = try await node.cid(root, "hello-CIDv1")
        for scheme in ["http", "https"] {
          let direct = try await node.get("/ipfs/\(cid)/", ["x-forwarded-proto": scheme], host: Self.host)
          #expect(direct.header("location") == "\(scheme)://\(cid).ipfs.\(Self.host)/")
          let proxied = try await node.get(
            "/ipfs/\(cid)", ["x-forwarded-proto": scheme, "x-forwarded-host": Self.host], host: "fake.domain.com")
          #expect(proxied.status == 301)
          #expect(proxied.header("location") == "\(scheme)://\(cid).ipfs.\(Self.host)/")
        }
        #expect(try await node.get("/ipfs/\(cid)", host: "fake.domain.com").status == 200)
        let linked = try await node.get(
          "/ipfs/?uri=ipfs://QmXoypizjW3WknFiJnKLwHCnL72vedxjQkDDP1mXWo6uco/wiki/Diego_Maradona.html", host: Self.host)
        #expect(linked.status == 301)
        #expect(
          linked.header("location") == "/ipfs/QmXoypizjW3WknFiJnKLwHCnL72vedxjQkDDP1mXWo6uco/wiki/Diego_Maradona.html")
      }
    }

    @Test func `keys and domains have names too`() async throws {
      try await ConformanceNode.with { node in
        let root = try node.root("subdomain_gateway/fixtures.car")
        let text = String(decoding: try await node.bytes(root, "hello-CIDv1"), as: UTF8.self)
        for id in [
          "QmVujd5Vb7moysJj8itnGufN7MEtPRCNHkKpNuA4onsRa3", "12D3KooWLQzUv2FHWGVPXTXSZpdHs7oHbXub2G5WC8Tx4NQhyd2d",
        ] {
          let peer = try PeerID(id)
          let place = "http://\(peer.cid).ipns.\(Self.host)/"
          for name in [id, "\(peer.cid)"] {
            let answer = try await node.get("/ipns/\(name)", host: Self.host)
            #expect(answer.status == 301)
            #expect(answer.header("location") == place)
          }
          let content = try await node.get("/", host: "\(peer.cid).ipns.\(Self.host)")
          #expect(content.status == 200)
          #expect(content.body == text)
          let old = CID(codec: .dagPB, multihash: peer.multihash).text(in: .base36)
          let moved = try await node.get("/", host: "\(old).ipns.\(Self.host)")
          #expect(moved.status == 301)
          #expect(moved.header("location") == place)
        }
        let wikipedia = try #require(node.domains["wikipedia"])
        let inlined = wikipedia.replacing("-", with: "--").replacing(".", with: "-")
        for scheme in ["http", "https"] {
          let answer = try await node.get("/ipns/\(wikipedia)/wiki/", ["x-forwarded-proto": scheme], host: Self.host)
          #expect(answer.header("location") == "\(scheme)://\(inlined).ipns.\(Self.host)/wiki/")
        }
        let linked = try await node.get("/ipns/?uri=ipns://\(wikipedia)", host: Self.host)
        #expect(linked.header("location") == "/ipns/\(wikipedia)")
        for name in ["test", "dnslink-over-ipns", "dnslink-over-ipns-cidv1"] {
          let domain = try #require(node.domains[name])
          let label = domain.replacing("-", with: "--").replacing(".", with: "-")
          for host in ["\(domain).ipns.\(Self.host)", "\(label).ipns.\(Self.host)"] {
            let answer = try await node.get("/", host: host)
            #expect(answer.status == 200, "\(host)")
            #expect(answer.body == "hello\n", "\(host)")
          }
        }
      }
    }

    @Test func `a content root's own name serves nothing of the node's API`() async throws {
      try await ConformanceNode.with { node in
        let root = try node.root("subdomain_gateway/fixtures.car")
        let cid = try await node.cid(root, "testdirlisting")
        for path in ["/v1/models", "/metrics", "/openapi.json"] {
          #expect(try await node.get(path, host: "\(cid).ipfs.\(Self.host)").status == 404)
        }
        #expect(try await node.get("/", host: "\(cid).ipfs.\(Self.host)", method: "POST").status == 405)
      }
    }
  }
}
