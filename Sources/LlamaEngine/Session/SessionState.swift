import ModelInterface

/// The sequences of one session in the loop; its thread alone touches it.
final class SessionState {
  /// Tokens that a caller waits for.
  final class Part {
    let sequence: SequenceID
    let tokens: [TokenID]
    fileprivate(set) var done = 0
    var logits: [Float]?

    init(sequence: SequenceID, tokens: [TokenID]) {
      self.sequence = sequence
      self.tokens = tokens
    }

    var remaining: Int { tokens.count - done }
  }

  /// One call of `evaluate`.
  final class Job {
    let id: UInt64
    let parts: [Part]
    let reply: Reply<[[Float]]>

    init(id: UInt64, parts: [Part], reply: Reply<[[Float]]>) {
      self.id = id
      self.parts = parts
      self.reply = reply
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

  /// The parts that can go into the next step: of each sequence the first that is not done.
  var ready: [Part] {
    guard let job = jobs.first else { return [] }
    var seen: Set<SequenceID> = []
    return job.parts.filter { $0.remaining > 0 && seen.insert($0.sequence).inserted }
  }

  /// Notes that a step has computed some of a part.
  func advance(_ part: Part, by count: Int, logits: [Float]?) {
    part.done += count
    if part.remaining == 0 { part.logits = logits }
    guard let job = jobs.first, job.parts.allSatisfy({ $0.remaining == 0 }) else { return }
    jobs.removeFirst()
    job.reply.send(.success(job.parts.map { $0.logits ?? [] }))
  }

  func fail(_ error: GenerationError) {
    for job in jobs { job.reply.send(.failure(error)) }
    jobs = []
  }
}
