package import Multiformats

/// A promise to keep content.
package struct Pin: Hashable, Sendable {
  /// How far the promise reaches.
  package enum Reach: String, Hashable, Sendable {
    /// The block and everything that it links to.
    case recursive
    /// The block alone.
    case direct
  }

  /// How long it holds.
  package enum Term: String, Hashable, Sendable {
    /// Until it is taken back.
    case always
    /// Until the store needs the room for something that is worth more; see ``RetentionPolicy``.
    case whileWorthIt = "while-worth-it"
  }

  package var cid: CID
  package var reach: Reach
  /// A label, at most 256 bytes; empty for none.
  package var name: String
  package var term: Term

  package init(_ cid: CID, reach: Reach = .recursive, name: String = "", term: Term = .always) {
    self.cid = cid
    self.reach = reach
    self.name = name
    self.term = term
  }
}

/// The pins as they lie on disk: a DAG-CBOR value behind a generation, sealed by a SHA-256. Two copies are kept, so that
/// one flipped byte loses none.
struct PinTable {
  var generation: UInt64 = 0
  var pins: [CID: Pin] = [:]

  func encode() throws(ContentError) -> [UInt8] {
    let list = pins.values.sorted { $0.cid.bytes.lexicographicallyPrecedes($1.cid.bytes) }.map { pin in
      Node.list([.link(pin.cid), .string(pin.reach.rawValue), .string(pin.name), .string(pin.term.rawValue)])
    }
    let bytes = try DagCBOR.encode(.map(["generation": .unsigned(generation), "pins": .list(list)]))
    return bytes + Digest.sha256(bytes)
  }

  init() {}

  init?(decoding bytes: [UInt8]) {
    guard bytes.count > 32, Digest.sha256(Array(bytes.dropLast(32))).elementsEqual(bytes.suffix(32)),
      let node = try? DagCBOR.decode(Array(bytes.dropLast(32))), let generation = node["generation"]?.unsignedValue,
      let list = node["pins"]?.listValue
    else { return nil }
    self.generation = generation
    for element in list {
      guard let cid = element["0"]?.linkValue, let reach = element["1"]?.stringValue.flatMap(Pin.Reach.init(rawValue:)),
        let name = element["2"]?.stringValue
      else { return nil }
      // Tables of before have no terms, and nothing in them was to be given up.
      let term = element["3"]?.stringValue.flatMap(Pin.Term.init(rawValue:)) ?? .always
      pins[cid] = Pin(cid, reach: reach, name: name, term: term)
    }
  }
}
