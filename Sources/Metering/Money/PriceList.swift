/// The prices of all models: the only place that knows them.
package struct PriceList: Sendable, Equatable {
  /// By the model's name, or by `provider/model` where several providers ask different prices for one.
  package var prices: [String: ModelPrice]
  /// For models that are not listed; nil counts them as free.
  package var standard: ModelPrice?

  /// A list.
  package init(_ prices: [String: ModelPrice] = [:], standard: ModelPrice? = nil) {
    self.prices = prices
    self.standard = standard
  }

  /// The price of a model: that of `provider/model`, else of `model`, else of the name it was asked for by, else
  /// ``standard``, else nothing.
  package func price(of model: String, provider: String? = nil, askedAs name: String? = nil) -> ModelPrice {
    if let provider, let price = prices["\(provider)/\(model)"] { return price }
    if let price = prices[model] { return price }
    if let name, let price = prices[name] { return price }
    return standard ?? .free
  }

  /// The prices that these models may have, at whichever provider.
  func possible(for models: [String]) -> [ModelPrice] {
    var found: [ModelPrice] = []
    func add(_ price: ModelPrice) { if !found.contains(price) { found.append(price) } }
    for model in models {
      add(price(of: model))
      for (name, price) in prices where name.hasSuffix("/" + model) { add(price) }
    }
    return found
  }
}
