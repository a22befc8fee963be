import Metering
import Routing

extension Form<[(name: String, value: RoutingConfiguration.Model)]> {
  private static let keys = [
    "quality", "region", "tools", "modalities", "context-length", "predicted-as", "offered",
  ]

  /// What routing should know of models, by name.
  static let routingModels = Self.groups("models by name, each with \(keys.joined(separator: ", "))") {
    name, tree, line throws(GroupMisfit) in
    let reader = try GroupReader(tree, name: name, line: line, keys: keys)
    var model = RoutingConfiguration.Model()
    model.quality = try reader.value("quality", .number(0...1))
    model.region = try reader.value("region", .word("a region such as `eu`"))
    model.takesTools = try reader.value("tools", .truth)
    model.modalities = try reader.value(
      "modalities",
      Form<Modality>.text(Modality.allCases.map { "`\($0.rawValue)`" }.joined(separator: " or ")) {
        Modality(rawValue: $0)
      }.list(of: "modalities", atMost: Modality.allCases.count))
    model.contextLength = try reader.value("context-length", .integer(1...100_000_000))
    model.predictedAs = try reader.value("predicted-as", .word("a name that the predictor knows"))
    model.isOffered = try reader.value("offered", .truth)
    return model
  }
}

extension Form<[(name: String, value: RoutingConfiguration.Policy)]> {
  private static let keys = [
    "choose", "quality-floor", "spending-cap", "weights", "models", "without", "regions", "local-only", "latency-limit",
  ]

  /// Names with the way in which a model is chosen for them.
  static let routingPolicies = Self.groups("policies by name, each with \(keys.joined(separator: ", "))") {
    name, tree, line throws(GroupMisfit) in
    let reader = try GroupReader(tree, name: name, line: line, keys: keys)
    var policy = RoutingConfiguration.Policy()
    policy.policy = try choice(reader)
    let words = Form<String>.word("the name of a model")
    policy.constraints.allowedModels = try reader.value("models", words.list(of: "models"))
    policy.constraints.deniedModels = try reader.value("without", words.list(of: "models")) ?? []
    policy.constraints.regions = try reader.value("regions", Form<String>.word("a region").list(of: "regions"))
    policy.constraints.localOnly = try reader.value("local-only", .truth) ?? false
    policy.constraints.latencyLimit = try reader.value(
      "latency-limit", .duration(.milliseconds(1) ... .seconds(3_600))
    ).map { $0 / .milliseconds(1) }
    return policy
  }

  private static func choice(_ reader: GroupReader) throws(GroupMisfit) -> RoutePolicy {
    let form = Form<RoutePolicy>.text("balanced, cheap, best, fast, or a share such as `30%`") { word in
      let name = word == "balanced" ? "auto" : "auto:\(word)"
      return (try? RoutePolicy.named(name)).flatMap { $0 }
    }
    let floor = try reader.value("quality-floor", .number(0...1))
    let cap = try reader.value("spending-cap", .money)
    let weights = try weights(reader)
    let policy = try reader.value("choose", form) ?? .balanced()
    func unfit(_ key: String) -> GroupMisfit {
      GroupMisfit(
        expected: "`\(reader.name).\(key)` only where `choose` goes by it", found: "another `choose`", line: reader.line
      )
    }
    switch policy {
    case .costOptimised(let usual):
      if cap != nil { throw unfit("spending-cap") }
      if weights != nil { throw unfit("weights") }
      return .costOptimised(qualityFloor: floor ?? usual)
    case .latencyFirst(let usual):
      if cap != nil { throw unfit("spending-cap") }
      if weights != nil { throw unfit("weights") }
      return .latencyFirst(qualityFloor: floor ?? usual)
    case .qualityFirst:
      if floor != nil { throw unfit("quality-floor") }
      if weights != nil { throw unfit("weights") }
      return .qualityFirst(spendingCapMicros: cap.map { Int(clamping: $0.pico / 1_000_000) })
    case .balanced(let usual):
      if floor != nil { throw unfit("quality-floor") }
      if cap != nil { throw unfit("spending-cap") }
      return .balanced(weights ?? usual)
    case .strongShare:
      for (key, isGiven) in [
        ("quality-floor", floor != nil), ("spending-cap", cap != nil), ("weights", weights != nil),
      ]
      where isGiven { throw unfit(key) }
      return policy
    }
  }

  private static func weights(_ reader: GroupReader) throws(GroupMisfit) -> RoutePolicy.Weights? {
    guard let tree = reader.tree("weights") else { return nil }
    let inner = try GroupReader(
      tree, name: "\(reader.name).weights", line: reader.line, keys: ["quality", "cost", "latency"])
    let usual = RoutePolicy.Weights()
    let weights = RoutePolicy.Weights(
      quality: try inner.value("quality", .number(0...1_000)) ?? usual.quality,
      cost: try inner.value("cost", .number(0...1_000)) ?? usual.cost,
      latency: try inner.value("latency", .number(0...1_000)) ?? usual.latency)
    guard weights.quality + weights.cost + weights.latency > 0 else {
      throw GroupMisfit(
        expected: "one of `\(inner.name)` to be above 0", found: "0, 0 and 0", line: inner.line)
    }
    return weights
  }
}

extension Form<[(name: String, value: RoutingConfiguration.Experiment)]> {
  /// Comparisons by name.
  static let routingExperiments = Self.groups("experiments by name, each with `models` and their weights") {
    name, tree, line throws(GroupMisfit) in
    let reader = try GroupReader(tree, name: name, line: line, keys: ["models"])
    let weights = try reader.required(
      "models",
      Form<Double>.number(0.000_001...1_000_000).map(of: "models, each with its weight", atMost: ABExperiment.armLimit))
    guard weights.count >= 2 else {
      throw GroupMisfit(expected: "`\(name).models` to be at least two", found: "\(weights.count)", line: line)
    }
    return RoutingConfiguration.Experiment(weights: weights)
  }
}

extension Form<[(name: String, value: RoutingConfiguration.Canary)]> {
  private static let keys = ["baseline", "candidate", "share", "success-floor", "latency-ratio", "answers-per-step"]

  /// Releases by name.
  static let routingCanaries = Self.groups("releases by name, each with `baseline` and `candidate`") {
    name, tree, line throws(GroupMisfit) in
    let reader = try GroupReader(tree, name: name, line: line, keys: keys)
    let model = Form<String>.word("the name of a model")
    var canary = RoutingConfiguration.Canary(
      baseline: try reader.required("baseline", model), candidate: try reader.required("candidate", model))
    guard canary.baseline != canary.candidate else {
      throw GroupMisfit(
        expected: "`\(name).candidate` to be another model than the baseline", found: "`\(canary.candidate)`",
        line: line)
    }
    if let share = try reader.value("share", .share) { canary.settings.initialShare = share }
    if let floor = try reader.value("success-floor", .share) { canary.settings.successFloor = floor }
    if let ratio = try reader.value("latency-ratio", .number(1...100)) { canary.settings.latencyRatio = ratio }
    if let count = try reader.value("answers-per-step", .integer(1...1_000_000)) {
      canary.settings.answersPerStep = count
    }
    return canary
  }
}
