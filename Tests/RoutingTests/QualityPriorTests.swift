import Testing

@testable import Routing

@Suite struct QualityPriorTests {
  @Test func moreWeightsAndHigherPricesPromiseMore() {
    let sizes = [135_000_000, 1_000_000_000, 8_000_000_000, 70_000_000_000].map { QualityPrior.quality(parameters: $0) }
    #expect(sizes == sizes.sorted() && sizes.allSatisfy { (0.05...0.95).contains($0) })
    let prices = [100_000, 600_000, 10_000_000, 75_000_000].compactMap { QualityPrior.quality(outputMicros: $0) }
    #expect(prices.count == 4 && prices == prices.sorted())
    #expect(QualityPrior.quality(outputMicros: 0) == nil)
  }

  @Test func aHarderRequestIsLessLikelyToBeAnsweredWellAndGainsMoreFromAStrongModel() {
    func gain(_ complexity: Double) -> Double {
      QualityPrior.quality(0.9, complexity: complexity) - QualityPrior.quality(0.5, complexity: complexity)
    }
    #expect(QualityPrior.quality(0.5, complexity: 0.8) < QualityPrior.quality(0.5, complexity: 0.1))
    #expect(abs(QualityPrior.quality(0.7, complexity: QualityPrior.middling) - 0.7) < 1e-9)
    #expect(gain(0.8) > gain(0.1))
  }

  @Test func whatARouterHasLearnedSurvivesItsMemory() throws {
    let candidates = [Candidate(name: "a", assumedQuality: 0.6), Candidate(name: "b", assumedQuality: 0.6)]
    var router = Router()
    let features = PromptFeatures("What is the capital of France?")
    for _ in 0..<40 { router.learn(QualityFeedback(model: "b", quality: 1, source: .person), features: features) }
    var again = Router()
    again.memory = router.memory
    let request = RouteRequest(prompt: "What is the capital of France?", session: "s")
    let decision = try again.decide(request, among: candidates, policy: .qualityFirst(spendingCapMicros: nil), seed: 1)
    #expect(decision.chosen == "b")
    #expect(again.memory.decisions == router.memory.decisions + 1)
  }
}
