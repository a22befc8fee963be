import Routing
import Testing

@Suite struct GainCurveTests {
  /// Four requests: the strong model wins two, loses none.
  private let weak = [1.0, 0, 1, 0]
  private let strong = [1.0, 1, 1, 1]

  @Test func aRouterThatKnowsNothingHasHalf() throws {
    let curve = try GainCurve(scores: [0, 0, 0, 0], weak: weak, strong: strong)
    #expect(abs(curve.apgr - 0.5) < 1e-12)
    #expect(curve.cpt(0.5) == 0.5)
  }

  @Test func theOracleRecoversTheGapWithTheFewestCalls() throws {
    let gains = zip(strong, weak).map { $0 - $1 }
    let curve = try GainCurve(scores: gains, weak: weak, strong: strong)
    #expect(curve.recovered(at: 0.5) == 1)
    #expect(curve.cpt(0.5) == 0.25)
    #expect(curve.cpt(0.8) == 0.5)
    // PGR is 2c up to one half, then 1: 0.1, 0.3, 0.5, 0.7, 0.9 and five ones.
    #expect(abs(curve.apgr - 0.75) < 1e-12)
  }

  @Test func theWorstOrderMirrorsTheOracle() throws {
    let curve = try GainCurve(scores: [1, 0, 1, 0], weak: weak, strong: strong)
    #expect(abs(curve.apgr - 0.25) < 1e-12)
    #expect(curve.recovered(at: 0.5) == 0)
    #expect(curve.recovered(at: 1) == 1)
  }

  @Test func losingRequestsTakeTheOracleAboveOne() throws {
    let curve = try GainCurve(scores: [1, 0, 0, -1], weak: [0, 0, 1, 1], strong: [1, 1, 1, 0])
    #expect(curve.recovered(at: 0.75) > 1)
  }

  @Test func withoutAGapThereIsNothingToDivideBy() {
    #expect(throws: RoutingError.noQualityGap(weak: 1, strong: 1)) {
      try GainCurve(scores: [1, 2], weak: [1, 1], strong: [1, 1])
    }
    #expect(throws: RoutingError.tooFewRecords(found: 0, needed: 1)) {
      try GainCurve(scores: [], weak: [], strong: [])
    }
  }
}
