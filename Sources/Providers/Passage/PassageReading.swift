import ModelInterface
import NIOCore
import NIOHTTP1

/// What an upstream's answer to a passage turns out to be, as its bytes come in: an answer to be passed on, one that has to be
/// read by ``UpstreamReading`` because it is not as OpenAI's API has it, or a failure.
struct PassageReading {
  /// What to do with what came.
  enum Step {
    case nothing
    /// The answer in one piece.
    case whole(ByteBuffer, AnswerScan)
    /// Data of events, in order; `isDone` after the last.
    case events([Event], isDone: Bool)
    /// Events that have to be put into words.
    case converted([GenerationEvent], isDone: Bool)
    /// Data of events, and then events that have to be put into words, as all that follow.
    case turned([Event], [GenerationEvent], isDone: Bool)
    case failed(GenerationError)
  }

  /// The data of one event, and what there is in it.
  struct Event {
    var data: [UInt8]
    var scan: AnswerScan
  }

  private enum Form {
    case unknown, whole, events, other
  }

  private let endpoint: String
  private let model: String
  private let isStreamed: Bool
  private let converts: Bool
  private var head: ResponseParser.Head?
  private var form = Form.unknown
  private var gathered = ByteBuffer()
  private var reader = EventStreamReader()
  private var other: UpstreamReading?
  private var hasPassed = false
  /// Reads the rest of a stream that went on otherwise than it had begun.
  private var rest: OpenAIAnswerReader?
  private var isDone = false
  /// Whether an event of an answer has come that was not given out yet.
  var hasBegun: Bool { other?.hasBegun ?? false }
  private(set) var completion = Completion(reason: .stop, usage: Usage())
  private var check: UsageCheck
  private var usage = Usage()
  private var reason: Completion.Reason?
  /// What is wrong with the event that came after those that were given out last.
  private(set) var failure: GenerationError?

  /// - Parameters:
  ///   - isStreamed: whether a stream was asked for; an answer of the other kind is put into words.
  ///   - converts: whether it is put into words in any case.
  ///   - check: what its usage is held against.
  init(endpoint: String, model: String, isStreamed: Bool, converts: Bool, check: UsageCheck) {
    self.check = check
    self.converts = converts
    self.endpoint = endpoint
    self.model = model
    self.isStreamed = isStreamed
  }

  mutating func begin(_ head: ResponseParser.Head) -> Step {
    self.head = head
    guard (200..<300).contains(head.status), !head.isEncoded, !converts else {
      return read(ByteBuffer(), asOther: true)
    }
    return .nothing
  }

  mutating func read(_ body: ByteBuffer) -> Step {
    guard !isDone else { return .nothing }
    switch form {
    case .other: return read(body, asOther: true)
    case .events: return take(body)
    case .unknown, .whole:
      guard hasRoom(for: body) else { return tooMuch }
      if gathered.readableBytes == 0 { gathered = body } else { gathered.writeImmutableBuffer(body) }
      guard form == .unknown, let first = gathered.readableBytesView.first(where: { $0 > 0x20 }) else {
        return .nothing
      }
      // An event stream's lines begin with a field's name or a colon.
      guard "deir:".utf8.contains(first) == isStreamed else { return read(ByteBuffer(), asOther: true) }
      guard isStreamed else {
        form = .whole
        return .nothing
      }
      form = .events
      return take(gathered, isFirst: true)
    }
  }

  private func hasRoom(for body: ByteBuffer) -> Bool {
    gathered.readableBytes + body.readableBytes <= UpstreamReading.maximumAnswerSize
  }

  private var tooMuch: Step {
    .failed(
      GenerationError(.unavailable, "`\(endpoint)` answered more than \(UpstreamReading.maximumAnswerSize) bytes"))
  }

  private var tooLong: Step {
    .failed(
      GenerationError(
        .unavailable, "`\(endpoint)` sent an event longer than \(EventStreamReader.maximumEventSize) bytes"))
  }

