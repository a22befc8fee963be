package import Multiformats

/// The codecs by their multicodec number.
package enum Codec {
  /// The value that a block's bytes hold.
  ///
  /// - Throws: `.unsupported` for a codec not known here, `.malformed` for bytes that it forbids.
  package static func decode(_ bytes: [UInt8], codec: Multicodec) throws(ContentError) -> Node {
    switch codec {
    case .raw: .bytes(bytes)
    case .dagPB: try DagPB(decoding: bytes).node
    case .dagCBOR: try DagCBOR.decode(bytes)
    case .dagJSON: try DagJSON.decode(bytes)
    case .cbor: try DagCBOR.decodeLenient(bytes)
    case .json: try DagJSON.decodePlain(bytes)
    default: throw ContentError(.unsupported, "codec \(codec) is not known here")
    }
  }

  /// The canonical bytes of a value.
  package static func encode(_ node: Node, codec: Multicodec) throws(ContentError) -> [UInt8] {
    switch codec {
    case .raw:
      guard case .bytes(let bytes) = node else { throw ContentError(.malformed, "raw: only bytes can be written") }
      return bytes
    case .dagPB: return try DagPB(node).encode()
    case .dagCBOR, .cbor: return try DagCBOR.encode(node)
    case .dagJSON, .json: return try DagJSON.encode(node)
    default: throw ContentError(.unsupported, "codec \(codec) is not known here")
    }
  }

  /// The links of a block in the order of its encoding; none for codecs without links.
  package static func links(of bytes: [UInt8], codec: Multicodec) throws(ContentError) -> [CID] {
    switch codec {
    case .dagPB: try DagPB(decoding: bytes).links.map(\.cid)
    case .dagCBOR, .dagJSON: try decode(bytes, codec: codec).links
    default: []
    }
  }
}
