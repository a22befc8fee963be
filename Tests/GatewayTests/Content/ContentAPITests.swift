import Content
import Foundation
import Gateway
import ModelInterface
import Multiformats
import Testing

/// A node with a store of its own in a folder that goes with the test.
struct StoreNode {
  let node: TestNode
  let store: BlockStore
  let keeper: ContentKeeper

  static func with(
    places: [any BlockExchange] = [], patience: Duration = .seconds(5), _ body: (StoreNode) async throws -> Void
  ) async throws {
    let folder = NSTemporaryDirectory() + "/prsm-content-api-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let store = try BlockStore(folder: folder)
    let keeper = ContentKeeper(store: store, uses: UseLedger(folder: folder))
    let blocks = NetworkedBlocks(store, exchanges: places, patience: patience)
    let now: @Sendable () -> Int64 = { 1_780_000_000 }
    let names = NameResolver(now: now)
    var options = ContentGateway.Options(now: now)
    options.patience = patience
    let api = ContentAPI(keeper: keeper, blocks: blocks, names: names, places: places, now: now)
    let gateway = ContentGateway(blocks: blocks, here: store, names: names, options: options)
    try await TestNode.with(configure: { _, services in services.modules = [gateway, api] }) { node in
      try await body(StoreNode(node: node, store: store, keeper: keeper))
    }
  }

  static let base = "/v1/prsm/content"

  func call(_ method: String, _ path: String, _ body: JSONValue? = nil) async throws -> Response {
    try await node.ask(method, Self.base + path, body, host: "127.0.0.1")
  }

  /// Sends bytes as they are.
  func send(_ method: String, _ path: String, _ bytes: [UInt8]) async throws -> Response {
    let connection = try await node.connect()
    let head = """
      \(method) \(Self.base)\(path) HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/octet-stream\r\n\
      content-length: \(bytes.count)\r\nconnection: close\r\n\r\n
      """
    try await connection.send(Array(head.utf8) + bytes)
    let response = try await connection.response()
    await connection.close()
    return response
  }

  /// Adds a file by the API, in pieces.
  func add(_ bytes: [UInt8], piece: Int, session: String) async throws -> JSONValue {
    let file = try #require(try await call("POST", "/sessions/\(session)/files").json["file"]?.integer)
    var offset = 0
    while offset < bytes.count {
      let end = min(bytes.count, offset + piece)
      let sent = try await send(
        "PUT", "/sessions/\(session)/files/\(file)?offset=\(offset)", Array(bytes[offset..<end]))
      #expect(sent.status == 200, "\(sent.body)")
      offset = try #require(try sent.json["offset"]?.integer)
    }
    return try await call("POST", "/sessions/\(session)/files/\(file)/finish").json
  }

  func session() async throws -> String {
    try #require(try await call("POST", "/sessions?profile=unixfs-v1-2025").json["session"]?.string)
  }
}

