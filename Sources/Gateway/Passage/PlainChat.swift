import ModelInterface

/// A chat completion in OpenAI's words, as far as has to be known to pass it on. It is read without making values of it, and
/// has nothing in it that ``ChatRequest`` would refuse or change.
struct PlainChat {
  /// Where the model's name stands, between its quotes.
  private(set) var model: Range<Int>?
  private(set) var isStreamed = false
  private(set) var includesUsage = false
  private(set) var maximumOutputTokens: Int?
  private(set) var usesNewerLimit = false

  private struct Turn {
    var role = Message.Role.user
    var content: JSONScanner.Text?
    var name: JSONScanner.Text?
  }

  private var messages: [Turn] = []
  private var stops: [JSONScanner.Text] = []
  private var user: JSONScanner.Text?
  private var sampling = SamplingParameters()
  private var hasStreamOptions = false
  private var seen: UInt32 = 0

  /// - Returns: nil where the request has to be put into PRSM's words, or refused by those who can say why.
  init?(_ bytes: UnsafeRawBufferPointer, _ limits: RequestLimits) {
    var scanner = JSONScanner(bytes)
    scanner.skipWhiteSpace()
    let isObject = scanner.object { scanner, name in read(&scanner, name, limits) }
    guard isObject, scanner.isAtEnd(), let model, !model.isEmpty, !messages.isEmpty, !hasStreamOptions || isStreamed
    else {
      return nil
    }
  }

  /// Whether a member comes for the first time. One that comes twice is left to others.
  private mutating func first(_ number: UInt32) -> Bool {
    defer { seen |= 1 << number }
    return seen & 1 << number == 0
  }

  private mutating func read(
    _ scanner: inout JSONScanner, _ name: JSONScanner.Text, _ limits: RequestLimits
  ) -> Bool {
    if scanner.equals(name, "model") {
      guard first(0), let text = scanner.string(), !text.hasEscapes else { return false }
      model = text.range
      return true
    }
    if scanner.equals(name, "messages") {
      guard first(1) else { return false }
      return scanner.array { scanner in messages.count < limits.messages && readMessage(&scanner) }
    }
    if scanner.equals(name, "stream") {
      guard first(2), let value = scanner.bool() else { return false }
      isStreamed = value
      return true
    }
    if scanner.equals(name, "stream_options") { return first(3) && readStreamOptions(&scanner) }
    if scanner.equals(name, "max_tokens") { return first(4) && readLimit(&scanner, isNewer: false) }
    if scanner.equals(name, "max_completion_tokens") { return first(4) && readLimit(&scanner, isNewer: true) }
    if scanner.equals(name, "temperature") {
      guard first(5), let value = scanner.decimal(), (0...2).contains(value) else { return false }
      sampling.temperature = Float(value)
      return true
    }
    if scanner.equals(name, "top_p") {
      guard first(6), let value = scanner.decimal(), (0...1).contains(value) else { return false }
      sampling.topP = Float(value)
      return true
    }
    if scanner.equals(name, "frequency_penalty") {
      guard first(7), let value = scanner.decimal(), (-2...2).contains(value) else { return false }
      sampling.frequencyPenalty = Float(value)
      return true
    }
    if scanner.equals(name, "presence_penalty") {
      guard first(8), let value = scanner.decimal(), (-2...2).contains(value) else { return false }
      sampling.presencePenalty = Float(value)
      return true
    }
    if scanner.equals(name, "seed") {
      guard first(9), let value = scanner.integer() else { return false }
      sampling.seed = UInt64(bitPattern: Int64(value))
      return true
    }
    if scanner.equals(name, "n") { return first(10) && scanner.integer() == 1 }
    if scanner.equals(name, "user") {
      guard first(11), let text = scanner.string() else { return false }
      user = text
      return true
    }
    if scanner.equals(name, "stop") { return first(12) && readStops(&scanner, limits) }
    return false
  }

  private mutating func readLimit(_ scanner: inout JSONScanner, isNewer: Bool) -> Bool {
    guard let value = scanner.integer(), (1...Int(Int32.max)).contains(value) else { return false }
    maximumOutputTokens = value
    usesNewerLimit = isNewer
    return true
  }

