package import Multiformats

/// A value of the IPLD data model (https://ipld.io/docs/data-model/).
package indirect enum Node: Hashable, Sendable {
  case null
  case bool(Bool)
  /// 0 to 2^64-1.
  case unsigned(UInt64)
  /// The number -1 - n, down to -2^64; never used for a number that `unsigned` can hold.
  case negative(UInt64)
  /// Finite.
  case float(Double)
  case string(String)
  case bytes([UInt8])
  case list([Node])
  /// Entries in whichever order; the codecs sort. Keys are distinct.
  case map([String: Node])
  case link(CID)

  /// An integer of Swift's range.
  package static func int(_ value: Int) -> Node {
    value >= 0 ? .unsigned(UInt64(value)) : .negative(UInt64(-1 - value))
  }

  /// The entry of a map, or the element of a list at a decimal index; nil where there is none.
  package subscript(_ segment: String) -> Node? {
    switch self {
    case .map(let entries): return entries[segment]
    case .list(let elements):
      guard let index = Int(segment), String(index) == segment, elements.indices.contains(index) else { return nil }
      return elements[index]
    default: return nil
    }
  }

  package var stringValue: String? { if case .string(let value) = self { value } else { nil } }
  package var bytesValue: [UInt8]? { if case .bytes(let value) = self { value } else { nil } }
  package var linkValue: CID? { if case .link(let value) = self { value } else { nil } }
  package var unsignedValue: UInt64? { if case .unsigned(let value) = self { value } else { nil } }
  package var listValue: [Node]? { if case .list(let value) = self { value } else { nil } }
  package var mapValue: [String: Node]? { if case .map(let value) = self { value } else { nil } }

  /// Every link in it, in the order of the canonical encoding, duplicates kept.
  package var links: [CID] {
    var links: [CID] = []
    collectLinks(into: &links)
    return links
  }

  private func collectLinks(into links: inout [CID]) {
    // Depth is bounded by the codecs that made the node.
    switch self {
    case .link(let cid): links.append(cid)
    case .list(let elements): for element in elements { element.collectLinks(into: &links) }
    case .map(let entries):
      for key in entries.keys.sorted(by: DagCBOR.precedes) { entries[key]?.collectLinks(into: &links) }
    default: break
    }
  }
}

/// Bounds that every codec keeps on what strangers send.
package enum CodecLimits {
  /// Lists and maps within each other.
  package static let depth = 128
  /// Elements of all lists and maps of one block together.
  package static let items = 1 << 20
}
