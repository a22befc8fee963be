import ModelInterface
import NIOCore
import Telemetry

/// What connections need to answer chat completions on their own event loop, by passing them on to an upstream that speaks
/// the same language.
///
/// It is a shorter way with the same rules: whoever may not come in, what may not be asked, and what costs a wait is left to
/// the long way, which has seen nothing of the request yet.
final class PassageLane: Sendable {
  let provider: any PassThroughProvider
  let meter: any RequestMeter
  let responder: Responder
  let requests: RequestLimits
  let connections: ConnectionLimits
  /// The route's place in the table.
  let route: Int
  /// The status line of success and the headers that are always the same, up to the request's identifier.
  let success: ByteBuffer

  /// Nil where the provider passes nothing on.
  init?(_ responder: Responder, _ services: GatewayServices, _ configuration: GatewayConfiguration) {
    guard let provider = services.provider as? any PassThroughProvider,
      case .found(let entry, _) = responder.table.find("POST", PlainHead.path)
    else { return nil }
    self.provider = provider
    meter = services.meter
    self.responder = responder
    requests = configuration.requests
    connections = configuration.limits
    route = entry.index
    var head = ByteBuffer(string: "HTTP/1.1 200 OK\r\n")
    for (name, value) in responder.securityHeaders { head.writeString("\(name): \(value)\r\n") }
    head.writeString("x-request-id: ")
    success = head
  }

  /// Everything that is decided on before a request begins.
  final class Admitted {
    let chat: PlainChat
    let context: RequestContext
    let principal: Principal
    let trace: TraceContext?
    let span: TraceContext?
    /// Nil where the answer is known.
    let passage: (any Passage)?
    let reservation: any MeterReservation
    let admission: Admission

    init(
      chat: PlainChat, context: RequestContext, principal: Principal, trace: TraceContext?, span: TraceContext?,
      passage: (any Passage)?, reservation: any MeterReservation, admission: Admission
    ) {
      self.chat = chat
      self.context = context
      self.principal = principal
      self.trace = trace
      self.span = span
      self.passage = passage
      self.reservation = reservation
      self.admission = admission
    }
  }

  /// Lets a request in; nil where it has to go the long way, and then nothing has been begun for it.
  func admit(
    _ head: PlainHead, _ bytes: UnsafeRawBufferPointer, from address: @autoclosure () -> String?,
    received: ContinuousClock.Instant
  ) -> Admitted? {
    guard isOwn(host: head.host, bytes) else { return nil }
    let body = UnsafeRawBufferPointer(rebasing: bytes[head.bodyStart..<head.length])
    guard let chat = PlainChat(body, requests), let range = chat.model else { return nil }
    if let limit = requests.outputTokens, let asked = chat.maximumOutputTokens, asked > limit { return nil }
    guard let principal = principal(head, bytes, address) else { return nil }
    let model = text(body, range)
    if let allowed = principal.models, !allowed.contains(model) { return nil }
    let caller = head.traceparent.flatMap { TraceContext(traceparent: text(bytes, $0)) }
    let trace = caller?.child() ?? (responder.tracer == nil ? nil : TraceContext.root(isSampled: true))
    let span = trace?.child()
    var context = RequestContext(
      requestID: RequestIdentifier.accept(head.identifier.map { text(bytes, $0) }), tenant: principal.tenant)
    if let time = requests.time { context.deadline = received + time }
    context.sideAttempts = SideAttempts()
    if let span { context.traceparent = span.traceparent }
    var request = PassageRequest(
      model: model, modelRange: range, isStreamed: chat.isStreamed, asksForUsage: chat.includesUsage,
      maximumOutputTokens: chat.maximumOutputTokens, usesNewerLimit: chat.usesNewerLimit,
      addedLimit: chat.maximumOutputTokens == nil ? requests.outputTokens : nil, context: context)
    // Names that stand for a choice are no model's, and go the long way.
    guard var passage = provider.passage(for: request) else { return nil }
    // Whoever is refused is refused again on the long way, which says why.
    guard let reservation = try? reserve(chat, body, model, principal, context) else { return nil }
    let admission = reservation.admission
    if admission.answer == nil {
      if let other = admission.model, other != model {
        request.model = other
        guard let changed = provider.passage(for: request) else { return giveBack(reservation) }
        passage = changed
      }
      guard admission.fallbacks.isEmpty else { return giveBack(reservation) }
    }
    return Admitted(
      chat: chat, context: context, principal: principal, trace: trace, span: span,
      passage: admission.answer == nil ? passage : nil, reservation: reservation, admission: admission)
  }

  private func reserve(
    _ chat: PlainChat, _ body: UnsafeRawBufferPointer, _ model: String, _ principal: Principal,
    _ context: RequestContext
  ) throws(GenerationError) -> (any MeterReservation)? {
    let limit = chat.maximumOutputTokens ?? requests.outputTokens
    func whole() -> GenerationRequest {
      var generation = chat.generation(body, model: model, context: context)
      generation.maximumOutputTokens = limit
      return generation
    }
    guard let bytes = chat.textBytes else {
      return try meter.reserveNow(MeteredWork(kind: .generation(whole()), principal: principal))
    }
    let size = GenerationSize(
      model: model, messages: chat.messageCount, bytes: bytes, maximumOutputTokens: limit,
      isDeterministic: chat.isDeterministic, context: context)
    return try meter.reserveNow(size, for: principal, whole: whole)
  }

  /// What was set aside for a request that has to go the long way after all.
  private func giveBack(_ reservation: any MeterReservation) -> Admitted? {
    reservation.withdraw()
    return nil
  }

  private func text(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> String {
    String(decoding: UnsafeRawBufferPointer(rebasing: bytes[range]), as: UTF8.self)
  }

  /// Whether the request comes under a name that is the node's own beyond doubt.
  private func isOwn(host range: Range<Int>?, _ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let range else { return false }
    var end = range.lowerBound
    while end < range.upperBound, bytes[end] != UInt8(ascii: ":") { end += 1 }
    let name = range.lowerBound..<end
    if PlainHead.spells(bytes, name, "127.0.0.1") || PlainHead.spells(bytes, name, "localhost") { return true }
    let host = text(bytes, name).lowercased()
    guard !responder.origins.checksHost || responder.origins.hosts.contains(host) else { return false }
    // Under a host name of a module's own, no path of the API is served.
    return !responder.hosts.contains { $0.route(forHost: host) != nil }
  }

  /// Who asks, where that can be said at once; nil also for those who are not let in, whom the long way tells why.
  private func principal(
    _ head: PlainHead, _ bytes: UnsafeRawBufferPointer, _ address: () -> String?
  ) -> Principal? {
    guard let authenticator = responder.authenticator else { return .anonymous }
    var token: Range<Int>?
    if let authorization = head.authorization {
      let scheme = authorization.lowerBound..<min(authorization.upperBound, authorization.lowerBound + 7)
      guard PlainHead.spells(bytes, scheme, "bearer ") else { return nil }
      token = scheme.upperBound..<authorization.upperBound
    } else {
      token = head.apiKey
    }
    guard let token, !token.isEmpty else { return nil }
    return authenticator.authenticateNow(
      Credentials(
        token: text(bytes, token), remoteAddress: address(), method: "POST", path: PlainHead.path))
  }
}

extension MeterReservation {
  /// Settles without holding up the calling thread.
  func settleSoon(_ settlement: Settlement) {
    guard !settleNow(settlement) else { return }
    // Unstructured because the event loop that calls must not wait. It ends when the reservation is settled.
    Task { await settle(settlement) }
  }
}
