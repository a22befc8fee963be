import NIOCore
import NIOHTTP1

/// What one connection is doing, and what its limits demand next. No I/O and no clock: both are handed in.
struct ConnectionState {
  enum ReadAction {
    case nothing
    case deliver(Incoming)
    case askForBody
    case close
  }

  enum TimeAction {
    case nothing
    case deliver(Incoming)
    case keepAlive
    case close
  }

  private enum Reading {
    /// Between requests; none of the next one has come.
    case idle
    /// Some of a request's headers have come.
    case head(since: NIODeadline)
    /// The headers are complete, the body is not.
    case body(HTTPRequestHead, ByteBuffer?, since: NIODeadline)
    /// A request was refused; the rest of what comes is thrown away.
    case discarding
  }

  private let limits: ConnectionLimits
  private var reading = Reading.idle
  private var unanswered = 0
  private var idleSince = NIODeadline.now()
  private var lastWrite = NIODeadline.now()
  private var stalledSince: NIODeadline?
  private var lingeringSince: NIODeadline?
  private var isEventStream = false
  private var closesAfterAnswer = false
  private var isQuiescing = false
  private var isInputClosed = false

  init(limits: ConnectionLimits) {
    self.limits = limits
  }

  mutating func began(at now: NIODeadline) {
    idleSince = now
  }

  // MARK: requests

  mutating func bytesArrived(at now: NIODeadline) {
    if case .idle = reading { reading = .head(since: now) }
  }

  mutating func read(_ head: HTTPRequestHead, at now: NIODeadline) -> ReadAction {
    if case .discarding = reading { return .nothing }
    reading = .body(head, nil, since: now)
    if head.uri.utf8.count > limits.targetBytes {
      return refused(.targetTooLong(limit: limits.targetBytes))
    }
    let announced = head.headers.first(name: "content-length").flatMap { Int($0) }
    if let announced, announced > limits.bodyBytes { return refused(.bodyTooLarge(limit: limits.bodyBytes)) }
    guard head.version == .http1_1, let expectation = head.headers.first(name: "expect") else { return .nothing }
    guard expectation.lowercased() == "100-continue" else { return refused(.expectationFailed) }
    return unanswered == 0 ? .askForBody : .nothing
  }

  mutating func read(_ buffer: inout ByteBuffer) -> ReadAction {
    guard case .body(let head, let gathered, let since) = reading else { return .nothing }
    // Nothing else may hold the buffer while it grows, or each piece would copy all before it.
    reading = .discarding
    let size = (gathered?.readableBytes ?? 0) + buffer.readableBytes
    guard size <= limits.bodyBytes else {
      reading = .body(head, nil, since: since)
      return refused(.bodyTooLarge(limit: limits.bodyBytes))
    }
    if var gathered = consume gathered {
      gathered.writeBuffer(&buffer)
      reading = .body(head, gathered, since: since)
    } else {
      reading = .body(head, buffer, since: since)
    }
    return .nothing
  }

  mutating func readEnd() -> ReadAction {
    guard case .body(let head, let gathered, _) = reading else { return .nothing }
    reading = .idle
    unanswered += 1
    return .deliver(.request(head, body: gathered ?? ByteBuffer()))
  }

  /// A request cannot be completed: it is answered with the reason, the rest is thrown away, and the connection closes.
  mutating func refused(_ refusal: Refusal) -> ReadAction {
    var head: HTTPRequestHead?
    switch reading {
    case .discarding: return .nothing
    case .body(let known, _, _): head = known
    case .idle, .head: break
    }
    reading = .discarding
    unanswered += 1
    return .deliver(.refusal(refusal, head))
  }

  /// - Returns: whether the connection can close at once.
  mutating func inputClosed() -> Bool {
    isInputClosed = true
    return unanswered == 0
  }

  /// The node is shutting down.
  ///
  /// - Returns: whether the connection can close at once.
  mutating func quiesce() -> Bool {
    isQuiescing = true
    if case .idle = reading { return unanswered == 0 }
    return false
  }

