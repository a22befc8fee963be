import Testing

@testable import Routing

/// What a cascade saves, with judges from one that guesses to one that is always right.
@Suite struct CascadeCostTests {
  /// Requests of which the weak model answers 60 in 100 and the strong one 90, told apart a little by the predictor.
  private static func cost(_ prices: CascadePrices = CascadePrices()) -> CascadeCost {
    var generator = SeededGenerator(seed: 4)
    var scores = PairScores(
      weak: [], strong: [], predicted: [], weakProbability: [], strongProbability: [], length: [])
    for _ in 0..<2000 {
      let ease = 0.3 + 0.6 * generator.unit()
      scores.weak.append(generator.unit() < ease ? 1 : 0)
      scores.strong.append(generator.unit() < 0.9 ? 1 : 0)
      scores.weakProbability.append(ease)
      scores.strongProbability.append(0.9)
      scores.predicted.append(0.9 - ease)
      scores.length.append(0)
    }
    return CascadeCost(scores: scores, prompts: [Int](repeating: 80, count: 2000), prices)
  }

  @Test func aBetterJudgeSavesMore() {
    let cost = Self.cost()
    let savings = [0.5, 0.6, 0.7, 0.8, 0.9, 1].map { cost.saved(quality: 0.95, judge: $0) }
    #expect(savings == savings.sorted())
    #expect(savings[5] > savings[0] + 0.2)
  }

  @Test func aJudgeThatGuessesSavesNoMoreThanThePredictor() {
    let cost = Self.cost()
    #expect(cost.saved(quality: 0.95, judge: 0.5) < cost.saved(quality: 0.95))
  }

  @Test func aJudgeThatIsAlwaysRightAndCostsNothingSavesWhatCanBe() {
    var prices = CascadePrices()
    prices.judgeAnswers = 0
    let cost = Self.cost(prices)
    #expect(abs(cost.saved(quality: 0.95, judge: 1) - cost.savedWithPerfectJudge(quality: 0.95)) < 0.01)
  }

  @Test func theJudgeThatIsNeededSavesSoMuchAndALesserOneDoesNot() throws {
    let cost = Self.cost()
    let needed = try #require(cost.judgeNeeded(saving: 0.5, quality: 0.95))
    #expect(cost.saved(quality: 0.95, judge: needed) >= 0.5)
    #expect(cost.saved(quality: 0.95, judge: needed - 0.01) < 0.5)
    #expect(cost.judgeNeeded(saving: 0.99, quality: 0.95) == nil)
  }
}
