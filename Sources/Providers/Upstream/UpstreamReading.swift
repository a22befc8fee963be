import ModelInterface
import NIOCore
import NIOHTTP1

/// Makes events of a response that comes in parts, whatever its content type promises: a stream, one piece of JSON, an
/// error, or garbage. Pure: takes a part, returns what is complete with it.
struct UpstreamReading: Sendable {
  /// The largest answer in one piece that is read, in bytes.
  static let maximumAnswerSize = 64 << 20

  private enum Form {
    case unknown, whole, events, failure
  }

  private let endpoint: String
  private let model: String
  private let work: UpstreamWork
  private var reader: (any AnswerReader)?
  private var head: HTTPResponseHead?
  private var form = Form.unknown
  private var gathered = ByteBuffer()
  private var events = EventStreamReader()
  private var check: UsageCheck
  /// Whether an event of an answer has come, after which the upstream may bill its prompt.
  private(set) var hasBegun = false
  /// Whether some of the answer has been returned.
  private var hasReturned = false
  /// What is wrong with the event that came after those that were returned last.
  private(set) var failure: GenerationError?
  /// Whether the last event has been returned.
  private(set) var isDone = false
  /// The answer to a request for embeddings, once it is there.
  private(set) var vectors: EmbeddingResponse?

  init(endpoint: String, model: String, work: UpstreamWork, reader: (any AnswerReader)?, check: UsageCheck) {
    self.check = check
    self.endpoint = endpoint
    self.model = model
    self.work = work
    self.reader = reader
  }

  /// The head of the response.
  ///
  /// - Throws: ``GenerationError`` where its body could not be read.
  mutating func begin(_ head: HTTPResponseHead) throws(GenerationError) {
    self.head = head
    if !(200..<300).contains(head.status.code) {
      form = .failure
      return
    }
    if let coding = head.headers.first(name: "content-encoding"), coding.lowercased() != "identity" {
      throw GenerationError(.unavailable, "`\(endpoint)` answered in the encoding `\(coding)`, which was not asked for")
    }
  }

  /// A part of the body.
  ///
  /// - Throws: ``GenerationError`` where an error is reported inside, or it makes no sense.
  mutating func read(_ buffer: ByteBuffer) throws(GenerationError) -> [GenerationEvent] {
    guard !isDone, failure == nil else { return [] }
    switch form {
    case .events: return try stream(events.read(buffer))
    case .failure:
      let room = UpstreamFailure.maximumErrorSize - gathered.readableBytes
      if room > 0 {
        gathered.writeImmutableBuffer(
          buffer.getSlice(at: buffer.readerIndex, length: min(room, buffer.readableBytes)) ?? buffer)
      }
      return []
    case .unknown, .whole:
      guard gathered.readableBytes + buffer.readableBytes <= Self.maximumAnswerSize else {
        throw GenerationError(.unavailable, "`\(endpoint)` answered more than \(Self.maximumAnswerSize) bytes")
      }
      if gathered.readableBytes == 0 { gathered = buffer } else { gathered.writeImmutableBuffer(buffer) }
      guard form == .unknown, reader != nil, passMark(), let first = firstByte else { return [] }
      // An event stream's lines begin with a field's name or a colon.
      guard "deir:".utf8.contains(first) else {
        form = .whole
        return []
      }
      form = .events
      defer { gathered = ByteBuffer() }
      return try stream(events.read(gathered))
    }
  }

  /// The end of the body.
  ///
  /// - Throws: ``GenerationError`` where the status said so, or the answer is not whole.
  mutating func end() throws(GenerationError) -> [GenerationEvent] {
    guard !isDone, failure == nil else { return [] }
    switch form {
    case .failure:
      guard let head else { throw GenerationError(.unavailable, "`\(endpoint)` answered nothing") }
      throw UpstreamFailure.error(head, body: gathered, endpoint: endpoint)
    case .events:
      var last: [GenerationEvent] = []
      if let event = events.finish() { last = try stream([event]) }
      return isDone || failure != nil ? last : try finish(after: last)
    case .unknown, .whole:
      _ = passMark()
      let value = try json()
      guard reader != nil else {
        if case .embedding(let request) = work {
          var response = try request.response(openAI: value, model: model, endpoint: endpoint)
          (response.usage, response.basis) = check.believed(response.usage)
          vectors = response
        }
        isDone = true
        return []
      }
      let found = try reader?.read(whole: value) ?? []
      check.note(found)
      return try finish(after: found)
    }
  }

  /// Passes over a byte order mark, which some servers begin with (WHATWG HTML, section 9.2.5; RFC 8259, section 8.1).
  ///
  /// - Returns: false while it may still turn out to be one.
  private mutating func passMark() -> Bool {
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    guard gathered.readableBytesView.starts(with: mark.prefix(gathered.readableBytes)) else { return true }
    guard gathered.readableBytes >= mark.count else { return false }
    gathered.moveReaderIndex(forwardBy: mark.count)
    return true
  }

  private var firstByte: UInt8? {
    let white: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]
    return gathered.readableBytesView.first { !white.contains($0) }
  }

  private mutating func stream(_ complete: [EventStreamReader.Event]) throws(GenerationError) -> [GenerationEvent] {
    var found: [GenerationEvent] = []
    defer { hasReturned = hasReturned || !found.isEmpty }
    for event in complete {
      do throws(GenerationError) {
        let read = try reader?.read(event) ?? []
        check.note(read)
        if reader?.tellsUsage == true { check.told() }
        found += read
      } catch {
        // What came before is part of an answer that nothing can be tried instead of any more.
        guard hasReturned, !found.isEmpty else { throw error }
        failure = error
        return found
      }
      hasBegun = hasBegun || !event.isDone
      if reader?.isDone == true { return try finish(after: found) }
    }
    if events.isTooLong {
      throw GenerationError(
        .unavailable, "`\(endpoint)` sent an event longer than \(EventStreamReader.maximumEventSize) bytes")
    }
    return found
  }

  private mutating func finish(after found: [GenerationEvent]) throws(GenerationError) -> [GenerationEvent] {
    guard var last = try reader?.finish() else { return found }
    isDone = true
    if case .finished(var completion) = last {
      (completion.usage, completion.basis) = check.believed(completion.usage)
      last = .finished(completion)
    }
    return found + [last]
  }

  private func json() throws(GenerationError) -> JSONValue {
    let outcome = gathered.withUnsafeReadableBytes { bytes -> Result<JSONValue, JSONError> in
      do throws(JSONError) { return .success(try JSONValue.parse(bytes)) } catch { return .failure(error) }
    }
    switch outcome {
    case .success(let value): return value
    case .failure(let error):
      let type = head?.headers.first(name: "content-type").map { " (\($0))" } ?? ""
      let start = String(decoding: gathered.readableBytesView.prefix(120), as: UTF8.self)
      throw GenerationError(
        .unavailable, "`\(endpoint)` answered what is not JSON\(type): \(error); it begins: \(start)")
    }
  }
}
