package import Content
import ModelInterface
package import Multiformats

/// `/v1/prsm/content`: adding, pinning, looking at and cleaning up content.
package struct ContentAPI: GatewayModule {
  let keeper: ContentKeeper
  let blocks: NetworkedBlocks
  let names: NameResolver
  let places: [any BlockExchange]
  let sessions: AddSessions
  let now: @Sendable () -> Int64
  /// The longest piece of a file that one request may bring, in bytes.
  static let pieceSize = 4 << 20

  /// - Parameters:
  ///   - places: where blocks that are to be pinned or repaired are fetched from.
  ///   - now: seconds since 1970.
  package init(
    keeper: ContentKeeper, blocks: NetworkedBlocks, names: NameResolver, places: [any BlockExchange] = [],
    now: @escaping @Sendable () -> Int64
  ) {
    self.keeper = keeper
    self.blocks = blocks
    self.names = names
    self.places = places
    self.now = now
    sessions = AddSessions(store: keeper.store)
  }

  var store: BlockStore { keeper.store }

  /// Gives up adds that nobody goes on with.
  package func sweep() async { await sessions.sweep() }

  package var routes: [Route] { reading + keeping + adding }

  // MARK: reading

  private var reading: [Route] {
    [
      whole(.get, "/v1/prsm/content", "contentUsage", "What the store holds.") { _ in usage },
      whole(.get, "/v1/prsm/content/stat/{path*}", "contentStat", "What lies at a content path.") { request in
        let cid = try await resolve(request)
        return Self.json(try await ContentStat.of(cid, from: blocks))
      },
      whole(.get, "/v1/prsm/content/list/{path*}", "contentList", "The names in a directory.") { request in
        let cid = try await resolve(request)
        let entries = try await DirectoryReader.list(cid, from: blocks, limit: 100_000)
        return .object([
          "cid": .string("\(cid)"), "entries": .array(entries.map { Self.json($0) }),
        ])
      },
      whole(.get, "/v1/prsm/content/dag/{path*}", "contentNode", "One block, its links, and its data as DAG-JSON.") {
        request in try await node(try await resolve(request))
      },
      whole(.get, "/v1/prsm/content/why/{cid}", "contentWhy", "Why a block is kept.") { request in
        let cid = try Self.cid(request)
        let (keeper, now) = (keeper, now())
        return Self.json(try await BlockingWork.run { () throws(ContentError) in try keeper.explain(cid, now: now) })
      },
    ]
  }

  private var usage: JSONValue {
    let usage = store.usage
    return [
      "blocks": .integer(usage.blocks), "bytes": .integer(usage.liveBytes), "file_bytes": .integer(usage.fileBytes),
      "pins": .integer(usage.pins), "quota": (keeper.quota ?? usage.capacity).map { .integer($0) } ?? .null,
    ]
  }

  private func node(_ cid: CID) async throws -> JSONValue {
    let bytes = try await blocks.bytes(of: cid)
    let stat = try await ContentStat.of(cid, from: blocks)
    let decoded = try? Codec.decode(bytes, codec: cid.codec)
    var links: [JSONValue] = []
    if cid.codec == .dagPB, let node = try? DagPB(decoding: bytes) {
      links = node.links.prefix(10_000).map { link in
        [
          "cid": .string("\(link.cid)"), "name": .string(link.name ?? ""),
          "cumulative_size": link.tsize.map { .integer($0) } ?? .null,
        ]
      }
    } else {
      links = (decoded?.links ?? []).prefix(10_000).map { ["cid": .string("\($0)"), "name": ""] }
    }
    var object: JSONObject = ["stat": Self.json(stat), "codec": .string("\(cid.codec)"), "links": .array(links)]
    if let decoded, cid.codec != .raw, cid.codec != .dagPB, bytes.count <= 64 << 10,
      let text = try? DagJSON.encode(decoded)
    {
      object["data"] = .string(String(decoding: text, as: UTF8.self))
    }
    return .object(object)
  }

  /// Follows a content path, with or without its namespace.
  func resolve(_ request: GatewayRequest) async throws -> CID {
    var segments = PathResolver.segments(request.variables.first ?? "")
    var namespace = "ipfs"
    if segments.count > 1, segments[0] == "ipfs" || segments[0] == "ipns" { namespace = segments.removeFirst() }
    guard let name = segments.first else {
      throw APIError.invalid("path", "Expected a CID, and perhaps a path below it.")
    }
    var rest = Array(segments.dropFirst())
    let root: CID
    if namespace == "ipns" {
      try ContentGateway.checkName(name)
      let target = try await names.resolve(name)
      root = target.root
      rest = target.segments + rest
    } else {
      root = try Self.cid(name)
    }
    let found = try await PathResolver.resolve(root, rest, from: blocks)
    guard found.remainder.isEmpty else {
      throw APIError.invalid("path", "`\(found.remainder.joined(separator: "/"))` lies inside the block \(found.cid).")
    }
    return found.cid
  }

  static func cid(_ request: GatewayRequest) throws(APIError) -> CID { try cid(request.variables.last ?? "") }

  static func cid(_ text: String) throws(APIError) -> CID {
    do throws(MultiformatError) { return try CID(text) } catch {
      throw APIError.invalid("cid", "`\(text.prefix(200))` is not a CID: \(error.detail)", code: "invalid_cid")
    }
  }

  // MARK: keeping

  private var keeping: [Route] {
    [
      whole(.get, "/v1/prsm/content/pins", "contentPins", "Every pin.") { _ in
        .array(store.pins.map { Self.json($0, keeper.uses[$0.cid]) })
      },
      whole(.put, "/v1/prsm/content/pins/{cid}", "contentPin", "Fetch what is missing, and keep it.") { request in
        try await pin(request)
      },
      whole(.delete, "/v1/prsm/content/pins/{cid}", "contentUnpin", "Give content free.") { request in
        let cid = try Self.cid(request)
        let keeper = keeper
        try await BlockingWork.run { () throws(ContentError) in try keeper.store.unpin(cid) }
        keeper.uses.forget(cid)
        return ["unpinned": .string("\(cid)")]
      },
      whole(.post, "/v1/prsm/content/collect", "contentCollect", "Remove what no pin reaches.") { _ in
        let (keeper, now) = (keeper, now())
        let result = try await BlockingWork.run { () throws(ContentError) in
          let (report, givenUp) = try keeper.collect(now: now)
          return CollectedReport(report: report, givenUp: givenUp)
        }
        return result.json
      },
      whole(.post, "/v1/prsm/content/verify", "contentVerify", "Check every block, and repair what can be.") { _ in
        let places = places
        let report = try await store.verify { multihash in
          await Self.repair(multihash, from: places)
        }
        return report.json
      },
    ]
  }

  /// Asks every place for a damaged block. Only its hash is known, so it is asked for as raw bytes.
  package static func repair(_ multihash: Multihash, from places: [any BlockExchange]) async -> [UInt8]? {
    let cid = CID(codec: .raw, multihash: multihash)
    for place in places {
      if let bytes = try? await place.fetch(cid, by: .now + .seconds(20)) { return bytes }
    }
    return nil
  }

  private func pin(_ request: GatewayRequest) async throws -> JSONValue {
    let cid = try Self.cid(request)
    let query = request.queryItems
    guard let reach = Pin.Reach(rawValue: query["reach"] ?? "recursive") else {
      throw APIError.invalid("reach", "Expected `recursive` or `direct`.")
    }
    guard let term = Pin.Term(rawValue: query["term"] ?? "always") else {
      throw APIError.invalid("term", "Expected `always` or `while-worth-it`.")
    }
    let quality = query["quality"].flatMap { Double($0) } ?? 0.5
    guard (0...1).contains(quality) else { throw APIError.invalid("quality", "Expected a number from 0 to 1.") }
    let session = store.beginSession()
    defer { session.end() }
    var fetched = DAGFetch.Report()
    if reach == .recursive, !places.isEmpty {
      fetched = try await DAGFetch(into: store, from: places).run(cid)
    } else {
      _ = try await blocks.bytes(of: cid)
    }
    let (keeper, now) = (keeper, now())
    let pin = Pin(cid, reach: reach, name: query["name"] ?? "", term: term)
    try await BlockingWork.run { () throws(ContentError) in try keeper.keep(pin, quality: quality, now: now) }
    return .object(["pin": Self.json(pin, keeper.uses[cid]), "fetched_blocks": .integer(fetched.blocks)])
  }

  // MARK: form

  /// A route with a JSON answer.
  func whole(
    _ method: Route.Method, _ path: String, _ id: String, _ summary: String, body: Route.Body = .none,
    _ respond: @escaping @Sendable (GatewayRequest) async throws -> JSONValue
  ) -> Route {
    let variables = path.split(separator: "/").filter { $0.hasPrefix("{") }.map {
      String($0.dropFirst().prefix { $0 != "}" && $0 != "*" })
    }
    let operation = Operation(
      id, summary, tag: "content",
      parameters: variables.map {
        .init($0, in: "path", "The \($0) of the content.", required: true, schema: ["type": "string"])
      },
      requestSchema: body == .json ? ["type": "object"] : nil,
      answers: [.json("What was asked for.", ["type": ["object", "array"]])],
      errors: [404, 409, 500, 501, 502, 503, 504])
    return .whole(method, path, body: body, operation: operation) { request in
      do {
        return WholeResponse(headers: [("cache-control", "no-store")], body: try await respond(request).bytes)
      } catch {
        throw ContentGateway.fault(error) ?? error
      }
    }
  }
}
