import ModelInterface
import Testing

@testable import LlamaEngine

@Suite("JSON schemas as grammars")
struct JSONSchemaGrammarTests {
  struct Example: Sendable, CustomTestStringConvertible {
    let schema: String
    let valid: [String]
    let invalid: [String]
    var isStrict = false
    var testDescription: String { schema }
  }

  static let examples: [Example] = [
    Example(
      schema:
        #"{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["a","b"],"additionalProperties":false}"#,
      valid: [#"{"a":1,"b":"x"}"#, #"{"a": -12, "b": "\n\u00e9"}"#, "{\n  \"a\": 0,\n  \"b\": \"é😀\"\n}"],
      invalid: [
        #"{"a":1}"#, #"{"b":"x","a":1}"#, #"{"a":1.5,"b":"x"}"#, #"{"a":01,"b":""}"#, #"{"a":1,"b":"x","c":1}"#, "{}",
        #"{"a":1,"b":"x"} "#, #"{"a":1,  "b":"x"}"#, "{\"a\":1,\"b\":\"\n\"}", #"{"a":1,"b":"\ud800"}"#,
        #"{"a":1,"b":"\x"}"#,
      ]),
    Example(
      schema:
        #"{"properties":{"a":true,"b":{"type":"null"},"c":{"type":"boolean"}},"required":["b"],"additionalProperties":false}"#,
      valid: [
        #"{"b":null}"#, #"{"a":[1,{"x":[]}],"b":null}"#, #"{"b":null,"c":true}"#, #"{"a":"","b":null,"c":false}"#,
      ],
      invalid: ["{}", #"{"a":1}"#, #"{"c":true}"#, #"{"b":null,"a":1}"#, #"{"b":null,}"#, #"{,"b":null}"#]),
    Example(
      schema: #"{"type":"object","properties":{"x":{"type":"integer"},"y":{"type":"integer"}}}"#,
      valid: [
        "{}", "{ }", #"{"x":1}"#, #"{"y":2}"#, #"{"x":1,"y":2}"#, #"{"x":1,"z":[]}"#, #"{"xy":"s","w":{}}"#, #"{"":1}"#,
      ],
      invalid: [#"{"x":"1"}"#, #"{"y":1,"x":2}"#, #"{"z":1,"x":"s"}"#, #"{"z":1,"x":1}"#]),
    Example(
      schema: #"{"type":"object","properties":{"x":{"type":"integer"}}}"#, valid: ["{}", #"{"x":1}"#],
      invalid: [#"{"z":1}"#, #"{"x":1,"z":1}"#], isStrict: true),
    Example(
      schema: #"{"type":"object","additionalProperties":{"type":"integer"},"required":["k"]}"#,
      valid: [#"{"k":1}"#, #"{"k":1,"m":2}"#], invalid: ["{}", #"{"m":2}"#, #"{"k":"1"}"#, #"{"k":1,"m":"2"}"#]),
    Example(
      schema: #"{"type":"object","additionalProperties":{"type":"integer"},"minProperties":1,"maxProperties":2}"#,
      valid: [#"{"k":1}"#, #"{"k":1,"m":2}"#], invalid: ["{}", #"{"a":1,"b":2,"c":3}"#]),
    Example(
      schema: #"{"type":["string","null"],"maxLength":2}"#, valid: ["null", #""""#, #""ab""#, #""\u00e9\"""#],
      invalid: [#""abc""#, "1", "nul"]),
    Example(
      schema: #"{"type":"string","nullable":true,"enum":["red","gr\"een\\","\u2603"]}"#,
      valid: [#""red""#, #""gr\"een\\""#, #""☃""#, "null"], invalid: [#""blue""#, "red", #""""#]),
    Example(
      schema: #"{"enum":[1,"1",null,[1,2],{"a":1}]}"#, valid: ["1", #""1""#, "null", "[1,2]", #"{"a":1}"#],
      invalid: ["2"]),
    Example(
      schema: #"{"enum":[1,12,123,13,"a","ab","abc","b","","☃1","☃2",true,1]}"#,
      valid: ["1", "12", "123", "13", #""a""#, #""ab""#, #""abc""#, #""b""#, #""""#, #""☃1""#, #""☃2""#, "true"],
      invalid: ["", "2", "11", "124", #""ac""#, #""abcd""#, #""☃""#, #""☃3""#, #""a"#, "tru", "121"]),
    Example(schema: #"{"const":3.50}"#, valid: ["3.50"], invalid: ["3.5", "3"]),
    Example(schema: #"{"type":"integer","enum":[1,"a",2.5,7]}"#, valid: ["1", "7"], invalid: [#""a""#, "2.5"]),
    Example(
      schema: #"{"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":3}"#,
      valid: ["[1,2]", "[1, 2, 3]", "[\n  1,\n  2\n]"],
      invalid: ["[]", "[1]", "[1,2,3,4]", "[1,]", "[1 2]", "[1,\"a\"]"]),
    Example(schema: #"{"type":"array","maxItems":0}"#, valid: ["[]", "[ ]"], invalid: ["[1]"]),
    Example(
      schema: #"{"prefixItems":[{"type":"string"},{"type":"integer"}],"items":false,"minItems":1}"#,
      valid: [#"["a"]"#, #"["a",1]"#], invalid: ["[]", "[1]", #"["a",1,2]"#, #"["a","b"]"#]),
    Example(
      schema: #"{"prefixItems":[{"type":"string"}],"items":{"type":"null"},"maxItems":3}"#,
      valid: ["[]", #"["a"]"#, #"["a",null,null]"#], invalid: ["[null]", #"["a",null,null,null]"#]),
    Example(
      schema: #"{"anyOf":[{"type":"integer","minimum":3},{"type":"string","const":"x"}]}"#,
      valid: ["3", "40", #""x""#],
      invalid: ["2", "-3", #""y""#]),
    Example(
      schema:
        ##"{"oneOf":[{"type":"null"},{"$ref":"#/$defs/pair"}],"$defs":{"pair":{"type":"array","items":{"type":"boolean"},"minItems":2,"maxItems":2}}}"##,
      valid: ["null", "[true,false]"], invalid: ["[true]", "true"]),
    Example(
      schema:
        ##"{"$ref":"#/definitions/tree~1node","definitions":{"tree/node":{"type":"object","properties":{"v":{"type":"integer"},"next":{"anyOf":[{"$ref":"#/definitions/tree%7e1node"},{"type":"null"}]}},"required":["v","next"],"additionalProperties":false}}}"##,
      valid: [#"{"v":1,"next":null}"#, #"{"v":1,"next":{"v":2,"next":null}}"#],
      invalid: [#"{"v":1}"#, #"{"v":1,"next":{}}"#]),
    Example(
      schema:
        ##"{"type":"object","properties":{"children":{"type":"array","items":{"$ref":"#"}}},"additionalProperties":false}"##,
      valid: ["{}", #"{"children":[{},{"children":[]}]}"#], invalid: [#"{"children":[1]}"#]),
    Example(
      schema:
        #"{"allOf":[{"type":"object","properties":{"a":{"type":"integer","minimum":1}},"required":["a"]},{"properties":{"a":{"maximum":3},"b":{"type":"string"}},"required":["b"]}],"additionalProperties":true,"type":"object"}"#,
      valid: [#"{"a":1,"b":"x"}"#, #"{"a":3,"b":""}"#], invalid: [#"{"a":4,"b":""}"#, #"{"a":0,"b":""}"#, #"{"a":2}"#]),
    Example(
      schema:
        #"{"type":"object","properties":{"kind":{"type":"string"}},"required":["kind"],"anyOf":[{"properties":{"kind":{"const":"a"},"n":{"type":"integer"}},"required":["n"]},{"properties":{"kind":{"const":"b"}}}]}"#,
      valid: [#"{"kind":"a","n":1}"#, #"{"kind":"b"}"#], invalid: [#"{"kind":"a"}"#, #"{"kind":"c"}"#, #"{"n":1}"#]),
    Example(
      schema:
        ##"{"$ref":"#/$defs/base","properties":{"b":{"type":"integer"}},"required":["b"],"$defs":{"base":{"type":"object","properties":{"a":{"type":"integer"}}}}}"##,
      valid: [#"{"b":1}"#, #"{"a":1,"b":2}"#], invalid: [#"{"a":1}"#, "{}"]),
    Example(
      schema: #"{"type":"string","pattern":"^[a-c]{2,3}(-\\d+)?$"}"#, valid: [#""ab""#, #""abc-12""#],
      invalid: [#""a""#, #""abcd""#, #""ab-""#, #""abx""#]),
    Example(
      schema: #"{"type":"string","pattern":"b+c"}"#, valid: [#""bc""#, #""xxbbcyy""#, #""\"bc\\""#],
      invalid: [#""bb""#, #""""#]),
    Example(
      schema: #"{"type":"string","pattern":"^(yes|no|\"\\\\\\.|[^a-z\\s])$"}"#,
      valid: [#""yes""#, #""no""#, #""\"\\.""#, #""\"""#, #""\\""#, #""Z""#, #""☃""#],
      invalid: [#""maybe""#, #""a""#, #"" ""#, #""\n""#, #""ZZ""#]),
    Example(
      schema: #"{"type":"string","pattern":"^a|b$"}"#, valid: [#""axx""#, #""xxb""#], invalid: [#""xa""#, #""bx""#]),
    Example(
      schema: #"{"type":"string","pattern":"^[\\w.-]+$","minLength":1}"#, valid: [#""a_9.-""#],
      invalid: [#""""#, #""a b""#]),
    Example(
      schema: #"{"type":"string","format":"date"}"#, valid: [#""2024-12-31""#, #""1999-02-28""#],
      invalid: [#""2024-13-01""#, #""2024-04-31""#, #""24-1-1""#]),
    Example(
      schema: #"{"type":"string","format":"date-time"}"#,
      valid: [#""2024-12-31T23:59:59Z""#, #""2024-01-01T00:00:00.5+02:00""#],
      invalid: [#""2024-12-31""#, #""2024-12-31T24:00:00Z""#, #""2024-12-31T23:59:59""#]),
    Example(
      schema: #"{"type":"string","format":"uuid"}"#, valid: [#""123e4567-e89b-12d3-a456-426614174000""#],
      invalid: [#""123e4567e89b12d3a456426614174000""#]),
    Example(
      schema: #"{"type":"string","format":"email"}"#, valid: [#""a.b+c@ex-ample.org""#],
      invalid: [#""a@b""#, #""@b.org""#]),
    Example(
      schema: #"{"type":"string","format":"ipv4"}"#, valid: [#""255.0.10.1""#], invalid: [#""256.0.0.1""#, #""1.2.3""#]),
    Example(
      schema: #"{"type":"number"}"#, valid: ["0", "-0", "12.5", "1e9", "-2.50E-3"],
      invalid: ["01", "1.", ".5", "+1", "1e", "NaN"]),
    Example(
      schema: #"{"type":"number","minimum":-1.25,"exclusiveMaximum":2.5}"#,
      valid: ["-1.25", "-1.2", "-1", "0", "2.49999", "2", "2.0", "-1.250", "-0.5"],
      invalid: ["-1.26", "2.5", "2.50", "3", "-2", "2.51"]),
    Example(
      schema: #"{"type":"number","exclusiveMinimum":0}"#, valid: ["1", "0.001", "10.0"],
      invalid: ["0", "0.0", "0.000", "-1"]),
    Example(
      schema: #"{"type":"number","exclusiveMinimum":true,"minimum":0.5,"maximum":0.75}"#,
      valid: ["0.51", "0.75", "0.7500"],
      invalid: ["0.5", "0.50", "0.76", "0.7501"]),
    Example(schema: #"{"type":"integer","multipleOf":1,"uniqueItems":false}"#, valid: ["5"], invalid: ["5.5"]),
    Example(
      schema: #"{"type":"integer","minimum":-9223372036854775808,"maximum":9223372036854775807}"#, valid: ["0", "-77"],
      invalid: ["1.0"]),
    Example(schema: "true", valid: ["1", "[]", #"{"a":null}"#], invalid: ["", "x"]),
    Example(schema: "{}", valid: ["1", #""s""#], invalid: [""]),
  ]

  @Test("valid values are accepted and invalid ones are not", arguments: examples)
  func valuesAgree(example: Example) throws {
    let grammar = try JSONSchemaGrammar.grammar(for: try JSONValue.parse(example.schema), isStrict: example.isStrict)
    let recognizer = try GrammarRecognizer(grammar)
    for text in example.valid { #expect(recognizer.accepts(text), "\(text)\n\(grammar)") }
    for text in example.invalid { #expect(!recognizer.accepts(text), "\(text)\n\(grammar)") }
  }

  @Test(
    "what cannot be stated is refused in strict mode, with its place",
    arguments: [
      (#"{"type":"array","uniqueItems":true}"#, "#/uniqueItems"),
      (#"{"properties":{"a~/b":{"not":{}}}}"#, "#/properties/a~0~1b/not"),
      (#"{"type":"integer","multipleOf":5}"#, "#/multipleOf"),
      (#"{"if":{},"then":{}}"#, "#/if"), (#"{"type":"strin"}"#, "#/type"),
      (#"{"type":"string","format":"regex"}"#, "#/format"),
      (#"{"type":"string","pattern":"(?=a)"}"#, "#/pattern"), (#"{"type":"string","pattern":"a(b"}"#, "#/pattern"),
      (#"{"type":"string","pattern":"(a)\\1"}"#, "#/pattern"), (#"{"type":"string","pattern":"a^b"}"#, "#/pattern"),
      (#"{"type":"string","pattern":"^a*$","maxLength":3}"#, "#/pattern"), (#"{"$ref":"http://x/y"}"#, "#/$ref"),
      (##"{"$ref":"#/$defs/none"}"##, "#/$ref"), (##"{"$ref":"#"}"##, "#"),
      (##"{"anyOf":[{"$ref":"#"},{"$ref":"#"}]}"##, "#"),
      (#"{"anyOf":[]}"#, "#/anyOf"), ("false", "#"), (#"{"type":"integer","minimum":3,"maximum":2}"#, "#"),
      (##"{"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]}"##, "#"), ("3", "#"),
      (#"{"items":{"type":"string","maxLength":100000}}"#, "#/items/maxLength"), (#"{"minItems":-1}"#, "#/minItems"),
      (#"{"required":["x"],"additionalProperties":false,"properties":{}}"#, "#/required"),
      (#"{"patternProperties":{}}"#, "#/patternProperties"), (#"{"enum":["a"],"maxLength":3}"#, "#/maxLength"),
      (#"{"items":[{}]}"#, "#/items"), (#"{"properties":[]}"#, "#/properties"), (#"{"required":[1]}"#, "#/required"),
      (#"{"type":"number","minimum":0.12345678901234567890}"#, "#/minimum"), (#"{"minimum":"3"}"#, "#/minimum"),
    ])
  func refused(schema: String, path: String) throws {
    let error = try #require(throws: GrammarError.self) {
      try JSONSchemaGrammar.grammar(for: try JSONValue.parse(schema), isStrict: true)
    }
    #expect(error.path == path)
    #expect(!error.advice.isEmpty)
  }

  @Test(
    "where the schema is not strict, what cannot be stated is left out and the rest is kept",
    arguments: [
      Example(
        schema: #"{"type":"array","uniqueItems":true,"items":{"type":"integer"}}"#, valid: ["[1,1]"],
        invalid: ["[true]"]),
      Example(schema: #"{"type":"integer","multipleOf":5,"minimum":3}"#, valid: ["5", "7"], invalid: ["2", "5.5"]),
      Example(schema: #"{"type":"boolean","not":{"const":true},"$anchor":"x"}"#, valid: ["false"], invalid: ["1"]),
      Example(schema: #"{"if":{},"then":{},"enum":[1,2],"maximum":1}"#, valid: ["1", "2"], invalid: ["3"]),
      Example(
        schema:
          #"{"type":"object","patternProperties":{"^x":{}},"propertyNames":{"minLength":1},"properties":{"a":{"type":"null"}}}"#,
        valid: [#"{"a":null}"#], invalid: [#"{"a":1}"#]),
      Example(
        schema: #"{"type":"string","format":"regex","maxLength":3}"#, valid: [#""abc""#], invalid: [#""abcd""#, "1"]),
      Example(schema: #"{"type":"string","pattern":"^(?=a)b$","minLength":2}"#, valid: [#""xy""#], invalid: [#""x""#]),
      Example(schema: #"{"type":"string","pattern":"a^b"}"#, valid: [#""x""#], invalid: ["1"]),
      Example(schema: #"{"type":"string","pattern":"^a*$","maxLength":3}"#, valid: [#""aaaa""#], invalid: [#""b""#]),
      Example(
        schema: #"{"type":"string","pattern":"^a+$","format":"date"}"#, valid: [#""aa""#], invalid: [#""2020-01-01""#]),
      Example(schema: #"{"type":"string","maxLength":1000000}"#, valid: [#""x""#], invalid: ["1"]),
      Example(
        schema: #"{"allOf":[{"type":"string","pattern":"^a+$"},{"pattern":"^a$"}]}"#, valid: [#""aa""#],
        invalid: [#""b""#]),
    ])
  func leftOut(example: Example) throws {
    let schema = try JSONValue.parse(example.schema)
    let grammar = try JSONSchemaGrammar.grammar(for: schema)
    let recognizer = try GrammarRecognizer(grammar)
    for text in example.valid { #expect(recognizer.accepts(text), "\(text)\n\(grammar)") }
    for text in example.invalid { #expect(!recognizer.accepts(text), "\(text)\n\(grammar)") }
    #expect(throws: GrammarError.self) { try JSONSchemaGrammar.grammar(for: schema, isStrict: true) }
  }

  @Test(
    "what is malformed is refused, strict or not",
    arguments: [
      (#"{"type":"strin"}"#, "#/type"), (#"{"type":"string","pattern":"a(b"}"#, "#/pattern"),
      (#"{"type":"string","pattern":3}"#, "#/pattern"), (#"{"type":"string","format":3}"#, "#/format"),
      (#"{"$ref":"http://x/y"}"#, "#/$ref"), (#"{"anyOf":[]}"#, "#/anyOf"), (#"{"minItems":-1}"#, "#/minItems"),
      (#"{"items":[{}]}"#, "#/items"), (#"{"required":[1]}"#, "#/required"), (#"{"minimum":"3"}"#, "#/minimum"),
    ])
  func malformed(schema: String, path: String) throws {
    for isStrict in [false, true] {
      let error = try #require(throws: GrammarError.self) {
        try JSONSchemaGrammar.grammar(for: try JSONValue.parse(schema), isStrict: isStrict)
      }
      #expect(error.path == path)
    }
  }

  @Test("nested too deep, too large, or with references that multiply is refused, not followed")
  func bounds() throws {
    var deep: JSONValue = true
    for _ in 0..<100 { deep = .object(["items": deep]) }
    #expect(throws: GrammarError.self) { try JSONSchemaGrammar.grammar(for: deep) }
    let many = JSONValue.array((0..<60_000).map { .string("a long value number \($0) of an enumeration") })
    #expect(throws: GrammarError.self) { try JSONSchemaGrammar.grammar(for: ["enum": many]) }
    let multiplied = JSONValue.array(
      (0..<20).map { number in
        ["anyOf": [["properties": .object(["a\(number)": true])], ["properties": .object(["b\(number)": true])]]]
      })
    #expect(throws: GrammarError.self) { try JSONSchemaGrammar.grammar(for: ["allOf": multiplied]) }
    let circle: JSONValue = ["type": "object", "$ref": "#"]
    #expect(throws: GrammarError.self) { try JSONSchemaGrammar.grammar(for: circle) }
  }

  @Test("a chain of many references is followed")
  func longChain() throws {
    var definitions: JSONObject = [:]
    for index in 0..<500 {
      definitions["link\(index)"] = [
        "type": "object", "properties": ["next": ["$ref": .string("#/$defs/link\((index + 1) % 500)")]],
        "additionalProperties": false,
      ]
    }
    let schema: JSONValue = ["$ref": "#/$defs/link0", "$defs": .object(definitions)]
    let recognizer = try GrammarRecognizer(try JSONSchemaGrammar.grammar(for: schema))
    #expect(recognizer.accepts(#"{"next":{"next":{}}}"#))
    #expect(!recognizer.accepts(#"{"next":{"last":{}}}"#))
  }

  @Test(
    "hundreds of references that only lead on are followed, thousands and webs of them refused", .timeLimit(.minutes(1))
  )
  func websOfReferences() throws {
    func schema(_ links: Int, _ link: (JSONValue) -> JSONValue) -> JSONValue {
      var definitions: JSONObject = ["link\(links)": ["type": "integer"]]
      for index in 0..<links { definitions["link\(index)"] = link(["$ref": .string("#/$defs/link\(index + 1)")]) }
      return ["$ref": "#/$defs/link0", "$defs": .object(definitions)]
    }
    #expect(try JSONSchemaGrammar.grammar(for: schema(900) { $0 }).contains("root"))
    #expect(throws: GrammarError.self) { try JSONSchemaGrammar.grammar(for: schema(2_000) { $0 }) }
    // llama.cpp would look at each of 2^40 ways.
    #expect(throws: GrammarError.self) {
      try JSONSchemaGrammar.grammar(for: schema(40) { ["anyOf": [$0, $0]] })
    }
  }

  @Test("thousands of values that begin alike take few rules")
  func longEnumeration() throws {
    let values = (0..<5_000).map { JSONValue.string("value \($0)") }
    let grammar = try JSONSchemaGrammar.grammar(for: ["enum": .array(values)])
    #expect(grammar.utf8.count < 50_000)
    let recognizer = try GrammarRecognizer(grammar)
    for text in ["\"value 0\"", "\"value 499\"", "\"value 4999\""] { #expect(recognizer.accepts(text)) }
    for text in ["\"value 5000\"", "\"value 01\"", "\"value \""] { #expect(!recognizer.accepts(text)) }
  }

  @Test("an object of hundreds of optional properties stays small")
  func manyProperties() throws {
    var properties: JSONObject = [:]
    for index in 0..<300 { properties["property\(index)"] = ["type": "integer"] }
    let grammar = try JSONSchemaGrammar.grammar(
      for: ["type": "object", "properties": .object(properties), "additionalProperties": false])
    #expect(grammar.utf8.count < 100_000)
    let recognizer = try GrammarRecognizer(grammar)
    #expect(recognizer.accepts(#"{"property0":1,"property299":2}"#))
    #expect(!recognizer.accepts(#"{"property299":1,"property0":2}"#))
  }

  @Test("long strings and arrays are counted exactly", arguments: [255, 256, 257, 700, 5_000])
  func longRepetitions(bound: Int) throws {
    let recognizer = try GrammarRecognizer(
      try JSONSchemaGrammar.grammar(for: ["type": "string", "minLength": 300, "maxLength": .integer(300 + bound)]))
    for (length, isValid) in [(299, false), (300, true), (300 + bound, true), (301 + bound, false)] {
      #expect(recognizer.accepts("\"" + String(repeating: "x", count: length) + "\"") == isValid)
    }
  }

  @Test("JSON mode takes any object and nothing else, and does not let blanks go on")
  func jsonMode() throws {
    let recognizer = try GrammarRecognizer(JSONSchemaGrammar.anyObject)
    for text in ["{}", #"{"a":[1,2.5e3,{"b":null}],"c":"\u00e9"}"#, "{\n  \"a\": true,\n  \"b\": []\n}"] {
      #expect(recognizer.accepts(text))
    }
    for text in ["[]", "1", "{", #"{"a"}"#, "{\n\n}", "{   }", #"{"a":1}}"#, " {}", "{} "] {
      #expect(!recognizer.accepts(text))
    }
  }

  @Test("a tool call names one of the tools and carries arguments of its schema")
  func toolCalls() throws {
    let tools = [
      Tool(
        name: "weather",
        parameters: [
          "type": "object", "properties": ["city": ["type": "string"]], "required": ["city"],
          "additionalProperties": false,
        ]),
      Tool(name: "now"),
    ]
    let one = try GrammarRecognizer(try ToolCallGrammar.grammar(for: tools))
    #expect(one.accepts(#"{"name": "weather", "arguments": {"city": "Rome"}}"#))
    #expect(one.accepts(#"{"name":"now","arguments":{}}"#))
    for text in [
      #"{"name":"weather","arguments":{}}"#, #"{"name":"now","arguments":{"city":"Rome"}}"#,
      #"{"name":"other","arguments":{}}"#, #"{"arguments":{},"name":"now"}"#, "{}",
    ] { #expect(!one.accepts(text)) }
    let several = try GrammarRecognizer(
      try ToolCallGrammar.grammar(for: tools, opening: "<tool_call>\n", closing: "\n</tool_call>", maximumCalls: 2))
    let call = "<tool_call>\n{\"name\":\"now\",\"arguments\":{}}\n</tool_call>"
    #expect(several.accepts(call) && several.accepts(call + "\n" + call))
    #expect(!several.accepts(call + "\n" + call + "\n" + call))
    #expect(throws: GrammarError.self) { try ToolCallGrammar.grammar(for: []) }
    let open = try GrammarRecognizer(try ToolCallGrammar.grammar(for: [Tool(name: "open", parameters: [:])]))
    #expect(open.accepts(#"{"name":"open","arguments":{}}"#))
    #expect(!open.accepts(#"{"name":"open","arguments":"text"}"#))
    let error = try #require(throws: GrammarError.self) {
      try ToolCallGrammar.grammar(for: [Tool(name: "bad", parameters: ["type": "objekt"])])
    }
    #expect(error.description.contains("`bad`"))
  }
}
