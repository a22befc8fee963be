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
    let parts = work.map { SessionState.Part(sequence: $0.sequence, tokens: $0.tokens) }
    do throws(GenerationError) {
      let session = try admit(id, parts)
      guard !parts.isEmpty else { return reply.send(.success([])) }
      session.jobs.append(SessionState.Job(id: job, parts: parts, answer: .logits(reply)))
    } catch {
      reply.send(.failure(error))
    }
  }

  func choose(_ id: UInt64, _ job: UInt64, _ steps: [TokenStep], _ reply: Reply<[TokenChoice?]>) {
    let parts = SessionState.Part.parts(of: steps)
    do throws(GenerationError) {
      let session = try admit(id, parts)
      guard !parts.isEmpty else { return reply.send(.success([])) }
      session.jobs.append(SessionState.Job(id: job, parts: parts, answer: .choices(reply)))
    } catch {
      reply.send(.failure(error))
    }
  }

  /// The session, where all of the work can be done in it.
  private func admit(_ id: UInt64, _ work: [SessionState.Part]) throws(GenerationError) -> SessionState {
    guard let session = sessions[id] else { throw Self.closed }
    var lengths = session.holdings.map(\.count)
    for waiting in session.jobs { for part in waiting.parts { lengths[part.sequence] += part.remaining } }
    for part in work {
      guard session.holdings.indices.contains(part.sequence), !part.tokens.isEmpty,
        part.tokens.allSatisfy(model.contains)
      else {
        throw GenerationError(
          .invalidRequest(parameter: nil),
          "each part of the work names a sequence below \(session.holdings.count) and has tokens of the vocabulary")
      }
      lengths[part.sequence] += part.tokens.count
      guard lengths[part.sequence] <= contextLength else {
        throw GenerationError(
          .contextLengthExceeded(limit: contextLength, requested: lengths[part.sequence]),
          "sequence \(part.sequence) would hold \(lengths[part.sequence]) tokens; the context window is \(contextLength)"
        )
      }
    }
    return session
  }

  func cancelJob(_ id: UInt64, _ job: UInt64) {
    guard let session = sessions[id], let index = session.jobs.firstIndex(where: { $0.id == job }) else { return }
    session.jobs.remove(at: index).fail(GenerationError(.cancelled, "the work was cancelled"))
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
