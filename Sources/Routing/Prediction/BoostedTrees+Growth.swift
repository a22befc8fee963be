extension BoostedTrees {
  /// Dense measures sorted into at most 32 bins a column, by their quantiles.
  struct Binned {
    static let binCount = 32
    /// One column after another, a bin a row.
    var bins: [UInt8]
    /// The largest value in each bin but the last, for each column.
    var edges: [[Float]]
    var rowCount: Int

    init(_ rows: [[Float]]) {
      let width = rows.first?.count ?? 0
      rowCount = rows.count
      bins = [UInt8](repeating: 0, count: width * rows.count)
      edges = []
      for column in 0..<width {
        let sorted = rows.map { $0[column] }.sorted()
        var cuts: [Float] = []
        for bin in 1..<Self.binCount {
          let position = min(bin * sorted.count / Self.binCount, sorted.count - 1)
          // Halfway to the next larger value, so that a split falls between values that were seen.
          guard position >= 0, let next = sorted[position...].first(where: { $0 > sorted[position] }) else { continue }
          let cut = (sorted[position] + next) / 2
          if cuts.last.map({ cut > $0 }) ?? true { cuts.append(cut) }
        }
        // A rare value below the first quantile still deserves a cut of its own.
        if let least = sorted.first, let next = sorted.first(where: { $0 > least }) {
          let cut = (least + next) / 2
          if cuts.first.map({ cut < $0 }) ?? true { cuts.insert(cut, at: 0) }
        }
        edges.append(cuts)
        for row in rows.indices {
          bins[column * rows.count + row] = UInt8(Self.bin(of: rows[row][column], in: cuts))
        }
      }
    }

    private static func bin(of value: Float, in cuts: [Float]) -> Int {
      var low = 0
      var high = cuts.count
      while low < high {
        let middle = (low + high) / 2
        if value <= cuts[middle] { high = middle } else { low = middle + 1 }
      }
      return low
    }
  }

  private struct Split {
    var gain: Float
    var measure: Int
    var bin: Int
  }

  private struct Leaf {
    var node: Int
    var rows: Range<Int>
    var sum: Float
    var split: Split?
  }

  /// Fits `labels` to `data`; the same generator state gives the same trees.
  static func fit(
    _ data: Binned, _ labels: [Float], shape: Shape, using generator: inout SeededGenerator
  ) -> BoostedTrees {
    let count = labels.count
    let bias = count == 0 ? 0 : labels.reduce(0, +) / Float(count)
    var model = BoostedTrees(bias: bias, nodes: [], roots: [])
    var residuals = labels.map { $0 - bias }
    var rows = Array(0..<Int32(count))
    var scratch = rows
    guard count >= 2 * shape.smallestLeaf, !data.edges.isEmpty else { return model }
    for _ in 0..<shape.trees {
      let root = model.nodes.count
      model.roots.append(Int32(root))
      var leaves = [
        Leaf(node: 0, rows: 0..<count, sum: residuals.reduce(0, +), split: nil)
      ]
      leaves[0].split = bestSplit(data, residuals, rows, leaves[0], shape, &generator)
      model.nodes.append(Node(measure: -1, threshold: 0, left: 0, right: 0, value: 0))
      while leaves.count < shape.leaves {
        guard
          let chosen = leaves.indices.filter({ leaves[$0].split != nil })
            .max(by: { (leaves[$0].split?.gain ?? 0) < (leaves[$1].split?.gain ?? 0) }),
          let split = leaves[chosen].split
        else { break }
        let leaf = leaves[chosen]
        let middle = partition(&rows, &scratch, leaf.rows, data, split)
        let leftSum = (leaf.rows.lowerBound..<middle).reduce(Float(0)) { $0 + residuals[Int(rows[$1])] }
        let left = model.nodes.count - root
        model.nodes[root + leaf.node] = Node(
          measure: Int16(split.measure), threshold: data.edges[split.measure][split.bin], left: Int16(left),
          right: Int16(left + 1), value: 0)
        model.nodes.append(Node(measure: -1, threshold: 0, left: 0, right: 0, value: 0))
        model.nodes.append(Node(measure: -1, threshold: 0, left: 0, right: 0, value: 0))
        leaves[chosen] = Leaf(node: left, rows: leaf.rows.lowerBound..<middle, sum: leftSum, split: nil)
        leaves.append(
          Leaf(node: left + 1, rows: middle..<leaf.rows.upperBound, sum: leaf.sum - leftSum, split: nil))
        for changed in [chosen, leaves.count - 1] {
          leaves[changed].split = bestSplit(data, residuals, rows, leaves[changed], shape, &generator)
        }
      }
      for leaf in leaves {
        let value = shape.learningRate * leaf.sum / (Float(leaf.rows.count) + shape.penalty)
        model.nodes[root + leaf.node].value = value
        for position in leaf.rows { residuals[Int(rows[position])] -= value }
      }
    }
    return model
  }

  private static func partition(
    _ rows: inout [Int32], _ scratch: inout [Int32], _ range: Range<Int>, _ data: Binned, _ split: Split
  ) -> Int {
    var next = range.lowerBound
    var held = 0
    let column = split.measure * data.rowCount
    for position in range {
      let row = rows[position]
      if Int(data.bins[column + Int(row)]) <= split.bin {
        rows[next] = row
        next += 1
      } else {
        scratch[held] = row
        held += 1
      }
    }
    for position in 0..<held { rows[next + position] = scratch[position] }
    return next
  }

  private static func bestSplit(
    _ data: Binned, _ residuals: [Float], _ rows: [Int32], _ leaf: Leaf, _ shape: Shape,
    _ generator: inout SeededGenerator
  ) -> Split? {
    let count = leaf.rows.count
    guard count >= 2 * shape.smallestLeaf else { return nil }
    let width = data.edges.count
    let tried = max(1, Int((Double(width) * shape.columnShare).rounded(.up)))
    let whole = leaf.sum * leaf.sum / (Float(count) + shape.penalty)
    var best: Split?
    var columns = Array(0..<width)
    for draw in 0..<min(tried, width) {
      columns.swapAt(draw, draw + generator.index(below: width - draw))
      let column = columns[draw]
      let cuts = data.edges[column].count
      guard cuts > 0 else { continue }
      var sums = InlineArray<40, Float>(repeating: 0)
      var counts = InlineArray<40, Int32>(repeating: 0)
      let offset = column * data.rowCount
      data.bins.withUnsafeBufferPointer { bins in
        residuals.withUnsafeBufferPointer { residuals in
          rows.withUnsafeBufferPointer { rows in
            for position in leaf.rows {
              let row = Int(rows[position])
              let bin = Int(bins[offset + row])
              sums[bin] += residuals[row]
              counts[bin] += 1
            }
          }
        }
      }
      var leftSum: Float = 0
      var leftCount = 0
      for bin in 0..<cuts {
        leftSum += sums[bin]
        leftCount += Int(counts[bin])
        let rightCount = count - leftCount
        guard leftCount >= shape.smallestLeaf, rightCount >= shape.smallestLeaf else { continue }
        let rightSum = leaf.sum - leftSum
        let gain =
          leftSum * leftSum / (Float(leftCount) + shape.penalty)
          + rightSum * rightSum / (Float(rightCount) + shape.penalty) - whole
        if gain > (best?.gain ?? 1e-7) { best = Split(gain: gain, measure: column, bin: bin) }
      }
    }
    return best
  }
}
