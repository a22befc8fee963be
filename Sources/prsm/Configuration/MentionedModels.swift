import Metering
import ModelInterface
import Orchestration
import Providers
import Routing

/// The models that the configuration of routing, of cost and of the cache names, each with where: a misspelt one would never be
/// chosen, or be missing only when the money is gone, and nobody would notice.
struct MentionedModels: Sendable {
  private struct Mention: Sendable {
    var model: String
    var path: String
    var place: String
  }

  private var mentions: [Mention] = []

  /// What is mentioned in `sources`, from which `routing` and `cost` were read.
  init(_ routing: RoutingConfiguration, _ cost: CostConfiguration, in sources: ConfigurationSources) {
    func add(_ models: some Sequence<String>, _ setting: SettingOutline, _ path: [String], each: Bool = false) {
      for model in models {
        let parts = setting.path.split(separator: ".").map(String.init) + path + (each ? [model] : [])
        let usual = sources.place(of: setting.path, flag: setting.flag, environmentName: setting.environmentName)
        mentions.append(
          Mention(
            model: model, path: ([setting.path] + path).joined(separator: "."),
            place: sources.line(of: parts, in: setting) ?? usual))
      }
    }
    if let model = cost.embeddingModel { add([model], Settings.cacheEmbeddingModel.outline, []) }
    // Savings can be reckoned against a model that is not here, by its price.
    if let model = cost.strongModel, cost.prices.prices[model] == nil, cost.prices.standard == nil {
      add([model], Settings.strongModel.outline, [])
    }
    for (model, cheaper) in cost.cheaper.sorted(by: { $0.key < $1.key }) {
      add([model], Settings.downgrades.outline, [], each: true)
      add(cheaper, Settings.downgrades.outline, [model])
    }
    if let model = routing.embeddingModel { add([model], Settings.routingEmbeddingModel.outline, []) }
    add(routing.models.keys.sorted(), Settings.routingModels.outline, [], each: true)
    for (name, policy) in routing.policies.sorted(by: { $0.key < $1.key }) {
      let setting = Settings.routingPolicies.outline
      add(policy.constraints.allowedModels ?? [], setting, [name, "models"])
      add(policy.constraints.deniedModels, setting, [name, "without"])
    }
    for (name, experiment) in routing.experiments.sorted(by: { $0.key < $1.key }) {
      add(experiment.weights.keys.sorted(), Settings.routingExperiments.outline, [name, "models"], each: true)
    }
    for (name, canary) in routing.canaries.sorted(by: { $0.key < $1.key }) {
      add([canary.baseline], Settings.routingCanaries.outline, [name, "baseline"])
      add([canary.candidate], Settings.routingCanaries.outline, [name, "candidate"])
    }
  }

  /// Nobody mentioned.
  init() {}

  /// Those of which `known` knows nothing.
  ///
  /// - Parameters:
  ///   - known: the names of all models; each may be named as the one that writes code, too.
  ///   - aliases: other names of models; routing and budgets compare models by their own.
  func unknown(among known: Set<String>, aliases: [String: String]) -> ConfigurationProblems {
    let names = known.sorted()
    let list =
      names.isEmpty
      ? "there is none"
      : "known are "
        + names.prefix(12).map { "`\($0)`" }.joined(separator: ", ")
        + (names.count > 12 ? " and \(names.count - 12) more" : "")
    return ConfigurationProblems(
      mentions.filter { !known.contains($0.model) && !known.contains(CodeProvider.inner(of: $0.model) ?? "") }.map {
        mention in
        let reason =
          aliases[mention.model].map { "is an alias of `\($0)`; name the model itself" }
          ?? "is no model here" + NearestName.suggestion(for: mention.model, among: names) + "; \(list)"
        return ConfigurationProblem(place: mention.place, message: "`\(mention.path)`: `\(mention.model)` \(reason)")
      })
  }
}

extension Configuration {
  /// Complains about models that are named and that nobody has.
  ///
  /// Where peers are asked, their models come and go, and any name may be one of theirs.
  ///
  /// - Parameter local: the models of this machine.
  /// - Throws: ``CommandFailure`` of status `usage` with each name, its line and the models that there are.
  func checkMentionedModels(local: any ModelProvider) async throws(CommandFailure) {
    guard !(peers.isOn && inference.isOn) else { return }
    var known: Set<String> = []
    for model in await local.models() { known.insert(model.name) }
    known.formUnion(upstreams.flatMap { $0.models.map(\.name) })
    known.formUnion(virtualModels.map(\.model.name))
    let problems = mentionedModels.unknown(among: known, aliases: aliases)
    guard problems.problems.isEmpty else { throw .usage("\(problems)") }
  }
}
