import Content
import Gateway
import Multiformats
import Testing

/// Content that everybody may read, beside an API that not everybody may use.
@Suite(.timeLimit(.minutes(1))) struct PublicContentTests {
  /// `hello`, in its own name.
  private static let hello = "bafkqabtimvwgy3yk"

  private static func with(_ access: Route.Access, _ body: (TestNode) async throws -> Void) async throws {
    let blocks = MemoryBlocks()
    var options = ContentGateway.Options(now: { 0 })
    options.hosts = ["dweb.example"]
    options.domains = ["site.example"]
    options.access = access
    let links = FixedDomainLinks(["site.example": "/ipfs/\(hello)"])
    let gateway = ContentGateway(
      blocks: blocks, here: blocks, names: NameResolver(domains: links, now: { 0 }), options: options)
    try await TestNode.with(configure: { configuration, services in
      configuration.allowedHosts = ["*.dweb.example", "site.example"]
      services.modules = [gateway]
    }) { node in try await body(node) }
  }

  @Test func `pages of every origin may read it, under whatever name the node is reached`() async throws {
    try await Self.with(.open) { node in
      for (path, host) in [
        ("/ipfs/\(Self.hello)", "127.0.0.1"), ("/ipfs/\(Self.hello)", "other.example"),
        ("/ipns/site.example", "other.example"), ("/", "\(Self.hello).ipfs.dweb.example"), ("/", "site.example"),
      ] {
        for (method, status) in [("GET", 200), ("HEAD", 200), ("OPTIONS", 204)] {
          let answer = try await node.ask(method, path, headers: ["origin: https://page.example"], host: host)
          #expect(answer.status == status, "\(method) \(host)\(path)")
          #expect(answer.header("access-control-allow-origin") == "*")
          #expect(answer.header("access-control-allow-methods") == "GET, HEAD, OPTIONS")
          #expect(answer.header("access-control-allow-headers")?.contains("Range") == true)
          #expect(answer.header("access-control-expose-headers")?.contains("X-Ipfs-Roots") == true)
        }
      }
      #expect(try await node.ask("GET", "/ipfs/\(Self.hello)").header("access-control-allow-origin") == "*")
      #expect(try await node.ask("GET", "/ipfs/nonsense").header("access-control-allow-origin") == "*")
    }
  }

  @Test func `the node's API keeps to its own pages and names`() async throws {
    try await Self.with(.open) { node in
      let page = ["origin: https://page.example"]
      #expect(try await node.ask("GET", "/v1/models", headers: page).status == 403)
      #expect(try await node.ask("GET", "/v1/models", host: "other.example").status == 403)
      #expect(try await node.ask("POST", "/ipfs/\(Self.hello)", headers: page).status == 403)
      let own = try await node.ask("GET", "/v1/models")
      #expect(own.status == 200)
      #expect(own.header("access-control-allow-origin") == nil)
    }
  }

  @Test func `content that is not open is read by the node's own pages alone`() async throws {
    try await Self.with(.authenticated) { node in
      let page = ["origin: https://page.example"]
      #expect(try await node.ask("GET", "/ipfs/\(Self.hello)", headers: page).status == 403)
      #expect(try await node.ask("GET", "/ipfs/\(Self.hello)", host: "other.example").status == 403)
      let own = try await node.ask("GET", "/ipfs/\(Self.hello)")
      #expect(own.status == 200)
      #expect(own.header("access-control-allow-origin") == nil)
    }
  }
}
