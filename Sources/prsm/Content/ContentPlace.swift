import Content
import Foundation
import Gateway
import ModelInterface
import Multiformats
import PRSMClient

/// Where a command's content is: in the data folder, opened here, or behind the node that holds it.
protocol ContentPlace: Sendable {
  /// Blocks by their names, fetched from elsewhere where the place does that.
  var blocks: any BlockSource { get }

  /// Refuses an add of so many bytes that cannot fit, before anything of it is written.
  ///
  /// - Parameter rehearse: does the add into a sink that keeps nothing.
  func checkRoom(
    for bytes: UInt64, _ rehearse: @escaping @Sendable (any BlockSink) throws(ContentError) -> Void
  ) async throws(CommandFailure)

  /// Puts what `work` makes there, safe from collection meanwhile, and keeps `roots` of it.
  ///
  /// - Parameters:
  ///   - pin: the pins' name; nil keeps nothing.
  ///   - isWhole: whether `work` makes everything below the roots, so that nobody need look whether it is all there.
  func adding<Value: Sendable>(
    pin: String?, isWhole: Bool, roots: @escaping @Sendable (Value) -> [CID],
    _ work: @escaping @Sendable (any BlockSink) throws(ContentError) -> Value
  ) async throws(CommandFailure) -> Value

  /// Answers in the form of the node's API.
  func usage() async throws(CommandFailure) -> JSONValue
  func pins() async throws(CommandFailure) -> JSONValue
  func pin(_ pin: Pin, quality: Double) async throws(CommandFailure) -> JSONValue
  func unpin(_ cid: CID) async throws(CommandFailure)
  func collect() async throws(CommandFailure) -> JSONValue
  func verify() async throws(CommandFailure) -> JSONValue
  func why(_ cid: CID) async throws(CommandFailure) -> JSONValue
  /// What an IPNS name or a domain leads to.
  func resolve(name: String) async throws(CommandFailure) -> (root: CID, segments: [String])
  /// Content under a root is about to be read.
  func used(_ root: CID)
  func close()
}

extension ContentPlace {
  /// What a content path leads to: `CID/path`, `/ipfs/CID/path`, `ipfs://CID/path`, or the same with `ipns`.
  func resolve(_ text: String) async throws(CommandFailure) -> CID {
    let address = try ContentAddress(text)
    var (root, segments): (CID, [String])
    switch address.root {
    case .content(let cid): (root, segments) = (cid, [])
    case .name(let name): (root, segments) = try await resolve(name: name)
    }
    segments += address.segments
    used(root)
    let source = blocks
    let found = try await content { () async throws(ContentError) in
      try await PathResolver.resolve(root, segments, from: source)
    }
    guard found.remainder.isEmpty else {
      throw .no(
        "`\(found.remainder.joined(separator: "/"))` lies inside the block \(found.cid); give a path to a block")
    }
    root = found.cid
    return root
  }
}

/// A content path as people write it.
struct ContentAddress: Equatable {
  enum Root: Equatable {
    case content(CID)
    case name(String)
  }

  var root: Root
  var segments: [String]

  /// - Throws: ``CommandFailure`` of status `usage`.
  init(_ text: String) throws(CommandFailure) {
    var rest = text[...]
    var isName = false
    for (prefix, name) in [("ipfs://", false), ("ipns://", true), ("/ipfs/", false), ("/ipns/", true)]
    where rest.hasPrefix(prefix) {
      rest = rest.dropFirst(prefix.count)
      isName = name
      break
    }
    let parts = rest.split(separator: "/").map { String($0) }
    guard let first = parts.first else {
      throw .usage("expected a CID, perhaps with a path below it, found `\(text)`")
    }
    segments = Array(parts.dropFirst())
    if isName {
      root = .name(first)
      return
    }
    root = .content(try Self.cid(first))
  }

  /// - Throws: ``CommandFailure`` of status `usage`.
  static func cid(_ text: String) throws(CommandFailure) -> CID {
    do throws(MultiformatError) { return try CID(text) } catch {
      throw .usage("`\(text)` is not a CID (\(error.detail)); expected one such as bafy… or Qm…")
    }
  }
}

/// The content of the data folder, in this process.
struct LocalContent: ContentPlace {
  let folder: ContentFolder

  var blocks: any BlockSource { folder.blocks }
  private var now: Int64 { ContentFolder.now() }

