import ModelInterface
import Telemetry

/// One answer as an endpoint reads it, noting what it takes on the way. Used by one task.
final class Answer {
  private var iterator: GenerationStream.Iterator?
  private var stream: GenerationStream?
  private let received: ContinuousClock.Instant
  private let reply: Reply?
  private let records: Bool
  private var recorded: [GenerationEvent] = []
  private var firstPiece: ContinuousClock.Instant?
  private var lastPiece: ContinuousClock.Instant?
  private var pieces = 0
  private var bytes = 0
  /// Who answers, once that is known.
  private(set) var start: GenerationStart?
  /// How it ended, once it has.
  private(set) var completion: Completion?

  /// - Parameters:
  ///   - reply: takes the notes of who answers, as headers.
  ///   - records: whether the events are kept for the settlement.
  init(received: ContinuousClock.Instant, reply: Reply? = nil, records: Bool = false) {
    self.received = received
    self.reply = reply
    self.records = records
  }

  func open(_ stream: GenerationStream) {
    iterator = stream.makeAsyncIterator()
    self.stream = stream
  }

  /// Lets go of the stream, which stops the work. What it had brought by then was written, though nobody has read it.
  func letGo() {
    iterator = nil
    for event in stream?.takeUnread() ?? [] { note(event) }
    stream = nil
  }

  /// The next event; nil after ``GenerationEvent/finished(_:)``.
  ///
  /// - Throws: ``GenerationError``; also where the stream ends before it has finished.
  func next() async throws -> GenerationEvent? {
    guard completion == nil else { return nil }
    guard let event = try await iterator?.next() else {
      throw GenerationError(.unavailable, "The provider ended the answer before it was finished.")
    }
    note(event)
    return event
  }

  /// The next event where one waits already.
  func nextIfReady() throws -> GenerationEvent? {
    guard completion == nil, let event = try iterator?.nextIfReady() else { return nil }
    note(event)
    return event
  }

  private func note(_ event: GenerationEvent) {
    if records { recorded.append(event) }
    switch event {
    case .started(let start):
      self.start = start
      if !start.notes.isEmpty { reply?.add(start.notes.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }) }
    case .prompt: break
    case .text, .reasoning, .toolCall:
      pieces += 1
      if case .text(let piece) = event { bytes += piece.text.utf8.count }
      let now = ContinuousClock.now
      if firstPiece == nil { firstPiece = now }
      lastPiece = now
    case .finished(let completion):
      self.completion = completion
      iterator = nil
      stream = nil
    }
  }

  /// From the request's last byte to the first piece of the answer.
  var timeToFirst: Duration? { firstPiece.map { $0 - received } }

  /// From the first piece to the last.
  var decodeTime: Duration? {
    guard let firstPiece, let lastPiece else { return nil }
    return lastPiece - firstPiece
  }

  /// What became of it. An error that comes after the provider has finished, such as a client that is gone when the last
  /// bytes are sent, leaves it finished.
  func settlement(after error: (any Error)?) -> Settlement {
    let outcome: Settlement.Outcome =
      if completion != nil {
        .finished
      } else if let error {
        Task.isCancelled || Self.isCancellation(error) ? .cancelled : .failed
      } else {
        .cancelled
      }
    // A provider that says nothing of what an answer took, or nothing that can be, has still written it.
    let reported = completion.flatMap { $0.usage.totalTokens > 0 || pieces == 0 ? $0.usage : nil }
    let seen = completion == nil ? pieces : max(pieces, bytes / 4)
    var settlement = Settlement(
      outcome: outcome, model: start?.model, provider: start?.provider,
      usage: reported ?? Usage(completionTokens: seen), isExact: reported != nil, seen: seen,
      failure: outcome == .failed ? (error as? GenerationError)?.kind : nil,
      events: records && completion != nil ? recorded : nil)
    if let completion { settlement.note(completion.basis) }
    return settlement
  }

  private static func isCancellation(_ error: any Error) -> Bool {
    if let error = error as? GenerationError { return error.kind == .cancelled }
    // What is neither the provider's error nor the gateway's comes from writing to a client that is gone.
    return !(error is APIError)
  }

  func span(_ context: TraceContext, _ settlement: Settlement) -> FinishedSpan {
    Self.span(context, settlement, model: start, duration: ContinuousClock.now - received)
  }

  /// The span of a piece of work, by OpenTelemetry's conventions for generative models.
  static func span(
    _ context: TraceContext, _ settlement: Settlement, model start: GenerationStart?, duration: Duration
  ) -> FinishedSpan {
    var attributes: [(name: String, value: FinishedSpan.Value)] = [
      ("gen_ai.operation.name", .string("chat")),
      ("gen_ai.usage.input_tokens", .integer(settlement.usage.promptTokens)),
      ("gen_ai.usage.output_tokens", .integer(settlement.usage.completionTokens)),
      ("prsm.outcome", .string(settlement.outcome.rawValue)),
    ]
    if let start {
      attributes.append(("gen_ai.response.model", .string(start.model)))
      attributes.append(("gen_ai.provider.name", .string(start.provider)))
    }
    return FinishedSpan(
      context: context, name: "generate \(start?.model ?? "")", kind: .internal, duration: duration,
      attributes: attributes, error: settlement.outcome == .failed ? "the answer failed" : nil)
  }
}
