internal import Content
package import Multiformats
package import PeerProtocols

/// A model that a node answers for.
package struct ModelOffer: Hashable, Sendable {
  package var name: String
  package var aliases: [String] = []
  /// The weights by content.
  package var weights: CID?
  package var contextLength: Int?
  package var parameterCount: Int?
  package var quantization: String?
  package var architecture: String?
  /// As measured lately; nil where nothing was.
  package var tokensPerSecond: Double?
  /// Base units of FTNS for a token read and a token written.
  package var promptPrice: UInt64 = 0
  package var completionPrice: UInt64 = 0

  package init(name: String) { self.name = name }
}

/// What a node offers to others, as it says itself; signed and sent around.
package struct PeerOffer: Hashable, Sendable {
  /// Bounds on what a stranger may claim.
  package static let maximumModels = 64
  package static let maximumAliases = 8
  package static let maximumSize = 32 << 10
  /// What is signed, in front of the offer's bytes.
  private static let prefix = Array("prsm-peer-offer:".utf8)

  package var peer: PeerID
  /// Greater with each offer: milliseconds since 1970 when it was made.
  package var sequence: UInt64
  package var models: [ModelOffer]
  /// Where the node stands, as its operator says, such as `eu`. Data that may not leave a region goes by that.
  package var region: String?
  /// Answers under way for others, and how many may be.
  package var running: Int
  package var capacity: Int
  /// Where the node can be reached.
  package var addresses: [Multiaddr]

  package init(
    peer: PeerID, sequence: UInt64, models: [ModelOffer], region: String?, running: Int, capacity: Int,
    addresses: [Multiaddr]
  ) {
    self.peer = peer
    self.sequence = sequence
    self.models = models
    self.region = region
    self.running = running
    self.capacity = capacity
    self.addresses = addresses
  }

  /// 0 to 1.
  package var load: Double { capacity > 0 ? min(1, Double(running) / Double(capacity)) : 1 }

  package func model(named name: String) -> ModelOffer? {
    models.first { $0.name == name || $0.aliases.contains(name) }
  }

  private var node: Node {
    var map: [String: Node] = [
      "peer": .bytes(peer.bytes), "sequence": .unsigned(sequence), "running": .int(running), "capacity": .int(capacity),
      "models": .list(models.prefix(Self.maximumModels).map(Self.node)),
      "addresses": .list(addresses.prefix(8).map { .bytes($0.bytes) }),
    ]
    if let region { map["region"] = .string(region) }
    return .map(map)
  }

  private static func node(_ model: ModelOffer) -> Node {
    var map: [String: Node] = [
      "name": .string(model.name), "aliases": .list(model.aliases.prefix(maximumAliases).map { .string($0) }),
      "read": .unsigned(model.promptPrice), "write": .unsigned(model.completionPrice),
    ]
    if let weights = model.weights { map["weights"] = .link(weights) }
    if let context = model.contextLength { map["context"] = .int(context) }
    if let count = model.parameterCount { map["parameters"] = .int(count) }
    if let text = model.quantization { map["quantization"] = .string(text) }
    if let text = model.architecture { map["architecture"] = .string(text) }
    if let speed = model.tokensPerSecond, speed.isFinite { map["speed"] = .float(speed) }
    return .map(map)
  }

  /// The offer with its signature and key, as it travels.
  ///
  /// - Throws: what signing throws.
  package func signed(by host: any PeerHost) throws(PeerError) -> [UInt8] {
    let body = (try? DagCBOR.encode(node)) ?? []
    let signature = try host.sign(Self.prefix + body)
    let map: [String: Node] = [
      "offer": .bytes(body), "key": .bytes(host.publicKey.bytes), "signature": .bytes(signature),
    ]
    return (try? DagCBOR.encode(.map(map))) ?? []
  }

  /// Reads an offer and verifies that it is its peer's.
  ///
  /// - Throws: `.malformed`, `.tooLarge`, `.unauthenticated`.
  package init(verifying bytes: [UInt8], host: any PeerHost) throws(PeerError) {
    guard bytes.count <= Self.maximumSize else {
      throw PeerError(.tooLarge, "offer of \(bytes.count) bytes, at most \(Self.maximumSize)")
    }
    let fault = PeerError(.malformed, "offer: a member is missing or of the wrong kind")
    guard let outer = try? DagCBOR.decode(bytes), let body = outer["offer"]?.bytesValue,
      let key = outer["key"]?.bytesValue.flatMap({ try? PeerPublicKey(bytes: $0) }),
      let signature = outer["signature"]?.bytesValue, let node = try? DagCBOR.decode(body),
      let peer = node["peer"]?.bytesValue.flatMap({ try? PeerID(bytes: $0) }),
      let sequence = node["sequence"]?.unsignedValue, let running = node["running"]?.intValue,
      let capacity = node["capacity"]?.intValue, let list = node["models"]?.listValue, running >= 0, capacity >= 0
    else { throw fault }
    guard list.count <= Self.maximumModels else {
      throw PeerError(.tooLarge, "offer of \(list.count) models, at most \(Self.maximumModels)")
    }
    guard (try? PeerID(publicKey: key, sha256: KeyHash.sha256)) == peer,
      try host.verify(signature, of: Self.prefix + body, by: key)
    else { throw PeerError(.unauthenticated, "offer of \(peer): the signature does not hold") }
    var models: [ModelOffer] = []
    for element in list {
      guard let model = Self.model(element) else { throw fault }
      models.append(model)
    }
    let addresses = (node["addresses"]?.listValue ?? []).prefix(8).compactMap {
      $0.bytesValue.flatMap { try? Multiaddr(bytes: $0) }
    }
    self.init(
      peer: peer, sequence: sequence, models: models, region: node["region"]?.stringValue.map { String($0.prefix(64)) },
      running: running, capacity: capacity, addresses: addresses)
  }

  private static func model(_ node: Node) -> ModelOffer? {
    guard let name = node["name"]?.stringValue, (1...256).contains(name.utf8.count) else { return nil }
    var model = ModelOffer(name: name)
    model.aliases = (node["aliases"]?.listValue ?? []).prefix(maximumAliases).compactMap(\.stringValue)
    model.weights = node["weights"]?.linkValue
    model.contextLength = node["context"]?.intValue
    model.parameterCount = node["parameters"]?.intValue
    model.quantization = node["quantization"]?.stringValue
    model.architecture = node["architecture"]?.stringValue
    model.tokensPerSecond = node["speed"]?.doubleValue
    model.promptPrice = node["read"]?.unsignedValue ?? 0
    model.completionPrice = node["write"]?.unsignedValue ?? 0
    return model
  }

  /// Under which keys providers of a model stand in the DHT: its name's, and its weights'.
  package static func keys(of model: ModelOffer) -> [Multihash] {
    ([model.name] + model.aliases).map { key(ofModel: $0) } + (model.weights.map { [$0.multihash] } ?? [])
  }

  /// The DHT's key of a model's name.
  package static func key(ofModel name: String) -> Multihash {
    Multihash(sha256: KeyHash.sha256(Array("/prsm/model/\(name)".utf8)))
  }
}
