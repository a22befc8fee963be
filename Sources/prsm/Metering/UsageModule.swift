import Gateway
import Metering
import ModelInterface
import Postgres

/// The account as the API shows it: `/v1/prsm/usage`, `/v1/prsm/usage/forecast`, `/v1/prsm/cache`.
struct UsageModule: GatewayModule {
  let metering: NodeMetering

  private static let tag = "Cost"
  private static let object: JSONSchema = ["type": "object"]

  var routes: [GatewayRoute] {
    [
      .whole(
        .get, "/v1/prsm/usage",
        operation: Operation(
          "reportUsage", "What was used and what it cost, with savings and unusual hours.", tag: Self.tag,
          parameters: Self.parameters, answers: [.json("The report.", Self.object)], errors: [503])
      ) { request in
        let question = try question(request, now: NodeMetering.now())
        return try await answer { reader throws(UsageStoreError) in try await reader.report(question) }
      },
      .whole(
        .get, "/v1/prsm/usage/forecast",
        operation: Operation(
          "forecastUsage", "When the month's budget runs out, and how all budgets stand.", tag: Self.tag,
          parameters: Array(Self.parameters.suffix(2)), answers: [.json("The forecast.", Self.object)], errors: [503])
      ) { request in
        let scope = try scope(request)
        let account = Self.account(scope, metering.account(of: request.principal.tenant))
        return try await answer { reader throws(UsageStoreError) in try await reader.forecast(account, scope: scope) }
      },
      .whole(
        .get, "/v1/prsm/cache",
        operation: Operation(
          "describeCache", "How the cache of answers stands.", tag: Self.tag,
          answers: [.json("The cache.", Self.object)])
      ) { _ in WholeResponse(body: cacheStatus.bytes) },
      .whole(
        .delete, "/v1/prsm/cache",
        operation: Operation(
          "purgeCache", "Forgets kept answers: those of the key, or, for a key that may change the node, all.",
          tag: Self.tag,
          parameters: [
            .init("model", in: "query", "Only answers of this model.", required: false, schema: ["type": "string"])
          ], answers: [.json("How many were forgotten.", Self.object)])
      ) { request in
        let tenant = request.principal.isAdmin ? nil : request.principal.tenant
        let model = request.queryItems["model"]
        var count = metering.cache.purge(tenant: tenant, model: model)
        if let answers = metering.answers {
          do throws(PostgresError) {
            count = max(count, try await answers.purge(tenant: tenant, model: model))
          } catch {
            throw GenerationError(.unavailable, "the answers in the database cannot be forgotten: \(error.description)")
          }
        }
        return WholeResponse(body: JSONValue.object(["object": "cache", "purged": .integer(count)]).bytes)
      },
    ]
  }

  private func answer(
    _ body: (UsageReader) async throws(UsageStoreError) -> JSONValue
  ) async throws -> WholeResponse {
    await metering.meter.flush()
    let meter = metering.meter
    let reader = UsageReader(
      store: metering.store, configuration: metering.configuration, now: NodeMetering.now(),
      standing: { account throws(UsageStoreError) in try await meter.standing(of: account) })
    do throws(UsageStoreError) {
      return WholeResponse(headers: [("cache-control", "no-store")], body: try await body(reader).bytes)
    } catch {
      throw APIError(503, "The account cannot be read: \(error)", type: "server_error", code: "unavailable")
    }
  }

  private var cacheStatus: JSONValue {
    let (statistics, policy) = (metering.cache.statistics, metering.cache.policy)
    return [
      "object": "cache", "scope": .string(policy.scope.rawValue), "entries": .integer(statistics.entries),
      "bytes": .integer(statistics.bytes), "maximum_bytes": .integer(policy.maximumBytes),
      "hits": .integer(statistics.hits), "similar_hits": .integer(statistics.semanticHits),
      "misses": .integer(statistics.misses), "evictions": .integer(statistics.evictions),
      "similarity": policy.similarity.map { .rounded(Double($0)) } ?? .null,
    ]
  }

  // MARK: - Questions

