import Multiformats
import Testing

@Suite struct DNSMessageTests {
  /// An answer as a name server of the internet gives it: one alias, two texts, names compressed.
  private static let answer: [UInt8] =
    [0x12, 0x34, 0x81, 0x80, 0, 1, 0, 3, 0, 0, 0, 1]
    + [8] + Array("_dnslink".utf8) + [1, 0x61, 7] + Array("example".utf8) + [0, 0, 16, 0, 1]
    // _dnslink.a.example is an alias of b.example.
    + [0xc0, 12, 0, 5, 0, 1, 0, 0, 1, 44, 0, 4, 1, 0x62, 0xc0, 23]
    // b.example has a text in two pieces, and another.
    + [0xc0, 48, 0, 16, 0, 1, 0, 0, 0, 60, 0, 7, 2, 0x78, 0x79, 3, 0x7a, 0x7a, 0x7a]
    + [0xc0, 48, 0, 16, 0, 1, 0, 0, 0, 60, 0, 2, 1, 0x71]
    + [0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0]

  @Test func `an answer with compressed names, an alias and EDNS is read`() throws {
    let message = try DNSMessage(decoding: Self.answer)
    #expect(message.identifier == 0x1234)
    #expect(message.isResponse && message.wantsRecursion && !message.isTruncated)
    #expect(message.outcome == 0)
    #expect(message.payloadSize == 1_232)
    #expect(message.questions == [.init(name: ["_dnslink", "a", "example"], type: 16)])
    let alias = DNSMessage.Record(name: ["_dnslink", "a", "example"], lifetime: 300, data: .alias(["b", "example"]))
    #expect(message.answers.first == alias)
    #expect(message.answers.dropFirst().map(\.name) == [["b", "example"], ["b", "example"]])
    #expect(message.answers[1].data == .text([[0x78, 0x79], [0x7a, 0x7a, 0x7a]]))
    #expect(message.answers[2].data == .text([[0x71]]))
  }

  @Test func `what is written is read as it was`() throws {
    var message = DNSMessage(asking: ["a", "b"], type: DNSMessage.textType, identifier: 7)
    #expect(try DNSMessage(decoding: message.bytes) == message)
    #expect(message.bytes.count == 12 + 9 + 11)
    message.isResponse = true
    message.outcome = 3
    message.isTruncated = true
    message.answers = [.init(name: ["a"], lifetime: 5, data: .text([[1], [2, 3]]))]
    message.authority = [.init(name: ["b"], lifetime: 900, data: .zone(absence: 60))]
    message.additional = [.init(name: ["c"], lifetime: 1, data: .address([127, 0, 0, 1]))]
    #expect(try DNSMessage(decoding: message.bytes) == message)
  }

  @Test func `names are told from what is none`() {
    #expect(DNSMessage.labels(of: "_dnslink.docs.Example.org.") == ["_dnslink", "docs", "Example", "org"])
    for bad in [
      "", ".", "a..b", "a b", "ä.example", "a/b", String(repeating: "a", count: 64),
      "a." + String(repeating: "b.", count: 130),
    ] {
      #expect(DNSMessage.labels(of: bad) == nil, "\(bad)")
    }
  }

  @Test func `circles, cut ends and damaged bytes are refused or read, and never trap`() throws {
    let header: [UInt8] = [0, 0, 0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    #expect(throws: MultiformatError.self) { try DNSMessage(decoding: header + [0xc0, 12, 0, 12, 0, 1]) }
    #expect(throws: MultiformatError.self) { try DNSMessage(decoding: header + [1, 0x61, 0xc0, 12, 0, 12, 0, 1]) }
    for count in 0..<(Self.answer.count - 11) {
      #expect(throws: MultiformatError.self) { try DNSMessage(decoding: Array(Self.answer[..<count])) }
    }
    var state: UInt64 = 11
    for _ in 0..<5_000 {
      var bytes = Self.answer
      for _ in 0..<3 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        bytes[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 24)
      }
      _ = try? DNSMessage(decoding: bytes)
    }
  }
}
