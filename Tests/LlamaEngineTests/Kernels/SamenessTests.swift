import CLlama
import Foundation
import ModelInterface
import Testing

@testable import LlamaEngine

/// What a sequence computes does not depend on what else is, or was, in the cache.
@Suite(
  .serialized, .enabled(if: TestModel.isPresent, "no model at PRSM_TEST_MODEL or in the cache folder: `make setup`"))
struct SamenessTests {
  /// Numbers that are the same in every run.
  private struct Dice {
    var state: UInt64

    mutating func roll(_ sides: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % sides
    }
  }

  private static let steps = 10

  private static func row(_ token: Int, _ position: Int, _ sequence: Int, _ wants: Bool = false) -> LlamaContext.Row {
    LlamaContext.Row(
      token: TokenID(token), position: Int32(position), sequence: Int32(sequence), wantsLogits: wants)
  }

  private static func decode(_ context: LlamaContext, _ rows: [LlamaContext.Row], _ threads: Int) throws {
    guard case .done = context.decode(rows, threads: threads) else {
      throw GenerationError(.internal, "the rows were not computed")
    }
  }

  private static func logits(_ context: LlamaContext, _ row: Int) throws -> [Float] {
    Array(try #require(context.logits(ofRow: row)))
  }

  /// The tokens of a sequence and the logits after its prompt and after each of the rest, computed with nothing beside it.
  private static func alone(
    _ context: LlamaContext, _ prompt: [Int]
  ) throws -> (tokens: [Int], logits: [[Float]]) {
    try decode(context, prompt.indices.map { row(prompt[$0], $0, 0, $0 == prompt.count - 1) }, 1)
    var tokens = prompt
    var found = [try logits(context, prompt.count - 1)]
    for _ in 0..<steps {
      let last = try #require(found.last)
      tokens.append(Int(prsm_argmax(last, Int32(last.count))))
      try decode(context, [row(tokens[tokens.count - 1], tokens.count - 1, 0, true)], 1)
      found.append(try logits(context, 0))
    }
    return (tokens, found)
  }

  @Test(arguments: [0, 1, 2]) func logitsAreTheSameToTheBitWhateverTheCacheHolds(_ trial: Int) throws {
    let model = try LlamaModel(name: "test", path: TestModel.path)
    let prompt = (0..<150).map { 300 + ($0 * 7_919) % 1_000 }
    let quiet = try LlamaContext(model: model, capacity: 256, sequences: 1, rows: 160, outputs: 4)
    let wanted = try Self.alone(quiet, prompt)
    let context = try LlamaContext(model: model, capacity: 512, sequences: 16, rows: 160, outputs: 32)
    var dice = Dice(state: UInt64(trial + 1))
    var lengths = [Int](repeating: 0, count: 16)
    // Others come, grow and end around it, so that its cells lie wherever there are holes.
    func others(_ sequences: Range<Int>) -> [LlamaContext.Row] {
      sequences.flatMap { sequence -> [LlamaContext.Row] in
        if lengths[sequence] > 20 || dice.roll(8) == 0 {
          context.clear(Int32(sequence))
          lengths[sequence] = 0
        }
        let first = lengths[sequence]
        lengths[sequence] += 1 + dice.roll(first == 0 ? 9 : 2)
        return (first..<lengths[sequence]).map { Self.row(300 + dice.roll(900), $0, sequence) }
      }
    }
    var done = 0
    if trial == 1 {
      // It begins as another does.
      try Self.decode(context, others(8..<12) + (0..<90).map { Self.row(prompt[$0], $0, 15) }, 2)
      context.copy(15, to: 0, length: 70)
      done = 70
    }
    while done < wanted.tokens.count {
      let before = others(2..<8)
      let count = done < prompt.count ? min(1 + dice.roll(30), prompt.count - done) : dice.roll(4) == 0 ? 0 : 1
      let own = (done..<done + count).map { Self.row(wanted.tokens[$0], $0, 0, $0 >= prompt.count - 1) }
      try Self.decode(context, before + own + others(12..<14), 1 + dice.roll(2))
      done += count
      if count > 0, done >= prompt.count {
        let found = try Self.logits(context, before.count + count - 1)
        #expect(found == wanted.logits[done - prompt.count], "token \(done)")
      }
    }
  }

  @Test func `a seed gives the same text and log-probabilities alone and in company`() async throws {
    var configuration = LocalModels.Configuration()
    configuration.engine.cacheTokens = 1_024
    let entry = ModelFileEntry(name: "test", path: TestModel.path, bytes: 100 << 20)
    let models = LocalModels(source: FixedModelSource([entry]), configuration: configuration)
    @Sendable func answer() async throws -> [TokenLogprob] {
      var request = TestModel.request("Tell a story about two foxes who live by the sea.", tokens: 24, seed: 11)
      request.logprobs = 2
      return try await Answer(models.generate(request)).tokens
    }
    let alone = try await answer()
    try #require(alone.count == 24)
    let model = try await models.tokenModel(named: "test")
    for round in 0..<3 {
      let amid = try await withThrowingTaskGroup(of: [TokenLogprob]?.self) { group in
        for number in 0..<5 {
          let filler = String(repeating: "Say more of \(round). ", count: number * 4)
          group.addTask {
            let text = "Write about the number \(number). \(filler)"
            _ = try await Answer(models.generate(TestModel.request(text, tokens: 6 + number * 5)))
            return nil
          }
        }
        group.addTask {
          let session = try await model.openSession(sequences: 3, context: RequestContext(requestID: "\(round)"))
          let tokens = model.tokenize("def add(a, b):\n    return", addsSpecial: true, parsesSpecial: false)
          for turn in 0..<12 {
            _ = try await session.evaluate([(sequence: turn % 3, tokens: tokens)])
            if turn % 2 == 1 { try await session.truncate(turn % 3, to: 0) }
          }
          await session.close()
          return nil
        }
        group.addTask { try await answer() }
        return try await group.reduce(nil as [TokenLogprob]?) { $1 ?? $0 }
      }
      #expect(amid == alone)
      #expect(try await answer() == alone)
    }
    await models.shutdown(by: .now + .seconds(5))
  }
}
