extension RoutingPrior {
  private static let magic = Array("PRSMPRIO".utf8)
  /// Sets of outcomes at most.
  private static let expertLimit = 16

  /// The prior as bytes: magic, version, experts, gate, and the hashes of the prompts seen. Little-endian.
  package func encoded() -> [UInt8] {
    var writer = PredictorWriter()
    for byte in Self.magic { writer.append(byte) }
    writer.append(UInt16(QualityPredictor.formatVersion))
    writer.append(UInt16(experts.count))
    for expert in experts {
      writer.append(expert.subject)
      writer.append(bytes: expert.predictor.encoded())
    }
    writer.append(bytes: gate.encoded())
    writer.append(UInt32(seen.count))
    for hash in seen { writer.append(hash) }
    return writer.bytes
  }

  /// Reads what `encoded()` wrote.
  ///
  /// - Throws: `unsupportedVersion` for another format; `unreadablePredictor` naming the first thing that is wrong.
  package init(decoding bytes: [UInt8]) throws(RoutingError) {
    guard bytes.count > Self.magic.count, Array(bytes.prefix(Self.magic.count)) == Self.magic else {
      throw .unreadablePredictor(reason: "expected it to begin with PRSMPRIO")
    }
    var reader = PredictorReader(bytes.dropFirst(Self.magic.count))
    let version: UInt16 = try reader.integer("version")
    guard Int(version) == QualityPredictor.formatVersion else {
      throw .unsupportedVersion(found: Int(version), supported: QualityPredictor.formatVersion)
    }
    let count: UInt16 = try reader.integer("number of experts")
    guard (1...Self.expertLimit).contains(Int(count)) else {
      throw .unreadablePredictor(reason: "expected 1 to \(Self.expertLimit) experts, found \(count)")
    }
    var experts: [Expert] = []
    for _ in 0..<count {
      let subject = try reader.text("subject")
      experts.append(Expert(subject: subject, predictor: try QualityPredictor(decoding: try reader.bytes("expert"))))
    }
    let gate = try QualityPredictor(decoding: try reader.bytes("gate"))
    let seenCount: UInt32 = try reader.integer("number of prompts")
    guard Int(seenCount) * 4 == reader.remaining else {
      throw .unreadablePredictor(reason: "expected \(seenCount) hashes, found \(reader.remaining) bytes")
    }
    var seen: [UInt32] = []
    seen.reserveCapacity(Int(seenCount))
    for _ in 0..<seenCount { seen.append(try reader.integer("hash")) }
    self.init(experts: experts, gate: gate, seen: seen.sorted())
  }
}
