import Content
import Multiformats
import NIOHTTP1

/// One answer of the gateway: resolves the path, and sends what lies there in the form that is asked for.
struct ContentAnswer {
  let gateway: ContentGateway
  let request: GatewayRequest
  let reply: Reply
  var path: ContentPath

  /// Where the path's root leads.
  struct Root {
    var cid: CID
    /// What a name puts between its root and the path.
    var segments: [String] = []
    /// Seconds that an answer may be kept; nil where nothing is said, for names.
    var seconds: UInt64?
  }

  var query: [String: String] { request.queryItems }
  var isHead: Bool { request.method == "HEAD" }

  /// Only what is on this machine is wanted.
  private var onlyCached: Bool {
    request.headers["cache-control"].contains { $0.lowercased().contains("only-if-cached") }
  }

  var source: any BlockSource { onlyCached ? gateway.here : gateway.blocks }

  func serve() async throws {
    let asked = try FormatRequest(query: query, accept: request.headers["accept"])
    do {
      if asked.format == .ipnsRecord { return try await sendRecord() }
      let root = try await within { [gateway, path] () async throws(ContentError) in
        try await Self.root(path, gateway)
      }
      gateway.options.onRead(root.cid)
      if asked.format == .car { return try await sendArchive(root, asked) }
      let resolved: ResolvedPath
      do throws(ContentError) {
        resolved = try await resolve(root, path.segments)
      } catch {
        guard error.code == .notFound || error.code == .wrongKind, path.mount.isIsolated, asked.format == nil,
          try await redirect(root)
        else { throw error }
        return
      }
      try await send(resolved, root, asked)
    } catch let error as ContentError where onlyCached && error.code == .missing {
      throw APIError(412, "\(error.detail) (and nothing was to be fetched)", code: "not_cached")
    }
  }

  /// - Throws: what `body` throws, or `.timedOut` after the gateway's patience.
  func within<Value: Sendable>(
    _ body: @escaping @Sendable () async throws(ContentError) -> Value
  ) async throws(ContentError) -> Value {
    let patience = gateway.options.patience
    let what = path.text
    let result = await withTaskGroup(of: Result<Value, ContentError>.self) { group in
      group.addTask {
        do throws(ContentError) { return .success(try await body()) } catch { return .failure(error) }
      }
      group.addTask {
        try? await Task.sleep(for: patience)
        return .failure(ContentError(.timedOut, "\(what) was not found in time; try again later"))
      }
      defer { group.cancelAll() }
      return await group.next() ?? .failure(ContentError(.timedOut, what))
    }
    return try result.get()
  }

  private static func root(_ path: ContentPath, _ gateway: ContentGateway) async throws(ContentError) -> Root {
    switch path.namespace {
    case .ipfs:
      do throws(MultiformatError) { return Root(cid: try CID(path.name)) } catch { throw ContentError(error) }
    case .ipns:
      let target = try await gateway.names.resolve(path.name)
      return Root(cid: target.root, segments: target.segments, seconds: target.seconds)
    }
  }

  func resolve(_ root: Root, _ segments: [String]) async throws(ContentError) -> ResolvedPath {
    let source = source
    let all = root.segments + segments
    return try await within { () async throws(ContentError) in
      try await PathResolver.resolve(root.cid, all, from: source)
    }
  }

  // MARK: forms

  func send(_ resolved: ResolvedPath, _ root: Root, _ asked: FormatRequest, status: Int = 200) async throws {
    let cid = resolved.cid
    guard resolved.remainder.isEmpty else {
      throw APIError(
        501, "`\(resolved.remainder.joined(separator: "/"))` lies inside the block \(cid); ask for the block itself",
        code: "path_remainder")
    }
    switch asked.format {
    case .raw: return try await sendBlock(resolved, root)
    case .tar: return try await sendTAR(resolved, root)
    case nil, .json, .cbor, .dagJSON, .dagCBOR, .car, .ipnsRecord: break
    }
    switch cid.codec {
    case .json, .cbor, .dagJSON, .dagCBOR: try await sendData(resolved, root, asked)
    case .raw, .dagPB:
      if let format = asked.format, format == .dagJSON || format == .dagCBOR { throw Self.notAcceptable(format, cid) }
      try await sendFile(resolved, root, status: status)
    default:
      throw APIError(
        406, "\(cid) is of the codec \(cid.codec), which is not shown here; ask for format=raw", code: "not_acceptable")
    }
  }

  private static func notAcceptable(_ format: ContentFormat, _ cid: CID) -> APIError {
    APIError(
      406, "\(cid) is \(cid.codec) and is not converted to \(format.rawValue); ask for format=raw and convert it",
      code: "not_acceptable")
  }