  mutating func end() -> Step {
    guard !isDone else { return .nothing }
    switch form {
    case .unknown, .whole:
      let scan = gathered.withUnsafeReadableBytes { AnswerScan(whole: $0) }
      guard let scan, let told = scan.usage else { break }
      if scan.isPiece { check.note(bytes: scan.textBytes) }
      guard check.allows(told) else {
        check.forget()
        break
      }
      isDone = true
      completion = Completion(reason: scan.reason ?? .stop, usage: told)
      completion.basis = .checked
      return .whole(gathered, scan)
    case .events where hasPassed: return endStream()
    case .events, .other: break
    }
    guard form != .other else { return finishOther(after: []) }
    let step = read(ByteBuffer(), asOther: true)
    switch step {
    case .converted(let events, isDone: false): return finishOther(after: events)
    case .nothing: return finishOther(after: [])
    default: return step
    }
  }

  // MARK: streams

  private mutating func take(_ body: ByteBuffer, isFirst: Bool = false) -> Step {
    guard failure == nil else { return .nothing }
    if !hasPassed, !isFirst {
      // Comments may go on without end.
      guard hasRoom(for: body) else { return tooMuch }
      gathered.writeImmutableBuffer(body)
    }
    return stream(reader.read(body))
  }

  /// The end of a stream that has begun to be passed on.
  private mutating func endStream() -> Step {
    guard failure == nil else { return .nothing }
    let last = reader.finish().map { stream([$0]) } ?? .nothing
    guard !isDone, failure == nil else { return last }
    if case .failed = last { return last }
    if rest != nil {
      guard case .turned(let found, let told, _) = last else { return endRest(after: [], []) }
      return endRest(after: found, told)
    }
    guard reason != nil else {
      return .failed(GenerationError(.unavailable, "the answer of `\(endpoint)` broke off before its end"))
    }
    finish()
    if case .events(let found, _) = last { return .events(found, isDone: true) }
    return .events([], isDone: true)
  }

  private mutating func stream(_ complete: [EventStreamReader.Event]) -> Step {
    var found: [Event] = []
    for (place, event) in complete.enumerated() {
      if rest != nil { return turn(complete[place...], after: found) }
      if event.isDone {
        guard hasPassed else { return read(ByteBuffer(), asOther: true) }
        finish()
        return .events(found, isDone: true)
      }
      var data = event.data
      // A line's end within the data can only stand between JSON's tokens.
      for index in data.indices where data[index] == UInt8(ascii: "\n") { data[index] = UInt8(ascii: " ") }
      guard event.name != "error", var scan = data.withUnsafeBytes({ AnswerScan(event: $0) }) else {
        guard hasPassed else { return read(ByteBuffer(), asOther: true) }
        // What came before is part of the answer.
        failure = error(of: event)
        break
      }
      if !hasPassed {
        guard scan.isComplete, !scan.hasOddUsage else { return read(ByteBuffer(), asOther: true) }
        hasPassed = true
        gathered = ByteBuffer()
      }
      if scan.isOdd {
        rest = OpenAIAnswerReader(endpoint: endpoint, after: usage, reason)
        return turn(complete[place...], after: found)
      }
      if scan.isPiece { check.note(bytes: scan.textBytes > 0 ? scan.textBytes : data.count) }
      if scan.usage != nil || scan.hasOddUsage {
        check.told()
        guard let told = scan.usage, check.allows(told) else {
          // What is believed instead is told at the end, when all of the answer has been seen.
          usage = Self.takeUsage(&data, &scan)
          if let told = scan.reason { reason = told }
          if scan.choices > 0 { found.append(Event(data: data, scan: scan)) }
          continue
        }
        usage = told
      }
      if let told = scan.reason { reason = told }
      found.append(Event(data: data, scan: scan))
    }
    if reader.isTooLong { return tooLong }
    if found.isEmpty, let failure { return .failed(failure) }
    return found.isEmpty ? .nothing : .events(found, isDone: false)
  }

