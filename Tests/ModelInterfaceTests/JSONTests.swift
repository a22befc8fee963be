import ModelInterface
import Testing

@Suite struct JSONTests {
  @Test func valuesReadBackAsTheyWereWritten() throws {
    let texts = [
      "null", "true", "false", "0", "-1", "1.5e300", "12345678901234567890", "\"\"", "[]", "{}",
      #"{"b":1,"a":[1,2,{"c":null}]}"#, #""é水𐅑""#, #"[0.1,-0.0,1E+2]"#,
    ]
    for text in texts {
      #expect(try JSONValue.parse(text).text == text)
    }
  }

  @Test func membersKeepTheirOrderAndTheLastOfEqualNamesWins() throws {
    let value = try JSONValue.parse(#"{"z":1,"a":2,"z":3}"#)
    #expect(value.text == #"{"z":3,"a":2}"#)
    #expect(value == (try JSONValue.parse(#"{"a":2,"z":3}"#)))
  }

  @Test func escapesAreReadAndWritten() throws {
    let value = try JSONValue.parse(#""\"\\\/\b\f\n\r\t\u0041\uD83D\uDE00""#)
    #expect(value.string == "\"\\/\u{8}\u{c}\n\r\tA😀")
    #expect(JSONValue.string("\u{1}\n\"\\").text == #""\u0001\n\"\\""#)
  }

  @Test(arguments: [
    "", " ", "tru", "nul", "[1,]", "[1 2]", #"{"a":1,}"#, #"{a:1}"#, #"{"a" 1}"#, "01", "1.", ".5", "1e", "-", "+1",
    "\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\n\"", "[", "{", "[1]]", "nan",
    "'a'",
  ])
  func whatIsNotJSONIsRefused(_ text: String) {
    #expect(throws: JSONError.self) { try JSONValue.parse(text) }
  }

  @Test func invalidUTF8IsRefusedWithItsPlace() {
    #expect(throws: JSONError(reason: "a string that is not valid UTF-8", offset: 2)) {
      try JSONValue.parse([UInt8]("[\"".utf8) + [0xC3, 0x28] + [UInt8]("\"]".utf8))
    }
  }

  @Test func nestingIsBounded() throws {
    let deepest = JSONValue.maximumDepth
    let allowed = String(repeating: "[", count: deepest) + String(repeating: "]", count: deepest)
    #expect(try JSONValue.parse(allowed).text == allowed)
    #expect(throws: JSONError.self) { try JSONValue.parse("[" + allowed + "]") }
    #expect(throws: JSONError.self) { try JSONValue.parse(String(repeating: "[", count: 1_000_000)) }
  }

  @Test func integersAreExactOrNil() throws {
    #expect(try JSONValue.parse("9007199254740993").integer == 9_007_199_254_740_993)
    #expect(try JSONValue.parse("1e3").integer == 1000)
    #expect(try JSONValue.parse("1.5").integer == nil)
    #expect(try JSONValue.parse("1e400").integer == nil)
  }

  @Test func mutatedTextsNeverTrapAndWhatIsAcceptedReadsBack() throws {
    var random = SeededGenerator(seed: 11)
    let seeds = [
      #"{"model":"m","messages":[{"role":"user","content":"h\u00e9llo \ud83d\ude00"}],"temperature":0.7,"n":1}"#,
      #"[[],[{}],-1.5e-3,true,null,"a\\\"b"]"#,
    ]
    for round in 0..<20_000 {
      var bytes = Array(seeds[round % seeds.count].utf8)
      for _ in 0...Int.random(in: 0..<4, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.remove(at: place)
        case 2: bytes.insert(Array("{}[]\",:\\u0\n".utf8).randomElement(using: &random) ?? 0, at: place)
        default: bytes.removeLast(min(bytes.count - 1, place))
        }
        if bytes.isEmpty { bytes = [0x30] }
      }
      guard let value = try? JSONValue.parse(bytes) else { continue }
      #expect(try JSONValue.parse(value.bytes) == value)
    }
  }
}

/// SplitMix64 (Steele, Lea and Flood 2014): the same seed, the same test.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
