/// A number of the multicodec table (https://github.com/multiformats/multicodec), which says what bytes mean.
package struct Multicodec: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  package let rawValue: UInt64

  package init(rawValue: UInt64) { self.rawValue = rawValue }

  package static let raw = Self(rawValue: 0x55)
  package static let dagPB = Self(rawValue: 0x70)
  package static let dagCBOR = Self(rawValue: 0x71)
  package static let libp2pKey = Self(rawValue: 0x72)
  package static let dagJSON = Self(rawValue: 0x0129)
  package static let cbor = Self(rawValue: 0x51)
  package static let json = Self(rawValue: 0x0200)

  private static let names: [UInt64: String] = [
    0x55: "raw", 0x70: "dag-pb", 0x71: "dag-cbor", 0x72: "libp2p-key", 0x0129: "dag-json", 0x51: "cbor", 0x0200: "json",
  ]

  /// The codec of that table name, or nil where this build does not know it.
  package init?(name: String) {
    guard let found = Self.names.first(where: { $0.value == name }) else { return nil }
    self.rawValue = found.key
  }

  package var description: String { Self.names[rawValue] ?? "0x" + String(rawValue, radix: 16) }
}
