/// List prices and the shape of an answer, with which a pair's cost is reckoned.
///
/// Prices in millionths of a dollar for a million tokens. Strong: gpt-4-1106-preview, 10 USD in and 30 USD out (OpenAI's
/// price list of November 2023). Weak: Mixtral-8x7B, 0.70 USD in and out (Mistral's price list for open-mixtral-8x7b,
/// 2024). The labelled files do not hold the answers, so that every answer counts as `answerTokens`.
package struct CascadePrices: Sendable, Equatable {
  package var weak = TokenPrice(inputMicros: 700_000, outputMicros: 700_000)
  package var strong = TokenPrice(inputMicros: 10_000_000, outputMicros: 30_000_000)
  package var answerTokens = 256

  package init() {}
}

/// What a cascade of the pair costs at a quality, against always asking the strong model.
///
/// The cascade asks the weak model first and escalates the requests that the predictor rates as likeliest to gain; an
/// escalated request pays for both answers, unless its rating was clear enough to go straight to the strong model. The
/// labelled files hold neither answers nor log-probabilities, so nothing but the predictor can trigger an escalation here,
/// and going straight is then always cheaper. What a judge of answers could add at most is `savedWithPerfectJudge`.
struct CascadeCost {
  private let scores: PairScores
  private let weakCost: [Double]
  private let strongCost: [Double]

  init(scores: PairScores, prompts: [Int], _ prices: CascadePrices) {
    self.scores = scores
    weakCost = prompts.map { Double(prices.weak.micros(input: $0, output: prices.answerTokens)) }
    strongCost = prompts.map { Double(prices.strong.micros(input: $0, output: prices.answerTokens)) }
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
}
