import Content
import ModelInterface
import Multiformats

extension ContentAPI {
  /// An add in steps, each small: begun, filled with blocks or files, pinned, ended.
  var adding: [Route] {
    let base = "/v1/prsm/content/sessions"
    return [
      whole(.post, base, "contentBeginAdd", "Begin an add; what it brings is safe from collection.") { request in
        let query = request.queryItems
        var profile = try Self.profile(query["profile"] ?? "unixfs-v1-2025")
        if let chunker = query["chunker"] { profile.chunking = try .init(chunker) }
        let id = try await sessions.begin(profile)
        return ["session": .string(id), "piece_bytes": .integer(Self.pieceSize)]
      },
      whole(.delete, base + "/{session}", "contentEndAdd", "End an add.") { request in
        try await sessions.end(request.variables[0])
        return ["ended": .string(request.variables[0])]
      },
      whole(.post, base + "/{session}/blocks", "contentPutBlocks", "Blocks, as an archive.", body: .any) { request in
        _ = try await sessions.profile(request.variables[0])
        let (store, bytes) = (store, request.bytes)
        let report: CARTransfer.Imported
        do throws(ContentError) {
          report = try await BlockingWork.run { () throws(ContentError) in try Self.put(bytes, into: store) }
        } catch {
          // What is wrong with an archive is its sender's doing, and not this node's.
          guard [.malformed, .corrupt, .tooLarge].contains(error.code) else { throw error }
          throw APIError(400, error.detail, type: "content_error", code: "content_\(error.code)")
        }
        return ["blocks": .integer(report.blocks), "bytes": .integer(report.bytes)]
      },
      whole(.post, base + "/{session}/files", "contentOpenFile", "Begin a file.") { request in
        ["file": .integer(try await sessions.open(request.variables[0]))]
      },
      whole(.put, base + "/{session}/files/{file}", "contentSendFile", "A piece of a file.", body: .any) { request in
        guard let offset = request.queryItems["offset"].flatMap({ UInt64($0) }) else {
          throw APIError.invalid("offset", "Expected where in the file the piece begins, in bytes.")
        }
        let (id, number) = try Self.file(request)
        let end = try await sessions.send(id, number, at: offset, request.bytes)
        return ["offset": .integer(end)]
      },
      whole(.post, base + "/{session}/files/{file}/finish", "contentFinishFile", "The end of a file.") { request in
        let (id, number) = try Self.file(request)
        return Self.json(try await sessions.finish(id, number))
      },
      whole(.post, base + "/{session}/folder", "contentFolder", "A folder of files that were sent.", body: .json) {
        request in try await folder(request)
      },
      whole(.post, base + "/{session}/pin", "contentPinAdded", "Keep what was added.", body: .json) { request in
        _ = try await sessions.profile(request.variables[0])
        let json = try request.json()
        let cid = try Self.cid(json["cid"]?.string ?? "")
        let pin = Pin(cid, name: json["name"]?.string ?? "")
        let (keeper, now) = (keeper, now())
        try await BlockingWork.run { () throws(ContentError) in try keeper.keep(pin, now: now) }
        return Self.json(pin, nil)
      },
    ]
  }

  static func profile(_ name: String) throws(APIError) -> ImportProfile {
    guard let profile = ImportProfile.named.first(where: { $0.name == name })?.profile else {
      let names = ImportProfile.named.map(\.name).joined(separator: ", ")
      throw APIError.invalid("profile", "There is no profile `\(name.prefix(100))`; expected one of \(names).")
    }
    return profile
  }

  private static func put(_ bytes: [UInt8], into store: BlockStore) throws(ContentError) -> CARTransfer.Imported {
    var position = 0
    return try CARTransfer.importing(to: store) { (buffer) throws(ContentError) in
      let count = min(buffer.count, bytes.count - position)
      buffer.copyBytes(from: bytes[position..<(position + count)])
      position += count
      return count
    }
  }

  private static func file(_ request: GatewayRequest) throws(APIError) -> (String, Int) {
    guard request.variables.count == 2, let number = Int(request.variables[1]) else {
      throw APIError(404, "There is no such file in this add.", code: "no_such_file")
    }
    return (request.variables[0], number)
  }

  private func folder(_ request: GatewayRequest) async throws -> JSONValue {
    let profile = try await sessions.profile(request.variables[0])
    guard let entries = try request.json()["entries"]?.array, entries.count <= 100_000 else {
      throw APIError.invalid("entries", "Expected a list of at most 100,000 `{path, cid, size, cumulative_size}`.")
    }
    var leaves: [FolderTree.Leaf] = []
    for entry in entries {
      guard let path = entry["path"]?.string, let text = entry["cid"]?.string, let size = entry["size"]?.integer,
        let total = entry["cumulative_size"]?.integer, size >= 0, total >= 0
      else { throw APIError.invalid("entries", "An entry has `path`, `cid`, `size` and `cumulative_size`.") }
      let cid = try Self.cid(text)
      guard store.has(cid) else { throw APIError.invalid("entries", "The block \(cid) was not sent in this add.") }
      leaves.append(
        .init(
          path: PathResolver.segments(path),
          entry: AddedEntry(cid: cid, cumulativeSize: UInt64(total), fileSize: UInt64(size))))
    }
    let (tree, store) = (try FolderTree(leaves), store)
    return Self.json(
      try await BlockingWork.run { () throws(ContentError) in try tree.add(profile: profile, to: store) })
  }
}
