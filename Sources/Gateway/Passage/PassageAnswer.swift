import Logging
import ModelInterface
import NIOCore
import NIOHTTP1
import Telemetry

/// The answer to one request that is passed on: writes what comes back, and settles, counts and logs it once.
final class PassageAnswer: PassageReceiver {
  private let admitted: PassageLane.Admitted
  private let lane: PassageLane
  private unowned let handler: PassageHandler
  private let received: ContinuousClock.Instant
  private var firstPiece: ContinuousClock.Instant?
  private var lastPiece: ContinuousClock.Instant?
  private var pieces = 0
  private var textBytes = 0
  private var start: GenerationStart?
  private var completion: Completion?
  private var status: Int?
  private var bytes = 0
  private var isOver = false
  /// Events that have not been written.
  private var events = ByteBuffer()
  private var hasUsage = false
  // Where the answer has to be put into words.
  private var chunks: ChatWriter.Chunks?
  private var choice = ChatWriter.Choice()
  private var recorded: [GenerationEvent] = []

  init(
    _ admitted: PassageLane.Admitted, _ lane: PassageLane, _ handler: PassageHandler,
    received: ContinuousClock.Instant
  ) {
    self.admitted = admitted
    self.lane = lane
    self.handler = handler
    self.received = received
    lane.responder.metrics.inFlight.add(1)
  }

  func begin(_ body: UnsafeRawBufferPointer) {
    if let passage = admitted.passage {
      passage.begin(body, converts: admitted.admission.recordsEvents, for: self)
    } else if let answer = admitted.admission.answer {
      converted(answer)
    }
  }

  func resume() {
    admitted.passage?.resume()
  }

  /// The client is gone.
  func cancel() {
    guard !isOver else { return }
    admitted.passage?.cancel()
    conclude(completion == nil ? .cancelled : .finished, nil)
  }

  func keepAlive() {
    guard status != nil, !isOver else { return }
    var comment = ByteBuffer()
    comment.writeStaticString("e\r\n: keep-alive\n\n\r\n")
    handler.write(comment)
    _ = handler.flush()
  }

  // MARK: a whole answer

  func whole(_ text: PassageText, from start: GenerationStart, _ completion: Completion, textBytes: Int) {
    guard !isOver else { return }
    self.start = start
    self.completion = completion
    if textBytes > 0 { note(textBytes) }
    var output = head(length: text.count, isEventStream: false, closes: false)
    write(text, into: &output)
    bytes = text.count
    // Settled before the client knows, so that what it asks next finds the account and the cache as they are now.
    conclude(.finished, nil)
    handler.write(output)
    handler.flushSoon()
    handler.ended(closes: false)
  }

  private func write(_ text: PassageText, into output: inout ByteBuffer) {
    output.writeBytes(text.head)
    if let name = text.name {
      output.writeString(name)
      output.writeBytes(text.tail)
    }
  }

  /// The head of a successful answer.
  private func head(length: Int?, isEventStream: Bool, closes: Bool) -> ByteBuffer {
    status = 200
    var output = ByteBuffer()
    output.reserveCapacity(360 + (length ?? 0))
    output.writeImmutableBuffer(lane.success)
    output.writeString(admitted.context.requestID)
    output.writeStaticString("\r\ndate: ")
    output.writeString(ServerDate.current.text)
    for (name, value) in admitted.admission.headers { output.writeString("\r\n\(name): \(value)") }
    if handler.answers(isEventStream: isEventStream, closes: closes) {
      output.writeStaticString("\r\nconnection: close")
    }
    if let length {
      output.writeStaticString("\r\ncontent-length: ")
      output.writeString(String(length))
      output.writeStaticString("\r\ncontent-type: application/json\r\n\r\n")
    } else {
      output.writeStaticString(
        "\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
      )
    }
    return output
  }

  // MARK: a stream

  func event(_ text: PassageText, from start: GenerationStart, textBytes: Int?, isUsage: Bool) {
    guard !isOver else { return }
    if self.start == nil { self.start = start }
    if let textBytes { note(textBytes) }
    if isUsage {
      // It was asked for to know the usage; the client hears of it where it asked, too.
      guard admitted.chat.includesUsage else { return }
      hasUsage = true
    }
    events.writeStaticString("data: ")
    write(text, into: &events)
    events.writeStaticString("\n\n")
  }

  func flush() -> Bool {
    guard !isOver, events.readableBytes > 0 else { return true }
    writeEvents()
    return handler.flush()
  }

  func finished(_ completion: Completion) {
    guard !isOver else { return }
    self.completion = completion
    if admitted.chat.includesUsage, !hasUsage || completion.basis == .estimated {
      var json = JSONText()
      ChatWriter(includesUsage: true).usageChunk(model: start?.model ?? "", completion.usage, into: &json)
      events.writeBytes(json.bytes)
    }
    endEvents()
  }

  private func endEvents() {
    events.writeStaticString("data: [DONE]\n\n")
    writeEvents(isLast: true)
    conclude(.finished, nil)
    _ = handler.flush()
    handler.ended(closes: false)
  }

  /// Writes what has gathered as one chunk (RFC 9112, section 7.1).
  private func writeEvents(isLast: Bool = false, closes: Bool = false) {
    var output = status == nil ? head(length: nil, isEventStream: true, closes: closes) : ByteBuffer()
    bytes += events.readableBytes
    output.writeString(String(events.readableBytes, radix: 16))
    output.writeStaticString("\r\n")
    output.writeBuffer(&events)
    output.writeStaticString(isLast ? "\r\n0\r\n\r\n" : "\r\n")
    events.clear()
    handler.write(output)
  }

  // MARK: what is put into words

