import Access
import ArgumentParser
import Foundation
import Metering
import ModelInterface
import PRSMClient
import Storage

/// `prsm cost`: what was used, and how long the money lasts.
struct Cost: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cost",
    abstract: "Report what was used and what it cost, and forecast when the money runs out.",
    discussion: """
      EXAMPLES
        prsm cost report --by day --from 7d
        prsm cost forecast
      """,
    subcommands: [CostReport.self, CostForecast.self])
}

/// Where the account is read: at a node, or in the data folder.
private struct AccountSource {
  let node: NodeOptions

  /// - Parameters:
  ///   - path: what a node is asked.
  ///   - here: what is done without one.
  func answer(
    _ path: String, _ items: [(String, String?)],
    here: (UsageReader) async throws -> JSONValue
  ) async throws -> JSONValue {
    let configuration = try Configuration.load(path: node.config, flags: node.flags)
    switch try await NodeLocator(options: node, dataDir: configuration.dataDir).locate() {
    case .node(let client):
      do throws(PRSMClientError) {
        return try await client.call("GET", Self.url(path, items))
      } catch {
        throw CommandFailure(error)
      }
    case .here:
      let store: any UsageStore
      if let database = try await NodeDatabase.open(
        configuration, environment: ProcessInfo.processInfo.environment)
      {
        store = database.usage
      } else {
        let folder = DataFolder(path: configuration.dataDir)
        store = SQLiteUsageStore(try NodeStore.open(in: folder))
        let rest = (try? FileManager.default.contentsOfDirectory(atPath: NodeMetering.journal(in: folder))) ?? []
        if !rest.isEmpty {
          Output.note("a node was killed; its last requests are on the account once a node has started on this folder")
        }
      }
      let policy = configuration.cost.policy
      let now = NodeMetering.now()
      let reader = UsageReader(
        store: store, configuration: configuration.cost, now: now,
        standing: { account throws(UsageStoreError) in
          try await BudgetStanding.all(of: account, policy: policy, at: now) {
            names throws(UsageStoreError) in try await store.counters(names)
          }
        })
      do {
        return try await here(reader)
      } catch let error as UsageStoreError {
        throw CommandFailure.unavailable("the account cannot be read: \(error)")
      }
    }
  }

  private static func url(_ path: String, _ items: [(String, String?)]) -> String {
    var components = URLComponents()
    components.path = path
    components.queryItems = items.compactMap { name, value in value.map { URLQueryItem(name: name, value: $0) } }
    if components.queryItems?.isEmpty == true { components.queryItems = nil }
    return components.string ?? path
  }
}

/// Whose account is meant.
struct SpenderOptions: ParsableArguments {
  @Option(
    name: .customLong("for"),
    help: ArgumentHelp("Only what this level used: key, user, project or organisation.", valueName: "level"))
  var level: String?

  @Option(help: ArgumentHelp("The name at that level.", valueName: "name"))
  var name: String?

  /// Nil for all.
  func scope() throws(CommandFailure) -> BudgetScope? {
    guard let word = level else {
      guard name == nil else { throw .usage("--name: say what it names with --for key, user, project or organisation") }
      return nil
    }
    guard let level = BudgetLevel(word: word) else {
      let words = BudgetLevel.allCases.map(\.word)
      throw .usage(
        "--for: expected \(words.joined(separator: ", ")), found `\(word)`"
          + NearestName.suggestion(for: word, among: words))
    }
    guard level != .node else { return nil }
    guard let name, !name.isEmpty else { throw .usage("--for \(word): say which with --name") }
    return BudgetScope(level: level, name: name)
  }

  /// The same spender as the account knows it: a key may be named by what its maker called it.
  func known(_ scope: BudgetScope?, _ node: NodeOptions) async throws -> BudgetScope? {
    guard let scope, scope.level == .key else { return scope }
    let ids = try await withKeyRing(node) { ring async throws(AccessError) in
      try await ring.list().filter { $0.name == scope.name }.map(\.id)
    }
    guard ids.count < 2 else {
      throw CommandFailure.usage("--name: \(ids.count) keys are called `\(scope.name)`: \(ids.joined(separator: ", "))")
    }
    return ids.first.map { BudgetScope(level: .key, name: $0) } ?? scope
  }
}

struct CostReport: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Show what was used and what it cost, this month unless told otherwise.",
    discussion: """
      EXAMPLES
        prsm cost report
        prsm cost report --from 7d --by day
        prsm cost report --from 2026-10-01 --to 2026-10-31 --for project --name search --json
      """)

  @Option(help: ArgumentHelp("The first day, such as 2026-11-01, or days back, such as 7d.", valueName: "day"))
  var from: String?

  @Option(help: ArgumentHelp("The last day.", valueName: "day"))
  var to: String?

  @Option(
    help: ArgumentHelp(
      "What lines are kept apart by: \(UsageWords.dimensions.joined(separator: ", ")).", valueName: "what"))
  var by = "model"

  @OptionGroup var spender: SpenderOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var node: NodeOptions

  func run() async throws {
    let now = NodeMetering.now()
    var question = UsageReader.Question(from: now.startOfMonth, to: now.nextDay, scope: try spender.scope())
    guard let dimension = UsageWords.dimension(by) else {
      throw CommandFailure.usage(
        "--by: expected \(UsageWords.dimensions.joined(separator: ", ")), found `\(by)`"
          + NearestName.suggestion(for: by, among: UsageWords.dimensions))
    }
    question.dimension = dimension
    if let from { question.from = try Self.day("--from", from, now, isEnd: false) }
    if let to { question.to = try Self.day("--to", to, now, isEnd: true) }
    guard question.from < question.to else { throw CommandFailure.usage("--to lies before --from") }
    let items = [("from", from), ("to", to), ("by", by), ("for", spender.level), ("name", spender.name)]
    let asked = question
    let answer = try await AccountSource(node: node).answer("/v1/prsm/usage", items) {
      var question = asked
      question.scope = try await spender.known(asked.scope, node)
      return try await $0.report(question)
    }
    if output.isJSON {
      Output.line(answer.text)
    } else {
      Output.write(CostText.report(answer))
    }
  }

  private static func day(
    _ flag: String, _ text: String, _ now: UTCTime, isEnd: Bool
  ) throws(CommandFailure) -> UTCTime {
    guard let time = UsageWords.time(text, now: now, isEnd: isEnd) else {
      throw .usage("\(flag): expected a day such as 2026-11-01, or days back such as 7d, found `\(text)`")
    }
    return time
  }
}

