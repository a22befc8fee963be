package import ModelInterface

/// A model that is made of other models, as the configuration names it.
package struct VirtualModel: Sendable, Hashable {
  /// How an answer comes about.
  package enum Plan: Sendable, Hashable {
    case cascade(Cascade)
    case panel(Panel)
    case mixture(Mixture)
    case bestOf(BestOf)
    case pipeline(Pipeline)
    case mapReduce(MapReduce)

    /// The kind as the configuration and traces spell it.
    package var kind: String {
      switch self {
      case .cascade: "cascade"
      case .panel: "panel"
      case .mixture: "mixture"
      case .bestOf: "best-of"
      case .pipeline: "pipeline"
      case .mapReduce: "map-reduce"
      }
    }
  }

  /// What clients name it by.
  package var name: String
  /// How an answer comes about.
  package var plan: Plan
  /// What one answer may take.
  package var limits: OrchestrationLimits

  /// A virtual model.
  package init(_ name: String, _ plan: Plan, limits: OrchestrationLimits = OrchestrationLimits()) {
    self.name = name
    self.plan = plan
    self.limits = limits
  }

  /// The models that one answer calls at most, each as often as it is called.
  package var calls: [String] {
    switch plan {
    case .cascade(let cascade): cascade.calls
    case .panel(let panel): panel.models + [panel.judge, panel.escalation].compactMap(\.self)
    case .mixture(let mixture): mixture.layers.flatMap(\.self) + [mixture.aggregator]
    case .bestOf(let best): best.calls
    case .pipeline(let pipeline): pipeline.steps.map(\.model)
    case .mapReduce(let work): work.calls
    }
  }

  /// The models that it is made of, each once, in order.
  package var members: [String] {
    var seen: Set<String> = []
    return calls.filter { seen.insert($0).inserted }
  }
}

/// What one answer of a virtual model may take.
package struct OrchestrationLimits: Sendable, Hashable {
  /// From the request to the last token.
  package var deadline: Duration = .seconds(120)
  /// One call of a member that is not the one that writes the final answer; nil for as long as the whole may take.
  package var memberTime: Duration?
  /// How much longer members are waited for once enough have answered.
  package var patience: Duration = .seconds(5)
  /// The most members that work at the same time.
  package var concurrency = 4
  /// The most calls.
  package var calls = 64
  /// No call begins once all together have taken so many tokens; nil for no such limit.
  package var tokens: Int?
  /// No call begins once all together have cost so much, in millionths of the currency; nil for no such limit.
  package var cost: Int64?

  /// The usual limits.
  package init() {}
}

/// Cheap first: a model's answer is passed on where it holds against some checks; where it does not, the next model answers.
package struct Cascade: Sendable, Hashable {
  /// The models, the cheapest first. The last one's answer is not checked.
  package var models: [String]
  /// What an answer has to hold against.
  package var checks: AnswerChecks

  /// A cascade of at least one model.
  package init(models: [String], checks: AnswerChecks) {
    self.models = models
    self.checks = checks
  }

  var calls: [String] {
    let checked = models.dropLast()
    let samples = max(1, checks.consistency?.samples ?? 1)
    return checked.flatMap { Array(repeating: $0, count: samples) }
      + (checks.judge.map { Array(repeating: $0.model, count: checked.count) } ?? []) + models.suffix(1)
  }
}

/// Several models answer; what enough of them agree on is the answer.
package struct Panel: Sendable, Hashable {
  /// How agreement is measured.
  package enum Agreement: String, Sendable, Hashable, CaseIterable {
    /// The share of members.
    case majority
    /// The share of members, each weighted by the geometric mean of its tokens' probabilities; 1 where it reports none.
    case confidence
    /// The share of members whose answers a judge finds to mean the same.
    case judged
  }

  /// The members. One that is listed twice is asked twice.
  package var models: [String]
  /// How agreement is measured.
  package var agreement: Agreement
  /// The share that has to agree, above 0 and at most 1.
  package var threshold: Double
  /// The model that compares answers in free text.
  package var judge: String?
  /// How many members have to answer at least.
  package var quorum: Int
  /// The stronger model that answers where too few agree.
  package var escalation: String?
  /// Where a question is sent for a person to look at where too few agree.
  package var review: ReviewHook?

  /// A panel.
  package init(
    models: [String], agreement: Agreement = .majority, threshold: Double = 0.5, judge: String? = nil,
    quorum: Int? = nil, escalation: String? = nil, review: ReviewHook? = nil
  ) {
    self.models = models
    self.agreement = agreement
    self.threshold = threshold
    self.judge = judge
    self.quorum = quorum ?? models.count / 2 + 1
    self.escalation = escalation
    self.review = review
  }
}