@Suite(.timeLimit(.minutes(1))) struct ContentAPITests {
  private static func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
  }

  @Test func `a file that is sent in pieces has the same CID as one that is added whole, and is read back in ranges`()
    async throws
  {
    try await StoreNode.with { node in
      let bytes = Self.bytes(3_000_000)
      let session = try await node.session()
      let entry = try await node.add(bytes, piece: 700_001, session: session)
      let cid = try #require(entry["cid"]?.string)
      let position = Position(bytes)
      let direct = try FileImport.add(profile: .unixfsV1x2025, to: DiscardingSink()) {
        (buffer) throws(ContentError) in position.read(buffer)
      }
      #expect(cid == "\(direct.cid)")
      let pinned = try await node.call("POST", "/sessions/\(session)/pin", ["cid": .string(cid), "name": "file"])
      #expect(pinned.status == 200, "\(pinned.body)")
      #expect(try await node.call("DELETE", "/sessions/\(session)").status == 200)
      let part = try await node.node.ask(
        "GET", "/ipfs/\(cid)", text: nil, headers: ["range: bytes=1048570-2097160"], host: "127.0.0.1")
      #expect(part.status == 206)
      #expect(part.bytes == Array(bytes[1_048_570...2_097_160]))
      let pins = try await node.call("GET", "/pins").json
      #expect(pins[0]?["cid"]?.string == cid)
      #expect(pins[0]?["name"]?.string == "file")
      let stat = try await node.call("GET", "/stat/\(cid)").json
      #expect(stat["size"]?.integer == bytes.count)
      let dag = try await node.call("GET", "/dag/\(cid)").json
      #expect(dag["links"]?.array?.count == 3)
      #expect(try await node.call("GET", "/why/\(cid)").json["why"]?.string?.contains("pinned") == true)
    }
  }

  @Test func `a folder is built of files that were sent, listed, and walked`() async throws {
    try await StoreNode.with { node in
      let session = try await node.session()
      var entries: [JSONValue] = []
      for path in ["a.txt", "sub/b.txt", "sub/deep/c.txt"] {
        var entry = try #require(try await node.add(Array(path.utf8), piece: 1_000, session: session).object)
        entry["path"] = .string(path)
        entries.append(.object(entry))
      }
      let folder = try await node.call("POST", "/sessions/\(session)/folder", ["entries": .array(entries)])
      let root = try #require(try folder.json["cid"]?.string)
      let list = try await node.call("GET", "/list/\(root)/sub").json
      #expect(list["entries"]?.array?.compactMap { $0["name"]?.string } == ["b.txt", "deep"])
      let file = try await node.node.ask("GET", "/ipfs/\(root)/sub/deep/c.txt", text: nil, host: "127.0.0.1")
      #expect(file.body == "sub/deep/c.txt")
      let twice = try await node.call(
        "POST", "/sessions/\(session)/folder", ["entries": .array(entries + [entries[0]])])
      #expect(twice.status == 400)
    }
  }

  @Test func `pieces out of order, unknown adds and strange blocks are refused with what to do`() async throws {
    try await StoreNode.with { node in
      let session = try await node.session()
      #expect(try await node.call("POST", "/sessions/\(session)/files").status == 200)
      let early = try await node.send("PUT", "/sessions/\(session)/files/0?offset=10", [1, 2, 3])
      #expect(early.status == 409)
      #expect(early.body.contains("begins at byte 0"))
      #expect(try await node.send("PUT", "/sessions/\(session)/files/0?offset=0", [1, 2, 3]).status == 200)
      // The same again is an answer that was lost, not a mistake.
      #expect(try await node.send("PUT", "/sessions/\(session)/files/0?offset=0", [1, 2, 3]).status == 200)
      #expect(try await node.call("POST", "/sessions/none/files").status == 404)
      #expect(try await node.call("GET", "/stat/nonsense").status == 400)
      #expect(try await node.call("POST", "/sessions?profile=none").status == 400)
      let block = try Block([1, 2, 3], codec: .raw)
      let archive = try CARWriter.header(roots: []) + CARWriter.section(block.cid, [1, 2, 4])
      let strange = try await node.send("POST", "/sessions/\(session)/blocks", archive)
      #expect(strange.status == 400)
      #expect(try strange.error["code"]?.string == "content_corrupt")
      #expect(!node.store.has(block.cid))
    }
  }

  @Test func `what is being added is safe from a collection, and what is not pinned goes with the next`() async throws {
    try await StoreNode.with { node in
      let session = try await node.session()
      let cid = try #require(try await node.add(Self.bytes(50_000), piece: 50_000, session: session)["cid"]?.string)
      #expect(try await node.call("POST", "/collect").json["removed_blocks"]?.integer == 0)
      #expect(try await node.call("DELETE", "/sessions/\(session)").status == 200)
      #expect(try await node.call("POST", "/collect").json["removed_blocks"]?.integer == 1)
      let absent = try await node.node.ask("GET", "/ipfs/\(cid)", text: nil, host: "127.0.0.1")
      #expect(absent.status == 404)
    }
  }

  @Test func `unknown content is answered in time, and never with a hang`() async throws {
    let silent = SilentPlace()
    try await StoreNode.with(places: [silent], patience: .milliseconds(100)) { node in
      let cid = try Block([42], codec: .raw).cid
      let late = try await node.node.ask("GET", "/ipfs/\(cid)", text: nil, host: "127.0.0.1")
      #expect(late.status == 504)
      let cached = try await node.node.ask(
        "GET", "/ipfs/\(cid)", text: nil, headers: ["cache-control: only-if-cached"], host: "127.0.0.1")
      #expect(cached.status == 412)
    }
  }

  /// Hands bytes out from one thread at a time.
  private final class Position: @unchecked Sendable {
    // Reads come one after the other, under the import's lock.
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    func read(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
      let count = min(buffer.count, rest.count)
      buffer.copyBytes(from: rest.prefix(count))
      rest = rest.dropFirst(count)
      return count
    }
  }

  private struct SilentPlace: BlockExchange {
    let name = "silent"

    func fetch(_ cid: CID, by deadline: ContinuousClock.Instant) async throws(ContentError) -> [UInt8] {
      try? await Task.sleep(until: deadline, clock: .continuous)
      throw ContentError(.timedOut, "nothing came")
    }
  }
}

