import Gateway
import Metering
import ModelInterface
import Synchronization

/// Sets aside and settles what the members of virtual models take, call by call, on the account of whoever asked. So a
/// budget that ends in the middle ends the calls, and the sum of the account is what providers billed.
final class MeteredMembers: ModelProvider {
  private struct Books: Sendable {
    var meter: any RequestMeter
    var provider: any ModelProvider
    var prices: @Sendable () -> PriceList
    var judged: @Sendable (_ model: String, _ question: String, _ quality: Double) -> Void
  }

  private let members: any ModelProvider
  private let books = Mutex<Books?>(nil)

  init(_ members: any ModelProvider) {
    self.members = members
  }

  /// The account is made of the providers, and so comes after them.
  ///
  /// - Parameters:
  ///   - provider: answers for whatever the account admits a call as: routing may choose any model.
  ///   - judged: hears what judges give the answers of members.
  func use(
    _ meter: any RequestMeter, provider: any ModelProvider, prices: @escaping @Sendable () -> PriceList,
    judged: @escaping @Sendable (String, String, Double) -> Void = { _, _, _ in }
  ) {
    books.withLock { $0 = Books(meter: meter, provider: provider, prices: prices, judged: judged) }
  }

  /// Passes on what a judge gave a member's answer to a question, 0 to 1.
  func judged(_ model: String, question: String, quality: Double) {
    books.withLock { $0 }?.judged(model, question, quality)
  }

  /// What tokens cost, in 10^-12 of the currency.
  func price(of model: String, provider: String, _ usage: Usage) -> Int128? {
    // What the node's own cache answers costs nothing.
    guard provider != CachingProvider.name else { return 0 }
    return books.withLock { $0 }.map { $0.prices().price(of: model, provider: provider).cost(usage).pico }
  }

  func models() async -> [ModelDescriptor] { await members.models() }

  func embed(_ request: EmbeddingRequest) async throws(GenerationError) -> EmbeddingResponse {
    try await members.embed(request)
  }

  func generate(_ request: GenerationRequest) async throws(GenerationError) -> GenerationStream {
    guard let books = books.withLock({ $0 }) else { return try await members.generate(request) }
    var request = request
    let others = SideAttempts()
    request.context.sideAttempts = others
    var work = MeteredWork(kind: .generation(request), principal: Principal(tenant: request.context.tenant))
    let meter = books.meter
    let calls = request.context.calls
    work.isFurtherCall = calls.map { !$0.beginFirst() } ?? false
    let reservation: any MeterReservation
    let bill = request.context.bill
    bill?.begin()
    do throws(GenerationError) {
      reservation = if let ready = try meter.reserveNow(work) { ready } else { try await meter.reserve(work) }
    } catch {
      // What was refused was not counted.
      if !work.isFurtherCall { calls?.takeBackFirst() }
      bill?.end(Usage(), cost: 0)
      throw error
    }
    let admission = reservation.admission
    if let model = admission.model { request.model = model }
    request.fallbacks = admission.fallbacks
    var call = MemberAccount(reservation, others, bill, recordsEvents: admission.recordsEvents)
    do throws(GenerationError) {
      let answer: GenerationStream
      if let known = admission.answer {
        answer = .events(known)
      } else {
        answer = try await books.provider.generate(request)
      }
      return relay(answer, call)
    } catch {
      await call.settle(error)
      throw error
    }
  }

  private func relay(_ answer: GenerationStream, _ call: MemberAccount) -> GenerationStream {
    let (stream, continuation) = GenerationStream.make()
    // The bridge between two streams: it ends when either does, and is cancelled when nobody reads any more. The account is
    // settled before the reader hears of the end.
    let pump = Task {
      var call = call
      do {
        for try await event in answer {
          call.note(event)
          if case .finished = event { break }
          guard await continuation.send(event) else { throw GenerationError(.cancelled, "the reader went away") }
        }
        await call.settle(nil)
        if let completion = call.completion { continuation.yield(.finished(completion)) }
        continuation.finish()
      } catch {
        let failure = error as? GenerationError ?? GenerationError(.internal, "\(error)")
        // What had come by then was written, though nobody has read it.
        for event in answer.takeUnread() { call.note(event) }
        await call.settle(failure)
        continuation.finish(throwing: failure)
      }
    }
    continuation.onTermination { pump.cancel() }
    return stream
  }
}

/// What is known of one call of a member, and its settlement.
private struct MemberAccount: Sendable {
  private let reservation: any MeterReservation
  private let others: SideAttempts
  private let bill: CallBill?
  private let recordsEvents: Bool
  private var start: GenerationStart?
  private var events: [GenerationEvent] = []
  private var pieces = 0
  private var bytes = 0
  private(set) var completion: Completion?

  init(_ reservation: any MeterReservation, _ others: SideAttempts, _ bill: CallBill?, recordsEvents: Bool) {
    self.reservation = reservation
    self.others = others
    self.bill = bill
    self.recordsEvents = recordsEvents
  }

  mutating func note(_ event: GenerationEvent) {
    if recordsEvents { events.append(event) }
    switch event {
    case .started(let start): self.start = start
    case .prompt: break
    case .text, .reasoning, .toolCall:
      pieces += 1
      if case .text(let piece) = event { bytes += piece.text.utf8.count }
    case .finished(let completion): self.completion = completion
    }
  }

  mutating func settle(_ error: GenerationError?) async {
    let outcome: Settlement.Outcome =
      completion != nil ? .finished : error.map { $0.kind == .cancelled ? .cancelled : .failed } ?? .failed
    var settlement = Settlement(
      outcome: outcome, model: start?.model, provider: start?.provider,
      usage: completion?.usage ?? Usage(completionTokens: pieces), isExact: completion != nil,
      seen: max(pieces, bytes / 4),
      failure: outcome == .failed ? error?.kind : nil, events: recordsEvents && completion != nil ? events : nil)
    if let completion { settlement.note(completion.basis) }
    settlement.others = others.take()
    if !reservation.settleNow(settlement) {
      let (reservation, last) = (reservation, settlement)
      // Unstructured so that the account is kept although this task may be cancelled: it inherits no cancellation.
      await Task { await reservation.settle(last) }.value
    }
    bill?.end(reservation.billed?.usage ?? settlement.usage, cost: reservation.billed?.cost)
  }
}

/// The meter of the gateway, for which a virtual model itself costs nothing: its members are metered one by one.
struct OuterMeter: RequestMeter {
  let meter: any RequestMeter
  let isVirtual: @Sendable (String) -> Bool

  func reserveNow(_ work: MeteredWork) throws(GenerationError) -> (any MeterReservation)? {
    if case .generation(let request) = work.kind, isVirtual(request.model) { return NoMeter() }
    return try meter.reserveNow(work)
  }

  func reserveNow(
    _ size: GenerationSize, for principal: Principal, whole: () -> GenerationRequest
  ) throws(GenerationError) -> (any MeterReservation)? {
    isVirtual(size.model) ? NoMeter() : try meter.reserveNow(size, for: principal, whole: whole)
  }

  func reserve(_ work: MeteredWork) async throws(GenerationError) -> any MeterReservation {
    if case .generation(let request) = work.kind, isVirtual(request.model) { return NoMeter() }
    return try await meter.reserve(work)
  }
}
