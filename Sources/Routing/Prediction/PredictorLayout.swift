/// A predictor's weights and trees as they are read for one request: what training and storage keep apart lies together.
///
/// It holds nothing of its own, and is made anew whenever what it was made from changes.
struct PredictorLayout: Sendable, Equatable {
  /// How a node of a tree is passed, all places in bytes. A leaf leads to itself, so that trees of any shape take the same
  /// number of steps.
  private struct Step: Sendable, Equatable {
    var threshold: Float
    var measure: UInt32
    /// Where to go with at most, and with more than, the threshold.
    var ways: SIMD2<UInt32>

    static let size = MemoryLayout<Step>.stride

    /// A step that leads to the node at `index` whatever is measured.
    static func to(_ index: Int) -> Step {
      Step(threshold: .infinity, measure: 0, ways: SIMD2(repeating: UInt32(index * size)))
    }
  }

  /// Trees are walked so many at a time: none waits for its neighbour's memory.
  private static let strideLength = 8
  /// Heads that share a table.
  private static let headsInTable = 3

  /// For each n-gram bucket, how much it weighs and three heads' weights.
  private var tables: [[SIMD4<Float>]]
  private var steps: [Step]
  /// What each step adds where a walk ends on it.
  private var leaves: [Float]
  /// Where trees begin, a stride after another; each head's last is filled up with trees that add nothing.
  private var roots: [UInt32]
  /// The longest way through any tree of each stride.
  private var depths: [Int]
  /// Each head's strides.
  private var strides: [Range<Int>]
  private let headCount: Int
  private let shapeLength: Float

  /// Lays out heads whose trees read `inputs` numbers.
  init(_ heads: [QualityPredictor.Head], rarity: GramRarity, inputs: Int) {
    headCount = heads.count
    shapeLength = rarity.shapeLength
    tables = stride(from: 0, to: heads.count, by: Self.headsInTable).map { first in
      (0..<GramVector.bucketCount).map { bucket in
        var entry = SIMD4<Float>(rarity.scale(of: bucket), 0, 0, 0)
        for lane in 0..<min(Self.headsInTable, heads.count - first) {
          let weights = heads[first + lane].linear.gramWeights
          entry[lane + 1] = bucket < weights.count ? weights[bucket] : 0
        }
        return entry
      }
    }
    steps = [.to(0)]
    leaves = [0]
    roots = []
    depths = []
    strides = []
    for head in heads {
      let firstStride = depths.count
      if head.treeShare > 0 { append(head.trees, inputs: inputs) }
      strides.append(firstStride..<depths.count)
    }
  }

  private mutating func append(_ trees: BoostedTrees, inputs: Int) {
    var found: [(root: UInt32, depth: Int)] = []
    for (position, root) in trees.roots.enumerated() {
      let end = position + 1 < trees.roots.count ? Int(trees.roots[position + 1]) : trees.nodes.count
      let base = steps.count
      var depth = [Int](repeating: 0, count: end - Int(root))
      for (index, node) in trees.nodes[Int(root)..<end].enumerated() {
        if node.measure < 0 {
          steps.append(.to(base + index))
          leaves.append(node.value)
          continue
        }
        let (left, right) = (Int(node.left), Int(node.right))
        for child in [left, right] { depth[child] = max(depth[child], depth[index] + 1) }
        if Int(node.measure) < inputs {
          steps.append(
            Step(
              threshold: node.threshold, measure: UInt32(Int(node.measure) * MemoryLayout<Float>.stride),
              ways: SIMD2(UInt32((base + left) * Step.size), UInt32((base + right) * Step.size))))
        } else {
          // A measure that is missing counts as 0.
          steps.append(.to(base + (node.threshold >= 0 ? left : right)))
        }
        leaves.append(0)
      }
      found.append((UInt32(base * Step.size), depth.max() ?? 0))
    }
    // Trees of one depth are walked together.
    found.sort { $0.depth != $1.depth ? $0.depth < $1.depth : $0.root < $1.root }
    while found.count % Self.strideLength != 0 { found.append((0, 0)) }
    for first in stride(from: 0, to: found.count, by: Self.strideLength) {
      let together = found[first..<(first + Self.strideLength)]
      roots += together.map { $0.root }
      depths.append(together.map { $0.depth }.max() ?? 0)
    }
  }

