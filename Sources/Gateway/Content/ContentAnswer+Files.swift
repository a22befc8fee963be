import Content
import Multiformats

extension ContentAnswer {
  /// A file, a directory, or a symbolic link.
  ///
  /// - Parameter page: the file that stands in for the directory that the path leads to.
  func sendFile(_ resolved: ResolvedPath, _ root: Root, status: Int, page: CID? = nil) async throws {
    let cid = page ?? resolved.cid
    let source = source
    let node = try await within { () async throws(ContentError) in try await UnixFSNode.load(cid, from: source) }
    if node.isDirectory { return try await sendDirectory(resolved, root) }
    let tag = "\"\(resolved.cid)\""
    var headers = common(resolved, root) + [("etag", tag)]
    if status == 200, try await isKnown(tag, headers) { return }
    if let filename = query["filename"] {
      headers.append(disposition(query["download"] == "true" ? "attachment" : "inline", filename))
    } else if query["download"] == "true" {
      headers.append(disposition("attachment", path.segments.last ?? "\(cid)"))
    }
    if path.mount == .path {
      // On the gateway's own origin a page must not act with the rights of the node's other pages.
      headers.append(
        ("content-security-policy", "sandbox allow-scripts allow-forms allow-modals allow-popups allow-downloads"))
    }
    if let target = node.symlinkTarget {
      return try await send(Array(target.utf8), headers, tag, "inode/symlink", status: status)
    }
    guard node.isFile else {
      throw APIError(501, "\(cid) is a UnixFS node of the kind \(node.entry.kind), which is not shown here")
    }
    let name = query["filename"] ?? (page == nil ? path.segments.last : "index.html")
    try await sendBytes(of: cid, node.fileSize, headers, tag, name, status)
  }

  private func sendBytes(
    of cid: CID, _ size: UInt64, _ headers: [(String, String)], _ tag: String, _ name: String?, _ status: Int
  ) async throws {
    let asked = request.header("if-range").map { $0 == tag } ?? true
    let range = RequestedRange(asked && status == 200 ? request.header("range") : nil, size: size)
    var headers = headers + [("accept-ranges", "bytes")]
    var span = 0..<size
    var code = status
    switch range {
    case .everything: break
    case .part(let part):
      span = part
      code = 206
      headers.append(("content-range", "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(size)"))
    case .unsatisfiable:
      return try await reply.send(
        WholeResponse(
          416, headers: headers + [("content-range", "bytes */\(size)")], contentType: "text/plain; charset=utf-8",
          body: Array("the file has \(size) bytes\n".utf8)))
    }
    headers.append(("content-type", try await type(of: cid, size, name, isRange: code == 206)))
    headers.append(("content-length", String(span.count)))
    if isHead { return try await reply.sendHead(code, headers: headers) }
    try await stream(headers, Pieces(FileBytes(cid, range: span, from: source).makeAsyncIterator()), status: code)
  }

  private func type(of cid: CID, _ size: UInt64, _ name: String?, isRange: Bool) async throws(ContentError) -> String {
    if let name, let type = MediaType.named(name) { return type }
    let end = min(size, UInt64(MediaType.sniffed))
    // A range must not fail for a beginning that is not here.
    let source = isRange ? gateway.here : source
    do throws(ContentError) {
      let beginning = try await within { () async throws(ContentError) in
        try await FileBytes(cid, range: 0..<end, from: source).collected()
      }
      return MediaType.sniff(beginning, isWhole: end == size)
    } catch {
      guard isRange else { throw error }
      return "application/octet-stream"
    }
  }

  private func sendDirectory(_ resolved: ResolvedPath, _ root: Root) async throws {
    let cid = resolved.cid
    let source = source
    // Links on a page are relative to the directory only where its own address ends in a slash.
    if !path.hasTrailingSlash, !(path.mount.isIsolated && path.segments.isEmpty) {
      let query = request.query.map { "?" + PercentCoding.encode($0, keeping: "-_.~$&+,:;=@/%?!'()*[]") } ?? ""
      return try await reply.send(
        WholeResponse(
          301, headers: common(resolved, root) + [("location", path.prefix + path.tail + "/" + query)], body: []))
    }
    var index: CID?
    do throws(ContentError) {
      index = try await within { () async throws(ContentError) in
        try await PathResolver.resolve(cid, ["index.html"], from: source).cid
      }
    } catch {
      guard error.code == .notFound else { throw error }
    }
    if let index { return try await sendFile(resolved, root, status: 200, page: index) }
    let tag = "\"DirIndex-\(DirectoryPage.version)_CID-\(cid)\""
    let headers =
      common(resolved, root, isGenerated: true)
      + [("etag", tag), ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'")]
    if try await isKnown(tag, headers) { return }
    let entries = try await within { () async throws(ContentError) in try await DirectoryReader.list(cid, from: source)
    }
    try await send(DirectoryPage.list(path, cid, entries), headers, tag, "text/html; charset=utf-8")
  }

  // MARK: redirects

  /// Follows the `_redirects` file of the content root, for a path that leads nowhere.
  ///
  /// - Returns: whether a rule has answered.
  func redirect(_ root: Root) async throws -> Bool {
    let source = source
    let file: CID
    do throws(ContentError) {
      file = try await resolve(root, ["_redirects"]).cid
    } catch {
      guard error.code == .notFound || error.code == .wrongKind else { throw error }
      return false
    }
    let rules = try await within { () async throws(ContentError) in
      let node = try await UnixFSNode.load(file, from: source)
      guard node.fileSize <= UInt64(Redirects.maximumSize) else {
        throw ContentError(
          .tooLarge,
          "could not parse _redirects: redirects file size cannot exceed \(Redirects.maximumSize) bytes")
      }
      return try Redirects(try await FileBytes(file, from: source).collected(limit: Redirects.maximumSize))
    }
    guard let target = rules.target(for: "/" + path.segments.joined(separator: "/")) else { return false }
    let location = PercentCoding.encode(target.location, keeping: "-_.~$&+,:;=@/%?#!'()*[]")
    guard (400...599).contains(target.status) || target.status == 200 else {
      try await reply.send(
        WholeResponse(
          target.status, headers: [("location", location), ("date", HTTPDate.text(gateway.options.now()))],
          contentType: "text/plain; charset=utf-8", body: Array("see \(location)\n".utf8)))
      return true
    }
    var answer = self
    answer.path = try ContentPath(
      path.namespace, path.name, tail: target.location.prefix { $0 != "?" && $0 != "#" }, mount: path.mount)
    let resolved = try await answer.resolve(root, answer.path.segments)
    if target.status == 200 {
      try await answer.send(resolved, root, FormatRequest(query: [:], accept: []))
    } else {
      try await answer.sendFile(resolved, root, status: target.status)
    }
    return true
  }
}
