import ModelInterface
import Testing

@testable import Orchestration

@Suite struct JudgementTests {
  @Test(arguments: [
    ["4", "4.0", "The answer is 4.", "**4**", "so we get\n#### 4", "\\boxed{4}", "Answer: 4", "$4", "+4"],
    ["1,234", "1234", "1234.00", "The final answer is **1,234**!"],
    ["Paris", "paris.", "The Paris", " \"Paris\" ", "answer: Paris"],
    ["{\"a\": 1, \"b\": [2.0]}", "{\"b\":[2],\"a\":1.0}", "```json\n{\"a\":1,\"b\":[2]}\n```"],
  ])
  func spellingsOfOneAnswerAreEqual(texts: [String]) {
    let keys = Set(texts.map(AnswerKey.key(ofText:)))
    #expect(keys.count == 1, "\(keys)")
  }

  @Test func differentAnswersAreNot() {
    let texts = ["4", "5", "-4", "0.4", "four", "{\"a\":1}", "{\"a\":2}", "[1,2]", "[2,1]", "yes", "no", "b", "1,23"]
    #expect(Set(texts.map(AnswerKey.key(ofText:))).count == texts.count)
  }

  @Test func exponentialsAreThoseOfTheLibrary() {
    for (x, expected) in [
      (0, 1.0), (-1, 0.36787944117144233), (-0.1, 0.9048374180359595), (-20, 2.061153622438558e-9), (-800, 0),
      (-1e-9, 0.999999999),
    ] {
      #expect(abs(exponential(x) - expected) <= expected * 1e-12 + 1e-300, "\(x)")
    }
  }

  private struct Case: Sendable {
    var schema: JSONValue
    var valid: [JSONValue]
    var invalid: [JSONValue]
  }

  private static let cases: [Case] = [
    Case(
      schema: [
        "type": "object", "required": ["a"], "properties": ["a": ["type": "integer", "minimum": 2]],
        "additionalProperties": false,
      ],
      valid: [["a": 2], ["a": 3.0]], invalid: [["a": 1], ["a": 2.5], ["b": 2], [:], [["a": 2]], ["a": 2, "b": 1]]),
    Case(
      schema: ["type": "array", "items": ["enum": ["x", 1]], "minItems": 1, "maxItems": 2, "uniqueItems": true],
      valid: [["x"], [1.0, "x"]], invalid: [[], ["y"], ["x", "x"], [1, 1.0], ["x", 1, 1]]),
    Case(
      schema: ["anyOf": [["type": "null"], ["type": "string", "maxLength": 2]]],
      valid: [nil, "é2"], invalid: ["abc", 1]),
    Case(schema: ["oneOf": [["minimum": 5], ["maximum": 7]]], valid: [4, 8], invalid: [6]),
    Case(schema: ["not": ["const": "no"]], valid: ["yes"], invalid: ["no"]),
    Case(
      schema: [
        "$defs": [
          "tree": [
            "type": "object", "properties": ["kids": ["type": "array", "items": ["$ref": "#/$defs/tree"]]],
            "additionalProperties": false,
          ]
        ], "$ref": "#/$defs/tree",
      ],
      valid: [[:], ["kids": [["kids": []]]]], invalid: [["kids": [["x": 1]]], ["kids": 1]]),
    Case(schema: ["pattern": "^[a-z]+$"], valid: ["abc", 7], invalid: ["a1", ""]),
    Case(
      schema: ["if": ["required": ["a"]], "then": ["required": ["b"]], "else": ["required": ["c"]]],
      valid: [["a": 1, "b": 1], ["c": 1]], invalid: [["a": 1], ["b": 1]]),
    Case(
      schema: ["prefixItems": [["type": "string"]], "items": ["type": "integer"], "contains": ["const": 3]],
      valid: [["a", 3]], invalid: [["a", 4], [3, 3], ["a", "b", 3]]),
    Case(schema: ["multipleOf": 0.1, "exclusiveMaximum": 1], valid: [0.3, 0.7], invalid: [0.35, 1]),
    Case(schema: true, valid: [1, nil], invalid: []),
    Case(schema: ["pattern": "(a+)+$"], valid: [.string(String(repeating: "a", count: 60) + "b")], invalid: []),
  ]

  @Test func schemasSayWhatTheSpecificationSays() {
    for one in Self.cases {
      let check = JSONSchemaCheck(one.schema)
      for value in one.valid { #expect(check.problem(with: value) == nil, "\(one.schema.text) \(value.text)") }
      for value in one.invalid { #expect(check.problem(with: value) != nil, "\(one.schema.text) \(value.text)") }
    }
  }

  @Test func aSchemaThatRefersToItselfForEverEnds() {
    #expect(JSONSchemaCheck(["$ref": "#"]).problem(with: 1) != nil)
  }

  @Test func judgesAreReadInWhateverTheyWrapTheirScore() {
    #expect(JudgePrompt.readScore("Sure! {\"score\": 7} ok") == 7)
    #expect(JudgePrompt.readScore("I would give it 8.5.") == 8.5)
    #expect(JudgePrompt.readScore("{\"score\": 70}") == nil)
    #expect(JudgePrompt.readScore("none") == nil)
    #expect(JudgePrompt.readGroups("{\"groups\": [1, 2, 1]}", count: 3) == [1, 2, 1])
    #expect(JudgePrompt.readGroups("{\"groups\": [1, 2]}", count: 3) == nil)
  }

  @Test func templatesAreFilledOnceAndRefuseWhatIsNoPlace() throws {
    let template = try PromptTemplate("{{ a }} and {{b}} { } {{a}}")
    #expect(template.filled(["a": "{{b}}", "b": "x"]) == "{{b}} and x { } {{b}}")
    #expect(template.places == ["a", "b"])
    for text in ["{{a", "{{}}", "{{a b.c}}"] {
      #expect(throws: PromptTemplate.Problem.self, "\(text)") { try PromptTemplate(text) }
    }
  }

  @Test func piecesJoinToTheTextTheyWereCutFrom() {
    let text = (0..<200).map { "word\($0)" + ($0 % 17 == 0 ? "\n\n" : $0 % 5 == 0 ? "\n" : " ") }.joined()
    for characters in [1, 7, 50, 333, 10_000] {
      for limit in [1, 3, 1_000] {
        let pieces = TextPieces.cut(text, characters: characters, atMost: limit)
        #expect(pieces.joined() == text && pieces.count <= limit && !pieces.contains(""))
        #expect(pieces.dropLast().allSatisfy { $0.count <= characters })
      }
    }
    #expect(TextPieces.cut("", characters: 5, atMost: 2) == [""])
  }
}
