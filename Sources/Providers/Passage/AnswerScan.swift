import ModelInterface

/// What there is to know of an answer, or of one event of a stream, that is passed on as it is.
struct AnswerScan {
  /// Where the model's name stands, between its quotes.
  private(set) var model: Range<Int>?
  private(set) var usage: Usage?
  private(set) var reason: Completion.Reason?
  /// Whether there is some of the answer in it: text, reasoning, a refusal or a call.
  private(set) var isPiece = false
  /// How many bytes of text are in it.
  private(set) var textBytes = 0
  private(set) var choices = 0
  /// Whether it has all that a client of OpenAI's API relies on. An event after the first may lack some of it.
  private(set) var isComplete = false
  /// Whether its usage cannot be as it says.
  private(set) var hasOddUsage = false

  private var hasIdentifier = false
  private var hasKind = false
  private var hasTime = false
  private var hasMessage = false
  private var hasRole = false
  /// Whether something in it is not as OpenAI's API has it, so that it has to be put into words.
  private(set) var isOdd = false

  /// Looks over a whole answer.
  ///
  /// - Returns: nil where it is not all there, or not as OpenAI's API has it: it has to be read by whoever knows its quirks.
  init?(whole bytes: UnsafeRawBufferPointer) {
    guard scan(bytes, isStream: false), choices == 1, hasIdentifier, hasKind, hasTime, model != nil, hasMessage,
      hasRole,
      reason != nil, usage != nil, !isOdd, !hasOddUsage
    else { return nil }
    isComplete = true
  }

  /// Looks over the data of an event.
  ///
  /// - Returns: nil where it is not JSON, reports an error, or is nothing that the API sends.
  init?(event bytes: UnsafeRawBufferPointer) {
    guard scan(bytes, isStream: true) else { return nil }
    if choices > 1 { isOdd = true }
    isComplete = hasIdentifier && hasKind && hasTime && model != nil && (choices == 0 || hasMessage) && !isOdd
  }

  private mutating func scan(_ bytes: UnsafeRawBufferPointer, isStream: Bool) -> Bool {
    var scanner = JSONScanner(bytes)
    scanner.skipWhiteSpace()
    var seen: UInt8 = 0
    let isObject = scanner.object { scanner, name in
      // Of a name that comes twice the parser takes the last; nobody sends one, so nothing is passed on that has one.
      func isFirst(_ bit: UInt8) -> Bool {
        defer { seen |= bit }
        return seen & bit == 0
      }
      if scanner.equals(name, "id") {
        guard isFirst(1), let text = scanner.string() else { return false }
        hasIdentifier = !text.range.isEmpty
        return true
      }
      if scanner.equals(name, "object") {
        guard isFirst(2), let text = scanner.string() else { return false }
        hasKind = scanner.equals(text, isStream ? "chat.completion.chunk" : "chat.completion")
        return !scanner.equals(text, "error")
      }
      if scanner.equals(name, "created") {
        hasTime = isFirst(4) && scanner.integer() != nil
        return hasTime
      }
      if scanner.equals(name, "model") {
        guard isFirst(8), let text = scanner.string() else { return false }
        model = text.range
        return true
      }
      if scanner.equals(name, "choices") { return isFirst(16) && readChoices(&scanner, isStream) }
      if scanner.equals(name, "usage") { return isFirst(32) && readUsage(&scanner) }
      if scanner.equals(name, "error") { return scanner.word("null") }
      return !name.hasEscapes && scanner.skip()
    }
    return isObject && scanner.isAtEnd() && seen & 16 != 0
  }

  private mutating func readChoices(_ scanner: inout JSONScanner, _ isStream: Bool) -> Bool {
    scanner.array { scanner in
      choices += 1
      var seen: UInt8 = 0
      return scanner.object { scanner, name in
        if scanner.equals(name, isStream ? "delta" : "message") {
          guard seen & 1 == 0 else { return false }
          seen |= 1
          hasMessage = true
          return readMessage(&scanner)
        }
        if scanner.equals(name, "finish_reason") {
          guard seen & 2 == 0 else { return false }
          seen |= 2
          return readReason(&scanner)
        }
        if scanner.equals(name, "index") {
          // One choice is asked for, and it is the first.
          var number = scanner
          if number.integer() != 0 { isOdd = true }
          return scanner.skip()
        }
        if scanner.equals(name, "error") { return scanner.word("null") }
        return !name.hasEscapes && scanner.skip()
      }
    }
  }

