import ModelInterface

extension OrchestrationRun {
  func perform(_ cascade: Cascade) async throws(GenerationError) -> Chosen {
    var best: Finding?
    for (index, member) in cascade.models.enumerated() {
      guard index < cascade.models.count - 1 else {
        let role: TraceEvent.Role = index == 0 ? .answer : .escalate
        return try await askFinal(
          Call(role: role, request: same(for: member, isFinal: true), label: "last resort"), or: best?.answer)
      }
      do throws(GenerationError) {
        let needsLogprobs = cascade.checks.meanLogprob != nil
        let answer = try await ask(
          Call(
            role: index == 0 ? .answer : .escalate, request: same(for: member, needsLogprobs: needsLogprobs),
            label: "step \(index + 1) of \(cascade.models.count)"))
        let finding = try await check(answer, cascade.checks)
        if finding.holds { return try await deliver(finding.answer) }
        // Of answers that do not hold, the one that held against most is the last resort's own last resort; among equals
        // that of the later, better model.
        if finding.held >= best?.held ?? 0 { best = finding }
      } catch {
        if error.kind == .cancelled || output.hasPassed { throw error }
        record(
          TraceEvent.Verdict("answered", holds: false, steps: [], note: "`\(member)` failed: \(error.message)"))
        let isOver = services.now() >= deadline || error.kind == .budgetExceeded
        if isOver {
          guard let best else { throw error }
          return try await deliver(best.answer)
        }
      }
    }
    throw GenerationError(.internal, "the cascade `\(model.name)` has no models")
  }
}
