import Routing
import Testing

@Suite struct PromptFeaturesTests {
  @Test(arguments: [
    ("Write a Swift function that parses JSON without any exception", PromptDomain.technical),
    ("Write a short poem, a haiku, about the character of rain", .creative),
    ("Calculate the total cost of 3 pens at 2.50 each with a 10% discount", .analytical),
    ("hi, how do you feel today my friend?", .conversational),
  ])
  func domainsAreToldApart(_ prompt: String, _ domain: PromptDomain) {
    #expect(PromptFeatures(prompt).profile.domain == domain)
  }

  @Test(arguments: [
    ("What is the capital of the country that is in the middle?", "en"),
    ("Was ist die Hauptstadt und wie komme ich mit dem Zug von hier?", "de"),
    ("Quelle est la capitale et pour qui est une ville dans le pays ?", "fr"),
    ("Расскажи мне о столице", "ru"), ("日本の首都はどこですか", "ja"), ("中国的首都在哪里", "zh"), ("", "und"),
  ])
  func languagesAreRecognised(_ prompt: String, _ language: String) {
    #expect(PromptFeatures(prompt).profile.language == language)
  }

  @Test func aProblemOfManyStepsIsMoreComplexThanAGreeting() {
    let hard = PromptFeatures(
      "Suppose 3 trains leave at 8:15, 9:40 and 10:05; if each covers 120 km, prove which arrives first and explain why."
    )
    let easy = PromptFeatures("Hello there!")
    #expect(hard.profile.complexity.reasoningDepth > easy.profile.complexity.reasoningDepth)
    #expect(hard.profile.complexity.overall > easy.profile.complexity.overall)
  }

  @Test func everyComplexityStaysBetweenZeroAndOne() {
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<300 {
      let bytes = (0..<generator.index(below: 400)).map { _ in UInt8(generator.index(below: 256)) }
      let complexity = PromptFeatures(String(decoding: bytes, as: UTF8.self)).profile.complexity
      for part in [complexity.syntax, complexity.vocabulary, complexity.reasoningDepth, complexity.contextSize] {
        #expect((0...1).contains(part))
      }
    }
  }

  @Test func aVeryLongPromptIsReadAtItsBeginningAndItsEnd() {
    let filler = String(repeating: "lorem ipsum ", count: 100_000)
    let profile = PromptFeatures("The question is this. " + filler + "Write a poem and a story.").profile
    #expect(profile.domain == .creative)
    #expect(profile.promptTokens >= 300_000)
    #expect(profile.complexity.contextSize == 1)
  }

  @Test(arguments: ["", " ", "\n", "\nA. ", "A", "7", "1,2.", "\nB. x", "?!.", "\u{0}\u{0}", "é", "____", "NOT"])
  func tinyPromptsAreScanned(_ prompt: String) {
    #expect(PromptFeatures(prompt).profile.promptTokens <= 4)
  }
}
