/// The limits that hold for one account on one day, and the counters that they are checked against: worked out once, and
/// read for every request of the account on that day.
final class AccountPlan: Sendable {
  /// What holds for one of the account's scopes. Counters are named by their place in ``AccountPlan/counters``.
  struct Scope: Sendable {
    let scope: BudgetScope
    let day: Int
    let month: Int
    let budgets: [Budget]
    let rates: [Rate]

    /// The counters of money.
    var windows: ClosedRange<Int> { day...month }
  }

  /// A rate, with its counter.
  struct Rate: Sendable {
    let limit: RateLimit
    let counter: Int
  }

  let account: Account
  /// Whole days since 1970.
  let day: Int
  let policy: StandingPolicy
  let scopes: [Scope]
  /// All counters that deciding on a claim, or closing a reservation of that day, needs.
  let counters: [CounterID]

  init(_ account: Account, at time: UTCTime, _ policy: StandingPolicy) {
    self.account = account
    self.policy = policy
    day = time.day
    var counters: [CounterID] = []
    func place(_ scope: String, _ window: String) -> Int {
      counters.append(CounterID(scope: scope, window: window))
      return counters.count - 1
    }
    scopes = account.scopes.map { scope in
      let text = scope.text
      return Scope(
        scope: scope, day: place(text, time.dayText), month: place(text, time.monthText),
        budgets: policy.value.budgets(of: scope, on: account),
        rates: policy.value.rates(of: scope, on: account).map {
          Rate(limit: $0, counter: place(text, $0.kind.rawValue))
        })
    }
    self.counters = counters
  }
}

/// Counters, however they are found.
protocol CounterLedger {
  /// Where the counters of an account are, by their place in its ``AccountPlan``.
  associatedtype Places

  /// How a counter stands.
  func counter(_ place: Int, _ places: Places) -> Counter

  /// Changes a counter.
  mutating func change(_ place: Int, _ places: Places, _ body: (inout Counter) -> Void)
}

extension UsageTransaction: CounterLedger {
  func counter(_ place: Int, _ places: [CounterID]) -> Counter { counter(places[place]) }

  mutating func change(_ place: Int, _ places: [CounterID], _ body: (inout Counter) -> Void) {
    change(places[place], body)
  }
}
