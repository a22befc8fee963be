import Metering

/// What the configuration says about money and about the cache of answers.
struct CostConfiguration: Sendable {
  var prices: PriceList
  var budgets: [Budget]
  var rates: [RateLimit]
  var cheaper: [String: [String]]
  var currency: String
  var strongModel: String?
  /// How long a request that can be deferred waits at most.
  var deferTime: Duration
  var lostCosts: MeteringPolicy.LostCosts
  /// How long events are kept.
  var retention: Duration
  var cache: CachePolicy
  /// The model whose embeddings similar requests are found by.
  var embeddingModel: String?

  init(_ sources: inout ConfigurationSources) {
    prices = sources.value(Settings.prices)
    budgets = sources.value(Settings.budgets)
    rates = sources.value(Settings.rates)
    cheaper = sources.value(Settings.downgrades)
    currency = sources.value(Settings.currency)
    strongModel = sources.value(Settings.strongModel)
    deferTime = sources.value(Settings.deferTime)
    lostCosts = MeteringPolicy.LostCosts(rawValue: sources.value(Settings.lostCosts)) ?? .reserved
    retention = sources.value(Settings.retention)
    cache = CachePolicy(
      scope: CachePolicy.Scope(rawValue: sources.value(Settings.cacheScope)) ?? .deterministic,
      lifetime: sources.value(Settings.cacheLifetime), maximumBytes: sources.value(Settings.cacheSize),
      maximumEntryBytes: sources.value(Settings.cacheEntrySize),
      similarity: sources.value(Settings.cacheSimilarity).map { Float($0) })
    embeddingModel = sources.value(Settings.cacheEmbeddingModel)
    if cache.similarity != nil, embeddingModel == nil {
      let setting = Settings.cacheSimilarity
      sources.complain(
        sources.place(of: setting.path, flag: setting.flag, environmentName: setting.environmentName),
        "similar requests are found by embeddings; name the model that makes them in `cache.embedding-model`")
    }
  }

  /// What the meter goes by.
  var policy: MeteringPolicy {
    MeteringPolicy(prices: prices, budgets: budgets, rates: rates, cheaper: cheaper, lostCosts: lostCosts)
  }
}

extension Settings {
  static let prices = Setting(
    "prices", .prices, default: PriceList(), "none: models cost nothing",
    "What models cost, by name or by `upstream/name`, for a million tokens: `input`, `output` and perhaps `cached-input`; `others` is the price of every model that is not listed."
  )
  static let budgets = Setting(
    "budgets", .budgets, default: [], "none",
    "The most that may be spent: `for` a key, user, project, organisation or node (with `name`, or each), `per` request, day or month, `limit`, and `then`: `defer`, `downgrade`, `refuse`."
  )
  static let rates = Setting(
    "rates", .rates, default: [], "none",
    "How fast: `for` a key, user, project, organisation or node, `requests-per-minute` and `tokens-per-minute`.")
  static let downgrades = Setting(
    "cost.downgrades",
    Form<[String]>.reading("a model, or a list of models") { tree throws(GroupMisfit) in
      try GroupReader.read(
        Form<String>.word("the name of a model").list(of: "models"), tree, name: "cost.downgrades", line: tree.line)
    }.map(of: "models, each with cheaper ones that may take its place"), default: [:], "none",
    "For models, the cheaper ones that may take their place where a budget says `downgrade`, best first.")
  static let currency = Setting(
    "cost.currency", .word("the name of a currency"), default: "USD", "`USD`",
    "The currency of prices and budgets, as reports show it.")
  static let strongModel = Setting(
    "cost.strong-model", Form<String>.word("the name of a model").optional, default: nil, "the dearest",
    "The model that savings are reckoned against.")
  static let deferTime = Setting(
    "cost.defer-time", .duration(.zero ... .seconds(3_600)), default: .seconds(30), "30s",
    "How long a request of low priority waits at most where a budget or rate says `defer`, before it is told to come back."
  )
  static let lostCosts = Setting(
    "cost.lost", .oneOf(MeteringPolicy.LostCosts.allCases.map(\.rawValue)), default: "reserved", "`reserved`",
    "What a request costs that ran when the node was killed: what was `reserved` for it, or `nothing`.")
  static let retention = Setting(
    "cost.retention", .duration(.seconds(86_400) ... .seconds(86_400 * 3_660)), default: .seconds(86_400 * 400), "400d",
    "How long single requests are kept on the account.")

  static let cacheScope = Setting(
    "cache.scope", .oneOf(CachePolicy.Scope.allCases.map(\.rawValue)), default: "deterministic", "`deterministic`",
    "Which requests are answered from the cache: `deterministic` (temperature 0, or a seed), `all`, or `none`.")
  static let cacheLifetime = Setting(
    "cache.lifetime", .duration(.seconds(1) ... .seconds(86_400 * 366)), default: .seconds(3_600), "1h",
    "How long an answer is good.")
  static let cacheSize = Setting(
    "cache.size", .bytes(0...(1 << 40)), default: 64 << 20, "64 MiB", "The most memory that kept answers take.")
  static let cacheEntrySize = Setting(
    "cache.entry-size", .bytes(0...(1 << 30)), default: 1 << 20, "1 MiB", "The largest answer that is kept.")
  static let cacheSimilarity = Setting(
    "cache.similarity", Form<Double>.number(0.5...1).optional, default: nil, "none: only equal requests",
    "How alike the last turns of two requests must be to share an answer, as the cosine of their embeddings, such as 0.92."
  )
  static let cacheEmbeddingModel = Setting(
    "cache.embedding-model", Form<String>.word("the name of a model").optional, default: nil, "none",
    "The model whose embeddings `cache.similarity` compares.")

  /// What there is to configure about money and the cache.
  static let costOutlines = [
    prices.outline, budgets.outline, rates.outline, downgrades.outline, currency.outline, strongModel.outline,
    deferTime.outline, lostCosts.outline, retention.outline, cacheScope.outline, cacheLifetime.outline,
    cacheSize.outline, cacheEntrySize.outline, cacheSimilarity.outline, cacheEmbeddingModel.outline,
  ]
}
