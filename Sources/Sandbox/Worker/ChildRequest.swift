/// What a child reads before it begins, in a sealed file. The template never sees it.
///
/// It is written in the format of Python's `marshal`, which the interpreter reads in one step and without any module of its
/// own. That format is for data that can be trusted, and this data is: texts are in it by their length, and everything else
/// is the supervisor's.
struct ChildRequest {
  let key: [UInt8]
  let bytes: [UInt8]

  /// Address space that interpreter, preloaded modules and the program's thread take before the program does.
  private static let interpreterBytes = 192 << 20

  static func run(_ program: SandboxProgram, trace: TraceOptions?, limits: SandboxLimits) -> ChildRequest {
    let bounds = trace.map { trace -> MarshalValue in
      let bounds = trace.clamped
      return .list(
        [bounds.events, bounds.bytes, bounds.depth, bounds.items, bounds.characters, bounds.milliseconds]
          .map { .integer($0) })
    }
    // An editor's mark that the text is UTF-8 is no part of the program.
    let scalars = program.source.unicodeScalars
    let source = scalars.first == "\u{FEFF}" ? String(scalars.dropFirst()) : program.source
    return ChildRequest(
      "run", limits, bounds: bounds ?? .none,
      body: [("source", .text(source)), ("linked", .truth(program.test != nil))])
  }

  static func judge(_ program: SandboxProgram, limits: SandboxLimits) -> ChildRequest {
    ChildRequest(
      "judge", limits, body: [("source", .text(program.test ?? "")), ("setup", .text(program.testSetup))])
  }

  static func prepare(_ kind: SandboxService, _ sources: [String], limits: SandboxLimits) -> ChildRequest {
    ChildRequest(
      "prepare", limits, body: [("kind", .text(kind.rawValue)), ("sources", .list(sources.map { .text($0) }))])
  }

  private init(
    _ kind: String, _ limits: SandboxLimits, bounds: MarshalValue = .none, body: [(String, MarshalValue)]
  ) {
    var generator = SystemRandomNumberGenerator()
    let words: [UInt64] = (0..<ChannelFrames.keyBytes / 8).map { _ in generator.next() }
    key = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * UInt64($0))) } }
    let request = MarshalValue.list([
      .text(kind), .octets(key), .integer((limits.cpuMilliseconds + 999) / 1_000 + 1),
      .integer(limits.memoryBytes + Self.interpreterBytes), .integer(limits.fileBytes), bounds, .mapping(body),
    ])
    var bytes: [UInt8] = []
    request.write(to: &bytes)
    self.bytes = bytes
  }
}

/// What the sandbox does with source text besides running it.
enum SandboxService: String, Sendable {
  case canonicalise, invocation, parses
}

/// A value in the format of Python's `marshal`, as far as requests need it. The codes are the same in all versions since 3.4:
/// a letter, then a length or a number of 4 bytes, little-endian.
enum MarshalValue {
  case none
  case truth(Bool)
  /// 0 and above.
  case integer(Int)
  case text(String)
  case octets([UInt8])
  case list([MarshalValue])
  case mapping([(String, MarshalValue)])

  func write(to bytes: inout [UInt8]) {
    func put(_ code: Character, _ number: Int? = nil) {
      bytes.append(code.asciiValue ?? 0)
      if let number { withUnsafeBytes(of: Int32(clamping: number).littleEndian) { bytes.append(contentsOf: $0) } }
    }
    switch self {
    case .none: put("N")
    case .truth(let value): put(value ? "T" : "F")
    case .integer(let value):
      // Digits of 15 bits each, the lowest first.
      var digits: [UInt16] = []
      var left = UInt64(max(value, 0))
      while left > 0 {
        digits.append(UInt16(left & 0x7FFF))
        left >>= 15
      }
      put("l", digits.count)
      for digit in digits { withUnsafeBytes(of: digit.littleEndian) { bytes.append(contentsOf: $0) } }
    case .text(let text):
      put("u", text.utf8.count)
      bytes.append(contentsOf: text.utf8)
    case .octets(let octets):
      put("s", octets.count)
      bytes.append(contentsOf: octets)
    case .list(let values):
      put("[", values.count)
      for value in values { value.write(to: &bytes) }
    case .mapping(let pairs):
      put("{")
      for (name, value) in pairs {
        MarshalValue.text(name).write(to: &bytes)
        value.write(to: &bytes)
      }
      put("0")
    }
  }
}
