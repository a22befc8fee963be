package import Multiformats

/// What a relay says of a request (https://github.com/libp2p/specs/blob/master/relay/circuit-v2.md, "Status").
package enum RelayStatus: UInt64, Hashable, Sendable {
  case unused = 0
  case ok = 100
  case reservationRefused = 200
  case limitExceeded = 201
  case permissionDenied = 202
  case connectionFailed = 203
  case noReservation = 204
  case malformedMessage = 400
  case unexpectedMessage = 401
}

/// How much a relay passes on for one connection.
package struct RelayLimit: Hashable, Sendable {
  /// Seconds; 0 for no limit.
  package var duration: UInt64
  /// Bytes in each direction; 0 for no limit.
  package var data: UInt64

  package init(duration: UInt64, data: UInt64) {
    self.duration = duration
    self.data = data
  }
}

/// A place at a relay.
package struct RelayReservation: Hashable, Sendable {
  /// Seconds since 1970.
  package var expires: UInt64
  /// Where the relay can be reached, without `/p2p-circuit`.
  package var addresses: [Multiaddr]
  /// A signed envelope that proves the place to others.
  package var voucher: [UInt8]

  package init(expires: UInt64, addresses: [Multiaddr], voucher: [UInt8]) {
    self.expires = expires
    self.addresses = addresses
    self.voucher = voucher
  }
}

/// A message of `/libp2p/circuit/relay/0.2.0/hop` or `/stop`.
package struct RelayMessage: Hashable, Sendable {
  /// Which of the two protocols.
  package enum Side: Sendable {
    /// Between a peer and its relay.
    case hop
    /// Between a relay and the peer that is called.
    case stop
  }

  /// What it is; the numbers differ between the sides.
  package enum Kind: Hashable, Sendable {
    case reserve
    case connect
    case status
  }

  package static let hopProtocol = "/libp2p/circuit/relay/0.2.0/hop"
  package static let stopProtocol = "/libp2p/circuit/relay/0.2.0/stop"
  /// The longest message, in bytes.
  package static let maximumSize = 4_096
  /// What a voucher's signature is about, and the type of its payload.
  package static let voucherDomain = "libp2p-relay-rsvp"
  package static let voucherType: [UInt8] = [0x03, 0x02]

  package var kind: Kind
  package var peer: PeerID?
  package var reservation: RelayReservation?
  package var limit: RelayLimit?
  package var status: RelayStatus?

  package init(_ kind: Kind) { self.kind = kind }

  private static func kinds(_ side: Side) -> [Kind] {
    switch side {
    case .hop: [.reserve, .connect, .status]
    case .stop: [.connect, .status]
    }
  }

  private static func numbers(_ side: Side) -> (reservation: Int?, limit: Int, status: Int) {
    switch side {
    case .hop: (3, 4, 5)
    case .stop: (nil, 3, 4)
    }
  }

  /// - Throws: `.malformed`, `.tooLarge`.
  package init(decoding bytes: [UInt8], _ side: Side) throws(PeerError) {
    let kinds = Self.kinds(side)
    let numbers = Self.numbers(side)
    var kind: Kind?
    self.kind = .status
    var reader = ProtobufReader(bytes)
    while let field = try reader.next() {
      switch field.number {
      case 1:
        let number = try field.varint()
        guard number < UInt64(kinds.count) else {
          throw PeerError(.malformed, "relay message: type \(number), expected 0 to \(kinds.count - 1)")
        }
        kind = kinds[Int(number)]
      case 2: peer = try Self.peer(try field.message())
      case numbers.limit: limit = try Self.limit(try field.message())
      case numbers.status: status = RelayStatus(rawValue: try field.varint()) ?? .unused
      default: if field.number == numbers.reservation { reservation = try Self.reservation(try field.message()) }
      }
    }
    guard let kind else { throw PeerError(.malformed, "relay message: it has no type") }
    self.kind = kind
  }

  private static func peer(_ message: ProtobufReader) throws(PeerError) -> PeerID? {
    var reader = message
    var peer: PeerID?
    while let field = try reader.next() {
      if field.number == 1 { peer = try? PeerID(bytes: try field.bytes(maximum: 128)) }
    }
    return peer
  }

  private static func limit(_ message: ProtobufReader) throws(PeerError) -> RelayLimit {
    var reader = message
    var limit = RelayLimit(duration: 0, data: 0)
    while let field = try reader.next() {
      if field.number == 1 { limit.duration = try field.varint() }
      if field.number == 2 { limit.data = try field.varint() }
    }
    return limit
  }

  private static func reservation(_ message: ProtobufReader) throws(PeerError) -> RelayReservation {
    var reader = message
    var reservation = RelayReservation(expires: 0, addresses: [], voucher: [])
    while let field = try reader.next() {
      switch field.number {
      case 1: reservation.expires = try field.varint()
      case 2 where reservation.addresses.count < 16:
        if let address = try? Multiaddr(bytes: Array(try field.slice())) { reservation.addresses.append(address) }
      case 3: reservation.voucher = try field.bytes(maximum: 2_048)
      default: continue
      }
    }
    return reservation
  }

  /// The message as it travels, without its length.
  package func bytes(_ side: Side) -> [UInt8] {
    let numbers = Self.numbers(side)
    var writer = ProtobufWriter()
    writer.varint(1, UInt64(Self.kinds(side).firstIndex(of: kind) ?? 0))
    if let peer { writer.message(2) { $0.bytes(1, peer.bytes) } }
    if let reservation, let number = numbers.reservation {
      writer.message(number) { writer in
        writer.varint(1, reservation.expires)
        for address in reservation.addresses { writer.bytes(2, address.bytes) }
        writer.bytes(3, reservation.voucher)
      }
    }
    if let limit {
      writer.message(numbers.limit) { writer in
        writer.varint(1, limit.duration)
        writer.varint(2, limit.data)
      }
    }
    if let status { writer.varint(numbers.status, status.rawValue) }
    return writer.bytes
  }

  /// What a voucher says: that `peer` has a place at `relay` until then.
  package static func voucher(relay: PeerID, peer: PeerID, expires: UInt64) -> [UInt8] {
    var writer = ProtobufWriter()
    writer.bytes(1, relay.bytes)
    writer.bytes(2, peer.bytes)
    writer.varint(3, expires)
    return writer.bytes
  }
}

