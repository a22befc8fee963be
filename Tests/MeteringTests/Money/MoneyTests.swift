import Metering
import ModelInterface
import Testing

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
}
