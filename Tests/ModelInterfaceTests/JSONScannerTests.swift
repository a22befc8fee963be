import ModelInterface
import Testing

/// The scanner accepts what the parser accepts, and nothing else.
struct JSONScannerTests {
  private static func scans(_ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBytes { buffer in
      var scanner = JSONScanner(buffer)
      scanner.skipWhiteSpace()
      return scanner.skip() && scanner.isAtEnd()
    }
  }

  private static func parses(_ bytes: [UInt8]) -> Bool {
    (try? JSONValue.parse(bytes)) != nil
  }

  private static let texts = [
    "", " ", "null", "nul", "true", "false ", "0", "-0", "01", "1.", "1.5e+3", "1e", "-", "\"\"", "\"a", "\"\\u00e9\"",
    "\"\\ud83d\\ude00\"", "\"\\ud83d\"", "\"\\ud83dx\"", "\"\\ude00\"", "\"\\x\"", "\"\u{1}\"", "[]", "[1,]", "[,1]",
    "[1 2]",
    "{}", "{\"a\":1}", "{\"a\":1,}", "{a:1}", "{\"a\" 1}", "{\"a\":1}}", "[[[]]]", "{\"a\":{\"b\":[1,{\"c\":null}]}}",
    "\"Grüß Gott, 你好, 😀, and a tail that is longer than a word\"", "[\"eight by\", \"seventee\\n\", \"\\\"\"]",
    "  {\"k\" : [ 1 , 2.5 , \"x\" ] }\n", "\u{FEFF}{}",
  ]

  @Test(arguments: texts) func itAcceptsWhatTheParserAccepts(_ text: String) {
    #expect(Self.scans(Array(text.utf8)) == Self.parses(Array(text.utf8)))
  }

  @Test func bytesThatAreChangedAnywhereAreJudgedAlike() {
    let sources = Self.texts.filter { $0.utf8.count > 8 }.map { Array($0.utf8) }
    var generator = SystemRandomNumberGenerator()
    for source in sources {
      for place in source.indices {
        for byte: UInt8 in [
          0x00, 0x20, 0x22, 0x2C, 0x5C, 0x7F, 0x80, 0xC0, 0xC3, 0xED, 0xF4, .random(in: 0...255, using: &generator),
        ] {
          var changed = source
          changed[place] = byte
          #expect(Self.scans(changed) == Self.parses(changed), "\(changed)")
        }
        #expect(Self.scans(Array(source[..<place])) == Self.parses(Array(source[..<place])))
      }
    }
  }

  @Test func nestingHasTheParsersLimit() {
    for depth in [JSONValue.maximumDepth, JSONValue.maximumDepth + 1] {
      let text = Array(repeating: UInt8(ascii: "["), count: depth) + Array(repeating: UInt8(ascii: "]"), count: depth)
      #expect(Self.scans(text) == Self.parses(text))
    }
  }
}
