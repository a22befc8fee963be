import Metering
import ModelInterface

/// Answers questions about the account, for the API of a node and for the command line without one.
struct UsageReader: Sendable {
  /// How far back forecasts and anomalies look, in days.
  private static let history = 12 * 7

  let store: any UsageStore
  let configuration: CostConfiguration
  /// The present.
  var now: UTCTime
  /// How the budgets of an account stand.
  let standing: @Sendable (Account) async throws(UsageStoreError) -> [BudgetStanding]

  /// What is asked for.
  struct Question: Sendable, Equatable {
    var from: UTCTime
    var to: UTCTime
    var dimension = UsageQuery.Dimension.model
    /// Only what this spender used; nil for all.
    var scope: BudgetScope?
  }

  /// What was used, with savings and unusual hours.
  ///
  /// - Throws: ``UsageStoreError``.
  func report(_ question: Question) async throws(UsageStoreError) -> JSONValue {
    let totals = try await store.totals(
      UsageQuery(from: question.from, to: question.to, by: [question.dimension], of: question.scope))
    let report = UsageReport(totals, by: question.dimension)
    var object: JSONObject = [
      "object": "usage", "currency": .string(configuration.currency), "from": .string(question.from.text),
      "to": .string(question.to.text),
    ]
    if let scope = question.scope, scope.level != .node {
      object["for"] = ["level": .string(scope.level.word), "name": .string(scope.name)]
    }
    for (name, value) in report.json.members { object[name] = value }
    if let (name, price) = strongModel { object["savings"] = Savings([report.total], strong: price).json(strong: name) }
    object["anomalies"] = .array(try await anomalies(question).map(\.json))
    return .object(object)
  }

  /// When the month's budgets run out, as far as that can be known.
  ///
  /// - Throws: ``UsageStoreError``.
  func forecast(_ account: Account, scope: BudgetScope?) async throws(UsageStoreError) -> JSONValue {
    let from = UTCTime(microseconds: now.microseconds - Int64(Self.history) * 86_400_000_000)
    let daily = UsageTotal.dailyCosts(
      try await store.totals(UsageQuery(from: from, to: now, by: [.day], of: scope)), to: now.day)
    let month = try await store.totals(UsageQuery(from: now.startOfMonth, to: now.nextMonth, by: [], of: scope))
    let spent = month.first?.cost ?? .zero
    let standings = try await standing(account)
    let monthly = standings.filter {
      $0.budget.period == .month && (scope == nil ? $0.scope.level == .node : $0.scope == scope)
    }
    let limit = monthly.map(\.budget.limit).min()
    let forecast = SpendingForecast(
      dailyCosts: daily.costs, firstDay: daily.firstDay, spent: spent, limit: limit, now: now)
    var object: JSONObject = [
      "object": "forecast", "currency": .string(configuration.currency), "time": .string(now.text),
      "month_ends": .string(now.nextMonth.text), "spent_this_month": .string(spent.text),
      "limit": limit.map { .string($0.text) } ?? .null,
    ]
    for (name, value) in forecast.json.members { object[name] = value }
    object["budgets"] = .array(standings.map(\.json))
    return .object(object)
  }

  private func anomalies(_ question: Question) async throws(UsageStoreError) -> [UsageAnomaly] {
    let from = UTCTime(microseconds: question.to.microseconds - Int64(Self.history) * 86_400_000_000)
    let totals = try await store.totals(
      UsageQuery(from: from, to: min(question.to, now), by: [.hour], of: question.scope))
    // The hour that is not over yet is not judged.
    guard let first = totals.compactMap(\.hour).min() else { return [] }
    let end = min(question.to, now).hour
    let costs = UsageTotal.hourlyCosts(totals, from: first, to: end)
    return UsageAnomaly.find(in: costs, firstHour: first, judging: max(0, end - question.from.hour))
      .suffix(100).reversed()
  }

  /// The model that savings are reckoned against.
  private var strongModel: (String, ModelPrice)? {
    let prices = configuration.prices
    if let name = configuration.strongModel { return (name, prices.price(of: name)) }
    return prices.prices.max { left, right in
      (left.value.completion, left.value.prompt, right.key) < (right.value.completion, right.value.prompt, left.key)
    }.map { ($0.key, $0.value) }
  }
}
