import Content
import Multiformats

/// An iterator of bytes in a box, so that the first piece can be taken before anything is sent.
struct Pieces {
  private let take: () async throws -> [UInt8]?

  init<Iterator: AsyncIteratorProtocol & Sendable>(_ iterator: Iterator) where Iterator.Element == [UInt8] {
    var iterator = iterator
    take = { try await iterator.next() }
  }

  func next() async throws -> [UInt8]? { try await take() }
}

extension PercentCoding {
  /// Two digits.
  static func hexadecimal(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16)
    return byte < 16 ? "0" + digits : digits
  }
}

extension ContentAnswer {
  /// What goes with every answer about content.
  ///
  /// - Parameter isGenerated: whether the body is a page of the gateway's own, which may change with the gateway.
  func common(_ resolved: ResolvedPath, _ root: Root, isGenerated: Bool = false) -> [(String, String)] {
    var headers = [
      ("x-ipfs-path", path.text), ("x-ipfs-roots", resolved.roots.map { "\($0)" }.joined(separator: ",")),
      ("date", HTTPDate.text(gateway.options.now())),
    ]
    switch path.namespace {
    case .ipfs where isGenerated:
      headers.append(("cache-control", "public, max-age=604800, stale-while-revalidate=2678400"))
    case .ipfs: headers.append(("cache-control", "public, max-age=29030400, immutable"))
    case .ipns:
      if let seconds = root.seconds { headers.append(("cache-control", "public, max-age=\(seconds)")) }
    }
    return headers
  }

  /// `content-disposition` (RFC 6266), named by the query where it gives a name.
  func disposition(_ kind: String, _ name: String) -> (String, String) {
    let name = query["filename"].map { String($0.prefix(255)) } ?? name
    let plain = String(
      name.unicodeScalars.map { scalar in
        scalar.value >= 0x20 && scalar.value < 0x7f && scalar != "\"" && scalar != "\\" ? Character(scalar) : "_"
      })
    return (
      "content-disposition",
      "\(kind); filename=\"\(plain)\"; filename*=UTF-8''\(PercentCoding.encode(name, keeping: "-_.~!$&+"))"
    )
  }

  /// Answers that nothing has changed, where the client has what the tag names.
  func isKnown(_ tag: String, _ headers: [(String, String)]) async throws -> Bool {
    guard let known = request.header("if-none-match"), EntityTag.matches(known, tag) else { return false }
    let kept = headers.filter { ["cache-control", "date", "x-ipfs-path", "x-ipfs-roots"].contains($0.0) }
    try await reply.send(WholeResponse(304, headers: kept + [("etag", tag)], body: []))
    return true
  }

  /// Sends bytes that are all here, or the range of them that is asked for.
  func send(
    _ bytes: [UInt8], _ headers: [(String, String)], _ tag: String, _ type: String, status: Int = 200
  ) async throws {
    var headers = headers.contains { $0.0 == "etag" } ? headers : headers + [("etag", tag)]
    headers.append(("accept-ranges", "bytes"))
    let asked = request.header("if-range").map { $0 == tag } ?? true
    switch RequestedRange(asked && status == 200 ? request.header("range") : nil, size: UInt64(bytes.count)) {
    case .everything:
      try await reply.send(WholeResponse(status, headers: headers, contentType: type, body: bytes))
    case .part(let part):
      headers.append(("content-range", "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(bytes.count)"))
      let body = Array(bytes[Int(part.lowerBound)..<Int(part.upperBound)])
      try await reply.send(WholeResponse(206, headers: headers, contentType: type, body: body))
    case .unsatisfiable:
      headers.append(("content-range", "bytes */\(bytes.count)"))
      try await reply.send(
        WholeResponse(
          416, headers: headers, contentType: "text/plain; charset=utf-8",
          body: Array("there are \(bytes.count) bytes\n".utf8)))
    }
  }

  /// Sends pieces as they come. The first is taken before the head leaves, so that what is missing is told by the status.
  func stream(_ headers: [(String, String)], _ pieces: Pieces, status: Int = 200) async throws {
    let first = try await pieces.next()
    if isHead { return try await reply.sendHead(status, headers: headers) }
    try await reply.begin(status, headers: headers)
    var piece = first
    while let bytes = piece {
      try await reply.write(bytes)
      piece = try await pieces.next()
    }
    try await reply.finish()
  }
}

/// What the query says of an archive (https://specs.ipfs.tech/http-gateways/trustless-gateway/).
struct CARQuery {
  let selection: CARSelection

  /// - Throws: ``APIError`` 400 for values that are not known.
  init(_ query: [String: String], _ asked: FormatRequest) throws(APIError) {
    guard asked.carVersion ?? "1" == "1" else {
      throw APIError.invalid("car-version", "Archives are written in version 1 alone.")
    }
    guard ["dfs", "unk"].contains(asked.carOrder ?? "dfs") else {
      throw APIError.invalid("car-order", "The order is `dfs` or `unk`.")
    }
    guard ["y", "n"].contains(asked.carDuplicates ?? "n") else {
      throw APIError.invalid("car-dups", "Duplicates are `y` or `n`.")
    }
    var bytes: CARSelection.ByteRange?
    if let text = query["entity-bytes"] {
      guard let range = CARSelection.ByteRange(text) else {
        throw APIError.invalid("entity-bytes", "Expected `from:to`, whole numbers or `*` for the end.")
      }
      bytes = range
    }
    var scope: CARSelection.Scope = bytes == nil ? .all : .entity
    if let text = query["dag-scope"], !text.isEmpty {
      guard let named = CARSelection.Scope(rawValue: text) else {
        throw APIError.invalid("dag-scope", "Expected `block`, `entity` or `all`.")
      }
      scope = named
    }
    selection = CARSelection(scope: scope, entityBytes: bytes, duplicates: asked.carDuplicates == "y")
  }

  /// Weak, because another gateway may order blocks otherwise.
  static func tag(_ path: String, _ selection: CARSelection) -> String {
    let range = selection.entityBytes.map { "\($0.from):\($0.to.map(String.init) ?? "*")" } ?? ""
    let text = "\(path)|\(selection.scope.rawValue)|\(range)|\(selection.duplicates)"
    return "W/\"\(Digest.sha256(Array(text.utf8)).prefix(16).map(PercentCoding.hexadecimal).joined()).car\""
  }
}
