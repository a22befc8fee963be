import ModelInterface

/// Decides what may run, and counts what has run. Pure: the counters are somebody else's, who sees to it that what was decided
/// on them at once is written down at once.
enum BudgetBook {
  /// A request for a place in the budgets.
  struct Claim: Sendable {
    var id: UsageID
    var owner: String
    var time: UTCTime
    var request: MeteredRequest
    /// What the request's model may turn out to be, and each replacement likewise.
    var resolve: @Sendable (String) -> [String]
  }

  /// What became of a claim.
  enum Verdict: Sendable {
    case granted(Reservation, replaced: [BudgetFinding])
    case deferred(MeteringRefusal)
    case refused(MeteringRefusal)
  }

  /// What a reservation turned into.
  struct Closing: Sendable {
    var reservation: Reservation
    var events: [UsageEvent]
    /// Whether nobody knows what the work took. Where another replica has closed it already, that stands.
    var isLost = false
    /// Whether the work was never begun: it leaves no event, and takes nothing from any rate.
    var isWithdrawn = false
    /// Requests that it was counted as, where it was never begun.
    var requests = 1

    /// What all of it cost.
    var cost: Money { events.reduce(.zero) { $0 + $1.cost } }
  }

  /// Grants a claim, and counts what is set aside for it, or says what stands in its way.
  static func decide<Ledger: CounterLedger>(
    _ claim: Claim, _ plan: AccountPlan, _ places: Ledger.Places, _ ledger: inout Ledger
  ) -> Verdict {
    let request = claim.request
    let tokens = request.tokens(plan.policy.value)
    let pace = rateFindings(claim, tokens, plan, places, &ledger)
    guard pace.isEmpty else { return refusal(pace, actions: [.deferLowPriority], claim) }
    let first = moneyFindings(claim, model: request.model, tokens, plan, places, &ledger)
    guard !first.findings.isEmpty else {
      return grant(claim, request.model, tokens, first.cost, plan, places, &ledger, replaced: [])
    }
    // Every budget in the way must allow it, so only an action that all of them name is taken.
    let waiting = refusal(first.findings, actions: Array(first.actions.prefix { $0 != .downgrade }), claim)
    if case .deferred = waiting { return waiting }
    if first.actions.contains(.downgrade) {
      for model in plan.policy.value.cheaper[request.model] ?? [] where request.allowsModel(model) {
        let next = moneyFindings(claim, model: model, tokens, plan, places, &ledger)
        if next.findings.isEmpty {
          return grant(claim, model, tokens, next.cost, plan, places, &ledger, replaced: first.findings)
        }
      }
    }
    return refusal(first.findings, actions: first.actions, claim)
  }

  /// Replaces what was set aside by what was used.
  ///
  /// - Parameters:
  ///   - isOpen: whether the reservation was there.
  ///   - wasRecovered: whether it was not, because it had been counted as lost.
  ///   - plan: of the day of the reservation.
  /// - Returns: the events to be written down; none where it has been closed before.
  static func close<Ledger: CounterLedger>(
    _ closing: Closing, isOpen: Bool, wasRecovered: Bool, at now: UTCTime, _ plan: AccountPlan,
    _ places: Ledger.Places, _ ledger: inout Ledger
  ) -> [UsageEvent] {
    let reservation = closing.reservation
    guard isOpen || !closing.isLost && wasRecovered else { return [] }
    var events = closing.events
    if !isOpen { late(&events, closing, plan.policy.value) }
    var spent = Money.zero
    var tokens = 0
    for event in events {
      spent += event.cost
      // What the cache answers takes nothing from anybody.
      if !event.isCacheHit, isOpen { tokens += event.usage.totalTokens }
    }
    let moves = spent != .zero || (isOpen && reservation.cost != .zero)
    for scope in plan.scopes {
      if moves {
        for place in scope.windows {
          ledger.change(place, places) { counter in
            counter.spent += spent
            if isOpen { counter.reserved -= reservation.cost }
          }
        }
      }
      for rate in scope.rates where isOpen && (rate.limit.kind == .tokens || closing.isWithdrawn) {
        let excess = rate.limit.kind == .tokens ? tokens - reservation.bound.totalTokens : -closing.requests
        ledger.change(rate.counter, places) { counter in
          var bucket = TokenBucket(perMinute: rate.limit.perMinute, fullAt: counter.spent.pico)
          bucket.correct(by: excess, at: now.nanoseconds)
          counter.spent = Money(pico: bucket.fullAt)
        }
      }
    }
    return events
  }

  /// Another replica took a reservation for dead and counted all of it; events are never changed, so a further one takes that
  /// back.
  private static func late(_ events: inout [UsageEvent], _ closing: Closing, _ policy: MeteringPolicy) {
    let reservation = closing.reservation
    guard var reversal = events.first else { return }
    for index in events.indices { events[index].id = events[index].id.part("~late") }
    reversal.id = reservation.id.part("~reversal")
    reversal.outcome = .lost
    reversal.usage = Usage() - reservation.bound
    reversal.cost = Money.zero - (policy.lostCosts == .reserved ? reservation.cost : .zero)
    reversal.latency = 0
    reversal.isExact = false
    events.append(reversal)
  }

