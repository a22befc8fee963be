package import ModelInterface

/// Everything that the configuration says about money: a value, checked and replaced as a whole.
package struct MeteringPolicy: Sendable {
  /// What models cost.
  package var prices: PriceList
  /// Models that may take the place of another that has become too dear, best first.
  package var cheaper: [String: [String]]
  /// How many tokens of answer are set aside where a request states no maximum.
  package var outputTokens: Int
  /// How a prompt's tokens are estimated.
  package var estimate: PromptEstimate
  /// How much of the reserved cost counts as spent when a reservation is recovered after a crash.
  package var lostCosts: LostCosts

  /// What a reservation costs that nobody settled.
  package enum LostCosts: String, Sendable, Hashable, CaseIterable {
    /// All that was reserved: never less than what the provider may have billed.
    case reserved
    /// Nothing, with the tokens still on record.
    case nothing
  }

  private let budgets: [BudgetScope: [Budget]]
  private let rates: [BudgetScope: [RateLimit]]

  /// A policy.
  package init(
    prices: PriceList = PriceList(), budgets: [Budget] = [], rates: [RateLimit] = [], cheaper: [String: [String]] = [:],
    outputTokens: Int = 4_096, estimate: PromptEstimate = PromptEstimate(), lostCosts: LostCosts = .reserved
  ) {
    self.prices = prices
    self.cheaper = cheaper
    self.outputTokens = min(max(1, outputTokens), ModelPrice.maximumTokens)
    self.estimate = estimate
    self.lostCosts = lostCosts
    self.budgets = Dictionary(grouping: budgets) { BudgetScope(level: $0.level, name: $0.name ?? Self.each) }
    self.rates = Dictionary(grouping: rates) { BudgetScope(level: $0.level, name: $0.name ?? Self.each) }
  }

  /// Stands for every name of a level; no name can be this.
  private static let each = "\u{0}"

  /// The budgets that hold for one spender of an account: its own, and for periods without one those that hold for each.
  func budgets(of scope: BudgetScope, on account: Account) -> [Budget] {
    guard !budgets.isEmpty else { return [] }
    let own = Self.own(budgets, scope, account)
    let common = budgets[BudgetScope(level: scope.level, name: Self.each)] ?? []
    return own + common.filter { budget in !own.contains { $0.period == budget.period } }
  }

  /// The limits of a spender's own. A key's may be under its identifier or under what its maker called it.
  private static func own<Limit>(
    _ limits: [BudgetScope: [Limit]], _ scope: BudgetScope, _ account: Account
  ) -> [Limit] {
    guard scope.level != .node else { return [] }
    let own = limits[scope] ?? []
    guard scope.level == .key, let name = account.keyName, name != scope.name,
      let named = limits[BudgetScope(level: .key, name: name)]
    else { return own }
    return own + named
  }

  /// The rates that hold for one spender, by the same rule.
  func rates(of scope: BudgetScope, on account: Account) -> [RateLimit] {
    guard !rates.isEmpty else { return [] }
    let own = Self.own(rates, scope, account)
    let common = rates[BudgetScope(level: scope.level, name: Self.each)] ?? []
    return own + common.filter { rate in !own.contains { $0.kind == rate.kind } }
  }
}