  private func sendBlock(_ resolved: ResolvedPath, _ root: Root) async throws {
    let cid = resolved.cid
    let headers = common(resolved, root) + [disposition("attachment", "\(cid).bin")]
    let tag = "\"\(cid).raw\""
    if try await isKnown(tag, headers) { return }
    let source = source
    let bytes = try await within { () async throws(ContentError) in try await source.bytes(of: cid) }
    try await send(bytes, headers + [("etag", tag)], tag, ContentFormat.raw.mediaType)
  }

  /// DAG-CBOR, DAG-JSON, and their plain kin: as they are, or as a page for people.
  private func sendData(_ resolved: ResolvedPath, _ root: Root, _ asked: FormatRequest) async throws {
    let cid = resolved.cid
    let native: ContentFormat =
      switch cid.codec {
      case .dagJSON: .dagJSON
      case .dagCBOR: .dagCBOR
      case .json: .json
      default: .cbor
      }
    let isJSON = native == .dagJSON || native == .json
    if let format = asked.format {
      // What is strict is also of the plain kind, and not the other way round.
      let plain: ContentFormat = isJSON ? .json : .cbor
      guard format == native || format == plain else { throw Self.notAcceptable(format, cid) }
    }
    let source = source
    if asked.format == nil, asked.acceptsHTML {
      let tag = "\"DagIndex-\(DirectoryPage.version)_CID-\(cid)\""
      let headers = common(resolved, root, isGenerated: true) + [("etag", tag)]
      if try await isKnown(tag, headers) { return }
      let bytes = try await within { () async throws(ContentError) in try await source.bytes(of: cid) }
      let json = try DagJSON.encode(Codec.decode(bytes, codec: cid.codec))
      let text = String(decoding: json.prefix(1 << 20), as: UTF8.self)
      return try await send(DirectoryPage.data(path, cid, text), headers, tag, "text/html; charset=utf-8")
    }
    let format = asked.format ?? native
    let tag = "\"\(cid).\(format.suffix)\""
    let kind = isJSON && query["download"] != "true" ? "inline" : "attachment"
    let headers =
      common(resolved, root) + [disposition(kind, "\(cid).\(isJSON ? "json" : "cbor")"), ("etag", tag)]
    if try await isKnown(tag, headers) { return }
    let bytes = try await within { () async throws(ContentError) in try await source.bytes(of: cid) }
    try await send(bytes, headers, tag, format.mediaType)
  }

  private func sendTAR(_ resolved: ResolvedPath, _ root: Root) async throws {
    let cid = resolved.cid
    let tag = "W/\"\(cid).x-tar\""
    let headers =
      common(resolved, root)
      + [disposition("attachment", "\(cid).tar"), ("etag", tag), ("content-type", ContentFormat.tar.mediaType)]
    if try await isKnown(tag, headers) { return }
    let iterator = TARArchive(cid, name: "\(cid)", from: source).makeAsyncIterator()
    try await stream(headers, Pieces(iterator))
  }

  private func sendArchive(_ root: Root, _ asked: FormatRequest) async throws {
    let selection = try CARQuery(query, asked).selection
    let source = source
    let segments = root.segments + path.segments
    let archive = try await within { () async throws(ContentError) in
      try await CARResponse(root.cid, segments: segments, selection: selection, from: source)
    }
    let resolved = try await resolve(root, path.segments)
    let tag = CARQuery.tag("\(root.cid)/\(segments.joined(separator: "/"))", selection)
    let headers =
      common(resolved, root) + [
        disposition("attachment", "\(archive.terminal).car"), ("etag", tag),
        (
          "content-type",
          "\(ContentFormat.car.mediaType); version=1; order=dfs; dups=\(selection.duplicates ? "y" : "n")"
        ), ("accept-ranges", "none"),
      ]
    if try await isKnown(tag, headers) { return }
    try await stream(headers, Pieces(archive.makeAsyncIterator()))
  }

  private func sendRecord() async throws {
    guard path.namespace == .ipns, path.segments.isEmpty, let peer = NameResolver.peer(path.name) else {
      throw APIError(400, "format=ipns-record is for /ipns/KEY alone", code: "not_a_record")
    }
    let names = gateway.names
    let record = try await within { () async throws(ContentError) in try await names.record(of: peer) }
    let tag = "\"\(Digest.sha256(record.bytes).prefix(16).map { PercentCoding.hexadecimal($0) }.joined())\""
    let headers = [
      ("x-ipfs-path", path.text), ("date", HTTPDate.text(gateway.options.now())), ("etag", tag),
      ("cache-control", "public, max-age=\(record.ttl / 1_000_000_000)"),
      disposition("attachment", "\(peer.cid).ipns-record"),
    ]
    if try await isKnown(tag, headers) { return }
    try await send(record.bytes, headers, tag, ContentFormat.ipnsRecord.mediaType)
  }
}
