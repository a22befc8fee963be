import ModelInterface
import Testing

@testable import CodeGeneration

@Suite struct TokenRuleTests {
  private func logits(_ seed: UInt64, scale: Float = 10) -> [Float] {
    var random = SplitMix(seed: seed)
    return (0..<500).map { _ in Float(random.uniform()) * scale }
  }

  @Test func withoutStrengthGuidanceIsPlain() {
    let rule = TokenRule.guided(conditional: 1, gamma: 0)
    #expect(
      rule.choice(from: logits(1), conditional: logits(2))?.token == TokenRule.greedy.choice(from: logits(1))?.token)
  }

  @Test func atStrengthOneItFollowsTheCondition() {
    let rule = TokenRule.guided(conditional: 1, gamma: 1)
    #expect(
      rule.choice(from: logits(1), conditional: logits(2))?.token == TokenRule.greedy.choice(from: logits(2))?.token)
  }

  @Test func whatIsUnthinkableUnderBothDoesNotWinByItsRatio() {
    var plain = [Float](repeating: -60, count: 100)
    var conditional = [Float](repeating: -60, count: 100)
    plain[3] = 10
    conditional[3] = 10
    plain[7] = -60
    conditional[7] = -25
    let choice = TokenRule.guided(conditional: 1, gamma: 3).choice(from: plain, conditional: conditional)
    #expect(choice?.token == 3)
  }

  @Test func equalDistributionsDoNotDiverge() {
    let choice = TokenRule.guided(conditional: 1, gamma: 1).choice(from: logits(4), conditional: logits(4))
    #expect(choice.map { $0.divergence < 1e-4 } == true)
  }

  @Test func drawsFollowTheNucleus() {
    let rule = { (uniform: Double) in TokenRule.drawn(temperature: 1, topP: 0.5, topK: 3, uniform: uniform) }
    let values = logits(9)
    let order = values.indices.sorted { values[$0] > values[$1] }.prefix(3)
    for step in 0..<50 {
      let token = rule(Double(step) / 50).choice(from: values)?.token
      #expect(order.contains(Int(token ?? -1)))
    }
    #expect(rule(0).choice(from: values)?.token == TokenID(order[0]))
  }
}
