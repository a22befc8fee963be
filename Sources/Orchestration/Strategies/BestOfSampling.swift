import ModelInterface

extension OrchestrationRun {
  func perform(_ best: BestOf) async throws(GenerationError) -> Chosen {
    let needsLogprobs = if case .judge = best.score { false } else { true }
    let calls = (0..<best.samples).map { index in
      let member = best.models[index % best.models.count]
      // With one sample a model there is nothing to vary.
      let request =
        index < best.models.count
        ? same(for: member, needsLogprobs: needsLogprobs)
        : sample(of: member, index, best.temperature, needsLogprobs: needsLogprobs)
      return Call(role: .sample, request: request, label: "sample \(index + 1) of \(best.samples)")
    }
    let answers = try await gather(calls, quorum: best.quorum) { answers in
      guard case .schema(let schema) = best.score else { return false }
      return answers.contains { schemaVerdict($0, schema).holds }
    }
    let scores = try await scores(of: answers, best.score)
    // The first of equals, so that the same scores give the same choice.
    let ranked = zip(answers, scores).enumerated().max {
      $0.element.1 == $1.element.1 ? $0.offset > $1.offset : $0.element.1 < $1.element.1
    }
    guard let chosen = ranked?.element.0 else {
      throw GenerationError(.internal, "`\(model.name)` has no samples")
    }
    return try await deliver(chosen)
  }

  /// A score an answer, higher for better.
  private func scores(
    of answers: [MemberAnswer], _ score: BestOf.Score
  ) async throws(GenerationError) -> [Double] {
    var scores: [Double] = []
    switch score {
    case .logprob:
      for answer in answers {
        record(
          TraceEvent.Verdict(
            "mean-logprob", holds: answer.meanLogprob != nil, value: answer.meanLogprob, steps: [answer.step],
            note: answer.meanLogprob == nil ? "the model reports no log-probabilities" : nil))
        scores.append(answer.meanLogprob ?? -.greatestFiniteMagnitude)
      }
    case .schema(let schema):
      for answer in answers {
        let verdict = schemaVerdict(answer, schema)
        record(verdict)
        // Log-probabilities are at most 0, so that validity outweighs them.
        scores.append((verdict.holds ? 0 : -1e6) + max(-1e5, answer.meanLogprob ?? -1e5))
      }
    case .judge(let judge):
      let found = await judged(answers, judge)
      if Task.isCancelled { throw GenerationError(.cancelled, "the reader of the answer went away") }
      for (verdict, score) in found {
        record(verdict)
        scores.append(score ?? -1)
      }
    }
    return scores
  }

  /// Judges answers beside each other, within the limit on concurrency.
  private func judged(_ answers: [MemberAnswer], _ judge: Judge) async -> [(TraceEvent.Verdict, Double?)] {
    typealias One = (index: Int, verdict: TraceEvent.Verdict, score: Double?)
    return await withTaskGroup(of: One?.self) { group in
      var waiting = answers.indices.makeIterator()
      func begin() {
        guard let index = waiting.next() else { return }
        group.addTask {
          guard let found = try? await self.judgeVerdict(answers[index], judge) else { return nil }
          return (index, found.verdict, found.score)
        }
      }
      for _ in 0..<max(1, model.limits.concurrency) { begin() }
      var found: [One] = []
      while let one = await group.next() {
        if let one { found.append(one) }
        begin()
      }
      return found.sorted { $0.index < $1.index }.map { ($0.verdict, $0.score) }
    }
  }
}