  func converted(_ events: [GenerationEvent]) {
    guard !isOver else { return }
    if admitted.admission.recordsEvents { recorded += events }
    var json = JSONText()
    for event in events {
      switch event {
      case .started(let start): self.start = start
      case .text(let piece): note(piece.text.utf8.count)
      case .reasoning, .toolCall: note(0)
      case .prompt: break
      case .finished(let completion): self.completion = completion
      }
      if admitted.chat.isStreamed {
        if chunks == nil {
          // Where the answer began as it is now passed on, the client has been told who speaks.
          chunks = ChatWriter.Chunks(
            ChatWriter(includesUsage: admitted.chat.includesUsage), index: 0, hasLogprobs: false,
            sentRole: status != nil || self.events.readableBytes > 0)
        }
        chunks?.add(event, into: &json)
      } else {
        choice.add(event)
      }
    }
    guard admitted.chat.isStreamed else {
      guard let completion, let start else { return }
      let text = ChatWriter(includesUsage: false).whole(
        model: start.model, [choice], hasLogprobs: false, usage: completion.usage, timings: completion.timings)
      // What is in it has been noted piece by piece.
      text.withUnsafeBytes { whole(PassageText($0), from: start, completion, textBytes: 0) }
      return
    }
    self.events.writeBytes(json.bytes)
    guard let completion else { return }
    if admitted.chat.includesUsage, let chunks {
      var json = JSONText()
      chunks.writer.usageChunk(model: start?.model ?? "", completion.usage, into: &json)
      self.events.writeBytes(json.bytes)
    }
    endEvents()
  }

  // MARK: the end

  func failed(_ error: GenerationError) {
    guard !isOver else { return }
    let failure = APIError(error)
    if failure.status == 500 {
      lane.responder.logger.error(
        "a request failed",
        metadata: ["request": .string(admitted.context.requestID), "error": "\(error)"])
    }
    if status == nil, events.readableBytes == 0 {
      refuse(failure)
    } else {
      var json = JSONText()
      json.raw("event: error\ndata: ")
      json.raw(failure.body)
      json.raw("\n\n")
      events.writeBytes(json.bytes)
      writeEvents(isLast: true, closes: true)
    }
    conclude(.failed, failure, error.kind)
    _ = handler.flush()
    handler.ended(closes: status == 200)
  }

  private func refuse(_ failure: APIError) {
    let response = failure.response
    status = response.status
    bytes = response.body.count
    var output = ByteBuffer()
    let reason = HTTPResponseStatus(statusCode: response.status).reasonPhrase
    output.writeString("HTTP/1.1 \(response.status) \(reason)\r\n")
    for (name, value) in response.headers + lane.responder.securityHeaders + admitted.admission.headers {
      output.writeString("\(name): \(value)\r\n")
    }
    output.writeString("x-request-id: \(admitted.context.requestID)\r\n")
    if handler.answers(isEventStream: false, closes: false) { output.writeStaticString("connection: close\r\n") }
    output.writeString("content-length: \(response.body.count)\r\ncontent-type: \(response.contentType)\r\n\r\n")
    output.writeBytes(response.body)
    handler.write(output)
  }

  private func note(_ bytes: Int) {
    pieces += 1
    textBytes += bytes
    let now = ContinuousClock.now
    if firstPiece == nil { firstPiece = now }
    lastPiece = now
  }

  /// Settles, counts and logs, once.
  private func conclude(
    _ outcome: Settlement.Outcome, _ failure: APIError?, _ kind: GenerationError.Kind? = nil
  ) {
    guard !isOver else { return }
    isOver = true
    // As on the long way, a provider that says nothing of what an answer took has still written it.
    let reported = completion.flatMap { $0.usage.totalTokens > 0 || pieces == 0 ? $0.usage : nil }
    let seen = completion == nil ? pieces : max(pieces, textBytes / 4)
    var settlement = Settlement(
      outcome: outcome, model: start?.model, provider: start?.provider,
      usage: reported ?? Usage(completionTokens: seen), isExact: reported != nil, seen: seen,
      failure: outcome == .failed ? kind : nil, events: completion == nil || recorded.isEmpty ? nil : recorded)
    if let completion { settlement.note(completion.basis) }
    settlement.others = admitted.context.sideAttempts?.take() ?? []
    admitted.reservation.settleSoon(settlement)
    let now = ContinuousClock.now
    lane.responder.metrics.settled(
      settlement, firstToken: firstPiece.map { $0 - received }, decode: admitted.chat.isStreamed ? decodeTime : nil)
    lane.responder.metrics.inFlight.add(-1)
    let line = RequestLine(
      id: admitted.context.requestID, method: "POST", path: PlainHead.path,
      status: status ?? failure?.status ?? 499, time: now - received, bytes: bytes,
      tenant: admitted.principal.isAnonymous ? nil : admitted.principal.tenant, trace: admitted.trace?.traceID,
      failure: failure.map { $0.code ?? $0.type } ?? (outcome == .cancelled ? "cancelled" : nil))
    lane.responder.metrics.handled(
      index: lane.route, route: PlainHead.path, method: "POST", status: line.status, time: line.time)
    lane.responder.log.write(line)
    trace(settlement, line, failure)
  }

  private var decodeTime: Duration? {
    guard let firstPiece, let lastPiece else { return nil }
    return lastPiece - firstPiece
  }

  private func trace(_ settlement: Settlement, _ line: RequestLine, _ failure: APIError?) {
    guard let tracer = lane.responder.tracer, let trace = admitted.trace, trace.isSampled else { return }
    if let span = admitted.span {
      tracer.record(Answer.span(span, settlement, model: start, duration: line.time))
    }
    tracer.record(Responder.span(trace, line, pattern: PlainHead.path, failure))
  }
}

@available(*, unavailable)
extension PassageAnswer: Sendable {}
