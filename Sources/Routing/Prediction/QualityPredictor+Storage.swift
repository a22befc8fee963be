extension QualityPredictor {
  /// The format that this version writes and reads. It changes with the layout, the measures and the hashing.
  package static let formatVersion = 4
  /// Heads that a stored predictor may hold at most.
  static let headLimit = 1024

  /// Components of an embedding at most; longer ones are not used.
  static let embeddingLimit = 16_384

  private static let magic = Array("PRSMROUT".utf8)

  /// The predictor as bytes: magic, version, standardisation, heads, and a 64-bit FNV-1a checksum of all before it.
  /// Little-endian; about 100 KB a model. Decoding gives an equal predictor.
  package func encoded() -> [UInt8] {
    var writer = PredictorWriter()
    for byte in Self.magic { writer.append(byte) }
    writer.append(UInt16(Self.formatVersion))
    writer.append(standardisation.scale)
    writer.append(standardisation.means)
    writer.append(standardisation.inverseDeviations)
    writer.append(UInt32(clamping: rarity.documents))
    for frequency in rarity.frequencies { writer.append(frequency) }
    writer.append(UInt16(clamping: embeddingDimension))
    writer.append(UInt16(clamping: heads.count))
    writer.append(priorShare)
    for head in heads {
      writer.append(head.model)
      writer.append(UInt32(clamping: head.examples))
      writer.append(UInt32(clamping: head.updates))
      writer.append(head.treeShare)
      writer.append(head.linear.bias)
      writer.append(head.linear.gramWeights)
      writer.append(head.linear.denseWeights)
      head.trees.encode(into: &writer)
    }
    writer.append(Self.checksum(writer.bytes[...]))
    return writer.bytes
  }

  /// Reads what `encoded()` wrote.
  ///
  /// - Throws: `unsupportedVersion` for another format; `unreadablePredictor` naming the first thing that is wrong.
  package init(decoding bytes: [UInt8]) throws(RoutingError) {
    guard bytes.count >= Self.magic.count + 10, Array(bytes.prefix(Self.magic.count)) == Self.magic else {
      throw .unreadablePredictor(
        reason: "expected it to begin with PRSMROUT, found \(bytes.count) bytes of another kind")
    }
    let body = bytes[..<(bytes.count - 8)]
    var reader = PredictorReader(body.dropFirst(Self.magic.count))
    let version: UInt16 = try reader.integer("version")
    guard Int(version) == Self.formatVersion else {
      throw .unsupportedVersion(found: Int(version), supported: Self.formatVersion)
    }
    var trailer = PredictorReader(bytes[(bytes.count - 8)...])
    let stored: UInt64 = try trailer.integer("checksum")
    guard stored == Self.checksum(body) else {
      throw .unreadablePredictor(reason: "its checksum does not match: the file was cut short or altered")
    }
    let width = DenseMeasures.count
    let scale = try reader.float("scale")
    let means = try reader.floats("means", count: width)
    let deviations = try reader.floats("deviations", count: width)
    let documents: UInt32 = try reader.integer("number of texts")
    var frequencies: [UInt16] = []
    frequencies.reserveCapacity(GramVector.bucketCount)
    for _ in 0..<GramVector.bucketCount { frequencies.append(try reader.integer("frequency of n-grams")) }
    let dimension: UInt16 = try reader.integer("embedding dimension")
    guard Int(dimension) <= Self.embeddingLimit else {
      throw .unreadablePredictor(
        reason: "embedding dimension: expected at most \(Self.embeddingLimit), found \(dimension)")
    }
    let headCount: UInt16 = try reader.integer("number of models")
    guard Int(headCount) <= Self.headLimit else {
      throw .unreadablePredictor(reason: "expected at most \(Self.headLimit) models, found \(headCount)")
    }
    let priorShare = try reader.float("prior's share")
    guard (0...1).contains(priorShare) else {
      throw .unreadablePredictor(reason: "prior's share: expected 0 to 1, found \(priorShare)")
    }
    var heads: [Head] = []
    for _ in 0..<headCount {
      let model = try reader.text("model name")
      let examples: UInt32 = try reader.integer("examples")
      let updates: UInt32 = try reader.integer("updates")
      let share = try reader.float("trees' share")
      guard (0...1).contains(share) else {
        throw .unreadablePredictor(reason: "trees' share: expected 0 to 1, found \(share)")
      }
      let linear = LinearModel(
        bias: try reader.float("bias"), gramWeights: try reader.floats("n-gram weights", count: GramVector.bucketCount),
        denseWeights: try reader.floats("measure weights", count: width + Int(dimension)))
      heads.append(
        Head(
          model: model, examples: Int(examples), updates: Int(updates), linear: linear,
          trees: try BoostedTrees(from: &reader, measures: width + Int(headCount)), treeShare: share))
    }
    guard reader.remaining == 0 else {
      throw .unreadablePredictor(reason: "\(reader.remaining) bytes are left over after the last model")
    }
    self.init(
      standardisation: Standardisation(means: means, inverseDeviations: deviations, scale: scale),
      rarity: GramRarity(documents: Int(documents), frequencies: frequencies),
      embeddingDimension: Int(dimension),
      heads: heads, priorShare: priorShare)
  }

  private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return hash
  }
}

extension BoostedTrees {
  /// Trees and nodes a tree that a stored predictor may hold at most.
  private static let treeLimit = 10_000
  private static let nodeLimit = 4095

  fileprivate func encode(into writer: inout PredictorWriter) {
    writer.append(bias)
    writer.append(UInt32(clamping: roots.count))
    for (position, root) in roots.enumerated() {
      let end = position + 1 < roots.count ? Int(roots[position + 1]) : nodes.count
      writer.append(UInt16(clamping: end - Int(root)))
      for node in nodes[Int(root)..<end] {
        writer.append(node.measure)
        if node.measure < 0 {
          writer.append(node.value)
        } else {
          writer.append(node.threshold)
          writer.append(node.left)
          writer.append(node.right)
        }
      }
    }
  }

  /// Reads trees whose splits use measures below `measures`, and in which every child lies after its parent: following
  /// them always ends.
  fileprivate init(from reader: inout PredictorReader, measures: Int) throws(RoutingError) {
    bias = try reader.float("trees' bias")
    nodes = []
    roots = []
    let treeCount: UInt32 = try reader.integer("number of trees")
    guard Int(treeCount) <= Self.treeLimit else {
      throw .unreadablePredictor(reason: "expected at most \(Self.treeLimit) trees, found \(treeCount)")
    }
    for _ in 0..<treeCount {
      let count: UInt16 = try reader.integer("nodes of a tree")
      guard (1...Self.nodeLimit).contains(Int(count)) else {
        throw .unreadablePredictor(reason: "nodes of a tree: expected 1 to \(Self.nodeLimit), found \(count)")
      }
      roots.append(Int32(nodes.count))
      for index in 0..<Int16(count) {
        let measure: Int16 = try reader.integer("split")
        guard measure >= 0 else {
          nodes.append(Node(measure: -1, threshold: 0, left: 0, right: 0, value: try reader.float("leaf")))
          continue
        }
        let threshold = try reader.float("threshold")
        let left: Int16 = try reader.integer("left child")
        let right: Int16 = try reader.integer("right child")
        guard Int(measure) < measures, left > index, right > index, left < Int16(count), right < Int16(count) else {
          throw .unreadablePredictor(
            reason: "a split on measure \(measure) of \(measures) leads to nodes \(left) and \(right) of \(count)")
        }
        nodes.append(Node(measure: measure, threshold: threshold, left: left, right: right, value: 0))
      }
    }
  }
}
