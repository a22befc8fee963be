import ModelInterface

extension OrchestrationRun {
  func perform(_ panel: Panel) async throws(GenerationError) -> Chosen {
    let calls = panel.models.enumerated().map { index, member in
      // A member that is asked twice should not say the same twice for want of a seed.
      var request = panel.models[..<index].contains(member) ? sample(of: member, index, 0.7) : same(for: member)
      if panel.agreement == .confidence, request.logprobs == nil { request.logprobs = 0 }
      return Call(role: .answer, request: request, label: "member \(index + 1) of \(panel.models.count)")
    }
    let answers = try await gather(calls, quorum: panel.quorum) { isDecided($0, panel) }
    let (groups, total, note) = try await vote(answers, panel)
    guard let first = groups.first, let best = first.best else {
      throw GenerationError(.internal, "the panel `\(model.name)` has no answers")
    }
    let share = total > 0 ? first.weight / total : 0
    let agrees = share >= panel.threshold - 1e-9
    record(
      TraceEvent.Verdict(
        "agreement", holds: agrees, value: share, threshold: panel.threshold, steps: first.answers.map(\.step),
        note: note ?? "\(first.answers.count) of \(answers.count) say the same"))
    guard !agrees else { return try await deliver(best) }
    if let hook = panel.review {
      services.review(
        ReviewCase(
          hook: hook, orchestration: trace.id, requestID: request.context.requestID, tenant: request.context.tenant,
          model: model.name, question: question, answers: answers.map { ($0.model, $0.words) }, agreement: share,
          threshold: panel.threshold, given: panel.escalation == nil ? best.words : nil))
      record(TraceEvent.Verdict("review", holds: true, steps: [best.step], note: "marked for a person to look at"))
    }
    guard let stronger = panel.escalation else { return try await deliver(best) }
    return try await askFinal(
      Call(role: .escalate, request: same(for: stronger, isFinal: true), label: "escalation"), or: best)
  }

  /// Whether so many agree already that the members who have not answered can change nothing.
  private func isDecided(_ answers: [MemberAnswer], _ panel: Panel) -> Bool {
    guard panel.agreement == .majority, answers.count >= panel.quorum else { return false }
    let counts = Dictionary(answers.map { (AnswerKey.key($0), 1) }, uniquingKeysWith: +).values.sorted(by: >)
    let missing = panel.models.count - answers.count
    let (first, second) = (counts.first ?? 0, counts.dropFirst().first ?? 0)
    return Double(first) >= panel.threshold * Double(panel.models.count) - 1e-9 && first > second + missing
  }

  /// Groups of answers that say the same, the weightiest first, with the weight of all.
  private func vote(
    _ answers: [MemberAnswer], _ panel: Panel
  ) async throws(GenerationError) -> (groups: [AnswerGroup], total: Double, note: String?) {
    func weight(_ answer: MemberAnswer) -> Double {
      panel.agreement == .confidence ? answer.confidence ?? 1 : 1
    }
    let total = answers.reduce(0) { $0 + weight($1) }
    let keys = answers.map(AnswerKey.key)
    let groups = AnswerGroup.groups(answers, keys: keys, weight: weight)
    let needsJudge = panel.agreement == .judged || !keys.allSatisfy(AnswerKey.isShort)
    guard groups.count > 1, needsJudge, let judge = panel.judge else { return (groups, total, nil) }
    // Equal answers need no judge, so that only one of each group is shown.
    let shown = groups.compactMap(\.answers.first)
    do throws(GenerationError) {
      try requireWords()
      let reply = try await askJudge(
        judge, .compare, JudgePrompt.groups(question: question, answers: shown.map(\.words), mark: mark()),
        JudgePrompt.groupsFormat(shown.count))
      guard let numbers = JudgePrompt.readGroups(reply.text, count: shown.count) else {
        return (groups, total, "the judge gave no groups; answers were compared by their words")
      }
      var merged: [Int: AnswerGroup] = [:]
      var order: [Int] = []
      for (group, number) in zip(groups, numbers) {
        if merged[number] == nil { order.append(number) }
        merged[number, default: AnswerGroup(answers: [], weight: 0)].answers += group.answers
        merged[number]?.weight += group.weight
      }
      let joined = order.enumerated().compactMap { offset, number in merged[number].map { (offset, $0) } }
      let sorted = joined.sorted { $0.1.weight == $1.1.weight ? $0.0 < $1.0 : $0.1.weight > $1.1.weight }.map(\.1)
      let count = sorted.first?.answers.count ?? 0
      return (sorted, total, "\(count) of \(answers.count) mean the same, by `\(judge)`")
    } catch {
      if error.kind == .cancelled { throw error }
      return (groups, total, "no judgement (\(error.message)); answers were compared by their words")
    }
  }
}
