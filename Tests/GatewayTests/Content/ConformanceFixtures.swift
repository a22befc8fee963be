import Content
import Foundation
import Gateway
import Multiformats
import Testing

/// The fixtures of gateway-conformance, beside the repository where they are there at all.
enum ConformanceFixtures {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "shared/data/ipfs")
  static var arePresent: Bool { FileManager.default.fileExists(atPath: folder.path) }
  static let absence: Comment = "the fixtures of gateway-conformance are not beside the repository"

  static func bytes(_ name: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: folder.appending(path: name))) }

  /// Every archive, in one set of blocks, as a gateway would hold them.
  static func blocks() throws -> MemoryBlocks {
    let blocks = MemoryBlocks()
    for name in try files(ending: ".car") { _ = try load(name, into: blocks) }
    return blocks
  }

  /// - Returns: the archive's roots.
  static func load(_ name: String, into blocks: MemoryBlocks) throws -> [CID] {
    var parser = CARParser()
    for block in try parser.feed(try bytes(name)) { try blocks.put(block) }
    try parser.finish()
    return parser.roots ?? []
  }

  static func files(ending suffix: String) throws -> [String] {
    let found = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
    return found.filter { $0.hasSuffix(suffix) }.sorted()
  }

  /// DNSLink entries of every list, by their domains, and the domains by the entries' names.
  static func domainLinks() throws -> (paths: [String: String], domains: [String: String]) {
    var paths: [String: String] = [:]
    var domains: [String: String] = [:]
    for file in try files(ending: "dnslink.yml") {
      var name = ""
      var domain = ""
      for line in String(decoding: try bytes(file), as: UTF8.self).split(separator: "\n") {
        let text = line.prefix { $0 != "#" }
        let words = text.split { $0 == " " }.map { String($0) }
        if text.hasPrefix("  "), !text.hasPrefix("   "), words.count == 1 { name = String(words[0].dropLast()) }
        if words.first == "domain:", words.count > 1 {
          domain = words[1]
          domains[name] = domain
        }
        if words.first == "path:", words.count > 1 { paths[domain] = words[1] }
      }
    }
    return (paths, domains)
  }
}

/// IPNS records as the fixtures have them, good and broken.
struct FixtureRecords: RecordSource {
  let records: [PeerID: [UInt8]]

  init() throws {
    var records: [PeerID: [UInt8]] = [:]
    for file in try ConformanceFixtures.files(ending: ".ipns-record") {
      let name = file.split(separator: "/").last.map { $0.prefix { $0 != "_" && $0 != "." } } ?? ""
      records[try PeerID(name)] = try ConformanceFixtures.bytes(file)
    }
    self.records = records
  }

  func record(of name: PeerID) -> [UInt8]? { records[name] }
}

/// A gateway that holds every fixture, and a client of it.
struct ConformanceNode {
  /// A host under which content roots have names of their own.
  static let host = "example.com"

  let node: TestNode
  let blocks: MemoryBlocks
  let domains: [String: String]

  static func with(_ body: (ConformanceNode) async throws -> Void) async throws {
    let blocks = try ConformanceFixtures.blocks()
    let links = try ConformanceFixtures.domainLinks()
    // Within the time that every record of the fixtures holds.
    let now: @Sendable () -> Int64 = { 1_780_000_000 }
    var options = ContentGateway.Options(now: now)
    options.hosts = [host]
    options.domains = Set(links.domains.values)
    options.patience = .seconds(5)
    let names = NameResolver(records: [try FixtureRecords()], domains: FixedDomainLinks(links.paths), now: now)
    let gateway = ContentGateway(blocks: blocks, here: blocks, names: names, options: options)
    try await TestNode.with(configure: { configuration, services in
      configuration.allowedHosts = ["*"]
      services.modules = [gateway]
    }) { node in
      try await body(ConformanceNode(node: node, blocks: blocks, domains: links.domains))
    }
  }

  /// Asks for a path as a client would that encodes what is not ASCII.
  func get(
    _ path: String, _ headers: [String: String] = [:], host: String = "127.0.0.1", method: String = "GET"
  ) async throws -> Response {
    let encoded = path.utf8.map { byte -> String in
      byte > 0x20 && byte < 0x7f
        ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
    }.joined()
    return try await node.ask(
      method, encoded, text: nil, headers: headers.map { "\($0.key): \($0.value)" }, host: host)
  }

  /// The CID at a path below a root.
  func cid(_ root: CID, _ path: String = "") async throws -> CID {
    try await PathResolver.resolve(root, PathResolver.segments(path), from: blocks).cid
  }

  func bytes(_ root: CID, _ path: String = "") async throws -> [UInt8] {
    try blocks.bytes(of: try await cid(root, path))
  }

  /// The archive's root of that name.
  func root(_ name: String, codec: Multicodec? = nil) throws -> CID {
    let roots = try ConformanceFixtures.load(name, into: MemoryBlocks())
    return try #require(roots.first { codec == nil || $0.codec == codec })
  }

  /// The CIDs of an archive's blocks, in order.
  static func archive(_ response: Response) throws -> [String] {
    var parser = CARParser()
    let blocks = try parser.feed(response.bytes)
    try parser.finish()
    return blocks.map { "\($0.cid)" }
  }
}

/// Tests of the gateway with the fixtures of gateway-conformance.
@Suite(.enabled(if: ConformanceFixtures.arePresent, ConformanceFixtures.absence), .timeLimit(.minutes(2)))
enum GatewayConformance {}