struct CostForecast: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forecast",
    abstract: "Say what this month will cost, and when its budget runs out.",
    discussion: """
      EXAMPLES
        prsm cost forecast
        prsm cost forecast --for project --name search
      """)

  @OptionGroup var spender: SpenderOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var node: NodeOptions

  func run() async throws {
    let scope = try spender.scope()
    let answer = try await AccountSource(node: node).answer(
      "/v1/prsm/usage/forecast", [("for", spender.level), ("name", spender.name)]
    ) {
      let known = try await spender.known(scope, node)
      return try await $0.forecast(known.map { Account(scope: $0) } ?? Account(), scope: known)
    }
    if output.isJSON {
      Output.line(answer.text)
    } else {
      Output.write(CostText.forecast(answer))
    }
  }
}

/// Reports as people read them.
enum CostText {
  static func report(_ answer: JSONValue) -> String {
    let style = Style(descriptor: STDOUT_FILENO, environment: ProcessInfo.processInfo.environment)
    let currency = answer["currency"]?.string ?? ""
    let by = answer["by"]?.string ?? "name"
    var text = "\(day(answer["from"])) to \(day(answer["to"])), in \(currency)\n\n"
    var table = Table([by.uppercased(), "REQUESTS", "CACHED", "UNFINISHED", "TOKENS IN", "TOKENS OUT", "COST"])
    for line in answer["lines"]?.array ?? [] { table.add(row(line, name: line["name"]?.string ?? "")) }
    if let total = answer["total"] { table.add(row(total, name: "total")) }
    text += table.text(style)
    if let savings = answer["savings"], savings["share"]?.double != nil {
      let percent = Decimals.text((savings["share"]?.double ?? 0) * 100, 1)
      text +=
        "\nsaved \(savings["saved"]?.string ?? "") (\(percent) %) beside asking \(savings["strong_model"]?.string ?? "") for everything\n"
    }
    for anomaly in (answer["anomalies"]?.array ?? []).prefix(10) {
      let cost = Decimals.text(anomaly["cost"]?.double ?? 0, 6)
      let usual = Decimals.text(anomaly["usual"]?.double ?? 0, 6)
      text +=
        "\(anomaly["severity"]?.string ?? ""): the hour of \(anomaly["hour"]?.string ?? "") cost \(cost), usual is \(usual) (z \(Decimals.text(anomaly["z"]?.double ?? 0, 1)))\n"
    }
    return text
  }

  static func forecast(_ answer: JSONValue) -> String {
    let style = Style(descriptor: STDOUT_FILENO, environment: ProcessInfo.processInfo.environment)
    let currency = answer["currency"]?.string ?? ""
    var text = "spent this month: \(answer["spent_this_month"]?.string ?? "0.00") \(currency)\n"
    if let end = answer["at_month_end"], !end.isNull {
      text +=
        "by the month's end: \(end["expected"]?.string ?? "") \(currency) (\(end["low"]?.string ?? "") to \(end["high"]?.string ?? "")), from \(answer["days"]?.integer ?? 0) days\n"
    } else {
      text += "by the month's end: not known yet; \(answer["days"]?.integer ?? 0) whole days are known, 3 are needed\n"
    }
    if let limit = answer["limit"]?.string {
      if let out = answer["runs_out"]?.string {
        text += "the budget of \(limit) runs out on \(out)"
      } else {
        text += "the budget of \(limit) lasts this month"
      }
      if let earliest = answer["runs_out_earliest"]?.string { text += ", at the earliest on \(earliest)" }
      text += "\n"
    }
    let budgets = answer["budgets"]?.array ?? []
    guard !budgets.isEmpty else { return text + "no budget is configured for this account\n" }
    var table = Table(["FOR", "NAME", "PER", "LIMIT", "SPENT", "SET ASIDE", "RESETS"])
    for budget in budgets {
      table.add(
        ["for", "name", "per", "limit", "spent", "reserved", "resets"].map { budget[$0]?.string ?? "" })
    }
    return text + "\n" + table.text(style)
  }

  private static func row(_ line: JSONValue, name: String) -> [String] {
    func count(_ key: String) -> String { "\(line[key]?.integer ?? 0)" }
    return [
      name.isEmpty ? "-" : name, count("requests"), count("cache_hits"), count("unfinished"), count("prompt_tokens"),
      count("completion_tokens"), line["cost"]?.string ?? "0.00",
    ]
  }

  private static func day(_ value: JSONValue?) -> String { String((value?.string ?? "").prefix(10)) }
}
