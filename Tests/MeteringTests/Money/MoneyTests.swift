import ModelInterface
import Testing

@testable import Metering

@Suite struct MoneyTests {
  @Test func amountsAreReadAndWrittenAsPeopleDo() throws {
    #expect(try #require(Money("12.5")).text == "12.50")
    #expect(try #require(Money("0.000001")).pico == 1_000_000)
    #expect(Money(pico: 12_500_000).text == "0.0000125")
    #expect(Money(pico: -1).text == "-0.000000000001")
    for wrong in ["", ".", "1.", ".5", "-1", "1e3", "1.0000001", "1 ", "99999999999999", "1.2.3"] {
      #expect(Money(wrong) == nil, "\(wrong)")
    }
  }

  @Test func sumsStayAtTheEndOfTheirRangeInsteadOfWrapping() {
    #expect(Money(pico: .max) + Money(pico: 1) == Money(pico: .max))
    #expect(Money(pico: .min) - Money(pico: 1) == Money(pico: .min))
  }

  @Test func costIsExactToTheSingleToken() {
    let price = ModelPrice(prompt: 150_000, cachedPrompt: 75_000, completion: 600_000)
    let usage = Usage(promptTokens: 3, cachedPromptTokens: 1, completionTokens: 7)
    #expect(price.cost(usage).pico == 2 * 150_000 + 75_000 + 7 * 600_000)
  }

  @Test func countsThatCannotBeAreBroughtIntoRange() {
    let price = ModelPrice(prompt: .max, completion: .max)
    let lies = Usage(promptTokens: .max, cachedPromptTokens: .max, completionTokens: .min, reasoningTokens: 5)
    #expect(price.cost(lies) == Money(pico: Int128(ModelPrice.maximum) * Int128(ModelPrice.maximumTokens)))
    #expect(price.cost(lies) <= Money(pico: Int128(Int64.max)))
    #expect(price.cost(Usage(promptTokens: -5)) == .zero)
  }

  @Test func theNearestPriceIsTaken() {
    let list = PriceList(
      ["m": ModelPrice(prompt: 1, completion: 1), "p/m": ModelPrice(prompt: 2, completion: 2)],
      standard: ModelPrice(prompt: 3, completion: 3))
    #expect(list.price(of: "m", provider: "p").prompt == 2)
    #expect(list.price(of: "m", provider: "q").prompt == 1)
    #expect(list.price(of: "m-2026-01", askedAs: "m").prompt == 1)
    #expect(list.price(of: "x").prompt == 3)
  }

  @Test func aModelMayCostWhatTheDearestOfWhatItTurnsOutToBeDoes() {
    let prices = [
      "m": ModelPrice(prompt: 1, completion: 9), "p/m": ModelPrice(prompt: 5, completion: 1),
      "n": ModelPrice(prompt: 2, completion: 2),
    ]
    let policy = StandingPolicy(MeteringPolicy(prices: PriceList(prices)))
    for usage in [(100, 1), (1, 100), (50, 50), (0, 0)].map({ Usage(promptTokens: $0, completionTokens: $1) }) {
      let dearest = prices.values.map { $0.cost(usage) }.max()
      // The second time from memory.
      for _ in 0..<2 { #expect(policy.upperBound(of: "auto", usage) { _ in ["m", "n"] } == dearest) }
      #expect(policy.upperBound(of: "n", usage) { [$0] } == prices["n"]?.cost(usage))
      #expect(policy.upperBound(of: "unknown", usage) { [$0] } == .zero)
    }
    for list in [prices, prices.filter { $0.key != "p/m" }] {
      let policy = StandingPolicy(MeteringPolicy(prices: PriceList(list)))
      for (model, provider) in [("m", "p"), ("m", "q"), ("n", "p"), ("x", "p")] {
        #expect(
          policy.price(of: model, provider: provider, askedAs: "n")
            == PriceList(list).price(of: model, provider: provider, askedAs: "n"))
      }
    }
  }

  @Test func theSizeOfTextsIsEstimatedAsTheyAre() {
    var named = Message(role: .user, content: [.text("and — a name")])
    named.name = "zoë"
    let messages = [Message(role: .system, content: [.text("")]), named]
    let request = GenerationRequest(model: "m", prompt: .messages(messages), context: RequestContext(requestID: "r"))
    var estimate = PromptEstimate()
    for bytes in 1...3 {
      estimate.bytesPerToken = bytes
      #expect(estimate.tokens(messages: 2, bytes: "and — a namezoë".utf8.count) == estimate.tokens(request))
    }
  }
}
