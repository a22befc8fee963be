package import Multiformats

/// A published message (https://github.com/libp2p/specs/tree/master/pubsub, "The Message").
package struct GossipMessage: Hashable, Sendable {
  /// What tells two messages apart: who published it, and that peer's number.
  package struct ID: Hashable, Sendable {
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) { self.bytes = bytes }
  }

  /// What a signature is over, in front of the message.
  private static let signaturePrefix = Array("libp2p-pubsub:".utf8)

  /// Who published it, as the bytes of a peer id.
  package var from: [UInt8]
  package var data: [UInt8]
  /// Eight bytes, big-endian, greater each time.
  package var sequence: [UInt8]
  package var topic: String
  package var signature: [UInt8]
  /// The publisher's key, where its id does not hold it.
  package var key: [UInt8]

  package init(
    from: [UInt8], data: [UInt8], sequence: [UInt8], topic: String, signature: [UInt8] = [], key: [UInt8] = []
  ) {
    self.from = from
    self.data = data
    self.sequence = sequence
    self.topic = topic
    self.signature = signature
    self.key = key
  }

  package var id: ID { ID(bytes: from + sequence) }

  /// The publisher; nil where its id is none.
  package var publisher: PeerID? { try? PeerID(bytes: from) }

  /// What the publisher signs.
  package var signedBytes: [UInt8] {
    var plain = self
    plain.signature = []
    plain.key = []
    var writer = ProtobufWriter()
    plain.write(to: &writer)
    return Self.signaturePrefix + writer.bytes
  }

  /// The key that must have signed it: the one it carries, if that is the publisher's, or the one inside the id.
  package var signer: PeerPublicKey? {
    guard let publisher else { return nil }
    guard !key.isEmpty else { return publisher.publicKey }
    guard let carried = try? PeerPublicKey(bytes: key),
      (try? PeerID(publicKey: carried, sha256: KeyHash.sha256)) == publisher
    else { return nil }
    return carried
  }

  func write(to writer: inout ProtobufWriter) {
    if !from.isEmpty { writer.bytes(1, from) }
    writer.bytes(2, data)
    if !sequence.isEmpty { writer.bytes(3, sequence) }
    writer.text(4, topic)
    if !signature.isEmpty { writer.bytes(5, signature) }
    if !key.isEmpty { writer.bytes(6, key) }
  }

  init(reading message: ProtobufReader) throws(PeerError) {
    var reader = message
    self.init(from: [], data: [], sequence: [], topic: "")
    while let field = try reader.next() {
      switch field.number {
      case 1: from = try field.bytes(maximum: 128)
      case 2: data = try field.bytes(maximum: GossipRPC.maximumSize)
      case 3: sequence = try field.bytes(maximum: 64)
      case 4: topic = try field.text(maximum: GossipRPC.maximumTopic)
      case 5: signature = try field.bytes(maximum: 2_048)
      case 6: key = try field.bytes(maximum: PeerPublicKey.maximumLength)
      default: continue
      }
    }
  }
}

