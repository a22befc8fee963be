import CodeGeneration
import Gateway
import ModelInterface
import Synchronization

/// Sets aside what searches with models of this machine may take, and settles what they took. Models elsewhere are asked on
/// account call by call, and need no more.
final class CodeAccount: Sendable {
  /// How many times its budget of generated tokens a search reads at most, as far as can be told beforehand.
  private static let readsPerToken = 4
  private let meter = Mutex<(any RequestMeter)?>(nil)

  /// Keeps the account with a meter from now on; until then nothing is counted.
  func use(_ meter: any RequestMeter) { self.meter.withLock { $0 = meter } }

  /// Sets aside what a search may take.
  ///
  /// - Throws: ``GenerationError`` of kind `budgetExceeded` or `overloaded` where it may not run.
  func open(_ request: CodeRequest, model: String, context: RequestContext) async throws(GenerationError) -> Entry {
    guard let meter = meter.withLock({ $0 }) else { return Entry(NoMeter(), model: model) }
    var wanted = GenerationRequest(
      model: model, prompt: .messages([Message(role: .user, text: request.task.instruction)]), context: context)
    wanted.maximumOutputTokens = request.settings.budgetTokens
    let work = MeteredWork(
      kind: .search(wanted, reads: Self.readsPerToken * request.settings.budgetTokens),
      principal: Principal(tenant: context.tenant))
    return Entry(try await meter.reserve(work), model: model)
  }

  /// One search's entry, settled once.
  final class Entry: Sendable {
    /// The provider's name, as answers of this machine's models say it.
    private static let provider = "local"
    /// The model that may be used: the one that was asked for, or a cheaper one.
    let model: String
    private let reservation: any MeterReservation
    private let used = Mutex(Usage())

    init(_ reservation: any MeterReservation, model: String) {
      self.reservation = reservation
      self.model = reservation.admission.model ?? model
    }

    /// Notes what has been read and generated.
    func note(read: Int, generated: Int) {
      used.withLock { $0 = Usage(promptTokens: read, completionTokens: generated) }
    }

    /// Gives back what was set aside.
    func withdraw() { reservation.withdraw() }

    /// Replaces what was set aside by what was used; nil for a search that came to its end.
    func settle(_ error: GenerationError?) async {
      let used = used.withLock { $0 }
      let outcome: Settlement.Outcome = error.map { $0.kind == .cancelled ? .cancelled : .failed } ?? .finished
      let hasBegun = used.totalTokens > 0
      let settlement = Settlement(
        outcome: outcome, model: hasBegun ? model : nil, provider: hasBegun ? Self.provider : nil, usage: used,
        isExact: true, failure: outcome == .failed ? error?.kind : nil)
      let reservation = reservation
      // Unstructured so that the account is kept although this task may be cancelled: it inherits no cancellation.
      await Task { await reservation.settle(settlement) }.value
    }
  }
}
