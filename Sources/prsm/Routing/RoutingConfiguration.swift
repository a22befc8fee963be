import Foundation
import Routing

/// What the configuration says about choosing models.
struct RoutingConfiguration: Sendable, Equatable {
  /// What it says about one model.
  struct Model: Sendable, Equatable {
    /// Whether names such as `auto` may choose it; nil for every model but those that are made of others.
    var isOffered: Bool?
    var quality: Double?
    var region: String?
    var takesTools: Bool?
    var modalities: [Modality]?
    var contextLength: Int?
    var predictedAs: String?
  }

  /// A name that requests may ask for, and how the model is chosen then.
  struct Policy: Sendable, Equatable {
    var policy = RoutePolicy.balanced()
    var constraints = RouteRequest.Constraints()
  }

  /// A comparison between models on live traffic.
  struct Experiment: Sendable, Equatable {
    var weights: [String: Double]
  }

  /// A model that is brought into use step by step.
  struct Canary: Sendable, Equatable {
    var baseline: String
    var candidate: String
    var settings = CanaryRelease.Settings()
  }

  var predictor: String?
  var exploration = 0.02
  var region: String?
  var sessionTime: Duration = .seconds(3_600)
  var embeddingModel: String?
  var models: [String: Model] = [:]
  var policies: [String: Policy] = [:]
  var experiments: [String: Experiment] = [:]
  var canaries: [String: Canary] = [:]

  /// Everything left to the defaults.
  init() {}

  init(_ sources: inout ConfigurationSources) {
    predictor = sources.value(Settings.routingPredictor)
    exploration = sources.value(Settings.routingExploration)
    region = sources.value(Settings.routingRegion)
    sessionTime = sources.value(Settings.routingSessionTime)
    embeddingModel = sources.value(Settings.routingEmbeddingModel)
    models = Self.dictionary(sources.value(Settings.routingModels))
    policies = Self.dictionary(sources.value(Settings.routingPolicies))
    experiments = Self.dictionary(sources.value(Settings.routingExperiments))
    canaries = Self.dictionary(sources.value(Settings.routingCanaries))
    var owners: [String: String] = [:]
    for (setting, names) in namesBySetting {
      let place = sources.place(of: setting.path, flag: setting.flag, environmentName: setting.environmentName)
      for name in names {
        if name == "auto" || name.hasPrefix("auto:") {
          sources.complain(
            place, "`\(setting.path).\(name)`: names that begin with `auto` are the node's own; choose another")
        }
        if let other = owners.updateValue(setting.path, forKey: name) {
          sources.complain(place, "`\(setting.path).\(name)`: `\(other)` has the same name; choose another")
        }
      }
    }
    if let predictor, !FileManager.default.isReadableFile(atPath: predictor) {
      let setting = Settings.routingPredictor
      sources.complain(
        sources.place(of: setting.path, flag: setting.flag, environmentName: setting.environmentName),
        "\(predictor) cannot be read; make it with `prsm route train FILE --into \(predictor)`")
    }
  }

  /// The names that stand for a choice, by where they are written.
  var namesBySetting: [(setting: SettingOutline, names: [String])] {
    [
      (Settings.routingPolicies.outline, policies.keys.sorted()),
      (Settings.routingExperiments.outline, experiments.keys.sorted()),
      (Settings.routingCanaries.outline, canaries.keys.sorted()),
    ]
  }

  /// The names that stand for a choice, besides those that begin with `auto`.
  var names: [String] { (Array(policies.keys) + experiments.keys + canaries.keys).sorted() }

  private static func dictionary<Value>(_ pairs: [(name: String, value: Value)]) -> [String: Value] {
    Dictionary(pairs.map { ($0.name, $0.value) }) { first, _ in first }
  }
}

extension Settings {
  static let routingPredictor = Setting(
    "routing.predictor", Form<String>.path("a file that `prsm route train` wrote").optional, default: nil,
    "none: qualities are assumed, and learned from feedback",
    "What predicts which model's answer will be good.")
  static let routingExploration = Setting(
    "routing.exploration", .share, default: 0.02, "`0.02`",
    "The largest share of choices that may try another model than the best known, to learn about it.")
  static let routingRegion = Setting(
    "routing.region", Form<String>.word("a region such as `eu`").optional, default: nil, "unknown",
    "Where this machine is, for policies that allow some regions only.")
  static let routingSessionTime = Setting(
    "routing.session-time", .duration(.zero ... .seconds(86_400 * 30)), default: .seconds(3_600), "1h",
    "How long a conversation (`x-prsm-session`) stays with its model after its last request.")
  static let routingEmbeddingModel = Setting(
    "routing.embedding-model", Form<String>.word("the name of a model").optional, default: nil, "none",
    "The model whose embedding of the prompt the predictor reads, where it was trained with one.")
  static let routingModels = Setting(
    "routing.models", .routingModels, default: [], "what is known of them",
    "What routing should know of models: `quality` (0 to 1), `region`, `tools`, `modalities`, `context-length`, `predicted-as`, `offered`."
  )
  static let routingPolicies = Setting(
    "routing.policies", .routingPolicies, default: [], "none",
    "More names beside `auto`: `choose` (balanced, cheap, best, fast or a share such as 30%), `quality-floor`, `spending-cap`, `weights`, and what must hold: `models`, `without`, `regions`, `local-only`, `latency-limit`."
  )
  static let routingExperiments = Setting(
    "routing.experiments", .routingExperiments, default: [], "none",
    "Names whose requests are divided among `models`, each with its weight, until one is better.")
  static let routingCanaries = Setting(
    "routing.canaries", .routingCanaries, default: [], "none",
    "Names that bring a `candidate` into use beside a `baseline`: 5% of the requests, doubled while it holds up, none if it does not."
  )

  /// What there is to configure about choosing models.
  static let routingOutlines = [
    routingPredictor.outline, routingExploration.outline, routingRegion.outline, routingSessionTime.outline,
    routingEmbeddingModel.outline, routingModels.outline, routingPolicies.outline, routingExperiments.outline,
    routingCanaries.outline,
  ]
}
