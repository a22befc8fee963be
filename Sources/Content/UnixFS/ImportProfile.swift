package import Multiformats

/// Everything that decides which CID a file or folder gets (IPIP-499).
package struct ImportProfile: Hashable, Sendable {
  /// How a file is cut.
  package enum Chunking: Hashable, Sendable {
    /// Pieces of that many bytes, 1 to 1 MiB; the last may be shorter.
    case fixed(Int)
    /// Content-defined cuts by a rolling Buzhash: 128 KiB to 512 KiB, 256 KiB expected.
    case buzhash
    /// Content-defined cuts by Rabin's fingerprint, at the same places as Kubo's.
    case rabin(Rabin)

    /// The longest piece, in bytes.
    var longest: Int {
      switch self {
      case .fixed(let size): size
      case .buzhash: Buzhash.longest
      case .rabin(let rabin): rabin.longest
      }
    }

    /// Reads the name that the command line takes: `size-N`, `buzhash`, `rabin`, `rabin-AVG` or `rabin-MIN-AVG-MAX`,
    /// in bytes.
    ///
    /// - Throws: `.malformed` for other names and for sizes out of bounds.
    package init(_ name: String) throws(ContentError) {
      let parts = name.split(separator: "-", omittingEmptySubsequences: false).map { String($0) }
      let sizes = parts.dropFirst().compactMap { Int($0) }
      guard sizes.count == parts.count - 1 else { throw Self.unknown(name) }
      switch (parts.first, sizes.count) {
      case ("size", 1):
        guard (1...1 << 20).contains(sizes[0]) else { throw Self.unknown(name) }
        self = .fixed(sizes[0])
      case ("buzhash", 0): self = .buzhash
      case ("rabin", 0): self = .rabin(.standard)
      case ("rabin", 1):
        self = .rabin(try Rabin(shortest: sizes[0] / 3, average: sizes[0], longest: sizes[0] + sizes[0] / 2))
      case ("rabin", 3): self = .rabin(try Rabin(shortest: sizes[0], average: sizes[1], longest: sizes[2]))
      default: throw Self.unknown(name)
      }
    }

    private static func unknown(_ name: String) -> ContentError {
      ContentError(
        .malformed,
        "chunker \(name): expected size-N (1 to 1048576), buzhash, rabin, rabin-AVG or rabin-MIN-AVG-MAX")
    }
  }

  /// How a directory's size is measured against ``shardThreshold``.
  package enum SizeEstimate: Hashable, Sendable {
    /// Names and CIDs of the links alone; sharded from the threshold on, as Kubo did in 2015.
    case links
    /// The whole encoded block; sharded beyond the threshold.
    case block
  }

  package var version: CID.Version
  package var chunking: Chunking
  package var rawLeaves: Bool
  /// The most links of a file node.
  package var width: Int
  package var sizeEstimate: SizeEstimate
  /// Bytes; see ``SizeEstimate``.
  package var shardThreshold = 256 << 10
  /// Whether names that begin with a dot are added.
  package var includesHidden = false
  /// Whether permission bits and modification times are kept.
  package var keepsMode = false
  package var keepsTime = false

  /// What Kubo adds by default: CIDv0, 256 KiB, 174 links, UnixFS leaves.
  package static let unixfsV0x2015 = ImportProfile(
    version: .v0, chunking: .fixed(256 << 10), rawLeaves: false, width: 174, sizeEstimate: .links)
  /// The modern profile: CIDv1, 1 MiB, 1,024 links, raw leaves.
  package static let unixfsV1x2025 = ImportProfile(
    version: .v1, chunking: .fixed(1 << 20), rawLeaves: true, width: 1_024, sizeEstimate: .block)
  /// As ``unixfsV1x2025`` with content-defined cuts, so that files which share stretches share blocks.
  package static let deduplicating = ImportProfile(
    version: .v1, chunking: .buzhash, rawLeaves: true, width: 1_024, sizeEstimate: .block)

  /// The profiles by the names that the command line takes.
  package static let named: [(name: String, profile: ImportProfile)] = [
    ("unixfs-v0-2015", unixfsV0x2015), ("unixfs-v1-2025", unixfsV1x2025), ("deduplicating", deduplicating),
  ]

  package init(version: CID.Version, chunking: Chunking, rawLeaves: Bool, width: Int, sizeEstimate: SizeEstimate) {
    self.version = version
    self.chunking = chunking
    self.rawLeaves = rawLeaves
    self.width = width
    self.sizeEstimate = sizeEstimate
  }
}