/// Fetches over the tests' own connections.
struct RawFetcher: ByteFetcher {
  func get(
    _ url: String, accept: String, limit: Int, by deadline: ContinuousClock.Instant
  ) async throws(ContentError) -> (status: Int, body: [UInt8]) {
    do {
      let rest = url.dropFirst("http://127.0.0.1:".count)
      let port = try #require(Int(rest.prefix { $0 != "/" }))
      let connection = try await RawConnection.open(port: port)
      let path = rest.drop { $0 != "/" }
      try await connection.send(
        "GET \(path) HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: \(accept)\r\nconnection: close\r\n\r\n")
      let response = try await connection.response()
      await connection.close()
      return (response.status, response.bytes)
    } catch {
      throw ContentError(.storage, "\(url): \(error)")
    }
  }
}

@Suite(.timeLimit(.minutes(1))) struct GatewayFetchTests {
  @Test func `content comes from two gateways of which one dies, and lies are refused`() async throws {
    try await StoreNode.with { good in
      let session = try await good.session()
      let bytes = (0..<2_200_000).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ $0 >> 9 ^ $0 >> 17) }
      let entry = try await good.add(bytes, piece: 4 << 20, session: session)
      let root = try CID(try #require(entry["cid"]?.string))
      let fetcher = RawFetcher()
      // A port on which nobody listens, a gateway without the content, and one that has it.
      try await StoreNode.with { empty in
        let target = MemoryBlocks()
        let places = [
          TrustlessGateway(url: "http://127.0.0.1:1", fetcher: fetcher),
          TrustlessGateway(url: "http://127.0.0.1:\(empty.node.port)/", fetcher: fetcher),
          TrustlessGateway(url: "http://127.0.0.1:\(good.node.port)", fetcher: fetcher),
        ]
        let report = try await DAGFetch(into: target, from: places).run(root)
        #expect(report.blocks == 4)
        #expect(try await FileBytes(root, from: target).collected() == bytes)
        // The node fetches by itself what it is asked to keep.
        try await StoreNode.with(places: places) { third in
          let pinned = try await third.call("PUT", "/pins/\(root)?name=fetched")
          #expect(pinned.status == 200, "\(pinned.body)")
          #expect(try pinned.json["fetched_blocks"]?.integer == 4)
          let read = try await third.node.ask("GET", "/ipfs/\(root)", text: nil, host: "127.0.0.1")
          #expect(read.bytes == bytes)
        }
      }
      // A gateway that answers with other bytes.
      struct Liar: ByteFetcher {
        func get(
          _ url: String, accept: String, limit: Int, by deadline: ContinuousClock.Instant
        ) async throws(ContentError) -> (status: Int, body: [UInt8]) { (200, [1, 2, 3]) }
      }
      let liar = TrustlessGateway(url: "http://liar", fetcher: Liar())
      let fault = await #expect(throws: ContentError.self) { try await liar.fetch(root, by: .now + .seconds(1)) }
      #expect(fault?.code == .corrupt)
    }
  }
}
