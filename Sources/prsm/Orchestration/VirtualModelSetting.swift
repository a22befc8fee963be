import ModelInterface
import Orchestration

/// A virtual model as the configuration names it.
struct VirtualModelConfiguration: Sendable {
  var model: VirtualModel
  /// The secret of a panel's review hook.
  var reviewAuthorization: Secret?
}

extension Form<[VirtualModelConfiguration]> {
  private typealias Members = ConfigurationMembers

  private static let kinds = ["cascade", "panel", "mixture", "best-of", "pipeline", "map-reduce"]
  private static let common = [
    "kind", "deadline", "member-time", "patience", "concurrency", "calls", "tokens", "cost",
  ]
  private static let name = Form<String>.word("the name of a model")
  private static let names = Form<String>.word("the name of a model").list(of: "model names", atMost: 64)
  private static let text = Form<String>.word("a text")
  private static let share = Form<Double>.decimal(0.01...1)

  /// Virtual models by name, each with its `kind` and what that needs.
  static let virtualModels = Form<[VirtualModelConfiguration]>(
    "virtual models by name, each with `kind`: \(kinds.joined(separator: ", "))"
  ) { tree throws(Misfit) in
    guard case .map(let entries) = tree.content else { throw Misfit() }
    var models: [VirtualModelConfiguration] = []
    do throws(ConfigurationMembers.Misfit) {
      for entry in entries { models.append(try model(entry)) }
    } catch {
      throw Misfit(expected: error.expected, found: error.found, line: error.line)
    }
    do throws(VirtualModelSet.Problem) {
      _ = try VirtualModelSet(models.map(\.model))
    } catch {
      let line = entries.first { $0.key == error.model }?.line
      throw Misfit(expected: "parts that fit together", found: error.description, line: line ?? tree.line)
    }
    return models
  }

  private static func model(_ entry: ConfigurationTree.Entry) throws(Members.Misfit) -> VirtualModelConfiguration {
    guard case .map(let all) = entry.value.content, let kindEntry = all.first(where: { $0.key == "kind" }),
      case .text(let kind) = kindEntry.value.content, kinds.contains(kind)
    else {
      throw Members.Misfit(
        expected: "`\(entry.key)` to have a `kind`: \(kinds.joined(separator: ", "))", found: "none of these",
        line: entry.line)
    }
    func members(_ keys: [String]) throws(Members.Misfit) -> Members {
      try Members(entry.value, name: entry.key, known: common + keys)
    }
    var authorization: Secret?
    let read: Members
    let plan: VirtualModel.Plan
    switch kind {
    case "cascade":
      read = try members(["models", "escalate-on"])
      plan = .cascade(Cascade(models: try read.required("models", names), checks: try checks(read)))
    case "panel":
      read = try members(["models", "agreement", "threshold", "judge", "quorum", "escalate-to", "review"])
      var panel = Panel(models: try read.required("models", names))
      if let word = try read.value("agreement", .oneOf(Panel.Agreement.allCases.map(\.rawValue))) {
        panel.agreement = Panel.Agreement(rawValue: word) ?? .majority
      }
      panel.threshold = try read.value("threshold", share) ?? panel.threshold
      panel.judge = try read.value("judge", name)
      panel.quorum = try read.value("quorum", .integer(1...64)) ?? panel.quorum
      panel.escalation = try read.value("escalate-to", name)
      (panel.review, authorization) = try review(read)
      plan = .panel(panel)
    case "mixture":
      read = try members(["layers", "models", "rounds", "aggregator", "quorum"])
      plan = .mixture(
        Mixture(
          layers: try layers(read), aggregator: try read.required("aggregator", name),
          quorum: try read.value("quorum", .integer(1...64)) ?? 1))
    case "best-of":
      read = try members(["models", "samples", "score", "judge", "schema", "temperature", "quorum"])
      plan = .bestOf(try bestOf(read))
    case "pipeline":
      read = try members(["steps"])
      plan = .pipeline(try pipeline(read))
    default:
      read = try members(["split", "parts", "worker", "task", "combiner", "combination", "quorum"])
      plan = .mapReduce(try mapReduce(read))
    }
    return VirtualModelConfiguration(
      model: VirtualModel(entry.key, plan, limits: try limits(read)), reviewAuthorization: authorization)
  }

