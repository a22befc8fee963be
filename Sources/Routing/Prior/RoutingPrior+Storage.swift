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
      writer.append(expert.slope)
      expert.curvature.encode(into: &writer)
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
      let predictor = try QualityPredictor(decoding: try reader.bytes("expert"))
      let slope = try reader.float("slope")
      guard slope > 0, slope <= 1 else {
        throw .unreadablePredictor(reason: "slope: expected above 0 to 1, found \(slope)")
      }
      experts.append(
        Expert(
          subject: subject, predictor: predictor, slope: slope, curvature: try PriorCurvature(from: &reader)))
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

extension PriorCurvature {
  /// Directions at most.
  private static let directionLimit = 1024

  fileprivate func encode(into writer: inout PredictorWriter) {
    writer.append(penalty)
    writer.append(UInt16(clamping: buckets.count))
    for bucket in buckets { writer.append(bucket) }
    writer.append(UInt16(clamping: measures))
    writer.append(UInt16(clamping: stiffness.count))
    for value in stiffness { writer.append(value) }
    for component in components { writer.append(component) }
  }

  fileprivate init(from reader: inout PredictorReader) throws(RoutingError) {
    let penalty = try reader.float("penalty")
    guard penalty > 0 else { throw .unreadablePredictor(reason: "penalty: expected above 0, found \(penalty)") }
    let bucketCount: UInt16 = try reader.integer("number of buckets")
    guard Int(bucketCount) <= GramVector.bucketCount else {
      throw .unreadablePredictor(reason: "expected at most \(GramVector.bucketCount) buckets, found \(bucketCount)")
    }
    var buckets: [UInt16] = []
    for _ in 0..<bucketCount {
      let bucket: UInt16 = try reader.integer("bucket")
      guard Int(bucket) < GramVector.bucketCount, buckets.last.map({ $0 < bucket }) ?? true else {
        throw .unreadablePredictor(reason: "bucket \(bucket) is not behind the one before it, or too large")
      }
      buckets.append(bucket)
    }
    let measures: UInt16 = try reader.integer("number of measures")
    guard Int(measures) == DenseMeasures.count else {
      throw .unreadablePredictor(reason: "expected \(DenseMeasures.count) measures, found \(measures)")
    }
    let count: UInt16 = try reader.integer("number of directions")
    guard Int(count) <= Self.directionLimit else {
      throw .unreadablePredictor(reason: "expected at most \(Self.directionLimit) directions, found \(count)")
    }
    var stiffness: [Float] = []
    for _ in 0..<count {
      let value = try reader.float("stiffness")
      guard (0...1).contains(value) else {
        throw .unreadablePredictor(reason: "stiffness: expected 0 to 1, found \(value)")
      }
      stiffness.append(value)
    }
    var components: [Int16] = []
    components.reserveCapacity(Int(count) * (buckets.count + Int(measures)))
    for _ in 0..<(Int(count) * (buckets.count + Int(measures))) {
      components.append(try reader.integer("component"))
    }
    self.init(
      penalty: penalty, buckets: buckets, measures: Int(measures), stiffness: stiffness, components: components)
  }
}
