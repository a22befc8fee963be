import ModelInterface

extension DecodeCore {
  func openSession(_ sequences: Int, _ context: RequestContext, _ reply: Reply<UInt64>) {
    let most = configuration.extraSequences
    guard sequences >= 1, sequences <= most else {
      return reply.send(
        .failure(
          GenerationError(.invalidRequest(parameter: nil), "a session has 1 to \(most) sequences, not \(sequences)")))
    }
    // One sequence stays for ordinary requests, whatever sessions take.
    guard pool.availableSequences > sequences else {
      return reply.send(
        .failure(
          GenerationError(
            .overloaded(retryAfter: .seconds(2)),
            "\(sequences) sequences are asked for and \(max(0, pool.availableSequences - 1)) are free; try again")))
    }
    var holdings: [SequencePool.Holding] = []
    for _ in 0..<sequences { if let holding = pool.openEmpty() { holdings.append(holding) } }
    guard holdings.count == sequences else {
      for holding in holdings { pool.close(holding, keeps: false) }
      return reply.send(.failure(GenerationError(.overloaded(retryAfter: .seconds(2)), "every sequence is in use")))
    }
    nextSession += 1
    sessions[nextSession] = SessionState(id: nextSession, context: context, holdings: holdings)
    reply.send(.success(nextSession))
  }

  func closeSession(_ id: UInt64) {
    guard let session = sessions.removeValue(forKey: id) else { return }
    session.fail(GenerationError(.cancelled, "the session was closed"))
    for holding in session.holdings { pool.close(holding, keeps: true) }
  }

  func evaluate(
    _ id: UInt64, _ job: UInt64, _ work: [(sequence: SequenceID, tokens: [TokenID])], _ reply: Reply<[[Float]]>
  ) {
    guard let session = sessions[id] else { return reply.send(.failure(Self.closed)) }
    var lengths = session.holdings.map(\.count)
    for waiting in session.jobs { for part in waiting.parts { lengths[part.sequence] += part.remaining } }
    for (sequence, tokens) in work {
      guard session.holdings.indices.contains(sequence), !tokens.isEmpty, tokens.allSatisfy(model.contains) else {
        return reply.send(
          .failure(
            GenerationError(
              .invalidRequest(parameter: nil),
              "each part of the work names a sequence below \(session.holdings.count) and has tokens of the vocabulary")
          ))
      }
      lengths[sequence] += tokens.count
      guard lengths[sequence] <= contextLength else {
        return reply.send(
          .failure(
            GenerationError(
              .contextLengthExceeded(limit: contextLength, requested: lengths[sequence]),
              "sequence \(sequence) would hold \(lengths[sequence]) tokens; the context window is \(contextLength)")))
      }
    }
    guard !work.isEmpty else { return reply.send(.success([])) }
    session.jobs.append(
      SessionState.Job(
        id: job, parts: work.map { SessionState.Part(sequence: $0.sequence, tokens: $0.tokens) }, reply: reply))
  }

  func cancelJob(_ id: UInt64, _ job: UInt64) {
    guard let session = sessions[id], let index = session.jobs.firstIndex(where: { $0.id == job }) else { return }
    session.jobs.remove(at: index).reply.send(.failure(GenerationError(.cancelled, "the work was cancelled")))
  }

  func fork(_ id: UInt64, _ source: SequenceID, _ target: SequenceID) -> Result<Void, GenerationError> {
    guard let session = sessions[id] else { return .failure(Self.closed) }
    guard session.holdings.indices.contains(source), session.holdings.indices.contains(target) else {
      return .failure(Self.noSequence(session))
    }
    guard source != target else { return .success(()) }
    _ = pool.truncate(session.holdings[target], to: 0)
    pool.share(session.holdings[source], with: session.holdings[target], length: session.holdings[source].count)
    return .success(())
  }

  func truncate(_ id: UInt64, _ sequence: SequenceID, _ length: Int) -> Result<Void, GenerationError> {
    guard let session = sessions[id] else { return .failure(Self.closed) }
    guard session.holdings.indices.contains(sequence), length >= 0 else { return .failure(Self.noSequence(session)) }
    guard pool.truncate(session.holdings[sequence], to: length) else {
      return .failure(
        GenerationError(.unavailable, "the state of \(model.name) cannot lose its tail; the sequence is empty now"))
    }
    return .success(())
  }

  /// Ends what sessions wait for, and the sessions whose deadline has passed.
  func expireSessions(_ now: ContinuousClock.Instant) {
    for session in sessions.values {
      guard let deadline = session.context.deadline, deadline <= now else { continue }
      session.fail(GenerationError(.timedOut, "the deadline passed before the work was done"))
    }
  }

  private static var closed: GenerationError { GenerationError(.unavailable, "the session is closed") }

  private static func noSequence(_ session: SessionState) -> GenerationError {
    GenerationError(.invalidRequest(parameter: nil), "the session has sequences 0..<\(session.holdings.count) only")
  }
}
