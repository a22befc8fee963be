import Testing

@testable import Routing

@Suite struct GramRarityTests {
  private static func grams(_ text: String) -> GramVector { PromptFeatures(text).grams }

  @Test func amongFewTextsCommonGramsWeighMoreAndAmongManyRareOnes() {
    #expect(GramRarity.power(documents: 300) == -1)
    #expect(GramRarity.power(documents: 1000) == 0)
    #expect(GramRarity.power(documents: 50_000) == 1.5)
    let texts = (0..<600).map { Self.grams($0 == 0 ? "the zebra" : "the horse") }
    let few = GramRarity(of: Array(texts.prefix(500)))
    let many = GramRarity(of: Array(repeating: texts, count: 5).flatMap(\.self))
    // The share of the vector's length that is the rare word's.
    func share(_ rarity: GramRarity) -> Float {
      let common = Set(Self.grams("the").indices)
      let weighted = rarity.weighted(texts[0])
      return zip(weighted.indices, weighted.values).filter { !common.contains($0.0) }.reduce(0) { $0 + $1.1 * $1.1 }
    }
    #expect(share(few) < share(many))
  }

  @Test func lettersHaveLengthOneAndTheShapeItsOwn() {
    let rarity = GramRarity(of: [Self.grams("one two three"), Self.grams("four")])
    for text in ["one", "a text of which nothing was seen", "", "1234 % $"] {
      let weighted = rarity.weighted(Self.grams(text))
      let letters = weighted.values[..<weighted.shapeStart].reduce(0) { $0 + $1 * $1 }
      let shape = weighted.values[weighted.shapeStart...].reduce(0) { $0 + $1 * $1 }
      #expect(weighted.values.isEmpty == text.isEmpty)
      #expect(text.isEmpty || abs(letters - 1) < 1e-4)
      #expect(text.isEmpty || abs(shape - 0.5) < 1e-4)
    }
  }
}
