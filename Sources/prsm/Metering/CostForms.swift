import Metering

extension Form<Money> {
  /// An amount in units of the currency.
  static let money = Form<Money>.text("an amount such as `12.50`, with at most six decimals") { Money($0) }
}

extension Form<PriceList> {
  /// The name under which the price of every other model stands.
  private static let others = "others"

  /// Prices by model, in units of the currency for a million tokens.
  static let prices = Form<PriceList>.reading(
    "prices by model, each with `input`, `output` and perhaps `cached-input`"
  ) { tree throws(GroupMisfit) in
    guard case .map(let entries) = tree.content else {
      throw GroupMisfit(
        expected: "prices by model, each with `input`, `output` and perhaps `cached-input`", found: tree.found,
        line: tree.line)
    }
    guard entries.count <= 10_000 else {
      throw GroupMisfit(expected: "at most 10000 prices", found: "\(entries.count)", line: tree.line)
    }
    var list = PriceList()
    for entry in entries {
      let price = try price(entry)
      if entry.key == others { list.standard = price } else { list.prices[entry.key] = price }
    }
    return list
  }

  private static func price(_ entry: ConfigurationTree.Entry) throws(GroupMisfit) -> ModelPrice {
    let reader = try GroupReader(
      entry.value, name: entry.key, line: entry.line, keys: ["input", "cached-input", "output"])
    let form = Form<UInt64>.text("an amount for a million tokens from 0 to 3000, such as `2.50`") { text in
      Money(text).flatMap { money in
        let micro = money.pico / 1_000_000
        return micro <= Int128(ModelPrice.maximum) ? UInt64(micro) : nil
      }
    }
    return ModelPrice(
      prompt: try reader.required("input", form), cachedPrompt: try reader.value("cached-input", form),
      completion: try reader.required("output", form))
  }
}

extension BudgetLevel {
  /// As the configuration, the command line and reports spell it.
  var word: String { self == .organization ? "organisation" : rawValue }

  init?(word: String) {
    switch word {
    case "organisation", "organization": self = .organization
    default: self.init(rawValue: word)
    }
  }

  static let form = Form<BudgetLevel>.text(
    BudgetLevel.allCases.map { "`\($0.word)`" }.joined(separator: " or ")
  ) { BudgetLevel(word: $0) }
}

extension Form<[Budget]> {
  private static let expected = "a list of budgets, each with `for`, `per`, `limit` and perhaps `name` and `then`"

  /// What may be spent.
  static let budgets = Form<[Budget]>.reading(expected) { tree throws(GroupMisfit) in
    guard case .list(let elements) = tree.content, elements.count <= 10_000 else {
      throw GroupMisfit(expected: expected, found: tree.found, line: tree.line)
    }
    var budgets: [Budget] = []
    for (index, element) in elements.enumerated() {
      let reader = try GroupReader(
        element, name: "budgets[\(index)]", line: tree.line, keys: ["for", "name", "per", "limit", "then"])
      let actions = try reader.value(
        "then", Form<Budget.Action>.action.list(of: "`defer`, `downgrade`, `refuse`", atMost: 3))
      budgets.append(
        Budget(
          try reader.required("for", BudgetLevel.form), named: try reader.value("name", .word("a name")),
          per: try reader.required("per", .period), limit: try reader.required("limit", .money),
          whenExceeded: actions ?? [.refuse]))
    }
    return budgets
  }
}

extension Form<Budget.Action> {
  static let action = Form<Budget.Action>.text(
    Budget.Action.allCases.map { "`\($0.rawValue)`" }.joined(separator: " or ")
  ) { Budget.Action(rawValue: $0) }
}

extension Form<Budget.Period> {
  static let period = Form<Budget.Period>.text(
    Budget.Period.allCases.map { "`\($0.rawValue)`" }.joined(separator: " or ")
  ) { Budget.Period(rawValue: $0) }
}

extension Form<[RateLimit]> {
  private static let expected =
    "a list of rates, each with `for`, perhaps `name`, and `requests-per-minute` or `tokens-per-minute`"

  /// How fast something may be used.
  static let rates = Form<[RateLimit]>.reading(expected) { tree throws(GroupMisfit) in
    guard case .list(let elements) = tree.content, elements.count <= 10_000 else {
      throw GroupMisfit(expected: expected, found: tree.found, line: tree.line)
    }
    var rates: [RateLimit] = []
    for (index, element) in elements.enumerated() {
      let reader = try GroupReader(
        element, name: "rates[\(index)]", line: tree.line,
        keys: ["for", "name", "requests-per-minute", "tokens-per-minute"])
      let level = try reader.required("for", BudgetLevel.form)
      let name = try reader.value("name", .word("a name"))
      let requests = try reader.value("requests-per-minute", .integer(1...1_000_000_000))
      let tokens = try reader.value("tokens-per-minute", .integer(1...1_000_000_000_000))
      guard requests != nil || tokens != nil else {
        throw GroupMisfit(
          expected: "`\(reader.name)` to have `requests-per-minute` or `tokens-per-minute`", found: "neither",
          line: reader.line)
      }
      if let requests { rates.append(RateLimit(level, named: name, .requests, perMinute: requests)) }
      if let tokens { rates.append(RateLimit(level, named: name, .tokens, perMinute: tokens)) }
    }
    return rates
  }
}
