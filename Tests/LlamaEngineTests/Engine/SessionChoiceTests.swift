import ModelInterface
import Testing

@testable import LlamaEngine

/// What is chosen where the logits are is what plain code chooses from the same logits.
@Suite(.enabled(if: TestModel.isPresent, "no model at PRSM_TEST_MODEL or in the cache folder: `make setup`"))
struct SessionChoiceTests {
  @Test func choicesAreThoseOfPlainCode() async throws {
    let model = try await TestModel.models.tokenModel(named: "test")
    let session = try await model.openSession(sequences: 4, context: RequestContext(requestID: "choices"))
    let first = model.tokenize("def add(a, b):\n    return", addsSpecial: true, parsesSpecial: false)
    let second = model.tokenize("The sum of a and b is multiplied:", addsSpecial: true, parsesSpecial: false)
    let logits = try await session.evaluate([(sequence: 0, tokens: first), (sequence: 1, tokens: second)])
    for rule in [
      TokenRule.guided(conditional: 1, gamma: 0), .guided(conditional: 1, gamma: 0.5),
      .guided(conditional: 1, gamma: 1),
      .guided(conditional: 1, gamma: 3), .greedy, .drawn(temperature: 0.8, topP: 0.95, topK: 50, uniform: 0.3),
      .drawn(temperature: 1.2, topP: 0.95, topK: 50, uniform: 0.97),
    ] {
      for sequence in 2..<4 { try await session.truncate(sequence, to: 0) }
      let choices = try await session.choose([
        TokenStep(sequence: 2, tokens: first, rule: rule), TokenStep(sequence: 3, tokens: second, rule: .none),
      ])
      let wanted = rule.choice(from: logits[0], conditional: logits[1])
      #expect(choices[0]?.token == wanted?.token)
      #expect(abs((choices[0]?.logprob ?? 1) - (wanted?.logprob ?? 0)) < 1e-3)
      #expect(abs((choices[0]?.divergence ?? 1) - (wanted?.divergence ?? 0)) < 1e-3)
      #expect(choices[1] == nil)
    }
    await session.close()
  }
}
