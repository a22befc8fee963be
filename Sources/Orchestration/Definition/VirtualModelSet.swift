/// All virtual models of a node, found to be sound: no cycles, no depth beyond the limit, nothing missing.
package struct VirtualModelSet: Sendable {
  /// How many virtual models may stand inside each other.
  package static let maximumDepth = 4
  /// The most virtual models of a node.
  package static let maximumModels = 256

  /// Why virtual models cannot be used.
  package struct Problem: Error, Sendable, Equatable, CustomStringConvertible {
    /// The virtual model at fault.
    package var model: String
    /// What is wrong, and what to do.
    package var description: String
  }

  /// The models in the order of the configuration.
  package let models: [VirtualModel]
  private let byName: [String: VirtualModel]
  /// More names, each with its virtual model.
  package let aliases: [String: String]

  /// No virtual models.
  package init() {
    models = []
    byName = [:]
    aliases = [:]
  }

  /// - Parameters:
  ///   - known: the names of all other models; nil does not ask whether members exist.
  ///   - aliases: more names, each with the model that it stands for; those of other models are passed over.
  /// - Throws: ``Problem``.
  package init(
    _ models: [VirtualModel], known: Set<String>? = nil, aliases: [String: String] = [:]
  ) throws(Problem) {
    self.models = models
    var byName = Dictionary(models.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    self.aliases = aliases.filter { byName[$0.value] != nil && byName[$0.key] == nil }
    for (alias, name) in self.aliases { byName[alias] = byName[name] }
    self.byName = byName
    guard models.count <= Self.maximumModels else {
      throw Problem(model: models[0].name, description: "there are \(models.count), of at most \(Self.maximumModels)")
    }
    for model in models {
      if models.filter({ $0.name == model.name }).count > 1 {
        throw Problem(model: model.name, description: "`\(model.name)` is defined twice")
      }
      if let known, known.contains(model.name) {
        throw Problem(
          model: model.name, description: "`\(model.name)` is the name of a model already; give it another")
      }
      try Self.check(model)
      for member in model.members where byName[member] == nil {
        if let known, !known.contains(member) {
          throw Problem(model: model.name, description: "`\(model.name)` needs `\(member)`, which is no model here")
        }
      }
    }
    for model in models { try checkDepth(of: model, path: []) }
  }

  /// The virtual model of that name or alias.
  package subscript(name: String) -> VirtualModel? { byName[name] }

  /// How often one answer calls each model that is no virtual one at most, for upper bounds of cost.
  package func leaves(of name: String) -> [String: Int] {
    guard let model = byName[name] else { return [name: 1] }
    var counts: [String: Int] = [:]
    for call in Dictionary(grouping: model.calls, by: { $0 }) {
      for leaf in leaves(of: call.key) {
        let (product, overflow) = leaf.value.multipliedReportingOverflow(by: call.value.count)
        counts[leaf.key, default: 0] += overflow ? Int(Int32.max) : min(product, Int(Int32.max))
      }
    }
    return counts
  }

  private func checkDepth(of model: VirtualModel, path: [String]) throws(Problem) {
    let path = path + [model.name]
    if let start = path.dropLast().firstIndex(of: model.name) {
      throw Problem(
        model: model.name,
        description: "a circle of virtual models: "
          + path[start...].map { "`\($0)`" }.joined(separator: " → "))
    }
    guard path.count <= Self.maximumDepth else {
      throw Problem(
        model: path[0],
        description: "\(path.map { "`\($0)`" }.joined(separator: " → ")) is deeper than \(Self.maximumDepth)")
    }
    for member in model.members {
      if let inner = byName[member] { try checkDepth(of: inner, path: path) }
    }
  }

  private static func check(_ model: VirtualModel) throws(Problem) {
    func require(_ holds: Bool, _ message: String) throws(Problem) {
      guard holds else { throw Problem(model: model.name, description: "`\(model.name)`: \(message)") }
    }
    try require(!model.name.isEmpty, "a virtual model needs a name")
    try require(model.limits.concurrency >= 1 && model.limits.calls >= 1, "at least one call must be possible")
    switch model.plan {
    case .cascade(let cascade):
      try require(!cascade.models.isEmpty, "a cascade needs at least one model")
      try require(
        cascade.models.count == 1 || !cascade.checks.isEmpty,
        "a cascade needs a check to escalate by, such as `self-consistency` or `judge`")
    case .panel(let panel):
      try require(panel.models.count >= 2, "a panel needs at least two members")
      try require(panel.threshold > 0 && panel.threshold <= 1, "the threshold is above 0 and at most 1")
      try require(
        (1...panel.models.count).contains(panel.quorum), "the quorum is from 1 to the \(panel.models.count) members")
      try require(panel.agreement != .judged || panel.judge != nil, "judged agreement needs a `judge`")
    case .mixture(let mixture):
      try require(
        !mixture.layers.isEmpty && mixture.layers.allSatisfy { !$0.isEmpty }, "a mixture needs proposers in each layer")
      let fewest = mixture.layers.map(\.count).min() ?? 1
      try require(
        (1...fewest).contains(mixture.quorum), "the quorum is from 1 to the \(fewest) proposers of the smallest layer")
    case .bestOf(let best):
      try require(!best.models.isEmpty && best.samples >= 1, "best-of needs a model and at least one sample")
      try require((1...best.samples).contains(best.quorum), "the quorum is from 1 to the \(best.samples) samples")
    case .pipeline(let pipeline):
      try require(!pipeline.steps.isEmpty, "a pipeline needs at least one step")
      var known: Set<String> = ["input", "conversation", "previous"]
      for step in pipeline.steps {
        for place in step.prompt?.places ?? [] where !known.contains(place) {
          throw Problem(
            model: model.name,
            description: "`\(model.name)`: the step `\(step.name)` refers to `{{\(place)}}`; known there: "
              + known.sorted().map { "`{{\($0)}}`" }.joined(separator: ", "))
        }
        try require(known.insert(step.name).inserted, "the name `\(step.name)` stands for two things")
      }
    case .mapReduce(let work):
      try require(work.maximumParts >= 1, "at least one part")
      try require(work.quorum > 0 && work.quorum <= 1, "the quorum is a share above 0 and at most 1")
      try check(work.task, ["part", "input", "index", "count"], of: model)
      try check(work.combination, ["results", "input", "count"], of: model)
      if case .model(_, let prompt) = work.split { try check(prompt, ["input", "count"], of: model) }
    }
    try require(
      model.calls.count <= model.limits.calls,
      "it may need \(model.calls.count) calls, and `calls` allows \(model.limits.calls)")
  }

  private static func check(_ template: PromptTemplate, _ known: [String], of model: VirtualModel) throws(Problem) {
    for place in template.places where !known.contains(place) {
      throw Problem(
        model: model.name,
        description: "`\(model.name)`: `{{\(place)}}` is not known here; known: "
          + known.map { "`{{\($0)}}`" }.joined(separator: ", "))
    }
  }
}