  func adding<Value: Sendable>(
    pin: String?, isWhole: Bool, roots: @escaping @Sendable (Value) -> [CID],
    _ work: @escaping @Sendable (any BlockSink) throws(ContentError) -> Value
  ) async throws(CommandFailure) -> Value {
    let (folder, now) = (folder, now)
    return try await content { () async throws(ContentError) in
      try await BlockingWork.run { () throws(ContentError) in
        let session = folder.store.beginSession()
        defer { session.end() }
        let value = try work(folder.store)
        try folder.store.flush()
        if let pin {
          for root in roots(value) {
            let pin = Pin(root, name: pin)
            if isWhole { try folder.keeper.keepAdded(pin) } else { try folder.keeper.keep(pin, now: now) }
          }
        }
        return value
      }
    }
  }

  func checkRoom(
    for bytes: UInt64, _ rehearse: @escaping @Sendable (any BlockSink) throws(ContentError) -> Void
  ) async throws(CommandFailure) {
    let (keeper, now) = (folder.keeper, now)
    try await content { () async throws(ContentError) in
      try await BlockingWork.run { () throws(ContentError) in
        try keeper.checkRoom(for: bytes, now: now, rehearse: rehearse)
      }
    }
  }

  func usage() async throws(CommandFailure) -> JSONValue {
    let usage = folder.store.usage
    return [
      "blocks": .integer(usage.blocks), "bytes": .integer(usage.liveBytes), "file_bytes": .integer(usage.fileBytes),
      "pins": .integer(usage.pins), "quota": usage.capacity.map { .integer($0) } ?? .null,
    ]
  }

  func pins() async throws(CommandFailure) -> JSONValue {
    .array(folder.store.pins.map { ContentAPI.json($0, folder.keeper.uses[$0.cid]) })
  }

  func pin(_ pin: Pin, quality: Double) async throws(CommandFailure) -> JSONValue {
    let (folder, now) = (folder, now)
    let fetched = try await content { () async throws(ContentError) in
      let session = folder.store.beginSession()
      defer { session.end() }
      var report = DAGFetch.Report()
      if pin.reach == .recursive, !folder.places.isEmpty {
        report = try await DAGFetch(into: folder.store, from: folder.places).run(pin.cid)
      } else {
        _ = try await folder.blocks.bytes(of: pin.cid)
      }
      try await BlockingWork.run { () throws(ContentError) in
        try folder.keeper.keep(pin, quality: quality, now: now)
      }
      return report.blocks
    }
    return .object(["pin": ContentAPI.json(pin, folder.keeper.uses[pin.cid]), "fetched_blocks": .integer(fetched)])
  }

  func unpin(_ cid: CID) async throws(CommandFailure) {
    try await content { () async throws(ContentError) in try folder.store.unpin(cid) }
    folder.keeper.uses.forget(cid)
  }

  func collect() async throws(CommandFailure) -> JSONValue {
    let (keeper, now) = (folder.keeper, now)
    return try await content { () async throws(ContentError) in
      try await BlockingWork.run { () throws(ContentError) in
        let (report, givenUp) = try keeper.collect(now: now)
        return CollectedReport(report: report, givenUp: givenUp)
      }
    }.json
  }

  func verify() async throws(CommandFailure) -> JSONValue {
    let places = folder.places
    return try await content { () async throws(ContentError) in
      try await folder.store.verify { multihash in await ContentAPI.repair(multihash, from: places) }
    }.json
  }

  func why(_ cid: CID) async throws(CommandFailure) -> JSONValue {
    let now = now
    return ContentAPI.json(
      try await content { () async throws(ContentError) in try folder.keeper.explain(cid, now: now) })
  }

  func resolve(name: String) async throws(CommandFailure) -> (root: CID, segments: [String]) {
    let target = try await content { () async throws(ContentError) in try await folder.names.resolve(name) }
    return (target.root, target.segments)
  }

  func used(_ root: CID) { folder.keeper.uses.used(root, now: now) }
  func close() { folder.close() }
}

extension ContentAddress {
  /// The node that holds the content, or the data folder itself.
  ///
  /// - Throws: ``CommandFailure``.
  static func place(_ node: NodeOptions) async throws(CommandFailure) -> any ContentPlace {
    let configuration = try Configuration.load(path: node.config, flags: node.flags)
    switch try await NodeLocator(options: node, dataDir: configuration.dataDir).locate() {
    case .node(let client): return NodeContent(baseURL: client.baseURL, apiKey: client.apiKey)
    case .here: return LocalContent(folder: try await ContentFolder.open(configuration))
    }
  }
}
