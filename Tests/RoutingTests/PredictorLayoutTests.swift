import Testing

@testable import Routing

/// What is laid out for speed says the same as what it was made from.
@Suite struct PredictorLayoutTests {
  /// Trees of any shape, among them a leaf alone.
  static func trees(_ count: Int, measures: Int, using generator: inout SeededGenerator) -> BoostedTrees {
    var trees = BoostedTrees(bias: 0.25, nodes: [], roots: [])
    for _ in 0..<count {
      var nodes = [BoostedTrees.Node(measure: -1, threshold: 0, left: 0, right: 0, value: 0)]
      for _ in 0..<generator.index(below: 8) {
        let leaves = nodes.indices.filter { nodes[$0].measure < 0 }
        let chosen = leaves[generator.index(below: leaves.count)]
        nodes[chosen] = BoostedTrees.Node(
          measure: Int16(generator.index(below: measures)), threshold: Float(generator.unit()),
          left: Int16(nodes.count), right: Int16(nodes.count + 1), value: 0)
        for _ in 0..<2 {
          nodes.append(
            BoostedTrees.Node(measure: -1, threshold: 0, left: 0, right: 0, value: Float(generator.unit()) - 0.5))
        }
      }
      trees.roots.append(Int32(trees.nodes.count))
      trees.nodes += nodes
    }
    return trees
  }

  static func head(
    _ model: String, _ trees: BoostedTrees, _ weights: [Float], share: Float = 0.5
  ) -> QualityPredictor.Head {
    QualityPredictor.Head(
      model: model, examples: 1, updates: 0, linear: LinearModel(bias: 0, gramWeights: weights, denseWeights: []),
      trees: trees, treeShare: share)
  }

  @Test func everyTreeEndsOnTheSameLeaf() {
    var generator = SeededGenerator(seed: 31)
    let counts = [0, 1, 7, 8, 9, 40]
    let forests = counts.map { Self.trees($0, measures: 12, using: &generator) }
    let none = [Float](repeating: 0, count: GramVector.bucketCount)
    let heads = forests.enumerated().map { Self.head("m\($0.offset)", $0.element, none) }
    let rarity = GramRarity(of: [])
    // The last two measures are missing, and count as 0.
    let layout = PredictorLayout(heads, rarity: rarity, inputs: 10)
    for _ in 0..<200 {
      var inputs = (0..<10).map { _ in Float(generator.unit()) }
      if generator.unit() < 0.1 { inputs[3] = .nan }
      for (head, forest) in forests.enumerated() {
        let found = inputs.withUnsafeBufferPointer { layout.trees(head: head, bias: forest.bias, $0) }
        #expect(abs(found - forest.predict(inputs)) < 1e-5, "another order of adding")
      }
    }
  }

  @Test func productsWithAnyNumberOfHeadsAreTheSame() {
    var generator = SeededGenerator(seed: 32)
    let texts = ["", "a", "One two three.", "Was kostet das Brot? Es kostet 3 Euro, sagt man."].map {
      PromptFeatures($0).grams
    }
    let rarity = GramRarity(of: texts)
    for count in 1...7 {
      let heads = (0..<count).map { index in
        Self.head(
          "m\(index)", BoostedTrees(bias: 0, nodes: [], roots: []),
          (0..<GramVector.bucketCount).map { _ in Float(generator.unit()) - 0.5 })
      }
      var layout = PredictorLayout(heads, rarity: rarity, inputs: 0)
      for text in texts {
        let weighted = rarity.weighted(text)
        for (product, head) in zip(layout.products(text), heads) {
          #expect(abs(product - weighted.dot(head.linear.gramWeights)) < 1e-5)
        }
      }
      let changed = Int(texts[2].indices[0])
      let before = layout.products(texts[2])
      layout.setWeight(heads[count - 1].linear.gramWeights[changed] + 1, bucket: changed, head: count - 1)
      let after = layout.products(texts[2])
      #expect(abs(after[count - 1] - before[count - 1] - rarity.weighted(texts[2]).values[0]) < 1e-5)
      #expect(after.dropLast() == before.dropLast())
    }
  }

  @Test func whatFeedbackTeachesIsLaidOutToo() throws {
    var predictor = try QualityPredictor.train(on: QualityPredictorTests.records(80, seed: 33), prior: nil)
    let features = PromptFeatures("Tell me something nice about boxes, please.")
    for _ in 0..<5 { predictor.learn(RoutingRecord.weak, quality: 0, weight: 1, features: features) }
    let stored = try QualityPredictor(decoding: predictor.encoded())
    #expect(stored == predictor)
    #expect(stored.estimates(for: features) == predictor.estimates(for: features))
  }
}