/// Proposers answer, in layers that each see the answers of the one before; an aggregator writes the final answer
/// (Mixture-of-Agents, arXiv 2406.04692, section 2).
package struct Mixture: Sendable, Hashable {
  /// The proposers of each layer.
  package var layers: [[String]]
  /// The model that writes the final answer.
  package var aggregator: String
  /// How many proposers of a layer have to answer at least.
  package var quorum: Int

  /// A mixture of at least one layer.
  package init(layers: [[String]], aggregator: String, quorum: Int = 1) {
    self.layers = layers
    self.aggregator = aggregator
    self.quorum = quorum
  }
}

/// Several samples are drawn, and the one with the best score is the answer.
package struct BestOf: Sendable, Hashable {
  /// What makes one answer better than another.
  package enum Score: Sendable, Hashable {
    /// The mean log-probability of its tokens.
    case logprob
    /// What a judge gives it.
    case judge(Judge)
    /// That it is valid by the request's schema or by this one; among valid ones the mean log-probability. The first valid
    /// one ends the search.
    case schema(JSONValue?)
  }

  /// The models that are asked; with several, samples are drawn in turn.
  package var models: [String]
  /// How many samples.
  package var samples: Int
  /// How they are drawn where the request asks for no randomness, in 0…2.
  package var temperature: Float
  /// What makes one better.
  package var score: Score
  /// How many have to be drawn at least.
  package var quorum: Int

  /// A search.
  package init(
    models: [String], samples: Int, score: Score = .logprob, temperature: Float = 0.8, quorum: Int = 1
  ) {
    self.models = models
    self.samples = samples
    self.score = score
    self.temperature = temperature
    self.quorum = quorum
  }

  var calls: [String] {
    let drawn = (0..<max(0, samples)).compactMap { models.isEmpty ? nil : models[$0 % models.count] }
    guard case .judge(let judge) = score else { return drawn }
    return drawn + Array(repeating: judge.model, count: samples)
  }
}

/// Steps, each of which sees what those before it wrote. The last one writes the answer.
package struct Pipeline: Sendable, Hashable {
  /// One step.
  package struct Step: Sendable, Hashable {
    /// What later steps refer to its text by.
    package var name: String
    /// The model that does it.
    package var model: String
    /// What the model is told; nil hands it the conversation as it is.
    package var prompt: PromptTemplate?
    /// What the model is told about its part.
    package var instruction: String?
    /// The most tokens that it writes; nil for as many as the request allows.
    package var outputTokens: Int?

    /// A step.
    package init(
      name: String, model: String, prompt: PromptTemplate?, instruction: String? = nil, outputTokens: Int? = nil
    ) {
      self.name = name
      self.model = model
      self.prompt = prompt
      self.instruction = instruction
      self.outputTokens = outputTokens
    }
  }

  /// The steps in order, at least one.
  package var steps: [Step]

  /// Steps.
  package init(steps: [Step]) {
    self.steps = steps
  }
}

/// A task is taken apart, its parts are worked on beside each other, and the results are put together.
package struct MapReduce: Sendable, Hashable {
  /// How a task is taken apart.
  package enum Split: Sendable, Hashable {
    /// A model names the parts.
    case model(String, PromptTemplate)
    /// The last message is cut at line or paragraph ends into pieces of at most so many characters.
    case text(characters: Int)
  }

  /// How the task is taken apart.
  package var split: Split
  /// The most parts; of what is left over, the last part gets all.
  package var maximumParts: Int
  /// The model that works on a part, and what it is told.
  package var worker: String
  /// What a worker is told: `{{part}}`, `{{input}}`, `{{index}}` and `{{count}}` are known.
  package var task: PromptTemplate
  /// The model that puts results together.
  package var combiner: String
  /// What it is told: `{{results}}`, `{{input}}` and `{{count}}` are known.
  package var combination: PromptTemplate
  /// The share of parts that have to succeed, above 0 and at most 1.
  package var quorum: Double

  /// A division of work.
  package init(
    split: Split, maximumParts: Int = 8, worker: String, task: PromptTemplate = .work, combiner: String,
    combination: PromptTemplate = .combine, quorum: Double = 1
  ) {
    self.split = split
    self.maximumParts = maximumParts
    self.worker = worker
    self.task = task
    self.combiner = combiner
    self.combination = combination
    self.quorum = quorum
  }

  var calls: [String] {
    var calls = Array(repeating: worker, count: max(1, maximumParts)) + [combiner]
    if case .model(let model, _) = split { calls.insert(model, at: 0) }
    return calls
  }
}

/// Where a question goes that a person should look at.
package struct ReviewHook: Sendable, Hashable {
  /// An HTTP address that takes a POST of JSON.
  package var url: String
  /// The `Authorization` header to send; nil for none.
  package var authorization: String?

  /// An address.
  package init(url: String, authorization: String? = nil) {
    self.url = url
    self.authorization = authorization
  }
}
