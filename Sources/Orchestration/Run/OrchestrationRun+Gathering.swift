import ModelInterface

extension OrchestrationRun {
  /// Asks several members at once, at most ``OrchestrationLimits/concurrency`` of them, and returns what was answered in
  /// the order of the calls. Once `quorum` have answered, the others get the limits' patience; once what is there is
  /// enough, they are stopped. None is at work any more when it returns.
  ///
  /// - Parameter isEnough: whether further answers could change nothing.
  /// - Throws: ``GenerationError`` where fewer than the quorum answer.
  func gather(
    _ calls: [Call], quorum: Int, isEnough: ([MemberAnswer]) -> Bool = { _ in false }
  ) async throws(GenerationError) -> [MemberAnswer] {
    enum Happening: Sendable {
      case answered(Int, Result<MemberAnswer, GenerationError>)
      case patienceEnded
    }
    let end = calls.compactMap(\.deadline).max()
    let (answers, errors) = await withTaskGroup(of: Happening.self) { group in
      var waiting = calls.indices.makeIterator()
      func begin() {
        guard let index = waiting.next() else { return }
        let call = calls[index]
        group.addTask {
          do throws(GenerationError) {
            return .answered(index, .success(try await self.ask(call)))
          } catch {
            return .answered(index, .failure(error))
          }
        }
      }
      for _ in 0..<min(calls.count, max(1, model.limits.concurrency)) { begin() }
      var answers: [(index: Int, answer: MemberAnswer)] = []
      var errors: [GenerationError] = []
      var left = calls.count
      var isStopping = false
      var isPatient = false
      while left > 0, let happening = await group.next() {
        switch happening {
        case .answered(let index, .success(let answer)):
          left -= 1
          answers.append((index, answer))
        case .answered(_, .failure(let error)):
          left -= 1
          errors.append(error)
        case .patienceEnded: isStopping = true
        }
        if Task.isCancelled || isEnough(answers.sorted { $0.index < $1.index }.map(\.answer)) { isStopping = true }
        // Too few are left for the quorum.
        if answers.count + left < quorum { isStopping = true }
        // What has not begun never will.
        if isStopping { break }
        if case .answered = happening { begin() }
        if answers.count >= quorum, left > 0, !isPatient {
          isPatient = true
          let limit = min(services.now() + model.limits.patience, end ?? deadline)
          group.addTask {
            try? await self.services.sleep(limit)
            return .patienceEnded
          }
        }
      }
      group.cancelAll()
      while let happening = await group.next() {
        // One may have finished before it was told to stop.
        if case .answered(let index, .success(let answer)) = happening { answers.append((index, answer)) }
      }
      return (answers.sorted { $0.index < $1.index }.map(\.answer), errors)
    }
    if Task.isCancelled { throw GenerationError(.cancelled, "the reader of the answer went away") }
    guard answers.count >= quorum else {
      // A wrong request is wrong for all of them, and its reason helps more than the count.
      let telling = errors.first { if case .invalidRequest = $0.kind { true } else { false } } ?? errors.first
      throw GenerationError(
        telling?.kind ?? .unavailable,
        "of \(calls.count) members \(answers.count) answered, and \(quorum) are needed"
          + (telling.map { ": \($0.message)" } ?? ""))
    }
    if answers.count < calls.count {
      record(
        TraceEvent.Verdict(
          "quorum", holds: true, value: Double(answers.count), threshold: Double(quorum), steps: answers.map(\.step),
          note: "of \(calls.count) members"))
    }
    return answers
  }
}
