import ModelInterface
import Postgres

extension PostgresUsageStore {
  static func parameters(_ names: [CounterID]) -> [PostgresValue] {
    [.texts(names.map(\.scope)), .texts(names.map(\.window))]
  }

  static func counters(_ rows: PostgresRows) -> [CounterID: Counter] {
    var counters: [CounterID: Counter] = [:]
    for row in rows.rows {
      let name = CounterID(scope: row.text(0) ?? "", window: row.text(1) ?? "")
      counters[name] = Counter(spent: money(row.text(2)), reserved: money(row.text(3)))
    }
    return counters
  }

  /// Takes the rows of counters, in their order, for this transaction alone, making those that are missing; and then closes
  /// reservations.
  ///
  /// - Returns: the counters, which reservations were there, and which had been counted as lost.
  static func begin(
    _ names: [CounterID], _ closing: [UsageID], _ database: PostgresTransaction
  ) throws(PostgresError) -> (counters: [CounterID: Counter], open: Set<UsageID>, recovered: Set<UsageID>) {
    let deleting = PostgresStatement(
      "DELETE FROM prsm_usage_reservation WHERE id = ANY ($1::text[]) RETURNING id", [.texts(closing.map(\.text))])
    var rows = try database.execute((names.isEmpty ? [] : [taking(names)]) + (closing.isEmpty ? [] : [deleting]))[...]
    var counters = names.isEmpty ? [:] : rows.popFirst().map(Self.counters) ?? [:]
    let missing = names.filter { counters[$0] == nil }
    if !missing.isEmpty {
      // Another replica may make them at the same time, and have counted before this one gets hold of them.
      let made = try database.execute([
        PostgresStatement(
          """
          INSERT INTO prsm_usage_counter SELECT scope, span, 0, 0 FROM unnest($1::text[], $2::text[]) AS t (scope, span)
          ORDER BY 1, 2 ON CONFLICT DO NOTHING
          """, parameters(missing)), taking(missing),
      ])
      counters.merge(made.last.map(Self.counters) ?? [:]) { _, new in new }
    }
    let open = Set((rows.popFirst()?.rows ?? []).compactMap { $0.text(0).map { UsageID(text: $0) } })
    let others = closing.filter { !open.contains($0) }
    guard !others.isEmpty else { return (counters, open, []) }
    let lost = try database.execute(
      "SELECT id FROM prsm_usage_event WHERE id = ANY ($1::text[]) AND outcome = 'lost'", [.texts(others.map(\.text))])
    return (counters, open, Set(lost.rows.compactMap { $0.text(0).map { UsageID(text: $0) } }))
  }

  private static func taking(_ names: [CounterID]) -> PostgresStatement {
    PostgresStatement(
      """
      SELECT scope, span, spent::text, reserved::text FROM prsm_usage_counter
      WHERE (scope, span) IN (SELECT * FROM unnest($1::text[], $2::text[])) ORDER BY scope, span FOR UPDATE
      """, parameters(names))
  }

  /// Writes the counters that were changed; nil where none was.
  static func saving(_ transaction: UsageTransaction) -> PostgresStatement? {
    let names = transaction.changed.sorted()
    guard !names.isEmpty else { return nil }
    let counters = names.map { transaction.counter($0) }
    return PostgresStatement(
      """
      INSERT INTO prsm_usage_counter
        SELECT * FROM unnest($1::text[], $2::text[], $3::numeric[], $4::numeric[])
      ON CONFLICT (scope, span) DO UPDATE SET spent = excluded.spent, reserved = excluded.reserved
      """,
      parameters(names) + [
        .texts(counters.map { String($0.spent.pico) }), .texts(counters.map { String($0.reserved.pico) }),
      ])
  }

  static func insertion(of reservations: [Reservation]) -> PostgresStatement? {
    guard !reservations.isEmpty else { return nil }
    return PostgresStatement(
      """
      INSERT INTO prsm_usage_reservation
        SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],
          $8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::bigint[])
      """,
      [
        .texts(reservations.map(\.id.text)), .texts(reservations.map(\.owner)),
        .integers(reservations.map(\.time.microseconds)), .texts(reservations.map(\.requestID)),
      ] + accounts(reservations.map(\.account)) + [
        .texts(reservations.map(\.model)), .integers(reservations.map { Int64($0.bound.promptTokens) }),
        .integers(reservations.map { Int64($0.bound.completionTokens) }),
        .integers(reservations.map { Int64(clamping: $0.cost.pico) }),
      ])
  }

  static func insertion(of events: [UsageEvent]) -> PostgresStatement? {
    guard !events.isEmpty else { return nil }
    return PostgresStatement(
      """
      INSERT INTO prsm_usage_event
        SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
          $8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::text[],
          $16::bigint[], $17::boolean[], $18::boolean[])
      ON CONFLICT (id) DO NOTHING
      """,
      [
        .texts(events.map(\.id.text)), .integers(events.map(\.time.microseconds)), .texts(events.map(\.requestID)),
      ] + accounts(events.map(\.account)) + [
        .texts(events.map(\.model)), .texts(events.map(\.provider)),
        .integers(events.map { Int64($0.usage.promptTokens) }),
        .integers(events.map { Int64($0.usage.cachedPromptTokens) }),
        .integers(events.map { Int64($0.usage.completionTokens) }),
        .integers(events.map { Int64($0.usage.reasoningTokens) }),
        .integers(events.map { Int64(clamping: $0.cost.pico) }), .texts(events.map(\.outcome.rawValue)),
        .integers(events.map(\.latency)), .truths(events.map(\.isCacheHit)), .truths(events.map(\.isExact)),
      ])
  }

