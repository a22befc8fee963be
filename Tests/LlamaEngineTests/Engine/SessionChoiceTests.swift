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

  @Test func theLikeliestTokensAreThoseOfPlainCode() async throws {
    let model = try await TestModel.models.tokenModel(named: "test")
    let session = try await model.openSession(sequences: 2, context: RequestContext(requestID: "likeliest"))
    let text = model.tokenize("def add(a, b):\n    return", addsSpecial: true, parsesSpecial: false)
    let logits = try await session.evaluate([(sequence: 0, tokens: text)])
    let choices = try await session.choose([TokenStep(sequence: 1, tokens: text, rule: .greedy, reported: 50)])
    let wanted = TokenRule.likeliest(logits[0], 50)
    let found = choices[0]?.likeliest ?? []
    #expect(found.map(\.token) == wanted.map(\.token))
    #expect(zip(found, wanted).allSatisfy { abs($0.logprob - $1.logprob) < 1e-3 })
    await session.close()
  }

  @Test(arguments: [1, 70]) func partsOfOneSequenceInOneCallFollowEachOther(_ first: Int) async throws {
    let model = try await TestModel.models.tokenModel(named: "test")
    let session = try await model.openSession(sequences: 4, context: RequestContext(requestID: "chains"))
    let text = model.tokenize(
      String(repeating: "def add(a, b):\n    return a + b\n\n", count: 12), addsSpecial: true, parsesSpecial: false)
    let parts = [Array(text[..<first])] + text[first..<(first + 40)].map { [$0] }
    var wanted: [[TokenID?]] = [[], []]
    for part in parts {
      let choices = try await session.choose([
        TokenStep(sequence: 0, tokens: part, rule: .guided(conditional: 1, gamma: 1)),
        TokenStep(sequence: 1, tokens: part, rule: .greedy),
      ])
      for index in 0..<2 { wanted[index].append(choices[index]?.token) }
    }
    // All of it in one call: more parts than a step has outputs.
    let choices = try await session.choose(
      parts.enumerated().flatMap { index, part in
        [
          TokenStep(sequence: 2, tokens: part, rule: .guided(conditional: 2 * index + 1, gamma: 1)),
          TokenStep(sequence: 3, tokens: part, rule: .greedy),
        ]
      })
    for index in 0..<2 {
      let found = parts.indices.map { choices[2 * $0 + index]?.token }
      let different = zip(found, wanted[index]).count { $0 != $1 }
      // Sums in another order may turn a tie.
      #expect(different <= 1)
    }
    await session.close()
  }
}
