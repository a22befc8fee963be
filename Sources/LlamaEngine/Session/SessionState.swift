import ModelInterface

/// The sequences of one session in the loop; its thread alone touches it.
final class SessionState {
  /// Tokens that a caller waits for.
  final class Part {
    let sequence: SequenceID
    let tokens: [TokenID]
    /// How the next token is chosen; nil where the caller wants the logits themselves.
    let rule: TokenRule?
    /// Whether the logits are needed after the step that computes them.
    let keepsLogits: Bool
    /// How many of the likeliest tokens are reported with the choice.
    let reported: Int
    fileprivate(set) var done = 0
    var logits: [Float]?
    var choice: TokenChoice?

    init(
      sequence: SequenceID, tokens: [TokenID], rule: TokenRule? = nil, keepsLogits: Bool = true, reported: Int = 0
    ) {
      self.sequence = sequence
      self.tokens = tokens
      self.rule = rule
      self.keepsLogits = keepsLogits
      self.reported = reported
    }

    var remaining: Int { tokens.count - done }
  }

  /// What a caller waits for.
  enum Answer {
    case logits(Reply<[[Float]]>)
    case choices(Reply<[TokenChoice?]>)
  }

  /// One call of `evaluate` or `choose`.
  final class Job {
    let id: UInt64
    let parts: [Part]
    private let answer: Answer

    init(id: UInt64, parts: [Part], answer: Answer) {
      self.id = id
      self.parts = parts
      self.answer = answer
    }

    func fail(_ error: GenerationError) {
      switch answer {
      case .logits(let reply): reply.send(.failure(error))
      case .choices(let reply): reply.send(.failure(error))
      }
    }

    fileprivate func succeed() {
      switch answer {
      case .logits(let reply): reply.send(.success(parts.map { $0.logits ?? [] }))
      case .choices(let reply): reply.send(.success(parts.map { $0.finalChoice(among: parts) }))
      }
    }
  }

  let id: UInt64
  let context: RequestContext
  let holdings: [SequencePool.Holding]
  var jobs: [Job] = []

  init(id: UInt64, context: RequestContext, holdings: [SequencePool.Holding]) {
    self.id = id
    self.context = context
    self.holdings = holdings
  }

  /// The parts that are not done, one list a sequence: those of one sequence follow each other, in one step where they fit.
  var ready: [[Part]] {
    guard let job = jobs.first else { return [] }
    var places: [SequenceID: Int] = [:]
    var chains: [[Part]] = []
    for part in job.parts where part.remaining > 0 {
      if let place = places[part.sequence] {
        chains[place].append(part)
      } else {
        places[part.sequence] = chains.count
        chains.append([part])
      }
    }
    return chains
  }

  /// Notes that a step has computed some of a part.
  ///
  /// - Parameter logits: those behind the part's last token, where it is done; valid during the call.
  func advance(
    _ part: Part, by count: Int, logits: UnsafeMutableBufferPointer<Float>?, scratch: Sampler.Scratch
  ) {
    part.done += count
    if part.remaining == 0, let logits {
      if part.keepsLogits { part.logits = Array(logits) } else { part.choose(from: logits, scratch: scratch) }
    }
    guard let job = jobs.first, job.parts.allSatisfy({ $0.remaining == 0 }) else { return }
    jobs.removeFirst()
    job.succeed()
  }

  func fail(_ error: GenerationError) {
    for job in jobs { job.fail(error) }
    jobs = []
  }
}