  /// Takes back what ``decide(_:_:_:_:)`` set aside for a claim whose grant could not be written down.
  static func undo<Ledger: CounterLedger>(
    _ reservation: Reservation, _ plan: AccountPlan, _ places: Ledger.Places, _ ledger: inout Ledger
  ) {
    guard reservation.cost > .zero else { return }
    for scope in plan.scopes {
      for place in scope.windows { ledger.change(place, places) { $0.reserved -= reservation.cost } }
    }
  }

  // MARK: - Limits

  private static func rateFindings<Ledger: CounterLedger>(
    _ claim: Claim, _ tokens: Usage, _ plan: AccountPlan, _ places: Ledger.Places, _ ledger: inout Ledger
  ) -> [BudgetFinding] {
    var findings: [BudgetFinding] = []
    let now = claim.time.nanoseconds
    for scope in plan.scopes {
      for rate in scope.rates {
        let amount = rate.limit.kind == .requests ? claim.request.requests : tokens.totalTokens
        if rate.limit.kind == .requests, amount == 0 { continue }
        let state = ledger.counter(rate.counter, places)
        let wait = TokenBucket(perMinute: rate.limit.perMinute, fullAt: state.spent.pico).wait(for: amount, at: now)
        guard wait != 0 else { continue }
        let resets = wait.map { UTCTime(microseconds: Int64(clamping: (now + $0 + 999) / 1_000)) }
        findings.append(
          BudgetFinding(
            scope: scope.scope, limit: .rate(rate.limit.kind, perMinute: rate.limit.perMinute, requested: amount),
            resets: resets))
      }
    }
    return findings
  }

  private static func moneyFindings<Ledger: CounterLedger>(
    _ claim: Claim, model: String, _ tokens: Usage, _ plan: AccountPlan, _ places: Ledger.Places, _ ledger: inout Ledger
  ) -> (cost: Money, findings: [BudgetFinding], actions: [Budget.Action]) {
    var cost = plan.policy.upperBound(of: model, tokens, claim.resolve)
    if model == claim.request.model {
      for other in claim.request.alternatives {
        cost = max(cost, plan.policy.upperBound(of: other, tokens, claim.resolve))
      }
    }
    // What costs nothing is never too dear, so a spent budget still allows the node's own models.
    guard cost > .zero else { return (cost, [], []) }
    var findings: [BudgetFinding] = []
    var actions: [Budget.Action]?
    for scope in plan.scopes {
      for budget in scope.budgets {
        let state =
          switch budget.period {
          case .request: Counter()
          case .day: ledger.counter(scope.day, places)
          case .month: ledger.counter(scope.month, places)
          }
        guard state.spent + state.reserved + cost > budget.limit else { continue }
        let resets: UTCTime? =
          switch budget.period {
          case .request: nil
          case .day: claim.time.nextDay
          case .month: claim.time.nextMonth
          }
        findings.append(
          BudgetFinding(
            scope: scope.scope,
            limit: .money(
              budget.period, limit: budget.limit, spent: state.spent, reserved: state.reserved, requested: cost),
            resets: cost > budget.limit ? nil : resets))
        actions = actions.map { $0.filter(budget.whenExceeded.contains) } ?? budget.whenExceeded
      }
    }
    return (cost, findings, actions ?? [])
  }

  private static func refusal(_ findings: [BudgetFinding], actions: [Budget.Action], _ claim: Claim) -> Verdict {
    let refusal = MeteringRefusal(findings, now: claim.time)
    let isDeferred = claim.request.priority < 0 && actions.contains(.deferLowPriority) && refusal.retryAfter != nil
    return isDeferred ? .deferred(refusal) : .refused(refusal)
  }

  private static func grant<Ledger: CounterLedger>(
    _ claim: Claim, _ model: String, _ tokens: Usage, _ cost: Money, _ plan: AccountPlan, _ places: Ledger.Places,
    _ ledger: inout Ledger, replaced: [BudgetFinding]
  ) -> Verdict {
    for scope in plan.scopes {
      if cost > .zero {
        ledger.change(scope.day, places) { $0.reserved += cost }
        ledger.change(scope.month, places) { $0.reserved += cost }
      }
      for rate in scope.rates {
        let amount = rate.limit.kind == .requests ? claim.request.requests : tokens.totalTokens
        ledger.change(rate.counter, places) { counter in
          var bucket = TokenBucket(perMinute: rate.limit.perMinute, fullAt: counter.spent.pico)
          bucket.take(amount, at: claim.time.nanoseconds)
          counter.spent = Money(pico: bucket.fullAt)
        }
      }
    }
    let reservation = Reservation(
      id: claim.id, owner: claim.owner, time: claim.time, requestID: claim.request.requestID,
      account: claim.request.account, model: model, bound: tokens, cost: cost)
    return .granted(reservation, replaced: replaced)
  }
}

extension Usage {
  /// The difference, for corrections.
  static func - (left: Usage, right: Usage) -> Usage {
    Usage(
      promptTokens: left.promptTokens - right.promptTokens,
      cachedPromptTokens: left.cachedPromptTokens - right.cachedPromptTokens,
      completionTokens: left.completionTokens - right.completionTokens,
      reasoningTokens: left.reasoningTokens - right.reasoningTokens)
  }
}