  private static let parameters: [Operation.Parameter] = [
    .init(
      "from", in: "query", "The first day, such as 2026-11-01, or a number of days back, such as 7d.",
      required: false, schema: ["type": "string"]),
    .init("to", in: "query", "The last day, such as 2026-11-30.", required: false, schema: ["type": "string"]),
    .init(
      "by", in: "query", "What lines are kept apart by.", required: false,
      schema: ["type": "string", "enum": .array(UsageWords.dimensions.map { .string($0) })]),
    .init(
      "for", in: "query", "Only what this level used: key, user, project or organisation.", required: false,
      schema: ["type": "string"]),
    .init("name", in: "query", "The name at that level.", required: false, schema: ["type": "string"]),
  ]

  /// Reads a question. Whoever may not change the node asks about its own key alone.
  private func question(_ request: GatewayRequest, now: UTCTime) throws(APIError) -> UsageReader.Question {
    let items = request.queryItems
    func day(_ name: String, _ usual: UTCTime, isEnd: Bool) throws(APIError) -> UTCTime {
      guard let text = items[name] else { return usual }
      guard let time = UsageWords.time(text, now: now, isEnd: isEnd) else {
        throw .invalid(
          name, "'\(name)' is a day such as 2026-11-01 or a number of days back such as 7d, found `\(text.prefix(40))`."
        )
      }
      return time
    }
    var question = UsageReader.Question(
      from: try day("from", now.startOfMonth, isEnd: false), to: try day("to", now.nextDay, isEnd: true))
    guard question.from < question.to else { throw .invalid("to", "'to' lies before 'from'.") }
    if let word = items["by"] {
      guard let dimension = UsageWords.dimension(word) else {
        throw .invalid(
          "by", "'by' is one of \(UsageWords.dimensions.joined(separator: ", ")), found `\(word.prefix(40))`.",
          code: "invalid_value")
      }
      question.dimension = dimension
    }
    question.scope = try scope(request)
    return question
  }

  private func scope(_ request: GatewayRequest) throws(APIError) -> BudgetScope? {
    let items = request.queryItems
    guard request.principal.isAdmin else { return BudgetScope(level: .key, name: request.principal.tenant) }
    guard let word = items["for"] else { return nil }
    guard let level = BudgetLevel(word: word) else {
      throw .invalid(
        "for", "'for' is node, organisation, project, user or key, found `\(word.prefix(40))`.", code: "invalid_value")
    }
    guard level != .node else { return nil }
    guard let name = items["name"], !name.isEmpty else {
      throw .invalid("name", "'name' says which \(level.word) is meant.")
    }
    guard level == .key else { return BudgetScope(level: level, name: name) }
    // A key may be named by what its maker called it.
    let ids = metering.keys(name)
    guard ids.count < 2 else {
      throw .invalid("name", "'name' is that of \(ids.count) keys: \(ids.joined(separator: ", ")). Say which is meant.")
    }
    return BudgetScope(level: .key, name: ids.first ?? name)
  }

  /// The account whose budgets a forecast shows: that of whoever asks, or of the spender that is asked about.
  private static func account(_ scope: BudgetScope?, _ own: Account) -> Account {
    guard let scope, !(scope.level == .key && scope.name == own.key) else { return own }
    return Account(scope: scope)
  }
}

/// How days and dimensions are written in questions about the account.
enum UsageWords {
  /// What lines can be kept apart by.
  static let dimensions = ["model", "provider", "day", "hour", "key", "user", "project", "organisation", "outcome"]

  static func dimension(_ word: String) -> UsageQuery.Dimension? {
    guard dimensions.contains(word) else { return word == "organization" ? .organization : nil }
    return word == "organisation" ? .organization : UsageQuery.Dimension(rawValue: word)
  }

  /// A day such as `2026-11-01`, or days back such as `7d`; of a last day, its end.
  static func time(_ text: String, now: UTCTime, isEnd: Bool) -> UTCTime? {
    if text.hasSuffix("d"), let days = Int(text.dropLast()), (0...36_600).contains(days) {
      return UTCTime(seconds: Int64(max(0, now.day - days + (isEnd ? 1 : 0))) * 86_400)
    }
    let parts = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    guard parts.count == 3, let year = parts[0], let month = parts[1], let day = parts[2], (1970...9999).contains(year),
      (1...12).contains(month), day >= 1
    else { return nil }
    let first = UTCTime.month(month, of: year)
    let time = UTCTime(seconds: first.seconds + Int64(day - 1) * 86_400)
    guard time.date == (year, month, day) else { return nil }
    return isEnd ? time.nextDay : time
  }
}
