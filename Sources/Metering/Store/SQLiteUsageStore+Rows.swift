import GRDB
import ModelInterface

extension SQLiteUsageStore {
  static func delete(_ id: UsageID, _ database: Database) throws -> Bool {
    let statement = try database.cachedStatement(sql: "DELETE FROM usageReservation WHERE id = ?")
    try statement.execute(arguments: [id.text])
    return database.changesCount > 0
  }

  static func isRecovered(_ id: UsageID, _ database: Database) throws -> Bool {
    let statement = try database.cachedStatement(sql: "SELECT 1 FROM usageEvent WHERE id = ? AND outcome = 'lost'")
    return try Row.fetchOne(statement, arguments: [id.text]) != nil
  }

  static func counters(_ names: Set<CounterID>, _ database: Database) throws -> [CounterID: Counter] {
    let statement = try database.cachedStatement(
      sql: "SELECT spent, reserved FROM usageCounter WHERE scope = ? AND window = ?")
    var counters: [CounterID: Counter] = [:]
    for name in names {
      guard let row = try Row.fetchOne(statement, arguments: [name.scope, name.window]) else { continue }
      counters[name] = Counter(spent: money(row[0]), reserved: money(row[1]))
    }
    return counters
  }

  static func save(_ counter: Counter, _ name: CounterID, _ database: Database) throws {
    let statement = try database.cachedStatement(
      sql: """
        INSERT INTO usageCounter VALUES (?, ?, ?, ?)
        ON CONFLICT (scope, window) DO UPDATE SET spent = excluded.spent, reserved = excluded.reserved
        """)
    try statement.execute(
      arguments: [name.scope, name.window, String(counter.spent.pico), String(counter.reserved.pico)])
  }

  static func insert(_ reservation: Reservation, _ database: Database) throws {
    let statement = try database.cachedStatement(
      sql: "INSERT INTO usageReservation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
    let account = reservation.account
    try statement.execute(arguments: [
      reservation.id.text, reservation.owner, reservation.time.microseconds, reservation.requestID, account.key,
      account.user, account.project, account.organization, reservation.model, reservation.bound.promptTokens,
      reservation.bound.completionTokens, Int64(clamping: reservation.cost.pico),
    ])
  }

  static func insert(_ events: [UsageEvent], _ database: Database) throws {
    guard !events.isEmpty else { return }
    var row = try SQLiteRowWriter(
      database,
      """
      INSERT INTO usageEvent VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING
      """)
    for event in events {
      let (account, usage) = (event.account, event.usage)
      row.add(event.id.text)
      row.add(event.time.microseconds)
      row.add(event.requestID)
      row.add(account.key)
      row.add(account.user)
      row.add(account.project)
      row.add(account.organization)
      row.add(event.model)
      row.add(event.provider)
      row.add(usage.promptTokens)
      row.add(usage.cachedPromptTokens)
      row.add(usage.completionTokens)
      row.add(usage.reasoningTokens)
      row.add(Int64(clamping: event.cost.pico))
      row.add(event.outcome.rawValue)
      row.add(event.latency)
      row.add(event.isCacheHit)
      row.add(event.isExact)
      try row.run()
    }
  }

  static func reservation(_ row: Row) -> Reservation {
    Reservation(
      id: UsageID(text: row["id"]), owner: row["owner"], time: UTCTime(microseconds: row["time"]),
      requestID: row["requestID"], account: account(row), model: row["model"],
      bound: Usage(promptTokens: row["promptTokens"], completionTokens: row["completionTokens"]),
      cost: Money(pico: Int128(row["cost"] as Int64)))
  }

  static func event(_ row: Row) -> UsageEvent {
    UsageEvent(
      id: UsageID(text: row["id"]), time: UTCTime(microseconds: row["time"]), requestID: row["requestID"],
      account: account(row), model: row["model"], provider: row["provider"],
      usage: Usage(
        promptTokens: row["promptTokens"], cachedPromptTokens: row["cachedPromptTokens"],
        completionTokens: row["completionTokens"], reasoningTokens: row["reasoningTokens"]),
      cost: Money(pico: Int128(row["cost"] as Int64)), outcome: UsageEvent.Outcome(rawValue: row["outcome"]) ?? .lost,
      latency: row["latency"], isCacheHit: row["isCacheHit"], isExact: row["isExact"])
  }

  static func totals(_ query: UsageQuery, _ database: Database) throws -> [UsageTotal] {
    let dimensions = UsageQuery.Dimension.allCases.filter(query.dimensions.contains)
    var columns: [String] = []
    for dimension in dimensions {
      switch dimension {
      case .hour: columns.append("time / 3600000000")
      case .day: columns.append("time / 86400000000")
      case .key, .user, .project, .organization: columns.append("COALESCE(\(dimension.rawValue), '')")
      case .model, .provider, .outcome: columns.append(dimension.rawValue)
      }
    }
    // Costs are summed in two parts, so that the sum of any number of 63-bit amounts stays in range.
    let sums = """
      COUNT(*), SUM(isCacheHit), SUM(outcome <> 'finished'), SUM(promptTokens), SUM(cachedPromptTokens),
      SUM(completionTokens), SUM(cost / 1000000), SUM(cost % 1000000), SUM(latency)
      """
    var condition = "time >= ? AND time < ?"
    var arguments: StatementArguments = [query.from.microseconds, query.to.microseconds]
    if let scope = query.scope, scope.level != .node {
      condition += " AND \(scope.level.rawValue) = ?"
      arguments += [scope.name]
    }
    let group = columns.isEmpty ? "" : "GROUP BY " + (1...columns.count).map(String.init).joined(separator: ", ")
    let order = columns.isEmpty ? "" : "ORDER BY " + (1...columns.count).map(String.init).joined(separator: ", ")
    let rows = try Row.fetchAll(
      database,
      sql: "SELECT \((columns + [sums]).joined(separator: ", ")) FROM usageEvent WHERE \(condition) \(group) \(order)",
      arguments: arguments)
    return rows.compactMap { row in
      let base = dimensions.count
      var total = UsageTotal()
      total.requests = row[base]
      guard total.requests > 0 else { return nil }
      for (index, dimension) in dimensions.enumerated() {
        switch dimension {
        case .hour: total.hour = row[index]
        case .day: total.day = row[index]
        default: total.labels[dimension] = row[index]
        }
      }
      total.cacheHits = row[base + 1]
      total.unfinished = row[base + 2]
      total.promptTokens = row[base + 3]
      total.cachedPromptTokens = row[base + 4]
      total.completionTokens = row[base + 5]
      total.cost = Money(pico: Int128(row[base + 6] as Int64) * 1_000_000 + Int128(row[base + 7] as Int64))
      total.latency = row[base + 8]
      return total
    }
  }

  private static func account(_ row: Row) -> Account {
    Account(key: row["key"], user: row["user"], project: row["project"], organization: row["organization"])
  }

  private static func money(_ text: String) -> Money { Money(pico: Int128(text) ?? 0) }
}
