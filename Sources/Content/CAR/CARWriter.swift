package import Multiformats

/// Writes content-addressed archives, version 1 (https://ipld.io/specs/transport/car/carv1/), piece by piece.
package enum CARWriter {
  /// The archive's beginning.
  package static func header(roots: [CID]) throws(ContentError) -> [UInt8] {
    let header = try DagCBOR.encode(.map(["roots": .list(roots.map(Node.link)), "version": .unsigned(1)]))
    return Varint.encode(UInt64(header.count)) + header
  }

  /// One block of the archive.
  package static func section(_ cid: CID, _ bytes: [UInt8]) -> [UInt8] {
    let name = cid.bytes
    return Varint.encode(UInt64(name.count + bytes.count)) + name + bytes
  }
}
