package import Multiformats
internal import Synchronization

/// Where IPNS records are found: a folder, peers, a delegated router.
package protocol RecordSource: Sendable {
  /// The record published under `name`, as it travels; nil where there is none. It is verified by whoever asks.
  func record(of name: PeerID) async throws(ContentError) -> [UInt8]?
}

/// Where DNSLink entries are found: a configured list, or the domain name system (https://dnslink.dev).
package protocol DomainLinkSource: Sendable {
  /// The path that the domain links to, such as `/ipfs/bafy…`, with the seconds that it may be kept; nil where it links
  /// nowhere.
  func link(of domain: String) async throws(ContentError) -> (path: String, seconds: UInt64?)?
}

/// DNSLink entries that were configured.
package struct FixedDomainLinks: DomainLinkSource {
  private let links: [String: String]

  /// - Parameter links: paths by domain.
  package init(_ links: [String: String]) {
    self.links = Dictionary(links.map { ($0.key.lowercased(), $0.value) }, uniquingKeysWith: { first, _ in first })
  }

  /// The domains.
  package var domains: Set<String> { Set(links.keys) }

  package func link(of domain: String) -> (path: String, seconds: UInt64?)? {
    links[domain.lowercased()].map { ($0, nil) }
  }
}

/// Turns names into content: IPNS keys by signed records, domains by DNSLink, and each as often as one leads to another.
package final class NameResolver: Sendable {
  /// Names that lead to names.
  package static let maximumSteps = 32

  /// Where a name leads.
  package struct Target: Sendable {
    package let root: CID
    /// What of a path follows the root, not percent-encoded.
    package let segments: [String]
    /// Seconds for which it may be kept; nil where nothing is said of that.
    package let seconds: UInt64?
  }

  private let records: Mutex<[any RecordSource]>
  private let domains: (any DomainLinkSource)?
  private let now: @Sendable () -> Int64

  /// - Parameter now: seconds since 1970.
  package init(
    records: [any RecordSource] = [], domains: (any DomainLinkSource)? = nil, now: @escaping @Sendable () -> Int64
  ) {
    self.records = Mutex(records)
    self.domains = domains
    self.now = now
  }

  /// Adds a place to look for records.
  package func add(_ source: any RecordSource) { records.withLock { $0.append(source) } }

  /// The best record of a name: valid, and of those the one with the highest sequence number.
  ///
  /// - Throws: `.notFound` where there is none, `.corrupt` or `.malformed` where those found are not to be trusted.
  package func record(of name: PeerID) async throws(ContentError) -> IPNSRecord {
    var best: IPNSRecord?
    var fault = ContentError(.notFound, "no IPNS record of \(name.cid) was found; its publisher may be gone")
    for source in records.withLock({ $0 }) {
      do throws(ContentError) {
        guard let bytes = try await source.record(of: name) else { continue }
        let record = try IPNSRecord(verifying: bytes, name: name)
        guard record.isValid(at: now()) else {
          fault = ContentError(.corrupt, "the IPNS record of \(name.cid) expired at \(record.validity)")
          continue
        }
        if best.map({ $0.sequence < record.sequence }) ?? true { best = record }
      } catch {
        if fault.code == .notFound || error.code != .timedOut { fault = error }
      }
    }
    guard let best else { throw fault }
    return best
  }

  /// Follows a name: an IPNS key in any form, or a domain.
  ///
  /// - Throws: `.notFound`, `.malformed` for what is neither, `.tooLarge` beyond ``maximumSteps``.
  package func resolve(_ name: String) async throws(ContentError) -> Target {
    var name = name
    var tail: [String] = []
    var seconds: UInt64?
    for _ in 0..<Self.maximumSteps {
      let path: String
      if let peer = Self.peer(name) {
        let record = try await record(of: peer)
        path = record.value
        seconds = min(seconds ?? .max, record.ttl / 1_000_000_000)
      } else if name.contains("."), let domains {
        guard let link = try await domains.link(of: name) else {
          throw ContentError(.notFound, "the domain \(name) has no DNSLink")
        }
        path = link.path
        if let limit = link.seconds { seconds = min(seconds ?? .max, limit) }
      } else {
        throw ContentError(.malformed, "\(name) is neither an IPNS key nor a domain with a DNSLink")
      }
      let parts = PathResolver.segments(path)
      guard parts.count >= 2 else {
        throw ContentError(.malformed, "\(name) leads to \(path), which is no content path")
      }
      tail = Array(parts.dropFirst(2)) + tail
      switch parts[0] {
      case "ipfs":
        let root = try parsing { () throws(MultiformatError) in try CID(parts[1]) }
        return Target(root: root, segments: tail, seconds: seconds)
      case "ipns": name = parts[1]
      default: throw ContentError(.malformed, "\(name) leads to \(path), which is no content path")
      }
    }
    throw ContentError(.tooLarge, "\(name): names lead to names more than \(Self.maximumSteps) times")
  }

  /// Whether it can be a name at all: an IPNS key in any form, or a domain of at least two labels.
  package static func isName(_ text: String) -> Bool {
    peer(text) != nil || (DNSMessage.labels(of: text).map { $0.count > 1 } ?? false)
  }

  /// The key that an IPNS name is, in whichever form; nil where it is none.
  package static func peer(_ name: String) -> PeerID? {
    if let peer = try? PeerID(name) { return peer }
    // Old names are CIDs of keys under the codec dag-pb.
    guard let cid = try? CID(name), cid.codec == .dagPB || cid.codec == .libp2pKey else { return nil }
    return try? PeerID(multihash: cid.multihash)
  }
}

/// Records in a folder, one file a name: what this node has published or was given.
package final class RecordFolder: RecordSource {
  private let folder: String
  private let files: any StoreFileSystem

  /// - Parameter folder: made where it is missing.
  package init(folder: String, files: any StoreFileSystem = DiskFileSystem()) throws(ContentError) {
    self.folder = folder
    self.files = files
    try files.makeFolder(folder)
  }

  private func path(_ name: PeerID) -> String { "\(folder)/\(name.cid).ipns-record" }

  package func record(of name: PeerID) throws(ContentError) -> [UInt8]? {
    let file: any StoreFile
    do throws(ContentError) {
      file = try files.open(path(name), create: false)
    } catch {
      if error.code == .notFound { return nil }
      throw error
    }
    let size = try file.size()
    guard size <= UInt64(IPNSRecord.maximumSize) else { return nil }
    return try file.bytes(at: 0, count: Int(size))
  }

  /// Keeps a record, unless a newer one is here.
  ///
  /// - Returns: whether it was kept.
  /// - Throws: `.corrupt` or `.malformed` where it does not hold.
  @discardableResult
  package func put(_ bytes: [UInt8], name: PeerID) throws(ContentError) -> Bool {
    let new = try IPNSRecord(verifying: bytes, name: name)
    if let old = try record(of: name), let known = try? IPNSRecord(verifying: old, name: name),
      known.sequence > new.sequence
    {
      return false
    }
    try files.replace([(path(name), bytes)], folder: folder)
    return true
  }
}
