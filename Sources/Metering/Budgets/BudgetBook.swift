import ModelInterface

/// Decides, within one transaction of the store, what may run, and counts what has run. Pure: the counters come from the
/// store and go back to it.
struct BudgetBook {
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
  }

  let policy: MeteringPolicy

  /// The counters that deciding on a claim, or closing a reservation made at that time, needs.
  func counters(of account: Account, at time: UTCTime) -> [CounterID] {
    let day = time.dayText
    let month = time.monthText
    var names: [CounterID] = []
    for scope in account.scopes {
      let text = scope.text
      names.append(CounterID(scope: text, window: day))
      names.append(CounterID(scope: text, window: month))
      for rate in policy.rates(of: scope, on: account) {
        names.append(CounterID(scope: text, window: rate.kind.rawValue))
      }
    }
    return names
  }

  /// Grants a claim, and writes down its reservation, or says what stands in its way.
  func decide(_ claim: Claim, _ transaction: inout UsageTransaction) -> Verdict {
    let request = claim.request
    let pace = rateFindings(claim, transaction)
    guard pace.isEmpty else { return refusal(pace, actions: [.deferLowPriority], claim) }
    let first = moneyFindings(claim, model: request.model, transaction)
    guard !first.findings.isEmpty else {
      return grant(claim, request.model, first.cost, &transaction, replaced: [])
    }
    // Every budget in the way must allow it, so only an action that all of them name is taken.
    if first.actions.contains(.downgrade) {
      for model in policy.cheaper[request.model] ?? [] where request.allowsModel(model) {
        let next = moneyFindings(claim, model: model, transaction)
        if next.findings.isEmpty {
          return grant(claim, model, next.cost, &transaction, replaced: first.findings)
        }
      }
    }
    return refusal(first.findings, actions: first.actions, claim)
  }

  /// Replaces a reservation by its events.
  func close(_ closing: Closing, at now: UTCTime, _ transaction: inout UsageTransaction) {
    let reservation = closing.reservation
    let isOpen = transaction.open.contains(reservation.id)
    guard isOpen || !closing.isLost && transaction.recovered.contains(reservation.id) else { return }
    var spent = Money.zero
    var tokens = 0
    for var event in closing.events {
      if !isOpen { event.id = event.id.part("~late") }
      spent += event.cost
      // What the cache answers takes nothing from anybody.
      if !event.isCacheHit { tokens += event.usage.totalTokens }
      transaction.events.append(event)
    }
    if !isOpen, let first = closing.events.first {
      // Another replica took this one for dead and counted the whole reservation; events are never changed, so a further
      // one takes that back.
      var reversal = first
      reversal.id = reservation.id.part("~reversal")
      reversal.outcome = .lost
      reversal.usage = Usage() - reservation.bound
      reversal.cost = Money.zero - (policy.lostCosts == .reserved ? reservation.cost : .zero)
      reversal.latency = 0
      reversal.isExact = false
      spent += reversal.cost
      transaction.events.append(reversal)
    }
    let day = reservation.time.dayText
    let month = reservation.time.monthText
    for scope in reservation.account.scopes {
      let text = scope.text
      let moves = spent != .zero || (isOpen && reservation.cost != .zero)
      for window in moves ? [day, month] : [] {
        transaction.change(CounterID(scope: text, window: window)) { counter in
          counter.spent += spent
          if isOpen { counter.reserved -= reservation.cost }
        }
      }
      for rate in policy.rates(of: scope, on: reservation.account)
      where isOpen && (rate.kind == .tokens || closing.isWithdrawn) {
        let excess = rate.kind == .tokens ? tokens - reservation.bound.totalTokens : -closing.requests
        transaction.change(CounterID(scope: text, window: rate.kind.rawValue)) { counter in
          var bucket = TokenBucket(perMinute: rate.perMinute, fullAt: counter.spent.pico)
          bucket.correct(by: excess, at: now.nanoseconds)
          counter.spent = Money(pico: bucket.fullAt)
        }
      }
    }
  }

  // MARK: - Limits

  private func rateFindings(_ claim: Claim, _ transaction: UsageTransaction) -> [BudgetFinding] {
    var findings: [BudgetFinding] = []
    let now = claim.time.nanoseconds
    for scope in claim.request.account.scopes {
      for rate in policy.rates(of: scope, on: claim.request.account) {
        let amount = rate.kind == .requests ? claim.request.requests : claim.request.tokens(policy).totalTokens
        if rate.kind == .requests, amount == 0 { continue }
        let state = transaction.counter(CounterID(scope: scope.text, window: rate.kind.rawValue))
        let wait = TokenBucket(perMinute: rate.perMinute, fullAt: state.spent.pico).wait(for: amount, at: now)
        guard wait != 0 else { continue }
        let resets = wait.map { UTCTime(microseconds: Int64(clamping: (now + $0 + 999) / 1_000)) }
        findings.append(
          BudgetFinding(
            scope: scope, limit: .rate(rate.kind, perMinute: rate.perMinute, requested: amount), resets: resets))
      }
    }
    return findings
  }

  private func moneyFindings(
    _ claim: Claim, model: String, _ transaction: UsageTransaction
  ) -> (cost: Money, findings: [BudgetFinding], actions: [Budget.Action]) {
    let cost = policy.prices.upperBound(of: claim.resolve(model), claim.request.tokens(policy))
    // What costs nothing is never too dear, so a spent budget still allows the node's own models.
    guard cost > .zero else { return (cost, [], []) }
    var findings: [BudgetFinding] = []
    var actions: [Budget.Action]?
    for scope in claim.request.account.scopes {
      for budget in policy.budgets(of: scope, on: claim.request.account) {
        let state: Counter
        let resets: UTCTime?
        switch budget.period {
        case .request: (state, resets) = (Counter(), nil)
        case .day:
          state = transaction.counter(CounterID(scope: scope.text, window: claim.time.dayText))
          resets = claim.time.nextDay
        case .month:
          state = transaction.counter(CounterID(scope: scope.text, window: claim.time.monthText))
          resets = claim.time.nextMonth
        }
        guard state.spent + state.reserved + cost > budget.limit else { continue }
        findings.append(
          BudgetFinding(
            scope: scope,
            limit: .money(
              budget.period, limit: budget.limit, spent: state.spent, reserved: state.reserved, requested: cost),
            resets: cost > budget.limit ? nil : resets))
        actions = actions.map { $0.filter(budget.whenExceeded.contains) } ?? budget.whenExceeded
      }
    }
    return (cost, findings, actions ?? [])
  }

  private func refusal(_ findings: [BudgetFinding], actions: [Budget.Action], _ claim: Claim) -> Verdict {
    let refusal = MeteringRefusal(findings, now: claim.time)
    let isDeferred = claim.request.priority < 0 && actions.contains(.deferLowPriority) && refusal.retryAfter != nil
    return isDeferred ? .deferred(refusal) : .refused(refusal)
  }

  private func grant(
    _ claim: Claim, _ model: String, _ cost: Money, _ transaction: inout UsageTransaction, replaced: [BudgetFinding]
  ) -> Verdict {
    let tokens = claim.request.tokens(policy)
    let reservation = Reservation(
      id: claim.id, owner: claim.owner, time: claim.time, requestID: claim.request.requestID,
      account: claim.request.account, model: model, bound: tokens, cost: cost)
    transaction.reservations.append(reservation)
    for scope in claim.request.account.scopes {
      let text = scope.text
      if cost > .zero {
        for window in [claim.time.dayText, claim.time.monthText] {
          transaction.change(CounterID(scope: text, window: window)) { $0.reserved += cost }
        }
      }
      for rate in policy.rates(of: scope, on: claim.request.account) {
        let amount = rate.kind == .requests ? claim.request.requests : tokens.totalTokens
        transaction.change(CounterID(scope: text, window: rate.kind.rawValue)) { counter in
          var bucket = TokenBucket(perMinute: rate.perMinute, fullAt: counter.spent.pico)
          bucket.take(amount, at: claim.time.nanoseconds)
          counter.spent = Money(pico: bucket.fullAt)
        }
      }
    }
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