/// What peers of a topic send each other: subscriptions, messages, and control of the mesh
/// (https://github.com/libp2p/specs/tree/master/pubsub/gossipsub).
package struct GossipRPC: Hashable, Sendable {
  /// A peer begins or ceases to listen to a topic.
  package struct Subscription: Hashable, Sendable {
    package var isSubscribed: Bool
    package var topic: String

    package init(_ topic: String, isSubscribed: Bool = true) {
      self.topic = topic
      self.isSubscribed = isSubscribed
    }
  }

  /// Messages of a topic that a peer has seen.
  package struct Have: Hashable, Sendable {
    package var topic: String
    package var ids: [GossipMessage.ID]

    package init(topic: String, ids: [GossipMessage.ID]) {
      self.topic = topic
      self.ids = ids
    }
  }

  /// A peer leaves another's mesh.
  package struct Prune: Hashable, Sendable {
    /// A peer of the topic to turn to instead.
    package struct Exchange: Hashable, Sendable {
      package var peer: [UInt8]
      package var signedRecord: [UInt8]

      package init(peer: [UInt8], signedRecord: [UInt8] = []) {
        self.peer = peer
        self.signedRecord = signedRecord
      }
    }

    package var topic: String
    package var peers: [Exchange]
    /// For how long not to come back, in seconds; nil from peers of version 1.0.
    package var backoff: UInt64?

    package init(topic: String, peers: [Exchange] = [], backoff: UInt64? = nil) {
      self.topic = topic
      self.peers = peers
      self.backoff = backoff
    }
  }

  /// The longest RPC accepted, in bytes.
  package static let maximumSize = 1 << 20
  /// The longest name of a topic, in bytes.
  package static let maximumTopic = 256
  /// The most entries of any one list.
  package static let maximumEntries = 5_000

  package var subscriptions: [Subscription] = []
  package var messages: [GossipMessage] = []
  package var have: [Have] = []
  package var want: [GossipMessage.ID] = []
  package var graft: [String] = []
  package var prune: [Prune] = []

  package init() {}

  package var isEmpty: Bool {
    subscriptions.isEmpty && messages.isEmpty && have.isEmpty && want.isEmpty && graft.isEmpty && prune.isEmpty
  }

  /// - Throws: `.malformed`, `.tooLarge`.
  package init(decoding bytes: [UInt8]) throws(PeerError) {
    guard bytes.count <= Self.maximumSize else {
      throw PeerError(.tooLarge, "gossip of \(bytes.count) bytes, at most \(Self.maximumSize)")
    }
    var reader = ProtobufReader(bytes)
    var entries = 0
    while let field = try reader.next() {
      entries += 1
      guard entries <= Self.maximumEntries else {
        throw PeerError(.tooLarge, "gossip of more than \(Self.maximumEntries) entries")
      }
      switch field.number {
      case 1: subscriptions.append(try Self.subscription(try field.message()))
      case 2: messages.append(try GossipMessage(reading: try field.message()))
      case 3: try readControl(try field.message())
      default: continue
      }
    }
  }

  private static func subscription(_ message: ProtobufReader) throws(PeerError) -> Subscription {
    var reader = message
    var result = Subscription("", isSubscribed: false)
    while let field = try reader.next() {
      if field.number == 1 { result.isSubscribed = try field.flag() }
      if field.number == 2 { result.topic = try field.text(maximum: maximumTopic) }
    }
    return result
  }

  private mutating func readControl(_ message: ProtobufReader) throws(PeerError) {
    var reader = message
    var entries = 0
    while let field = try reader.next() {
      entries += 1
      guard entries <= Self.maximumEntries else {
        throw PeerError(.tooLarge, "gossip control of more than \(Self.maximumEntries) entries")
      }
      var inner = try field.message()
      switch field.number {
      case 1:
        var entry = Have(topic: "", ids: [])
        while let field = try inner.next() {
          if field.number == 1 { entry.topic = try field.text(maximum: Self.maximumTopic) }
          if field.number == 2 { try Self.append(field, to: &entry.ids) }
        }
        have.append(entry)
      case 2:
        while let field = try inner.next() { if field.number == 1 { try Self.append(field, to: &want) } }
      case 3:
        while let field = try inner.next() {
          if field.number == 1 { graft.append(try field.text(maximum: Self.maximumTopic)) }
        }
      case 4: prune.append(try Self.prune(inner))
      default: continue
      }
    }
  }

  private static func append(_ field: ProtobufField, to ids: inout [GossipMessage.ID]) throws(PeerError) {
    guard ids.count < maximumEntries else {
      throw PeerError(.tooLarge, "gossip of more than \(maximumEntries) message ids")
    }
    ids.append(GossipMessage.ID(bytes: try field.bytes(maximum: 256)))
  }

  private static func prune(_ message: ProtobufReader) throws(PeerError) -> Prune {
    var reader = message
    var entry = Prune(topic: "")
    while let field = try reader.next() {
      switch field.number {
      case 1: entry.topic = try field.text(maximum: maximumTopic)
      case 2 where entry.peers.count < 64:
        var inner = try field.message()
        var exchange = Prune.Exchange(peer: [])
        while let field = try inner.next() {
          if field.number == 1 { exchange.peer = try field.bytes(maximum: 128) }
          if field.number == 2 { exchange.signedRecord = try field.bytes(maximum: 16 << 10) }
        }
        entry.peers.append(exchange)
      case 3: entry.backoff = try field.varint()
      default: continue
      }
    }
    return entry
  }

  /// The RPC as it travels, without its length.
  package var bytes: [UInt8] {
    var writer = ProtobufWriter()
    for subscription in subscriptions {
      writer.message(1) { writer in
        writer.flag(1, subscription.isSubscribed)
        writer.text(2, subscription.topic)
      }
    }
    for message in messages { writer.message(2) { message.write(to: &$0) } }
    if !(have.isEmpty && want.isEmpty && graft.isEmpty && prune.isEmpty) { writer.message(3) { writeControl(to: &$0) } }
    return writer.bytes
  }

  private func writeControl(to writer: inout ProtobufWriter) {
    for entry in have {
      writer.message(1) { writer in
        writer.text(1, entry.topic)
        for id in entry.ids { writer.bytes(2, id.bytes) }
      }
    }
    if !want.isEmpty { writer.message(2) { writer in for id in want { writer.bytes(1, id.bytes) } } }
    for topic in graft { writer.message(3) { $0.text(1, topic) } }
    for entry in prune {
      writer.message(4) { writer in
        writer.text(1, entry.topic)
        for exchange in entry.peers {
          writer.message(2) { writer in
            writer.bytes(1, exchange.peer)
            if !exchange.signedRecord.isEmpty { writer.bytes(2, exchange.signedRecord) }
          }
        }
        if let backoff = entry.backoff { writer.varint(3, backoff) }
      }
    }
  }
}
