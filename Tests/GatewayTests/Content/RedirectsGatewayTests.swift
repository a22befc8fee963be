import Content
import Multiformats
import Testing

extension GatewayConformance {
  @Suite struct RedirectsGateway {
    private static func host(_ cid: CID) -> String { "\(cid.asV1.text(in: .base32)).ipfs.\(ConformanceNode.host)" }

    @Test func `the rules of a site are followed where a path leads nowhere`() async throws {
      try await ConformanceNode.with { node in
        let root = try node.root("redirects_file/redirects.car")
        let site = try await node.cid(root, "examples")
        let host = Self.host(site)
        for (path, status, location) in [
          ("/redirect-one", 301, "/one.html"), ("/301-redirect-one", 301, "/one.html"),
          ("/302-redirect-two", 302, "/two.html"),
          ("/posts/2022/01/01/hello-world", 301, "/articles/2022/01/01/hello-world"),
          ("/splat/one.html", 301, "/redirected-splat/one.html"),
        ] {
          let answer = try await node.get(path, host: host)
          #expect(answer.status == status, "\(path)")
          #expect(answer.header("location") == location, "\(path)")
        }
        for path in ["/200-index", "/catch-all"] {
          let answer = try await node.get(path, host: host)
          #expect(answer.status == 200)
          #expect(answer.body.contains("my index"))
        }
        for (path, status, page) in [
          ("/not-found/has-no-redirects-entry", 404, "404.html"), ("/gone/has-no-redirects-entry", 410, "410.html"),
          ("/unavail/has-no-redirects-entry", 451, "451.html"),
        ] {
          let answer = try await node.get(path, host: host)
          #expect(answer.status == status)
          #expect(answer.header("cache-control") == "public, max-age=29030400, immutable")
          let cid = try await node.cid(site, page)
          #expect(answer.header("etag") == "\"\(cid)\"")
          #expect(answer.bytes == (try await FileBytes(cid, from: node.blocks).collected()))
        }
      }
    }

    @Test func `files that cannot be read say so, and only where they are needed`() async throws {
      try await ConformanceNode.with { node in
        let root = try node.root("redirects_file/redirects.car")
        let forced = try await node.get("/not-found", host: Self.host(try await node.cid(root, "forced")))
        #expect(forced.status == 500)
        #expect(forced.body.contains("could not parse _redirects:"))
        let large = try await node.get("/not-found", host: Self.host(try await node.cid(root, "too-large")))
        #expect(large.status == 500)
        #expect(large.body.contains("could not parse _redirects:"))
        #expect(large.body.contains("redirects file size cannot exceed"))
        let lines = try await node.get("/redirect-one", host: Self.host(try await node.cid(root, "newlines")))
        #expect(lines.status == 301)
        #expect(lines.header("location") == "/one.html")
        let good = try await node.get("/a301", host: Self.host(try await node.cid(root, "good-codes")))
        #expect(good.status == 301)
        #expect(good.header("location") == "/b301")
        let bad = try await node.get("/found.html", host: Self.host(try await node.cid(root, "bad-codes")))
        #expect(bad.status == 200)
        #expect(bad.body.contains("my found"))
        #expect(!bad.body.contains("unsupported redirect status"))
      }
    }

    @Test func `a domain's rules are followed, and its pages are not for ever`() async throws {
      try await ConformanceNode.with { node in
        let domain = try #require(node.domains["redirects-examples"])
        let moved = try await node.get("/redirect-one", host: domain)
        #expect(moved.status == 301)
        #expect(moved.header("location") == "/one.html")
        let absent = try await node.get("/not-found/has-no-redirects-entry", host: domain)
        #expect(absent.status == 404)
        #expect(absent.header("etag") == "\"Qmd9GD7Bauh6N2ZLfNnYS3b7QVAijbud83b8GE8LPMNBBP\"")
        #expect(absent.header("cache-control")?.contains("immutable") != true)
        #expect(absent.header("date") != nil)
        #expect(absent.body.contains("my 404"))
      }
    }

    @Test func `a page that stands in for all others is known again`() async throws {
      try await ConformanceNode.with { node in
        let root = try node.root("redirects_file/redirects-spa.car")
        let index = try await node.bytes(root, "index.html")
        let domain = try #require(node.domains["redirects-spa"])
        let label = domain.replacing("-", with: "--").replacing(".", with: "-")
        for host in [Self.host(root), "\(label).ipns.\(ConformanceNode.host)", domain] {
          let page = try await node.get("/missing-page", ["accept": "text/html"], host: host)
          #expect(page.status == 200, "\(host)")
          #expect(page.bytes == index)
          let tag = try #require(page.header("etag"))
          let again = try await node.get("/missing-page", ["accept": "text/html", "if-none-match": tag], host: host)
          #expect(again.status == 304)
        }
      }
    }
  }
}