  private mutating func readStreamOptions(_ scanner: inout JSONScanner) -> Bool {
    hasStreamOptions = true
    let isRead = scanner.object { scanner, name in
      guard scanner.equals(name, "include_usage"), let value = scanner.bool() else { return false }
      includesUsage = value
      return value
    }
    // Without it, the usage would be asked for by another `stream_options`.
    return isRead && includesUsage
  }

  private mutating func readStops(_ scanner: inout JSONScanner, _ limits: RequestLimits) -> Bool {
    guard scanner.current == UInt8(ascii: "[") else { return readStop(&scanner) }
    return scanner.array { scanner in stops.count < limits.stopSequences && readStop(&scanner) }
  }

  private mutating func readStop(_ scanner: inout JSONScanner) -> Bool {
    guard let text = scanner.string(), (1...4096).contains(text.range.count) else { return false }
    stops.append(text)
    return true
  }

  private mutating func readMessage(_ scanner: inout JSONScanner) -> Bool {
    var members: UInt8 = 0
    var turn = Turn()
    let isRead = scanner.object { scanner, name in
      let bit: UInt8 =
        scanner.equals(name, "role") ? 1 : scanner.equals(name, "content") ? 2 : scanner.equals(name, "name") ? 4 : 0
      guard bit != 0, members & bit == 0, let text = scanner.string() else { return false }
      members |= bit
      switch bit {
      case 1:
        guard let role = Self.role(scanner, text) else { return false }
        turn.role = role
      case 2: turn.content = text
      default: turn.name = text
      }
      return true
    }
    messages.append(turn)
    return isRead && members & 3 == 3
  }

  private static func role(_ scanner: JSONScanner, _ text: JSONScanner.Text) -> Message.Role? {
    if scanner.equals(text, "user") { return .user }
    if scanner.equals(text, "system") { return .system }
    if scanner.equals(text, "assistant") { return .assistant }
    return scanner.equals(text, "developer") ? .developer : nil
  }

  /// Whether the same request would have the same answer.
  var isDeterministic: Bool { sampling.temperature == 0 || sampling.seed != nil }

  /// How many messages there are.
  var messageCount: Int { messages.count }

  /// The bytes of UTF-8 of the messages' texts and names; nil where they are written with escapes, and so are not as long as
  /// they stand there.
  var textBytes: Int? {
    var bytes = 0
    for turn in messages {
      guard turn.content?.hasEscapes != true, turn.name?.hasEscapes != true else { return nil }
      bytes += (turn.content?.range.count ?? 0) + (turn.name?.range.count ?? 0)
    }
    return bytes
  }

  // MARK: in PRSM's words

  /// The request as ``ChatRequest`` reads it, for those who decide on it before it is passed on.
  func generation(_ bytes: UnsafeRawBufferPointer, model: String, context: RequestContext) -> GenerationRequest {
    var request = GenerationRequest(
      model: model,
      prompt: .messages(
        messages.map { turn in
          var message = Message(
            role: turn.role, content: [.text(turn.content.map { Self.text(bytes, $0) } ?? "")])
          message.name = turn.name.map { Self.text(bytes, $0) }
          return message
        }), context: context)
    request.sampling = sampling
    request.isStreamed = isStreamed
    request.maximumOutputTokens = maximumOutputTokens
    if !stops.isEmpty { request.stopSequences = stops.map { Self.text(bytes, $0) } }
    if let user { request.passthrough["user"] = .string(Self.text(bytes, user)) }
    return request
  }

  private static func text(_ bytes: UnsafeRawBufferPointer, _ text: JSONScanner.Text) -> String {
    guard text.hasEscapes else {
      return String(decoding: UnsafeRawBufferPointer(rebasing: bytes[text.range]), as: UTF8.self)
    }
    let quoted = UnsafeRawBufferPointer(rebasing: bytes[(text.range.lowerBound - 1)...text.range.upperBound])
    return (try? JSONValue.parse(quoted))?.string ?? ""
  }
}
