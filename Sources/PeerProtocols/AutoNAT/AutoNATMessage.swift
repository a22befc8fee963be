package import Multiformats

/// A message of AutoNAT, by which a node learns whether others can reach it
/// (https://github.com/libp2p/specs/blob/master/autonat/autonat-v1.md).
package enum AutoNATMessage: Hashable, Sendable {
  /// How a dial ended.
  package enum Status: UInt64, Hashable, Sendable {
    case ok = 0
    case dialError = 100
    case dialRefused = 101
    case badRequest = 200
    case internalError = 300
  }

  package static let protocolName = "/libp2p/autonat/1.0.0"
  /// The longest message, in bytes.
  package static let maximumSize = 8_192
  /// Addresses of one request that are looked at.
  package static let maximumAddresses = 16

  case dial(PeerID?, [Multiaddr])
  case response(Status, String, Multiaddr?)

  /// - Throws: `.malformed`.
  package init(decoding bytes: [UInt8]) throws(PeerError) {
    var reader = ProtobufReader(bytes)
    var isResponse = false
    var peer: PeerID?
    var addresses: [Multiaddr] = []
    var (status, text, address): (Status, String, Multiaddr?) = (.ok, "", nil)
    while let field = try reader.next() {
      switch field.number {
      case 1: isResponse = try field.varint() == 1
      case 2:
        var dial = try field.message()
        while let field = try dial.next() {
          guard field.number == 1 else { continue }
          var info = try field.message()
          while let field = try info.next() {
            if field.number == 1 { peer = try? PeerID(bytes: try field.bytes(maximum: 128)) }
            if field.number == 2, addresses.count < Self.maximumAddresses,
              let address = try? Multiaddr(bytes: Array(try field.slice()))
            {
              addresses.append(address)
            }
          }
        }
      case 3:
        var response = try field.message()
        while let field = try response.next() {
          switch field.number {
          case 1: status = Status(rawValue: try field.varint()) ?? .internalError
          case 2: text = try field.text(maximum: 1_024)
          case 3: address = try? Multiaddr(bytes: Array(try field.slice()))
          default: continue
          }
        }
      default: continue
      }
    }
    self = isResponse ? .response(status, text, address) : .dial(peer, addresses)
  }

  /// The message as it travels, without its length.
  package var bytes: [UInt8] {
    var writer = ProtobufWriter()
    switch self {
    case .dial(let peer, let addresses):
      writer.varint(1, 0)
      writer.message(2) { writer in
        writer.message(1) { writer in
          if let peer { writer.bytes(1, peer.bytes) }
          for address in addresses { writer.bytes(2, address.bytes) }
        }
      }
    case .response(let status, let text, let address):
      writer.varint(1, 1)
      writer.message(3) { writer in
        writer.varint(1, status.rawValue)
        if !text.isEmpty { writer.text(2, text) }
        if let address { writer.bytes(3, address.bytes) }
      }
    }
    return writer.bytes
  }
}

/// What a node makes of what others found: it believes what several say in a row.
package struct Reachability: Sendable {
  /// Whether others can reach this node.
  package enum Verdict: Hashable, Sendable {
    case unknown
    case reachable
    case unreachable
  }

  /// How many must agree.
  package static let confidence = 3

  package private(set) var verdict = Verdict.unknown
  private var last: Verdict = .unknown
  /// Who found the last in a row, as many as must agree.
  private var streak: [PeerID] = []

  package init() {}

  /// Takes in what a peer found; one peer counts once in a streak.
  ///
  /// - Parameter able: peers that could be asked; where they are fewer than ``confidence``, all of them must agree.
  /// - Returns: whether the verdict changed.
  @discardableResult
  package mutating func note(_ found: Verdict, by peer: PeerID, of able: Int = .max) -> Bool {
    if found != last {
      last = found
      streak = []
    }
    guard streak.count < Self.confidence, !streak.contains(peer) else { return false }
    streak.append(peer)
    guard streak.count >= min(Self.confidence, max(1, able)), verdict != found else { return false }
    verdict = found
    return true
  }
}