  private static func limits(_ read: Members) throws(Members.Misfit) -> OrchestrationLimits {
    var limits = OrchestrationLimits()
    let time = Form<Duration>.duration(.milliseconds(10) ... .seconds(86_400))
    limits.deadline = try read.value("deadline", time) ?? limits.deadline
    limits.memberTime = try read.value("member-time", time)
    limits.patience = try read.value("patience", time) ?? limits.patience
    limits.concurrency = try read.value("concurrency", .integer(1...64)) ?? limits.concurrency
    limits.calls = try read.value("calls", .integer(1...1_024)) ?? limits.calls
    limits.tokens = try read.value("tokens", .integer(1...1_000_000_000))
    limits.cost = try read.value("cost", .decimal(0.000001...1_000_000)).map { Int64(($0 * 1_000_000).rounded()) }
    return limits
  }

  // MARK: - Parts

  private static func checks(_ read: Members) throws(Members.Misfit) -> AnswerChecks {
    var checks = AnswerChecks()
    guard let tree = read.tree("escalate-on") else { return checks }
    let inner = try Members(
      tree, name: "\(read.name).escalate-on",
      known: ["mean-logprob", "self-consistency", "schema", "judge", "require"])
    checks.meanLogprob = try inner.value("mean-logprob", .decimal(-100...0))
    if let tree = inner.tree("self-consistency") {
      var consistency = AnswerChecks.Consistency()
      if case .text = tree.content {
        consistency.share = try inner.required("self-consistency", share)
      } else {
        let parts = try Members(
          tree, name: "\(inner.name).self-consistency", known: ["samples", "share", "temperature"])
        consistency.samples = try parts.value("samples", .integer(2...32)) ?? consistency.samples
        consistency.share = try parts.value("share", share) ?? consistency.share
        consistency.temperature =
          try parts.value("temperature", .decimal(0.01...2)).map { Float($0) }
          ?? consistency.temperature
      }
      checks.consistency = consistency
    }
    (checks.checksSchema, checks.schema) = try schema(inner)
    checks.judge = try judge(inner)
    if let word = try inner.value("require", .oneOf(AnswerChecks.Demand.allCases.map(\.rawValue))) {
      checks.demand = AnswerChecks.Demand(rawValue: word) ?? .all
    }
    return checks
  }

  /// `true`, or a JSON schema as text.
  private static func schema(_ read: Members) throws(Members.Misfit) -> (Bool, JSONValue?) {
    guard let tree = read.tree("schema") else { return (false, nil) }
    if case .text(let text) = tree.content, ["true", "false"].contains(text) { return (text == "true", nil) }
    let form = Form<JSONValue>.text("`true`, or a JSON schema as JSON text in quotes") { text in
      (try? JSONValue.parse(text)).flatMap { $0.object == nil ? nil : $0 }
    }
    return (true, try read.required("schema", form))
  }

  /// The name of a model, or a group with more.
  private static func judge(_ read: Members) throws(Members.Misfit) -> Judge? {
    guard let tree = read.tree("judge") else { return nil }
    if case .text = tree.content { return Judge(model: try read.required("judge", name)) }
    let parts = try Members(tree, name: "\(read.name).judge", known: ["model", "least", "instruction"])
    var judge = Judge(model: try parts.required("model", name))
    judge.least = try parts.value("least", .decimal(0...10)) ?? judge.least
    judge.instruction = try parts.value("instruction", text)
    return judge
  }

  private static func review(_ read: Members) throws(Members.Misfit) -> (ReviewHook?, Secret?) {
    guard let tree = read.tree("review") else { return (nil, nil) }
    if case .text = tree.content { return (ReviewHook(url: try read.required("review", .url)), nil) }
    let parts = try Members(tree, name: "\(read.name).review", known: ["url", "authorization"])
    return (
      ReviewHook(url: try parts.required("url", .url)), try parts.value("authorization", Form<Secret>.secret)
    )
  }

