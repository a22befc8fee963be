/// List prices and the shape of an answer, with which a pair's cost is reckoned.
///
/// Prices in millionths of a dollar for a million tokens. Strong: gpt-4-1106-preview, 10 USD in and 30 USD out (OpenAI's
/// price list of November 2023). Weak: Mixtral-8x7B, 0.70 USD in and out (Mistral's price list for open-mixtral-8x7b,
/// 2024). The labelled files do not hold the answers, so that every answer counts as `answerTokens`.
package struct CascadePrices: Sendable, Equatable {
  package var weak = TokenPrice(inputMicros: 700_000, outputMicros: 700_000)
  package var strong = TokenPrice(inputMicros: 10_000_000, outputMicros: 30_000_000)
  package var answerTokens = 256
  /// What a judge of an answer costs, in further answers of the weak model: four, as for self-consistency among five.
  package var judgeAnswers = 4.0

  package init() {}
}

/// What a cascade of the pair costs at a quality, against always asking the strong model.
///
/// The cascade asks the weak model first and escalates the requests that the predictor rates as likeliest to gain; an
/// escalated request pays for both answers, unless its rating was clear enough to go straight to the strong model. The
/// labelled files hold neither answers nor log-probabilities, so nothing but the predictor can trigger an escalation here,
/// and going straight is then always cheaper. What a judge of answers could add at most is `savedWithPerfectJudge`; what one
/// adds that is right so often, `saved(quality:judge:)`.
struct CascadeCost {
  private let scores: PairScores
  private let weakCost: [Double]
  private let strongCost: [Double]
  private let judgeAnswers: Double

  init(scores: PairScores, prompts: [Int], _ prices: CascadePrices) {
    self.scores = scores
    weakCost = prompts.map { Double(prices.weak.micros(input: $0, output: prices.answerTokens)) }
    strongCost = prompts.map { Double(prices.strong.micros(input: $0, output: prices.answerTokens)) }
    judgeAnswers = prices.judgeAnswers
  }

  /// The share of always-strong's cost saved by the cheapest threshold whose mean quality is at least `quality` of the
  /// strong model's, by descending predicted gain for each unit of extra cost.
  func saved(quality: Double) -> Double {
    let value = scores.predicted.indices.map { scores.predicted[$0] / max(1, strongCost[$0] - weakCost[$0]) }
    let order = value.indices.sorted { value[$0] != value[$1] ? value[$0] > value[$1] : $0 < $1 }
    let target = quality * scores.strong.reduce(0, +)
    let whole = strongCost.reduce(0, +)
    var right = scores.weak.reduce(0, +)
    var cost = weakCost.reduce(0, +)
    for index in order {
      if right >= target - 1e-9 { break }
      right += scores.strong[index] - scores.weak[index]
      cost += strongCost[index] - weakCost[index]
    }
    return whole > 0 ? 1 - cost / whole : 0
  }

  /// The same with a judge that always knows whether the weak answer is right, and pays for both answers when it is not.
  func savedWithPerfectJudge(quality: Double) -> Double {
    let target = quality * scores.strong.reduce(0, +)
    let whole = strongCost.reduce(0, +)
    var right = scores.weak.reduce(0, +)
    var cost = weakCost.reduce(0, +)
    let wrong = scores.weak.indices.filter { scores.weak[$0] < 0.5 }
    for index in wrong.sorted(by: {
      scores.strongProbability[$0] != scores.strongProbability[$1]
        ? scores.strongProbability[$0] > scores.strongProbability[$1] : $0 < $1
    }) {
      if right >= target - 1e-9 { break }
      right += scores.strong[index] - scores.weak[index]
      cost += strongCost[index]
    }
    return whole > 0 ? 1 - cost / whole : 0
  }

  /// The same with a judge that takes a right answer for right, and a wrong one for wrong, with the probability `accuracy`,
  /// independently of everything else. Every request pays for the weak answer and the judge. The judge's word and the
  /// predictor's are put together by Bayes' rule; figures are expectations over what the judge says, not draws.
  func saved(quality: Double, judge accuracy: Double) -> Double {
    let right = max(0.5, min(1, accuracy))
    let target = quality * scores.strong.reduce(0, +)
    let whole = strongCost.reduce(0, +)
    var good = scores.weak.reduce(0, +)
    var cost = weakCost.reduce(0, +) * (1 + judgeAnswers)
    var parts: [(value: Double, share: Double, row: Int)] = []
    for row in scores.weak.indices {
      let before = scores.weakProbability[row]
      // How likely the judge is to say yes, in truth and as far as the predictor knows.
      let yes = scores.weak[row] * right + (1 - scores.weak[row]) * (1 - right)
      let expected = before * right + (1 - before) * (1 - right)
      for (saysYes, share) in [(true, yes), (false, 1 - yes)] where share > 0 {
        let after =
          saysYes ? before * right / max(1e-9, expected) : before * (1 - right) / max(1e-9, 1 - expected)
        parts.append(((scores.strongProbability[row] - after) / max(1, strongCost[row]), share, row))
      }
    }
    for part in parts.sorted(by: { $0.value != $1.value ? $0.value > $1.value : $0.row < $1.row }) {
      if good >= target - 1e-9 { break }
      good += part.share * (scores.strong[part.row] - scores.weak[part.row])
      cost += part.share * strongCost[part.row]
    }
    return whole > 0 ? 1 - cost / whole : 0
  }

  /// How often a judge has to be right for the cascade to save so much, in steps of a hundredth; nil where even one that is
  /// always right does not.
  func judgeNeeded(saving: Double, quality: Double) -> Double? {
    (50...100).lazy.map { Double($0) / 100 }.first { saved(quality: quality, judge: $0) >= saving }
  }
}
