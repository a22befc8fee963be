import CLlama
import Foundation
import ModelInterface
import Testing

@testable import LlamaEngine

@Suite struct SamplingTests {
  private let scratch = Sampler.Scratch(vocabularySize: 1000)

  /// How often each token is drawn.
  private func draws(_ parameters: SamplingParameters, _ logits: [Float], count: Int = 4000) -> [TokenID: Int] {
    var parameters = parameters
    parameters.seed = 42
    var sampler = Sampler(parameters, prompt: [], grammar: nil)
    var logits = logits + [Float](repeating: -.infinity, count: 1000 - logits.count)
    var result: [TokenID: Int] = [:]
    for _ in 0..<count {
      let token = logits.withUnsafeMutableBufferPointer { sampler.draw($0, scratch: scratch) }
      result[token ?? -1, default: 0] += 1
    }
    return result
  }

  @Test func `draws follow the distribution`() {
    // 0.5, 0.25, 0.25
    let counts = draws(SamplingParameters(), [0.6931472, 0, 0])
    #expect(abs(Double(counts[0] ?? 0) / 4000 - 0.5) < 0.03)
    #expect(abs(Double(counts[1] ?? 0) / 4000 - 0.25) < 0.03)
    #expect(counts.keys.allSatisfy { (0...2).contains($0) })
  }

  @Test func `each filter keeps what its definition says`() {
    let logits: [Float] = [3, 2, 1, 0, -1, -2]
    var parameters = SamplingParameters()
    parameters.topK = 2
    #expect(Set(draws(parameters, logits).keys) == [0, 1])
    parameters = SamplingParameters()
    // The masses are 0.633, 0.233, 0.086, …
    parameters.topP = 0.8
    #expect(Set(draws(parameters, logits).keys) == [0, 1])
    parameters.topP = 0.5
    #expect(Set(draws(parameters, logits).keys) == [0])
    parameters = SamplingParameters()
    parameters.minP = 0.3
    #expect(Set(draws(parameters, logits).keys) == [0, 1])
    parameters = SamplingParameters()
    parameters.temperature = 0
    #expect(draws(parameters, logits) == [0: 4000])
    parameters = SamplingParameters()
    parameters.typicalP = 0.2
    #expect(draws(parameters, logits).count < 6)
  }

  @Test func `bias and penalties change the choice`() {
    var parameters = SamplingParameters.greedy
    parameters.logitBias = [4: 100]
    #expect(draws(parameters, [3, 2, 1, 0, 0], count: 1) == [4: 1])
    parameters = .greedy
    parameters.presencePenalty = 2
    var sampler = Sampler(parameters, prompt: [], grammar: nil)
    let isAccepted = sampler.accept(0)
    #expect(isAccepted)
    var logits: [Float] = [3, 2] + [Float](repeating: -.infinity, count: 998)
    let drawn1 = logits.withUnsafeMutableBufferPointer { sampler.draw($0, scratch: scratch) }
    #expect(drawn1 == 1)
    parameters = .greedy
    parameters.repetitionPenalty = 2
    var repeating = Sampler(parameters, prompt: [0], grammar: nil)
    let drawn2 = logits.withUnsafeMutableBufferPointer { repeating.draw($0, scratch: scratch) }
    #expect(drawn2 == 1)
  }

  @Test func `logits without a single number draw nothing`() {
    var sampler = Sampler(SamplingParameters(), prompt: [], grammar: nil)
    var logits = [Float](repeating: .nan, count: 1000)
    let drawn3 = logits.withUnsafeMutableBufferPointer { sampler.draw($0, scratch: scratch) }
    #expect(drawn3 == nil)
  }

  @Test func `the sum of exponentials is exact enough`() {
    let logits: [Float] = (0..<1000).map { Float($0 % 37) / 3 - 6 }
    let expected = logits.reduce(0.0) { $0 + exp(Double($1)) }
    #expect(abs(Double(prsm_log_sum_exp(logits, 1000)) - log(expected)) < 1e-5)
  }

  @Test func `the greatest are in order`() {
    let logits: [Float] = [1, 5, 3, 5, 2]
    var result = [prsm_candidate](repeating: prsm_candidate(), count: 3)
    #expect(prsm_greatest(logits, 5, 3, &result) == 3)
    #expect(result.map(\.token) == [1, 3, 2])
  }
}
