import ModelInterface
import Telemetry

/// The way from an endpoint to the provider, with everything that goes with every piece of work: reserve and settle,
/// metrics, the trace, the deadline.
struct Generation: Sendable {
  let provider: any ModelProvider
  let meter: any RequestMeter
  let metrics: GatewayMetrics
  let tracer: (any SpanRecorder)?
  let limits: RequestLimits

  /// Runs one generation and hands its answer to `body`. When `body` returns or throws, the work is stopped if it still
  /// runs, and what it took is settled; on every path, once.
  ///
  /// - Throws: what the meter, the provider, or `body` throws.
  func answer<Result>(
    _ request: GenerationRequest, for incoming: GatewayRequest, _ body: (Answer) async throws -> Result
  ) async throws -> Result {
    try await checkPermission(request.model, incoming.principal)
    var request = request
    if let time = limits.time { request.context.deadline = incoming.received + time }
    if let limit = limits.outputTokens {
      request.maximumOutputTokens = min(request.maximumOutputTokens ?? limit, limit)
    }
    let span = incoming.trace?.child()
    if let span { request.context.traceparent = span.traceparent }
    let others = SideAttempts()
    request.context.sideAttempts = others
    let work = MeteredWork(kind: .generation(request), principal: incoming.principal)
    let reservation = if let ready = try meter.reserveNow(work) { ready } else { try await meter.reserve(work) }
    let admission = reservation.admission
    incoming.reply?.add(admission.headers)
    let answer = Answer(received: incoming.received, reply: incoming.reply, records: admission.recordsEvents)
    do {
      if let known = admission.answer {
        answer.open(.events(known))
      } else {
        if let model = admission.model { request.model = model }
        request.fallbacks = admission.fallbacks
        answer.open(try await provider.generate(request))
      }
      let result = try await body(answer)
      await settle(answer.settlement(after: nil), answer, reservation, span, others)
      return result
    } catch {
      answer.letGo()
      await settle(answer.settlement(after: error), answer, reservation, span, others)
      throw error
    }
  }

  /// Vectors for texts, reserved and settled.
  func embed(_ request: EmbeddingRequest, for incoming: GatewayRequest) async throws -> EmbeddingResponse {
    try await checkPermission(request.model, incoming.principal)
    let span = incoming.trace?.child()
    var request = request
    if let time = limits.time { request.context.deadline = incoming.received + time }
    if let span { request.context.traceparent = span.traceparent }
    let work = MeteredWork(kind: .embedding(request), principal: incoming.principal)
    let reservation = if let ready = try meter.reserveNow(work) { ready } else { try await meter.reserve(work) }
    incoming.reply?.add(reservation.admission.headers)
    if let model = reservation.admission.model { request.model = model }
    let answer = Answer(received: incoming.received)
    do {
      let response = try await provider.embed(request)
      var settlement = Settlement(
        outcome: .finished, model: response.model, provider: response.provider, usage: response.usage, isExact: true)
      settlement.note(response.basis)
      await settle(settlement, answer, reservation, span)
      return response
    } catch {
      await settle(answer.settlement(after: error), answer, reservation, span)
      throw error
    }
  }

  /// A key that is limited to some models gets these under all their names, and of others the answer that they do not
  /// exist.
  private func checkPermission(_ model: String, _ principal: Principal) async throws(APIError) {
    guard let allowed = principal.models, !allowed.contains(model) else { return }
    let isAlias = await provider.models().contains { allowed.contains($0.name) && $0.aliases.contains(model) }
    guard isAlias else { throw .unknownModel(model) }
  }

  private func settle(
    _ settlement: Settlement, _ answer: Answer, _ reservation: any MeterReservation, _ span: TraceContext?,
    _ others: SideAttempts? = nil
  ) async {
    var settlement = settlement
    settlement.others = others?.take() ?? []
    metrics.settled(settlement, firstToken: answer.timeToFirst, decode: answer.decodeTime)
    if let tracer, let span, span.isSampled { tracer.record(answer.span(span, settlement)) }
    if reservation.settleNow(settlement) { return }
    if Task.isCancelled {
      // Unstructured so that the account is kept although this task is cancelled: it inherits no cancellation.
      let last = settlement
      await Task { await reservation.settle(last) }.value
    } else {
      await reservation.settle(settlement)
    }
  }
}
