import ModelInterface

extension OrchestrationRun {
  /// How an answer held against checks.
  struct Finding: Sendable {
    var holds: Bool
    /// The answer that stands for its model: of several samples, one that most agree with.
    var answer: MemberAnswer
    /// How many checks held.
    var held: Int
  }

  /// Holds an answer against checks, the cheapest first, and stops as soon as the result is clear.
  ///
  /// - Throws: ``GenerationError`` of kind `cancelled` only; a check that cannot be made does not hold.
  func check(_ answer: MemberAnswer, _ checks: AnswerChecks) async throws(GenerationError) -> Finding {
    var finding = Finding(holds: checks.demand == .all, answer: answer, held: 0)
    /// Whether the result is clear.
    func take(_ verdict: TraceEvent.Verdict) -> Bool {
      record(verdict)
      if verdict.holds { finding.held += 1 }
      switch checks.demand {
      case .all: finding.holds = finding.holds && verdict.holds
      case .any: finding.holds = finding.holds || verdict.holds
      }
      return finding.holds == (checks.demand == .any)
    }
    if checks.isEmpty { return Finding(holds: true, answer: answer, held: 0) }
    if checks.checksSchema || checks.schema != nil, take(schemaVerdict(answer, checks.schema)) { return finding }
    if let least = checks.meanLogprob {
      let isGood = answer.meanLogprob.map { $0 >= least } ?? false
      let verdict = TraceEvent.Verdict(
        "mean-logprob", holds: isGood, value: answer.meanLogprob, threshold: least, steps: [answer.step],
        note: answer.meanLogprob == nil ? "the model reports no log-probabilities" : nil)
      if take(verdict) { return finding }
    }
    if let consistency = checks.consistency {
      let (verdict, typical) = try await consistencyVerdict(answer, consistency)
      finding.answer = typical
      if take(verdict) { return finding }
    }
    if let judge = checks.judge, take(try await judgeVerdict(finding.answer, judge).verdict) { return finding }
    return finding
  }

  // MARK: - Schema

  /// Whether an answer is what the request, or this schema, asks for.
  func schemaVerdict(_ answer: MemberAnswer, _ own: JSONValue?) -> TraceEvent.Verdict {
    let problem = schemaProblem(answer, own)
    return TraceEvent.Verdict("schema", holds: problem == nil, steps: [answer.step], note: problem)
  }

  private func schemaProblem(_ answer: MemberAnswer, _ own: JSONValue?) -> String? {
    guard answer.calls.isEmpty else {
      for call in answer.calls {
        guard let tool = request.tools.first(where: { $0.name == call.name }) else {
          return "there is no tool `\(call.name)`"
        }
        guard let arguments = try? JSONValue.parse(call.arguments) else {
          return "the arguments of `\(call.name)` are not JSON"
        }
        if let parameters = tool.parameters, let problem = JSONSchemaCheck(parameters).problem(with: arguments) {
          return "the arguments of `\(call.name)`: \(problem)"
        }
      }
      return nil
    }
    let schema: JSONValue
    switch (own, request.responseFormat) {
    case (let own?, _): schema = own
    case (nil, .jsonSchema(_, let asked, _)): schema = asked
    case (nil, .jsonObject): schema = ["type": "object"]
    case (nil, .text), (nil, .grammar): return nil
    }
    guard answer.completion.reason != .length else { return "the answer was cut off at the output limit" }
    let value: JSONValue
    do throws(JSONError) {
      value = try JSONValue.parse(answer.text)
    } catch {
      return "the answer is not JSON: \(error.description)"
    }
    return JSONSchemaCheck(schema).problem(with: value)
  }

  // MARK: - Consistency

  private func consistencyVerdict(
    _ answer: MemberAnswer, _ consistency: AnswerChecks.Consistency
  ) async throws(GenerationError) -> (TraceEvent.Verdict, MemberAnswer) {
    let calls = (1..<max(2, consistency.samples)).map { index in
      Call(
        role: .sample, request: sample(of: answer.model, index, consistency.temperature), label: "sample \(index + 1)")
    }
    var answers = [answer]
    do throws(GenerationError) {
      answers += try await gather(calls, quorum: 1)
    } catch {
      if error.kind == .cancelled { throw error }
      return (
        TraceEvent.Verdict(
          "self-consistency", holds: false, threshold: consistency.share, steps: [answer.step],
          note: "no second sample: \(error.message)"), answer
      )
    }
    let groups = AnswerGroup.groups(answers, keys: answers.map(AnswerKey.key)) { _ in 1 }
    let largest = groups.first ?? AnswerGroup(answers: [answer], weight: 1)
    let share = largest.weight / Double(answers.count)
    let verdict = TraceEvent.Verdict(
      "self-consistency", holds: share >= consistency.share - 1e-9, value: share, threshold: consistency.share,
      steps: answers.map(\.step), note: "\(Int(largest.weight)) of \(answers.count) say the same")
    return (verdict, largest.answers.first ?? answer)
  }

  /// The client's request, drawn differently from other samples of it.
  func sample(of model: String, _ index: Int, _ temperature: Float, needsLogprobs: Bool = false) -> GenerationRequest {
    var sample = same(for: model, needsLogprobs: needsLogprobs)
    if sample.sampling.temperature == 0 { sample.sampling.temperature = temperature }
    if let seed = sample.sampling.seed { sample.sampling.seed = seed &+ UInt64(index) }
    return sample
  }

  // MARK: - Judges

  /// What a judge gives an answer.
  func judgeVerdict(
    _ answer: MemberAnswer, _ judge: Judge
  ) async throws(GenerationError) -> (verdict: TraceEvent.Verdict, score: Double?) {
    var verdict = TraceEvent.Verdict("judge", holds: false, threshold: judge.least, steps: [answer.step])
    do throws(GenerationError) {
      try requireWords()
      let reply = try await askJudge(
        judge.model, .judge,
        JudgePrompt.score(question: question, answer: answer.words, instruction: judge.instruction, mark: mark()),
        JudgePrompt.scoreFormat)
      verdict.steps.append(reply.step)
      verdict.value = JudgePrompt.readScore(reply.text)
      if let score = verdict.value {
        services.judged(answer.model, question, score / JudgePrompt.highestScore)
      } else {
        verdict.note = "the judge gave no score"
      }
    } catch {
      if error.kind == .cancelled { throw error }
      verdict.note = "no judgement: \(error.message)"
    }
    verdict.holds = verdict.value.map { $0 >= judge.least } ?? false
    return (verdict, verdict.value)
  }

  /// Asks a model to judge: the likeliest answer, in a form that can be read.
  func askJudge(
    _ model: String, _ role: TraceEvent.Role, _ messages: [Message], _ format: ResponseFormat
  ) async throws(GenerationError) -> MemberAnswer {
    var request = other(for: model, messages, isFinal: false)
    request.sampling = .greedy
    request.maximumOutputTokens = JudgePrompt.outputTokens
    request.responseFormat = format
    request.reasoningEffort = nil
    return try await ask(Call(role: role, request: request, label: "judge"))
  }
}
