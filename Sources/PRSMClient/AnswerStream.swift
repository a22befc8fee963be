import AsyncHTTPClient
public import ModelInterface
import NIOCore

/// An answer while it is written: ``GenerationEvent/started(_:)`` first, then pieces, then exactly one
/// ``GenerationEvent/finished(_:)``. Read it once. Letting go of it, or cancelling the reading task, stops the node's work.
public struct AnswerStream: AsyncSequence, Sendable {
  /// What happens while the answer is written.
  public typealias Element = GenerationEvent
  /// In fact always a ``PRSMClientError``.
  public typealias Failure = any Error

  let body: HTTPClientResponse.Body
  let decoder: ChunkDecoder
  let requestID: String?

  /// The reader.
  public func makeAsyncIterator() -> Iterator {
    Iterator(bytes: body.makeAsyncIterator(), decoder: decoder, requestID: requestID)
  }

  /// Reads the events one at a time.
  public struct Iterator: AsyncIteratorProtocol {
    var bytes: HTTPClientResponse.Body.AsyncIterator
    var events = ServerSentEvents()
    var decoder: ChunkDecoder
    var ready: [GenerationEvent] = []
    var isOver = false
    let requestID: String?

    init(bytes: HTTPClientResponse.Body.AsyncIterator, decoder: ChunkDecoder, requestID: String?) {
      self.bytes = bytes
      self.decoder = decoder
      self.requestID = requestID
    }

    /// The next event; nil after the last.
    ///
    /// - Throws: ``PRSMClientError``.
    public mutating func next() async throws -> GenerationEvent? {
      while true {
        if !ready.isEmpty { return ready.removeFirst() }
        if isOver { return nil }
        let chunk: ByteBuffer?
        do {
          chunk = try await bytes.next(isolation: #isolation)
        } catch {
          isOver = true
          throw PRSMClientError.describing(error, requestID: requestID)
        }
        guard let chunk else {
          isOver = true
          guard decoder.isFinished else {
            throw PRSMClientError(
              .serverFailed, "the node broke off in the middle of its answer; see its log, and ask again",
              requestID: requestID)
          }
          continue
        }
        do {
          for event in events.read(chunk.readableBytesView) { ready += try decoder.read(event) }
        } catch {
          isOver = true
          throw error
        }
        if events.isTooLong {
          isOver = true
          throw PRSMClientError(.unexpectedAnswer, "the node sent an event that is too long", requestID: requestID)
        }
        if decoder.isFinished { isOver = true }
      }
    }
  }
}

/// Turns the chunks of a streamed answer into events.
struct ChunkDecoder: Sendable {
  enum Style: Sendable {
    case chat, completion
  }

  let style: Style
  private var hasStarted = false
  private var reason: Completion.Reason?
  private var stopSequence: String?
  private var usage = Usage()
  private(set) var isFinished = false

  init(style: Style) {
    self.style = style
  }

  /// The events in one chunk.
  ///
  /// - Throws: ``PRSMClientError`` where the chunk is an error, or is not what the API promises.
  mutating func read(_ data: [UInt8]) throws(PRSMClientError) -> [GenerationEvent] {
    guard !isFinished else { return [] }
    if data.elementsEqual("[DONE]".utf8) {
      isFinished = true
      return [.finished(Completion(reason: reason ?? .stop, stopSequence: stopSequence, usage: usage))]
    }
    let chunk: JSONValue
    do throws(JSONError) {
      chunk = try JSONValue.parse(data)
    } catch {
      throw PRSMClientError(.unexpectedAnswer, "the node sent a chunk that is not JSON: \(error)")
    }
    if let failure = chunk["error"], !failure.isNull { throw PRSMClientError(body: failure, status: nil) }
    var events: [GenerationEvent] = []
    if !hasStarted {
      hasStarted = true
      events.append(.started(GenerationStart(model: chunk["model"]?.string ?? "", provider: "")))
    }
    if let counted = chunk["usage"], !counted.isNull { usage = Usage(json: counted) }
    guard let choice = chunk["choices"]?.array?.first else { return events }
    if let text = choice["finish_reason"]?.string { reason = Completion.Reason(json: .string(text)) }
    if let text = choice["stop_sequence"]?.string { stopSequence = text }
    switch style {
    case .chat: events += Self.pieces(delta: choice["delta"], logprobs: choice["logprobs"])
    case .completion:
      let tokens = TokenLogprob.list(completion: choice["logprobs"])
      let text = choice["text"]?.string ?? ""
      if !text.isEmpty || !tokens.isEmpty { events.append(.text(TextPiece(text, tokens: tokens))) }
    }
    return events
  }

  private static func pieces(delta: JSONValue?, logprobs: JSONValue?) -> [GenerationEvent] {
    var events: [GenerationEvent] = []
    if let thought = delta?["reasoning_content"]?.string ?? delta?["reasoning"]?.string, !thought.isEmpty {
      events.append(.reasoning(thought))
    }
    let text = delta?["content"]?.string ?? ""
    let tokens = (logprobs?["content"]?.array ?? []).compactMap { TokenLogprob(chat: $0) }
    if !text.isEmpty || !tokens.isEmpty { events.append(.text(TextPiece(text, tokens: tokens))) }
    for call in delta?["tool_calls"]?.array ?? [] {
      events.append(
        .toolCall(
          ToolCallPiece(
            index: call["index"]?.integer ?? 0, id: call["id"]?.string, name: call["function"]?["name"]?.string,
            arguments: call["function"]?["arguments"]?.string ?? "")))
    }
    return events
  }
}
