import Foundation

/// What a child reads before it begins: JSON in a sealed file. The template never sees it.
struct ChildRequest {
  let key: [UInt8]
  let bytes: [UInt8]

  private struct Run: Encodable {
    var kind = "run"
    var key: String
    var source: String
    var linked: Bool
    var trace: [Int]?

    enum CodingKeys: CodingKey { case kind, key, source, linked, trace }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(kind, forKey: .kind)
      try container.encode(key, forKey: .key)
      try container.encode(source, forKey: .source)
      try container.encode(linked, forKey: .linked)
      try container.encode(trace, forKey: .trace)
    }
  }

  private struct Judgement: Encodable {
    var kind = "judge"
    var key: String
    var source: String
    var setup: String
  }

  private struct Preparation: Encodable {
    var kind: String
    var key: String
    var sources: [String]
  }

  static func run(_ program: SandboxProgram, trace: TraceOptions?) throws(SandboxError) -> ChildRequest {
    let options = trace.map { trace -> [Int] in
      let bounds = trace.clamped
      return [bounds.events, bounds.bytes, bounds.depth, bounds.items, bounds.characters, bounds.milliseconds]
    }
    return try make { Run(key: $0, source: program.source, linked: program.test != nil, trace: options) }
  }

  static func judge(_ program: SandboxProgram) throws(SandboxError) -> ChildRequest {
    try make { Judgement(key: $0, source: program.test ?? "", setup: program.testSetup) }
  }

  static func prepare(_ kind: SandboxService, _ sources: [String]) throws(SandboxError) -> ChildRequest {
    try make { Preparation(kind: kind.rawValue, key: $0, sources: sources) }
  }

  private static func make(_ body: (String) -> any Encodable) throws(SandboxError) -> ChildRequest {
    var generator = SystemRandomNumberGenerator()
    let words: [UInt64] = (0..<ChannelFrames.keyBytes / 8).map { _ in generator.next() }
    let key = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * UInt64($0))) } }
    let digits = Array("0123456789abcdef")
    let text = String(key.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    guard let data = try? JSONEncoder().encode(body(text)) else {
      throw SandboxError(.tooLarge, "the program cannot be written as JSON; expected text in UTF-8.")
    }
    return ChildRequest(key: key, bytes: Array(data))
  }
}

/// What the sandbox does with source text besides running it.
enum SandboxService: String, Sendable {
  case canonicalise, invocation, parses
}