  /// Changes one weight of one head.
  mutating func setWeight(_ weight: Float, bucket: Int, head: Int) {
    tables[head / Self.headsInTable][bucket][head % Self.headsInTable + 1] = weight
  }

  /// For each head, the inner product of its weights with a text's n-grams, weighted and scaled.
  func products(_ grams: GramVector) -> [Float] {
    var products: [Float] = []
    products.reserveCapacity(headCount)
    for (position, table) in tables.enumerated() {
      let letters = Self.sums(grams, 0..<grams.shapeStart, table)
      let shape = Self.sums(grams, grams.shapeStart..<grams.indices.count, table)
      let letterFactor = letters[0] > 0 ? 1 / letters[0].squareRoot() : 0
      let shapeFactor = shape[0] > 0 ? shapeLength / shape[0].squareRoot() : 0
      let sum = letters * letterFactor + shape * shapeFactor
      for lane in 0..<min(Self.headsInTable, headCount - position * Self.headsInTable) {
        products.append(sum[lane + 1])
      }
    }
    return products
  }

  /// Over a part of a text's n-grams: the sum of their squares, and of their products with three heads' weights.
  private static func sums(_ grams: GramVector, _ part: Range<Int>, _ table: [SIMD4<Float>]) -> SIMD4<Float> {
    var sums = SIMD4<Float>()
    var others = SIMD4<Float>()
    grams.indices.withUnsafeBufferPointer { indices in
      grams.values.withUnsafeBufferPointer { values in
        table.withUnsafeBufferPointer { table in
          var index = part.lowerBound
          while index + 2 <= part.upperBound {
            add(table[Int(indices[index])], values[index], to: &sums)
            add(table[Int(indices[index + 1])], values[index + 1], to: &others)
            index += 2
          }
          if index < part.upperBound { add(table[Int(indices[index])], values[index], to: &sums) }
        }
      }
    }
    return sums + others
  }

  /// The square of a weighted n-gram and its products with three heads' weights.
  @inline(__always)
  private static func add(_ entry: SIMD4<Float>, _ value: Float, to sums: inout SIMD4<Float>) {
    var factors = entry
    let weighted = value * entry[0]
    factors[0] = weighted
    sums += factors * weighted
  }

  /// What one head's trees add up to, from `bias` on, for `inputs`, of which there are as many as it was laid out for.
  func trees(head: Int, bias: Float, _ inputs: UnsafeBufferPointer<Float>) -> Float {
    var sum = bias
    steps.withUnsafeBytes { steps in
      leaves.withUnsafeBufferPointer { leaves in
        roots.withUnsafeBufferPointer { roots in
          guard let steps = steps.baseAddress, let inputs = UnsafeRawPointer(inputs.baseAddress) else { return }
          for stride in strides[head] {
            var walks = InlineArray<8, UInt32>(repeating: 0)
            for lane in 0..<Self.strideLength { walks[lane] = roots[stride &* Self.strideLength &+ lane] }
            for _ in 0..<depths[stride] {
              for lane in 0..<Self.strideLength {
                let step = steps + Int(walks[lane])
                let measure = Int(step.load(fromByteOffset: 4, as: UInt32.self))
                let value = inputs.load(fromByteOffset: measure, as: Float.self)
                walks[lane] = step.load(
                  fromByteOffset: value <= step.load(as: Float.self) ? 8 : 12, as: UInt32.self)
              }
            }
            for lane in 0..<Self.strideLength { sum += leaves[Int(walks[lane]) / Step.size] }
          }
        }
      }
    }
    return sum
  }
}
