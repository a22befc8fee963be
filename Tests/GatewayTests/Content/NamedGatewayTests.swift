import Content
import Multiformats
import Testing

extension GatewayConformance {
  @Suite struct NamedGateway {
    private static let good = [
      "k51qzi5uqu5dilgf7gorsh9vcqqq4myo6jd4zmqkuy9pxyxi5fua3uf7axph4y",
      "k51qzi5uqu5dlkw8pxuw9qmqayfdeh4kfebhmreauqdc6a7c3y7d5i9fi8mk9w",
      "k51qzi5uqu5dit2ku9mutlfgwyz8u730on38kd10m97m36bjt66my99hb6103f",
    ]

    @Test func `records without a whole version 2 signature lead nowhere, others to their value`() async throws {
      try await ConformanceNode.with { node in
        for name in [
          "k51qzi5uqu5dm4tm0wt8srkg9h9suud4wuiwjimndrkydqm81cqtlb5ak6p7ku",
          "k51qzi5uqu5dlmit2tuwdvnx4sbnyqgmvbxftl0eo3f33wwtb9gr7yozae9kpw",
          "k51qzi5uqu5diamp7qnnvs1p1gzmku3eijkeijs3418j23j077zrkok63xdm8c",
        ] { #expect((500...599).contains(try await node.get("/ipns/\(name)").status), "\(name)") }
        for name in Self.good {
          let record = try IPNSRecord(
            verifying: try #require(try FixtureRecords().record(of: PeerID(name))), name: PeerID(name))
          let cid = try CID(record.value.dropFirst("/ipfs/".count))
          let answer = try await node.get("/ipns/\(name)")
          #expect(answer.status == 200)
          #expect(answer.bytes == cid.multihash.digest)
        }
        #expect(
          try await node.get("/ipns/k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8").status == 404)
      }
    }

    @Test func `a record is handed out as it travels`() async throws {
      try await ConformanceNode.with { node in
        for name in Self.good.dropFirst() {
          for answer in [
            try await node.get("/ipns/\(name)?format=ipns-record"),
            try await node.get("/ipns/\(name)", ["accept": "application/vnd.ipfs.ipns-record"]),
          ] {
            #expect(answer.status == 200)
            #expect(answer.header("content-disposition")?.contains("attachment;") == true)
            #expect(answer.header("content-type")?.contains("application/vnd.ipfs.ipns-record") == true)
            #expect(answer.header("cache-control")?.contains("public, max-age=1800") == true)
            let record = try IPNSRecord(verifying: answer.bytes, name: PeerID(name))
            #expect(record.value.hasPrefix("/ipfs/"))
          }
        }
        let named = try await node.get("/ipns/\(Self.good[1])?format=ipns-record&filename=testтест.ipns-record")
        #expect(
          named.header("content-disposition")?.contains(
            "attachment; filename=\"test____.ipns-record\"; filename*=UTF-8''test%D1%82%D0%B5%D1%81%D1%82.ipns-record")
            == true)
        let file = try node.root("gateway-raw-block.car")
        #expect(try await node.get("/ipfs/\(file)?format=ipns-record").status == 400)
      }
    }

    @Test func `a name in another form leads to its usual one`() async throws {
      try await ConformanceNode.with { node in
        for (old, new) in [
          (
            "12D3KooWRBy97UB99e3J6hiPesre1MZeuNQvfan4gBziswrRJsNK",
            "k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8"
          ),
          (
            "QmcJM7PRfkSbcM5cf1QugM5R37TLRKyJGgBEhXjLTB8uA2",
            "k2k4r8ol4m8kkcqz509c1rcjwunebj02gcnm5excpx842u736nja8ger"
          ),
        ] {
          let answer = try await node.get("/ipns/\(old)/root2/")
          #expect(answer.status == 302)
          #expect(answer.header("location") == "/ipns/\(new)/root2/")
        }
      }
    }

    @Test func `a name's answers are cached for as long as its record says`() async throws {
      try await ConformanceNode.with { node in
        let key = "k51qzi5uqu5dlxdsdu5fpuu7h69wu4ohp32iwm9pdt9nq3y5rpn3ln9j12zfhe"
        let root = try node.root("gateway-cache/fixtures.car")
        let cids = try await ["", "root2", "root2/root3", "root2/root3/root4"].asyncMap {
          try await node.cid(root, $0).description
        }
        for (path, count) in [("root2/root3/", 3), ("root2/root3/root4/", 4)] {
          let answer = try await node.get("/ipns/\(key)/\(path)")
          #expect(answer.status == 200)
          #expect(answer.header("x-ipfs-path") == "/ipns/\(key)/\(path)")
          #expect(answer.header("x-ipfs-roots") == cids[..<count].joined(separator: ","))
          #expect(answer.header("cache-control")?.hasPrefix("public, max-age=") == true)
          #expect(answer.header("cache-control")?.contains("immutable") == false)
          #expect(answer.header("etag")?.contains(cids[count - 1]) == true)
        }
        let file = try await node.cid(root, "root2/root3/root4/index.html")
        let path = "/ipns/\(key)/root2/root3/root4/index.html"
        #expect(try await node.get(path).body == "hello\n")
        #expect(try await node.get(path, ["if-none-match": "\"\(file)\""]).status == 304)
        // A record whose value has a path of its own.
        let deep = "k51qzi5uqu5djokp3m1keo36hoxtd6u3a1d2rg1camf6al7p3huy63dojlm57c"
        #expect(try await node.get("/ipns/\(deep)/root3/root4/index.html").body == "hello\n")
      }
    }