  /// Reads on what is not as OpenAI's API has it, though it began so.
  private mutating func turn(_ events: ArraySlice<EventStreamReader.Event>, after found: [Event]) -> Step {
    var told: [GenerationEvent] = []
    for event in events {
      do throws(GenerationError) {
        let read = try rest?.read(event) ?? []
        check.note(read)
        if rest?.tellsUsage == true { check.told() }
        told += read
      } catch {
        failure = error
        return found.isEmpty && told.isEmpty ? .failed(error) : .turned(found, told, isDone: false)
      }
      if rest?.isDone == true { return endRest(after: found, told) }
    }
    if reader.isTooLong { return tooLong }
    return found.isEmpty && told.isEmpty ? .nothing : .turned(found, told, isDone: false)
  }

  private mutating func endRest(after found: [Event], _ told: [GenerationEvent]) -> Step {
    do throws(GenerationError) {
      guard case .finished(let end)? = try rest?.finish() else { return .nothing }
      (reason, usage) = (end.reason, end.usage)
      finish()
      return .turned(found, told + [.finished(completion)], isDone: true)
    } catch {
      failure = error
      return found.isEmpty && told.isEmpty ? .failed(error) : .turned(found, told, isDone: false)
    }
  }

  private mutating func finish() {
    isDone = true
    completion.reason = reason ?? .stop
    (completion.usage, completion.basis) = check.believed(usage)
  }

  /// Takes the usage out of an event.
  ///
  /// - Returns: what it says, as far as it says something.
  private static func takeUsage(_ data: inout [UInt8], _ scan: inout AnswerScan) -> Usage {
    guard var object = (try? JSONValue.parse(data))?.object, let told = object["usage"] else { return Usage() }
    object["usage"] = .null
    let bytes = JSONValue.object(object).bytes
    if let other = bytes.withUnsafeBytes({ AnswerScan(event: $0) }) { (data, scan) = (bytes, other) }
    return Usage(openAI: told).consistent()
  }

  /// The error in an event that reports one or makes no sense.
  private func error(of event: EventStreamReader.Event) -> GenerationError {
    var reader = OpenAIAnswerReader(endpoint: endpoint)
    do throws(GenerationError) {
      _ = try reader.read(event)
    } catch {
      return error
    }
    return GenerationError(
      .unavailable,
      "`\(endpoint)` sent an event that is no piece of an answer: "
        + String(decoding: event.data.prefix(200), as: UTF8.self))
  }

  // MARK: what has to be read by others

  /// Hands over to the reader that knows quirks and errors, with everything that has come.
  private mutating func read(_ body: ByteBuffer, asOther: Bool) -> Step {
    do throws(GenerationError) {
      if other == nil {
        form = .other
        guard let head else {
          throw GenerationError(.unavailable, "`\(endpoint)` answered nothing")
        }
        // What was asked matters to embeddings only.
        let request = GenerationRequest(
          model: model, prompt: .messages([]), context: RequestContext(requestID: ""))
        var reading = UpstreamReading(
          endpoint: endpoint, model: model, work: .generation(request), reader: OpenAIAnswerReader(endpoint: endpoint),
          check: check)
        try reading.begin(ResponseParser.whole(head))
        let earlier = try reading.read(gathered)
        other = reading
        gathered = ByteBuffer()
        if !earlier.isEmpty { return told(earlier) }
      }
      guard body.readableBytes > 0 else { return .nothing }
      return told(try other?.read(body) ?? [])
    } catch {
      return .failed(error)
    }
  }

  private mutating func finishOther(after events: [GenerationEvent]) -> Step {
    do throws(GenerationError) {
      return told(events + (try other?.end() ?? []))
    } catch {
      return .failed(error)
    }
  }

  private mutating func told(_ events: [GenerationEvent]) -> Step {
    isDone = other?.isDone ?? true
    failure = other?.failure
    if case .finished(let completion) = events.last { self.completion = completion }
    return events.isEmpty ? .nothing : .converted(events, isDone: isDone)
  }
}
