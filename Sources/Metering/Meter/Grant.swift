package import ModelInterface
import Synchronization

/// Leave to do one piece of work, with money set aside for it. Settled exactly once: a second time does nothing, and one that
/// is let go of unsettled counts what was reserved as used, with the outcome `lost`.
package final class Grant: Sendable {
  /// What was set aside.
  package let reservation: Reservation
  /// Why another model was taken than the one that was asked for; empty where it was not.
  package let replaced: [BudgetFinding]
  private let meter: Meter
  private let policy: StandingPolicy
  /// Requests that it was counted as.
  private let requests: Int
  /// Models that may answer in the place of the one that was asked for: each at a price of its own.
  private let alternatives: [String]
  private let isSettled = Atomic(false)

  init(
    _ reservation: Reservation, of request: MeteredRequest, replaced: [BudgetFinding], meter: Meter,
    policy: StandingPolicy
  ) {
    requests = request.requests
    alternatives = request.alternatives
    self.reservation = reservation
    self.replaced = replaced
    self.meter = meter
    self.policy = policy
  }

  deinit {
    guard !isSettled.load(ordering: .acquiring) else { return }
    meter.closeLater(Self.lost(reservation, policy.value, latency: meter.now().since(reservation.time)))
  }

  /// The model that may be used: the one that was asked for, or a cheaper one.
  package var model: String { reservation.model }

  /// Replaces what was set aside by what was used. With ``MeterOptions/Durability/full``, returns once that is in the store;
  /// not hindered by the cancellation of the calling task.
  ///
  /// - Returns: what it cost, by the prices that were in force when it was granted.
  @discardableResult
  package func settle(_ use: MeteredUse) async -> Money {
    guard !isSettled.exchange(true, ordering: .acquiringAndReleasing) else { return .zero }
    let closing = closing(use)
    if !meter.closeNow(closing) { await meter.close(closing) }
    return closing.cost
  }

  /// ``settle(_:)`` where nothing has to be waited for.
  ///
  /// - Returns: nil where something has; nothing has been settled then.
  package func settleNow(_ use: MeteredUse) -> Money? {
    guard !isSettled.exchange(true, ordering: .acquiringAndReleasing) else { return .zero }
    let closing = closing(use)
    guard meter.closeNow(closing) else {
      isSettled.store(false, ordering: .releasing)
      return nil
    }
    return closing.cost
  }

  /// Gives back what was set aside, as if it had never been: no event, and nothing taken from a rate.
  package func withdraw() {
    guard !isSettled.exchange(true, ordering: .acquiringAndReleasing) else { return }
    var closing = BudgetBook.Closing(reservation: reservation, events: [])
    closing.isWithdrawn = true
    closing.requests = requests
    if !meter.closeNow(closing) { meter.closeLater(closing) }
  }

  /// What counts of the first part of a use: what was reported, or what is believed instead.
  package func usage(of use: MeteredUse) -> Usage {
    use.parts.first.map { event($0, at: 0, use.outcome, 0).usage } ?? Usage()
  }

  /// What counts of all parts of a use.
  package func total(of use: MeteredUse) -> Usage {
    use.parts.enumerated().reduce(Usage()) { $0 + event($1.element, at: $1.offset, use.outcome, 0).usage }
  }

  /// Whether what is reported of the first part of a use is what cannot be.
  package func doubts(_ use: MeteredUse) -> Bool {
    use.parts.first.map { !$0.isChecked && Self.isAbsurd($0.usage.inRange, beside: reservation.bound) } ?? false
  }

  private func closing(_ use: MeteredUse) -> BudgetBook.Closing {
    let latency = max(0, meter.now().since(reservation.time).microseconds)
    let events = use.parts.enumerated().map { event($0.element, at: $0.offset, use.outcome, latency) }
    return BudgetBook.Closing(reservation: reservation, events: events)
  }

  private func event(
    _ part: MeteredUse.Part, at index: Int, _ outcome: UsageEvent.Outcome, _ latency: Int64
  ) -> UsageEvent {
    let isCacheHit = part.provider == CachingProvider.name
    var (usage, isExact) = (part.usage.inRange, part.isExact)
    if !isCacheHit, !part.isChecked, Self.isAbsurd(usage, beside: reservation.bound) {
      usage = reservation.bound
      if let seen = part.seen { usage.completionTokens = max(0, min(seen, usage.completionTokens)) }
      isExact = false
    }
    // An upstream bills the prompt of an answer that was broken off, though nobody has told how long it was.
    if !isExact, part.model != nil, !isCacheHit, usage.promptTokens == 0 {
      usage.promptTokens = reservation.bound.promptTokens
    }
    let model = part.model ?? reservation.model
    let name = alternatives.contains(model) ? model : reservation.model
    let price =
      part.model == nil || isCacheHit
      ? ModelPrice.free : policy.price(of: model, provider: part.provider, askedAs: name)
    return UsageEvent(
      id: index == 0 ? reservation.id : reservation.id.part("~\(index)"), time: reservation.time,
      requestID: reservation.requestID, account: reservation.account, model: model, provider: part.provider ?? "",
      usage: usage, cost: price.cost(usage), outcome: outcome, latency: latency, isCacheHit: isCacheHit,
      isExact: isExact)
  }

  /// Whether a provider reports what cannot be: many times the answer that it was allowed, or the prompt that it was sent. A
  /// lie must not empty a budget: the prompt that was set aside for is taken instead, and as much of an answer as was seen, or
  /// where nobody looked, as was set aside for.
  private static func isAbsurd(_ usage: Usage, beside bound: Usage) -> Bool {
    guard bound.totalTokens > 0 else { return false }
    return usage.completionTokens > 4 * max(bound.completionTokens, 4_096)
      || usage.promptTokens > 16 * max(bound.promptTokens, 4_096)
  }

  /// What becomes of a reservation that nobody settled.
  static func lost(_ reservation: Reservation, _ policy: MeteringPolicy, latency: Duration) -> BudgetBook.Closing {
    let event = UsageEvent(
      id: reservation.id, time: reservation.time, requestID: reservation.requestID, account: reservation.account,
      model: reservation.model, provider: "", usage: reservation.bound,
      cost: policy.lostCosts == .reserved ? reservation.cost : .zero, outcome: .lost,
      latency: max(0, latency.microseconds), isCacheHit: false, isExact: false)
    return BudgetBook.Closing(reservation: reservation, events: [event], isLost: true)
  }
}