    @Test func `data under a name is the same as by its CID`() async throws {
      try await ConformanceNode.with { node in
        for (key, format) in [
          ("k51qzi5uqu5dhjghbwdvbo6mi40htrq6e2z4pwgp15pgv3ho1azvidttzh8yy2", "json"),
          ("k51qzi5uqu5dghjous0agrwavl8vzl64xckoqzwqeqwudfr74kfd11zcyk3b7l", "cbor"),
        ] {
          let cid = try node.root("path_gateway_dag/dag-\(format)-traversal.car")
          for query in ["", "?format=dag-\(format)"] {
            #expect(
              try await node.get("/ipns/\(key)\(query)").bytes == (try await node.get("/ipfs/\(cid)\(query)").bytes))
          }
          let answer = try await node.get("/ipns/\(key)", ["accept": "application/vnd.ipld.dag-\(format)"])
          #expect(answer.header("content-type") == "application/vnd.ipld.dag-\(format)")
          #expect(answer.header("etag") == "\"\(cid).dag-\(format)\"")
          #expect(answer.header("x-ipfs-path") != nil && answer.header("x-ipfs-roots") != nil)
          let page = try await node.get("/ipns/\(key)/", ["accept": "text/html"])
          #expect(page.header("etag")?.contains("DagIndex-") == true)
          #expect(page.header("content-disposition") == nil)
          #expect(page.body.contains("</html>"))
        }
      }
    }

    @Test func `a domain with a DNSLink is a site of its own`() async throws {
      try await ConformanceNode.with { node in
        let domain = try #require(node.domains["dir-listing-website"])
        let root = try node.root("dir_listing/fixtures.car")
        let file = try await node.cid(root, "ą/ę/file-źł.txt")
        let top = try await node.get("/", host: domain)
        #expect(top.body.contains("Index of"))
        #expect(!top.body.contains("<a href=\"/\">..</a>"))
        let moved = try await node.get("/ą/ę", host: domain)
        #expect(moved.status == 301)
        #expect(moved.header("location") == "/%C4%85/%C4%99/")
        let list = try await node.get("/ą/ę/", host: domain)
        #expect(list.header("etag")?.contains("\"DirIndex-") == true)
        for part in [
          "Index of", "<a href=\"/%C4%85/%C4%99/..\">..</a>",
          "/ipns/<a href=\"//\(domain)/\">\(domain)</a>/<a href=\"//\(domain)/%C4%85\">ą</a>/<a href=\"//\(domain)/%C4%85/%C4%99\">ę</a>",
          "<a href=\"/%C4%85/%C4%99/file-%C5%BA%C5%82.txt\">file-źł.txt</a>",
          "<a class=\"ipfs-hash\" translate=\"no\" href=\"https://cid.ipfs.tech/#\(file)\" target=\"_blank\" rel=\"noreferrer noopener\">",
        ] { #expect(list.body.contains(part), "\(part)") }
        let deep = try #require(node.domains["dnslink-with-subpath"])
        #expect(try await node.get("/root3/root4/index.html", host: deep).body == "hello\n")
        // The node's own API is not to be had under a site's name.
        #expect(try await node.get("/v1/models", host: domain).status == 404)
      }
    }

    @Test func `a DNSLink to an IPNS name leads on to what the name's record says, whichever form the name has`()
      async throws
    {
      try await ConformanceNode.with { node in
        for entry in ["dnslink-over-ipns", "dnslink-over-ipns-cidv1"] {
          let domain = try #require(node.domains[entry])
          let label = domain.replacing("-", with: "--").replacing(".", with: "-")
          for answer in [
            try await node.get("/", host: domain), try await node.get("/ipns/\(domain)"),
            try await node.get("/", host: "\(label).ipns.\(ConformanceNode.host)"),
          ] {
            #expect(answer.status == 200)
            #expect(answer.body == "hello\n")
            #expect(answer.header("cache-control")?.contains("immutable") == false)
          }
        }
      }
    }
  }
}
