import Routing
import Testing

@Suite struct QuantileSketchTests {
  @Test(arguments: 1...5 as ClosedRange<UInt64>)
  func quantilesAreOffByAtMostABin(_ seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var sketch = QuantileSketch(halfLife: 1e12)
    var values: [Double] = []
    for _ in 0..<5000 {
      let value = pow3(generator.unit() * 2 - 1)
      values.append(value)
      sketch.insert(value)
    }
    values.sort()
    for share in stride(from: 0.05, through: 0.95, by: 0.05) {
      let exact = values[Int(share * Double(values.count - 1))]
      #expect(abs(sketch.quantile(share) - exact) <= 2 * sketch.resolution)
    }
  }

  private func pow3(_ value: Double) -> Double { value * value * value }

  @Test func ranksAreUniformEvenWhenAllValuesAreEqual() {
    var generator = SeededGenerator(seed: 1)
    var sketch = QuantileSketch()
    for _ in 0..<1000 { sketch.insert(0.25) }
    let above = (0..<10_000).count { _ in sketch.rank(of: 0.25, draw: generator.unit()) >= 0.7 }
    #expect((2700...3300).contains(above))
  }

  @Test func anOldDistributionIsForgotten() {
    var sketch = QuantileSketch(halfLife: 100)
    for _ in 0..<5000 { sketch.insert(-0.5) }
    for _ in 0..<2000 { sketch.insert(0.5) }
    #expect(sketch.quantile(0.1) > 0.4)
  }

  @Test func oddValuesAreCountedAtTheEndsOrNotAtAll() {
    var sketch = QuantileSketch()
    for value in [Double.nan, .infinity, -.infinity, 1e300, 0] { sketch.insert(value) }
    #expect(sketch.count == 4)
    #expect(sketch.quantile(0) >= -1)
    #expect(sketch.quantile(1) <= 1)
    #expect(QuantileSketch().quantile(0.5) == 0)
  }

  @Test func itsCountsStayFiniteOverAMillionValues() {
    var sketch = QuantileSketch(halfLife: 10)
    for index in 0..<1_000_000 { sketch.insert(Double(index % 100) / 100) }
    #expect(sketch.quantile(0.5).isFinite)
    #expect(abs(sketch.quantile(0.5) - 0.9) < 0.11)
  }
}
