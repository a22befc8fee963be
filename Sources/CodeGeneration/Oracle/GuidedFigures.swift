package import ModelInterface

/// What guided decoding costs, measured: tokens a second of three ways to write the same kind of line.
package struct GuidedFigures: Sendable, Hashable {
  /// The plain prompt's likeliest tokens, one sequence.
  package var greedy: Double
  /// Under guidance with cached prompts, both distributions in one step a token, the traces renewed every line.
  package var guided: Double
  /// Under guidance with both prompts computed anew for each token.
  package var naive: Double

  /// Measures on a problem of its own.
  ///
  /// - Parameters:
  ///   - tokens: how many greedy and guided decoding write.
  ///   - naive: how many the naive one writes.
  package static func measure(
    _ model: any TokenModel, tokens: Int, naive: Int
  ) async throws -> GuidedFigures {
    let bench = try await Workbench(model, sequences: 4, context: RequestContext(requestID: "figures"))
    do {
      let figures = try await measure(bench, tokens, naive)
      await bench.close()
      return figures
    } catch {
      await bench.close()
      throw error
    }
  }

  private static func measure(_ bench: Workbench, _ tokens: Int, _ naive: Int) async throws -> GuidedFigures {
    let task = CodeTask(
      instruction: "Write a function to find the words of a text that occur more than once, in alphabetical order.",
      tests: ["assert repeated_words('a b a c b') == ['a', 'b']"])
    let prompt = try CodePrompt(.fewShot, task, model: bench.model)
    let plain = bench.tokens(of: prompt)
    let base = try await bench.base(.fewShot, plain)
    let greedy = try await rate(tokens) {
      let strand = try await strand(bench, base, plain, .greedy, tokens)
      try await bench.write([strand], allowance: tokens)
      try await bench.giveBack(strand.sequence)
      return strand.written
    }
    let guided = try await rate(tokens) {
      var written = 0
      let strand = try await strand(bench, base, plain, .greedy, tokens)
      let conditional = try await bench.fork(base)
      var held = Array(plain.dropLast())
      while written < tokens {
        let signal = SignalText([block(number: written)]).text
        let wanted = bench.tokens(of: prompt, signal: signal) + strand.draft.tokens
        let common = min(Workbench.commonPrefix(held, wanted), wanted.count - 1)
        if common < held.count { try await bench.session.truncate(conditional, to: common) }
        try await bench.read([(conditional, Array(wanted[common..<(wanted.count - 1)]))])
        strand.manner = .guided(conditional: conditional, gamma: 1)
        strand.conditionalFeed = Array(wanted.suffix(1))
        let before = strand.draft.tokens.count
        strand.draft.reopen()
        // A line has about twelve tokens.
        try await bench.write([strand], allowance: min(12, tokens - written))
        held = wanted + strand.draft.tokens.dropFirst(before).dropLast()
        if strand.draft.tokens.count == before { break }
        written += strand.draft.tokens.count - before
      }
      try await bench.giveBack(strand.sequence)
      try await bench.giveBack(conditional)
      return written
    }
    guard let first = bench.takeSequence(), let second = bench.takeSequence() else {
      throw GenerationError(.internal, "the measurement needs two more sequences")
    }
    let oracle = NaiveGuidance(bench.session, first, second)
    let conditional = bench.tokens(of: prompt, signal: SignalText([block(number: 0)]).text)
    let slow = try await rate(naive) {
      try await oracle.tokens(after: plain, conditional: conditional, gamma: 1, count: naive).count
    }
    return GuidedFigures(greedy: greedy, guided: guided, naive: slow)
  }

  private static func strand(
    _ bench: Workbench, _ base: SequenceID, _ tokens: [TokenID], _ manner: Strand.Manner, _ most: Int
  ) async throws -> Strand {
    Strand(
      sequence: try await bench.fork(base), manner: manner, draft: CodeDraft(unending: true),
      feed: Array(tokens.suffix(1)), mostTokens: .max, random: SplitMix(seed: 1))
  }

  private static func rate(_ count: Int, _ work: () async throws -> Int) async throws -> Double {
    let start = ContinuousClock.now
    let done = try await work()
    return Double(done) / ((ContinuousClock.now - start) / .seconds(1))
  }

  /// Traces of a usual length that change with every line.
  private static func block(number: Int) -> SignalText.Block {
    SignalText.Block(
      code: """
        def repeated_words(text):
            counts = {}
            for word in text.split():
                counts[word] = counts.get(word, 0) + \(number)
            return sorted(counts)
        """,
      invocation: "repeated_words('a b a c b')",
      trace: """
        call repeated_words: text = 'a b a c b'
        counts = {}
        for word in text.split():  -> word = 'a'
        counts[word] = counts.get(word, 0) + \(number)  -> counts = {'a': \(number)}
        return ['a', 'b', 'c']
        result: ['a', 'b', 'c']
        """)
  }
}
