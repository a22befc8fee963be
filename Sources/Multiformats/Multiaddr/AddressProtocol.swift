/// One protocol of the multiaddr table (https://github.com/multiformats/multiaddr/blob/master/protocols.csv).
package struct AddressProtocol: Hashable, Sendable {
  /// How the value is laid out in binary and written as text.
  enum Layout: Hashable, Sendable {
    case none
    case ip4, ip6
    case port
    case byte
    case number64
    case text
    case path
    case peer
    case multibaseHash
    case onion3
  }

  package let code: UInt64
  package let name: String
  let layout: Layout

  static let all: [AddressProtocol] = [
    .init(code: 4, name: "ip4", layout: .ip4),
    .init(code: 6, name: "tcp", layout: .port),
    .init(code: 33, name: "dccp", layout: .port),
    .init(code: 41, name: "ip6", layout: .ip6),
    .init(code: 42, name: "ip6zone", layout: .text),
    .init(code: 43, name: "ipcidr", layout: .byte),
    .init(code: 53, name: "dns", layout: .text),
    .init(code: 54, name: "dns4", layout: .text),
    .init(code: 55, name: "dns6", layout: .text),
    .init(code: 56, name: "dnsaddr", layout: .text),
    .init(code: 132, name: "sctp", layout: .port),
    .init(code: 273, name: "udp", layout: .port),
    .init(code: 276, name: "p2p-webrtc-direct", layout: .none),
    .init(code: 280, name: "webrtc-direct", layout: .none),
    .init(code: 281, name: "webrtc", layout: .none),
    .init(code: 290, name: "p2p-circuit", layout: .none),
    .init(code: 301, name: "udt", layout: .none),
    .init(code: 302, name: "utp", layout: .none),
    .init(code: 400, name: "unix", layout: .path),
    .init(code: 421, name: "p2p", layout: .peer),
    .init(code: 443, name: "https", layout: .none),
    .init(code: 445, name: "onion3", layout: .onion3),
    .init(code: 448, name: "tls", layout: .none),
    .init(code: 449, name: "sni", layout: .text),
    .init(code: 454, name: "noise", layout: .none),
    .init(code: 460, name: "quic", layout: .none),
    .init(code: 461, name: "quic-v1", layout: .none),
    .init(code: 465, name: "webtransport", layout: .none),
    .init(code: 466, name: "certhash", layout: .multibaseHash),
    .init(code: 477, name: "ws", layout: .none),
    .init(code: 478, name: "wss", layout: .none),
    .init(code: 480, name: "http", layout: .none),
    .init(code: 481, name: "http-path", layout: .text),
    .init(code: 777, name: "memory", layout: .number64),
    .init(code: 7_367_777, name: "plaintextv2", layout: .none),
  ]

  private static let byCode = Dictionary(uniqueKeysWithValues: all.map { ($0.code, $0) })
  private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

  init(code: UInt64, name: String, layout: Layout) {
    self.code = code
    self.name = name
    self.layout = layout
  }

  /// The protocol of that number, or nil where this build does not know it.
  package init?(code: UInt64) {
    guard let found = Self.byCode[code] else { return nil }
    self = found
  }

  /// The protocol of that name; `ipfs` is the old name of `p2p`.
  package init?(name: String) {
    guard let found = Self.byName[name == "ipfs" ? "p2p" : name] else { return nil }
    self = found
  }

  /// Bytes of value in binary; nil where a length precedes it.
  var fixedLength: Int? {
    switch layout {
    case .none: 0
    case .ip4: 4
    case .ip6: 16
    case .port: 2
    case .byte: 1
    case .number64: 8
    case .onion3: 37
    case .text, .path, .peer, .multibaseHash: nil
    }
  }
}
