package import Multiformats

/// Where a path through content leads.
package struct ResolvedPath: Sendable {
  /// The block that the path ends in.
  package let cid: CID
  /// What is left of the path inside of that block, for codecs with fields.
  package let remainder: [String]
  /// Every block from the root to the last, each once, in order: the proof.
  package let blocks: [CID]
  /// What each segment leads to, the root first; shards that were passed on the way are left out.
  package let roots: [CID]
}

/// Follows paths through UnixFS directories, maps and lists.
package enum PathResolver {
  /// Segments of one path.
  package static let maximumSegments = 1_024

  /// The segments of `/a/b//c/`: empty ones are left out. They are not percent-decoded here.
  package static func segments(_ path: some StringProtocol) -> [String] {
    path.split(separator: "/" as Character).map { String($0) }
  }

  /// Follows `segments` from `root`.
  ///
  /// - Throws: `.notFound`, `.wrongKind`, `.missing` and what decoding throws.
  package static func resolve(
    _ root: CID, _ segments: [String], from source: any BlockSource
  ) async throws(ContentError) -> ResolvedPath {
    guard segments.count <= maximumSegments else {
      throw ContentError(.tooLarge, "a path of \(segments.count) segments, at most \(maximumSegments)")
    }
    var blocks = [root]
    var roots = [root]
    var cid = root
    var rest = segments[...]
    while let segment = rest.first {
      switch cid.codec {
      case .dagPB:
        let bytes = try await source.bytes(of: cid)
        let node = try UnixFSNode(cid: cid, bytes: bytes)
        cid = try await DirectoryReader.find(segment, in: node, from: source, visited: &blocks)
        rest.removeFirst()
        blocks.append(cid)
        roots.append(cid)
      case .dagCBOR, .dagJSON, .cbor, .json:
        var value = try Codec.decode(try await source.bytes(of: cid), codec: cid.codec)
        var inside = rest
        var link: CID?
        while link == nil, let segment = inside.first {
          guard let next = value[segment] else {
            throw ContentError(.notFound, "no field \(segment.debugDescription) in \(cid)", cid: cid)
          }
          inside.removeFirst()
          value = next
          link = value.linkValue
        }
        guard let link else { return ResolvedPath(cid: cid, remainder: Array(rest), blocks: blocks, roots: roots) }
        rest = inside
        cid = link
        blocks.append(cid)
        roots.append(cid)
      default:
        throw ContentError(
          .wrongKind, "\(cid) is \(cid.codec); nothing named \(segment.debugDescription) lies in it", cid: cid)
      }
    }
    return ResolvedPath(cid: cid, remainder: [], blocks: blocks, roots: roots)
  }
}