  /// `layers`, each a list of names; or `models` in so many `rounds`.
  private static func layers(_ read: Members) throws(Members.Misfit) -> [[String]] {
    guard let tree = read.tree("layers") else {
      let rounds = try read.value("rounds", .integer(1...8)) ?? 1
      return Array(repeating: try read.required("models", names), count: rounds)
    }
    guard case .list(let elements) = tree.content, (1...8).contains(elements.count), read.tree("models") == nil else {
      throw Members.Misfit(
        expected: "`\(read.name)` to have `layers`, 1 to 8 lists of model names, or else `models`", found: tree.found,
        line: tree.line)
    }
    var layers: [[String]] = []
    for element in elements { layers.append(try read.read(element, names, "a layer of `\(read.name)`")) }
    return layers
  }

  private static func bestOf(_ read: Members) throws(Members.Misfit) -> BestOf {
    let models = try read.required("models", names)
    var best = BestOf(models: models, samples: try read.value("samples", .integer(1...64)) ?? max(3, models.count))
    let judge = try judge(read)
    let (hasSchema, schema) = try schema(read)
    let usual = judge != nil ? "judge" : hasSchema ? "schema" : "logprob"
    switch try read.value("score", .oneOf(["logprob", "judge", "schema"])) ?? usual {
    case "judge":
      guard let judge else {
        throw Members.Misfit(expected: "`\(read.name).judge`, the name of a model", found: "nothing", line: read.line)
      }
      best.score = .judge(judge)
    case "schema": best.score = .schema(schema)
    default: best.score = .logprob
    }
    best.temperature = try read.value("temperature", .decimal(0.01...2)).map { Float($0) } ?? best.temperature
    best.quorum = try read.value("quorum", .integer(1...64)) ?? 1
    return best
  }

  private static func pipeline(_ read: Members) throws(Members.Misfit) -> Pipeline {
    guard let tree = read.tree("steps"), case .list(let elements) = tree.content, (1...32).contains(elements.count)
    else {
      throw Members.Misfit(
        expected: "`\(read.name).steps`, 1 to 32 steps, each with `model` and perhaps `name`, `prompt`, `instruction`",
        found: read.tree("steps")?.found ?? "nothing", line: read.line)
    }
    var steps: [Pipeline.Step] = []
    for (index, element) in elements.enumerated() {
      let parts = try Members(
        element, name: "\(read.name).steps", known: ["name", "model", "prompt", "instruction", "output-tokens"])
      steps.append(
        Pipeline.Step(
          name: try parts.value("name", text) ?? "step\(index + 1)", model: try parts.required("model", name),
          prompt: try template("prompt", parts), instruction: try parts.value("instruction", text),
          outputTokens: try parts.value("output-tokens", .integer(1...1_000_000))))
    }
    return Pipeline(steps: steps)
  }

  private static func mapReduce(_ read: Members) throws(Members.Misfit) -> MapReduce {
    guard let tree = read.tree("split") else {
      throw Members.Misfit(
        expected: "`\(read.name).split`, the name of a model, or `characters` to cut a text after", found: "nothing",
        line: read.line)
    }
    let split: MapReduce.Split
    if case .text = tree.content {
      split = .model(try read.required("split", name), .decompose)
    } else {
      let parts = try Members(tree, name: "\(read.name).split", known: ["model", "prompt", "characters"])
      if let characters = try parts.value("characters", .integer(100...10_000_000)) {
        split = .text(characters: characters)
      } else {
        split = .model(try parts.required("model", name), try template("prompt", parts) ?? .decompose)
      }
    }
    let worker = try read.required("worker", name)
    return MapReduce(
      split: split, maximumParts: try read.value("parts", .integer(1...256)) ?? 8, worker: worker,
      task: try template("task", read) ?? .work, combiner: try read.value("combiner", name) ?? worker,
      combination: try template("combination", read) ?? .combine, quorum: try read.value("quorum", share) ?? 1)
  }

  private static func template(_ key: String, _ read: Members) throws(Members.Misfit) -> PromptTemplate? {
    guard let source = try read.value(key, text) else { return nil }
    do throws(PromptTemplate.Problem) {
      return try PromptTemplate(source)
    } catch {
      throw Members.Misfit(
        expected: "`\(read.name).\(key)` to be a template with places such as `{{input}}`", found: error.description,
        line: read.tree(key)?.line ?? read.line)
    }
  }
}
