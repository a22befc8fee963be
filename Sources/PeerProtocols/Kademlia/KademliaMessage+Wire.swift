internal import Multiformats

extension KademliaMessage {
  /// Reads a message.
  ///
  /// Peers whose id is none are passed over, and so are addresses that this build does not know, as others may speak
  /// transports that it does not.
  ///
  /// - Throws: `.malformed`, `.tooLarge`.
  package init(decoding bytes: [UInt8]) throws(PeerError) {
    guard bytes.count <= Self.maximumSize else {
      throw PeerError(.tooLarge, "DHT message of \(bytes.count) bytes, at most \(Self.maximumSize)")
    }
    var reader = ProtobufReader(bytes)
    var kind: Kind = .putValue
    var key: [UInt8] = []
    var record: KademliaRecord?
    var closer: [KademliaContact] = []
    var providers: [KademliaContact] = []
    while let field = try reader.next() {
      switch field.number {
      case 1:
        let number = try field.varint()
        guard let known = Kind(rawValue: number) else {
          throw PeerError(.malformed, "DHT message: type \(number), expected 0 to 5")
        }
        kind = known
      case 2: key = try field.bytes(maximum: Self.maximumKey)
      case 3: record = try Self.record(try field.message())
      case 8 where closer.count < Self.maximumPeers:
        if let contact = try Self.contact(try field.message()) { closer.append(contact) }
      case 9 where providers.count < Self.maximumPeers:
        if let contact = try Self.contact(try field.message()) { providers.append(contact) }
      default: continue
      }
    }
    self.init(kind, key: key, record: record, closer: closer, providers: providers)
  }

  private static func record(_ message: ProtobufReader) throws(PeerError) -> KademliaRecord {
    var reader = message
    var record = KademliaRecord(key: [], value: [])
    while let field = try reader.next() {
      switch field.number {
      case 1: record.key = try field.bytes(maximum: maximumKey)
      case 2: record.value = try field.bytes(maximum: maximumValue)
      case 5: record.timeReceived = try field.text(maximum: 64)
      default: continue
      }
    }
    return record
  }

  private static func contact(_ message: ProtobufReader) throws(PeerError) -> KademliaContact? {
    var reader = message
    var peer: PeerID?
    var addresses: [Multiaddr] = []
    var connection = KademliaContact.Connection.notConnected
    while let field = try reader.next() {
      switch field.number {
      case 1: peer = try? PeerID(bytes: try field.bytes(maximum: 256))
      case 2 where addresses.count < KademliaContact.maximumAddresses:
        if let address = try? Multiaddr(bytes: Array(try field.slice())) { addresses.append(address) }
      case 3: connection = KademliaContact.Connection(rawValue: try field.varint()) ?? .notConnected
      default: continue
      }
    }
    return peer.map { KademliaContact(peer: $0, addresses: addresses, connection: connection) }
  }

  /// The message as it travels, without its length.
  package var bytes: [UInt8] {
    var writer = ProtobufWriter()
    writer.varint(1, kind.rawValue)
    if !key.isEmpty { writer.bytes(2, key) }
    if let record {
      writer.message(3) { writer in
        writer.bytes(1, record.key)
        writer.bytes(2, record.value)
        if !record.timeReceived.isEmpty { writer.text(5, record.timeReceived) }
      }
    }
    for contact in closer { writer.message(8) { contact.write(to: &$0) } }
    for contact in providers { writer.message(9) { contact.write(to: &$0) } }
    // Old implementations expect the field.
    writer.varint(10, 0)
    return writer.bytes
  }
}

extension KademliaContact {
  fileprivate func write(to writer: inout ProtobufWriter) {
    writer.bytes(1, peer.bytes)
    for address in addresses { writer.bytes(2, address.bytes) }
    if connection != .notConnected { writer.varint(3, connection.rawValue) }
  }
}
