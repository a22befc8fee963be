/// Gradient-boosted regression trees on a request's dense measures.
///
/// Friedman, "Greedy Function Approximation: A Gradient Boosting Machine", Annals of Statistics 29, 2001; histograms and
/// best-first growth as in LightGBM (Ke et al., NIPS 2017). Squared loss, so a leaf's value is a shrunk mean of residuals.
package struct BoostedTrees: Sendable, Equatable {
  /// How the trees are grown.
  package struct Shape: Sendable, Equatable {
    package var trees = 80
    package var leaves = 8
    package var learningRate: Float = 0.03
    package var smallestLeaf = 40
    package var penalty: Float = 5
    /// The share of measures that each split may choose from.
    package var columnShare = 0.2
  }

  /// A split, or a leaf where `measure` is negative.
  struct Node: Sendable, Equatable {
    var measure: Int16
    /// Left below or at this value, right above it.
    var threshold: Float
    var left: Int16
    var right: Int16
    /// What the leaf adds.
    var value: Float
  }

  var bias: Float
  /// All trees' nodes, one tree after another.
  var nodes: [Node]
  /// Where each tree's nodes begin.
  var roots: [Int32]

  /// One model that predicts the weighted mean of what `models` predict.
  static func mean(of models: [(trees: BoostedTrees, weight: Float)]) -> BoostedTrees {
    var mean = BoostedTrees(bias: 0, nodes: [], roots: [])
    for (model, weight) in models where weight > 0 {
      mean.bias += model.bias * weight
      mean.roots += model.roots.map { $0 + Int32(mean.nodes.count) }
      mean.nodes += model.nodes.map {
        var node = $0
        node.value *= weight
        return node
      }
    }
    return mean
  }

  /// The prediction for one request's dense measures; a measure that is missing counts as 0.
  @inline(__always)
  func predict(_ values: [Float]) -> Float {
    var sum = bias
    nodes.withUnsafeBufferPointer { nodes in
      values.withUnsafeBufferPointer { values in
        for root in roots {
          var index = Int(root)
          while nodes[index].measure >= 0 {
            let measure = Int(nodes[index].measure)
            let value = measure < values.count ? values[measure] : 0
            index = Int(root) + Int(value <= nodes[index].threshold ? nodes[index].left : nodes[index].right)
          }
          sum += nodes[index].value
        }
      }
    }
    return sum
  }
}