  // MARK: requests that are answered before they are parsed here

  /// Whether nothing is being read or answered.
  var isIdle: Bool {
    guard case .idle = reading else { return false }
    return unanswered == 0 && lingeringSince == nil && !isInputClosed
  }

  /// A request has been taken by somebody in front.
  mutating func passageBegan() {
    unanswered += 1
  }

  /// Its answer begins.
  ///
  /// - Parameter closes: whether the connection is to be closed afterwards in any case.
  /// - Returns: whether it will be closed afterwards, which the client has to be told.
  mutating func passageAnswers(isEventStream: Bool, closes: Bool, at now: NIODeadline) -> Bool {
    self.isEventStream = isEventStream
    lastWrite = now
    closesAfterAnswer = closes || (isQuiescing && unanswered <= 1)
    return closesAfterAnswer
  }

  /// The connection closes after the answer that is being given.
  mutating func closeAfterAnswer() {
    closesAfterAnswer = true
  }

  // MARK: answers

  /// Completes a head with what concerns the connection.
  mutating func willAnswer(_ head: inout HTTPResponseHead, isEventStream: Bool, at now: NIODeadline) {
    self.isEventStream = isEventStream
    lastWrite = now
    if isQuiescing, unanswered <= 1 { head.headers.replaceOrAdd(name: "connection", value: "close") }
    closesAfterAnswer = head.headers.first(name: "connection") == "close"
  }

  mutating func wrote(at now: NIODeadline) {
    lastWrite = now
  }

  /// An answer is complete.
  ///
  /// - Returns: whether the sending side is to be closed.
  mutating func answered(at now: NIODeadline) -> Bool {
    unanswered -= 1
    isEventStream = false
    idleSince = now
    guard closesAfterAnswer || (unanswered == 0 && (isQuiescing || isInputClosed)) else { return false }
    reading = .discarding
    lingeringSince = now
    return true
  }

  mutating func writability(_ isWritable: Bool, at now: NIODeadline) {
    if isWritable {
      stalledSince = nil
    } else if stalledSince == nil {
      stalledSince = now
    }
  }

  // MARK: time

  /// The next instant at which something is due.
  var deadline: NIODeadline? {
    var earliest: NIODeadline?
    func consider(_ deadline: NIODeadline) {
      earliest = earliest.map { min($0, deadline) } ?? deadline
    }
    if let lingeringSince { return lingeringSince + TimeAmount(limits.lingerTime) }
    if let stalledSince { consider(stalledSince + TimeAmount(limits.stallTime)) }
    if isEventStream, stalledSince == nil { consider(lastWrite + TimeAmount(limits.keepAliveTime)) }
    if let due = readingDeadline { consider(due) }
    return earliest
  }

  private var readingDeadline: NIODeadline? {
    switch reading {
    case .idle: return unanswered == 0 ? idleSince + TimeAmount(limits.idleTime) : nil
    case .head(let since): return since + TimeAmount(limits.headerTime)
    case .body(_, let gathered, let since):
      let received = Int64(gathered?.readableBytes ?? 0)
      return since + TimeAmount(limits.bodyTime) + .milliseconds(received * 1000 / Int64(max(1, limits.bodyRate)))
    case .discarding: return nil
    }
  }

  mutating func timeIsUp(at now: NIODeadline) -> TimeAction {
    if let lingeringSince {
      return now >= lingeringSince + TimeAmount(limits.lingerTime) ? .close : .nothing
    }
    if let stalledSince, now >= stalledSince + TimeAmount(limits.stallTime) { return .close }
    if let due = readingDeadline, now >= due {
      if case .idle = reading { return .close }
      if case .deliver(let refusal) = refused(.tooSlow) { return .deliver(refusal) }
      return .close
    }
    if isEventStream, stalledSince == nil, now >= lastWrite + TimeAmount(limits.keepAliveTime) {
      lastWrite = now
      return .keepAlive
    }
    return .nothing
  }
}