  private mutating func readMessage(_ scanner: inout JSONScanner) -> Bool {
    if scanner.current == UInt8(ascii: "n") { return scanner.word("null") }
    return scanner.object { scanner, name in
      if scanner.equals(name, "content") || scanner.equals(name, "refusal")
        || scanner.equals(name, "reasoning_content") || scanner.equals(name, "reasoning")
      {
        if scanner.current == UInt8(ascii: "n") { return scanner.word("null") }
        guard scanner.current == UInt8(ascii: "\"") else {
          // Parts, which some servers send.
          (isOdd, isPiece) = (true, true)
          return scanner.skip()
        }
        guard let text = scanner.string() else { return false }
        if !text.range.isEmpty { isPiece = true }
        textBytes += text.range.count
        return true
      }
      if scanner.equals(name, "role") {
        if scanner.current == UInt8(ascii: "n") { return scanner.word("null") }
        guard let text = scanner.string() else { return false }
        hasRole = scanner.equals(text, "assistant")
        return true
      }
      if scanner.equals(name, "tool_calls") || scanner.equals(name, "function_call") {
        // A request that may be passed on has no tools; what an answer calls all the same is not understood here.
        if scanner.current == UInt8(ascii: "n") { return scanner.word("null") }
        let isCall = scanner.current != UInt8(ascii: "[") || !scanner.isEmptyArray
        if isCall { (isOdd, isPiece) = (true, true) }
        return scanner.skip()
      }
      return !name.hasEscapes && scanner.skip()
    }
  }

  private mutating func readReason(_ scanner: inout JSONScanner) -> Bool {
    if scanner.current == UInt8(ascii: "n") { return scanner.word("null") }
    guard let text = scanner.string() else { return false }
    if scanner.equals(text, "stop") {
      reason = .stop
    } else if scanner.equals(text, "length") {
      reason = .length
    } else if scanner.equals(text, "content_filter") {
      reason = .contentFilter
    } else if scanner.equals(text, "error") || scanner.equals(text, "abort") {
      return false
    } else if !text.range.isEmpty {
      reason = .stop
      isOdd = true
    }
    return true
  }

  private mutating func readUsage(_ scanner: inout JSONScanner) -> Bool {
    if scanner.current == UInt8(ascii: "n") { return scanner.word("null") }
    var found = Usage()
    var total = 0
    var seen: UInt8 = 0
    // What is not as it should be is read again by a copy, to see whether it is JSON at all.
    var again = scanner
    let isRead = scanner.object { scanner, name in
      if scanner.equals(name, "prompt_tokens") {
        seen |= 1
        return Self.count(&scanner, &found.promptTokens)
      }
      if scanner.equals(name, "completion_tokens") {
        seen |= 2
        return Self.count(&scanner, &found.completionTokens)
      }
      if scanner.equals(name, "total_tokens") {
        seen |= 4
        total = scanner.integer() ?? -1
        return total >= 0
      }
      if scanner.equals(name, "prompt_tokens_details") {
        return Self.detail(&scanner, "cached_tokens", &found.cachedPromptTokens)
      }
      if scanner.equals(name, "completion_tokens_details") {
        return Self.detail(&scanner, "reasoning_tokens", &found.reasoningTokens)
      }
      if scanner.equals(name, "prompt_cache_hit_tokens") { return false }
      return !name.hasEscapes && scanner.skip()
    }
    guard isRead, seen == 7, found == found.consistent(), total == found.totalTokens else {
      hasOddUsage = true
      defer { scanner = again }
      return again.skip()
    }
    usage = found
    return true
  }

  private static func detail(_ scanner: inout JSONScanner, _ wanted: StaticString, _ count: inout Int) -> Bool {
    if scanner.current == UInt8(ascii: "n") { return scanner.word("null") }
    return scanner.object { scanner, name in
      if scanner.equals(name, wanted) {
        if scanner.current == UInt8(ascii: "n") { return scanner.word("null") }
        return Self.count(&scanner, &count)
      }
      return !name.hasEscapes && scanner.skip()
    }
  }

  private static func count(_ scanner: inout JSONScanner, _ count: inout Int) -> Bool {
    guard let value = scanner.integer(), (0...Usage.believableTokens).contains(value) else { return false }
    count = value
    return true
  }
}