/// Who has a place at this relay, and who uses one; pure.
package struct RelayBook: Sendable {
  /// Bounds.
  package struct Limits: Sendable {
    /// Places, and how long one holds.
    package var reservations = 128
    package var lifetime: Duration = .seconds(3_600)
    /// Connections through this node at one time, and of one peer.
    package var circuits = 64
    package var circuitsPerPeer = 8
    /// What one connection may take.
    package var duration: Duration = .seconds(120)
    package var data = 1 << 17

    package init() {}
  }

  package let limits: Limits
  private var reservations: [PeerID: Duration] = [:]
  private var circuits: [PeerID: Int] = [:]
  private var total = 0

  package init(limits: Limits = Limits()) { self.limits = limits }

  /// Gives or renews a place.
  ///
  /// - Returns: until when; nil where all are taken.
  package mutating func reserve(_ peer: PeerID, at now: Duration) -> Duration? {
    reservations = reservations.filter { $0.value > now }
    guard reservations[peer] != nil || reservations.count < limits.reservations else { return nil }
    let until = now + limits.lifetime
    reservations[peer] = until
    return until
  }

  /// A peer has gone, and with it its place.
  package mutating func release(_ peer: PeerID) { reservations[peer] = nil }

  /// Begins a connection; call ``end(from:to:)`` at its end where it is ok.
  package mutating func begin(from: PeerID, to: PeerID, at now: Duration) -> RelayStatus {
    guard let until = reservations[to], until > now else { return .noReservation }
    guard total < limits.circuits, circuits[from, default: 0] < limits.circuitsPerPeer,
      circuits[to, default: 0] < limits.circuitsPerPeer
    else { return .limitExceeded }
    total += 1
    circuits[from, default: 0] += 1
    circuits[to, default: 0] += 1
    return .ok
  }

  package mutating func end(from: PeerID, to: PeerID) {
    total -= 1
    for peer in [from, to] {
      let left = circuits[peer, default: 1] - 1
      circuits[peer] = left > 0 ? left : nil
    }
  }
}