  private static func accounts(_ accounts: [Account]) -> [PostgresValue] {
    [
      .texts(accounts.map(\.key)), .texts(accounts.map(\.user)), .texts(accounts.map(\.project)),
      .texts(accounts.map(\.organization)),
    ]
  }

  static func reservation(_ row: PostgresRows.Row) -> Reservation {
    Reservation(
      id: UsageID(text: row.text("id") ?? ""), owner: row.text("owner") ?? "", time: time(row),
      requestID: row.text("request_id") ?? "", account: account(row), model: row.text("model") ?? "",
      bound: Usage(promptTokens: count(row, "prompt_tokens"), completionTokens: count(row, "completion_tokens")),
      cost: Money(pico: Int128(row.integer("cost") ?? 0)))
  }

  static func event(_ row: PostgresRows.Row) -> UsageEvent {
    UsageEvent(
      id: UsageID(text: row.text("id") ?? ""), time: time(row), requestID: row.text("request_id") ?? "",
      account: account(row), model: row.text("model") ?? "", provider: row.text("provider") ?? "",
      usage: Usage(
        promptTokens: count(row, "prompt_tokens"), cachedPromptTokens: count(row, "cached_prompt_tokens"),
        completionTokens: count(row, "completion_tokens"), reasoningTokens: count(row, "reasoning_tokens")),
      cost: Money(pico: Int128(row.integer("cost") ?? 0)),
      outcome: UsageEvent.Outcome(rawValue: row.text("outcome") ?? "") ?? .lost,
      latency: row.integer("latency") ?? 0, isCacheHit: row.truth("is_cache_hit"), isExact: row.truth("is_exact"))
  }

  static func totals(_ query: UsageQuery, _ database: PostgresTransaction) throws(PostgresError) -> [UsageTotal] {
    let dimensions = UsageQuery.Dimension.allCases.filter(query.dimensions.contains)
    let columns = dimensions.map { dimension in
      switch dimension {
      case .hour: "time / 3600000000"
      case .day: "time / 86400000000"
      case .key, .user, .project, .organization: "COALESCE(\"\(dimension.rawValue)\", '') COLLATE \"C\""
      case .model, .provider, .outcome: "\(dimension.rawValue) COLLATE \"C\""
      }
    }
    let sums = """
      COUNT(*), COUNT(*) FILTER (WHERE is_cache_hit), COUNT(*) FILTER (WHERE outcome <> 'finished'), SUM(prompt_tokens),
      SUM(cached_prompt_tokens), SUM(completion_tokens), SUM(cost), SUM(latency)
      """
    var condition = "time >= $1::bigint AND time < $2::bigint"
    var arguments: [PostgresValue] = [.integer(query.from.microseconds), .integer(query.to.microseconds)]
    if let scope = query.scope, scope.level != .node {
      condition += " AND \"\(scope.level.rawValue)\" = $3"
      arguments.append(.text(scope.name))
    }
    let positions = columns.isEmpty ? "" : (1...columns.count).map(String.init).joined(separator: ", ")
    let order = columns.isEmpty ? "" : "GROUP BY \(positions) ORDER BY \(positions)"
    let rows = try database.execute(
      "SELECT \((columns + [sums]).joined(separator: ", ")) FROM prsm_usage_event WHERE \(condition) \(order)",
      arguments
    ).rows
    return rows.compactMap { row in
      let base = dimensions.count
      func number(_ offset: Int) -> Int { Int(row.integer(base + offset) ?? 0) }
      var total = UsageTotal()
      total.requests = number(0)
      guard total.requests > 0 else { return nil }
      for (index, dimension) in dimensions.enumerated() {
        switch dimension {
        case .hour: total.hour = row.integer(index).map { Int($0) }
        case .day: total.day = row.integer(index).map { Int($0) }
        default: total.labels[dimension] = row.text(index) ?? ""
        }
      }
      total.cacheHits = number(1)
      total.unfinished = number(2)
      total.promptTokens = number(3)
      total.cachedPromptTokens = number(4)
      total.completionTokens = number(5)
      total.cost = money(row.text(base + 6))
      total.latency = Int64(number(7))
      return total
    }
  }

  private static func time(_ row: PostgresRows.Row) -> UTCTime { UTCTime(microseconds: row.integer("time") ?? 0) }

  private static func count(_ row: PostgresRows.Row, _ column: String) -> Int { Int(row.integer(column) ?? 0) }

  private static func account(_ row: PostgresRows.Row) -> Account {
    Account(
      key: row.text("key"), user: row.text("user"), project: row.text("project"),
      organization: row.text("organization"))
  }

  private static func money(_ text: String?) -> Money { Money(pico: text.flatMap { Int128($0) } ?? 0) }
}
