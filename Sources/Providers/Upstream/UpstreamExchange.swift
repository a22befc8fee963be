import AsyncHTTPClient
import ModelInterface
import NIOCore
import NIOHTTP1
import Synchronization

/// One HTTP exchange of a call: sends the request, keeps the deadlines, and feeds what comes back into an
/// ``UpstreamReading``. Reports to its call exactly once with `failed`, or `delivered` and then `ended`.
final class UpstreamExchange: HTTPClientResponseDelegate {
  typealias Response = Void

  private struct State {
    var reading: UpstreamReading
    var task: HTTPClient.Task<Void>?
    var timer: Scheduled<Void>?
    /// The answer's other end once it has been delivered as a stream.
    var stream: GenerationStream.Continuation?
    var isDelivered = false
    var isOver = false
    /// Whether the request has been given to the connection, after which the upstream may bill it.
    var isSent = false
    var isNoted = false
    var hasHead = false
    /// Connections that were lost before a head came.
    var losses = 0
    /// Pieces of the answer that were read.
    var pieces = 0
    /// How the answer ended, once it has.
    var completion: Completion?
    var lastEvent: NIODeadline
    /// Holds the connection back while the reader is behind.
    var held: EventLoopPromise<Void>?
    var hasDemand = false
  }

  private let call: UpstreamCall
  private let attempt: CallMachine.Attempt
  private let upstream: Int
  /// Of its address, in the fleet.
  private let place: Int
  private let endpoint: UpstreamEndpoint
  private let model: UpstreamEndpoint.Model
  private let request: HTTPClient.Request
  private let body: ByteBuffer
  private let began: NIODeadline
  private let whole: NIODeadline
  private let state: Mutex<State>

  /// An exchange, not yet begun.
  ///
  /// - Throws: ``GenerationError`` where the request cannot be put into the API's words.
  init(_ attempt: CallMachine.Attempt, of call: UpstreamCall) throws(GenerationError) {
    let pool = call.pool
    typealias Way = (endpoint: Int, upstream: Int, key: Int?)
    let way: Way = pool.state.withLock { shared in
      let lane = shared.fleet.lanes[attempt.lane]
      return (lane.endpoint, shared.fleet.endpoints[lane.endpoint].upstream, lane.key)
    }
    (upstream, place) = (way.upstream, way.endpoint)
    endpoint = pool.endpoints[way.upstream]
    model = pool.models[attempt.model]
    guard let site = pool.sites[way.endpoint] else {
      throw GenerationError(
        .internal, "`\(endpoint.name)` has an address that is no URL; correct it in the configuration")
    }
    self.call = call
    self.attempt = attempt
    let encoded = try UpstreamEncoding(call.work, endpoint: endpoint, model: model, site: site, thoughts: pool.thoughts)
    var request = encoded.request
    body = ByteBuffer(bytes: encoded.body)
    request.headers.add(name: "x-request-id", value: call.work.context.requestID)
    if let traceparent = call.work.context.traceparent { request.headers.add(name: "traceparent", value: traceparent) }
    if let key = way.key {
      switch endpoint.kind {
      case .openAI: request.headers.add(name: "authorization", value: "Bearer \(endpoint.apiKeys[key])")
      case .anthropic: request.headers.add(name: "x-api-key", value: endpoint.apiKeys[key])
      }
    }
    self.request = request
    began = .now()
    let remaining = min(call.deadline - .now, endpoint.deadlines.whole)
    whole = began + .nanoseconds(max(1, remaining.inNanoseconds))
    let reading = UpstreamReading(
      endpoint: endpoint.name, model: model.name, work: call.work, reader: encoded.reader,
      check: UsageCheck(call.work, size: encoded.body.count, began: began))
    state = Mutex(State(reading: reading, lastEvent: began))
  }

  /// Sends the request.
  ///
  /// - Parameter isNew: whether on a new connection in any case.
  func run(isNew: Bool = false) {
    // Once the request is on its way the exchange's own timer takes over; before that the client's time to connect holds,
    // unless the request has less.
    let connect = began + .nanoseconds(max(1, endpoint.deadlines.connect.inNanoseconds))
    let client = call.pool.client(of: upstream, isNew: isNew)
    var request = request
    request.body = .stream(contentLength: Int64(body.readableBytes)) { self.send(to: $0) }
    let task = client.execute(
      request: request, delegate: self, eventLoop: .indifferent, deadline: whole < connect ? whole : nil)
    let isOver = state.withLock { state in
      state.task = state.isOver ? nil : task
      return state.isOver
    }
    if isOver { task.fail(reason: HTTPClientError.cancelled) }
  }

  /// Gives the request to the connection, or not, if it has been broken off: without its body no upstream begins to answer,
  /// and so none bills what the account knows nothing of.
  private func send(to writer: HTTPClient.Body.StreamWriter) -> EventLoopFuture<Void> {
    let isWanted = state.withLock { state in
      state.isSent = !state.isOver
      return state.isSent
    }
    guard isWanted else {
      return HTTPClient.defaultEventLoopGroup.any().makeFailedFuture(HTTPClientError.cancelled)
    }
    return writer.write(.byteBuffer(body))
  }

  /// Breaks the exchange off; the call learns that it was cancelled.
  func cancel() {
    conclude(Self.cancelled, breaksOff: true)
  }

  /// Breaks the exchange off because another was faster. What the upstream has done by then is on the account.
  func lose() {
    conclude(Self.cancelled, breaksOff: true) { state in
      if state.isSent { self.note(self.call.work.isStreamed ? Usage(completionTokens: state.pieces) : nil, &state) }
    }
  }

  /// Breaks the exchange off because nobody waits for an answer any more. What has come of one is on the account.
  func abandon() {
    conclude(Self.cancelled, breaksOff: true) { state in
      if state.pieces > 0 { self.note(Usage(completionTokens: state.pieces), &state) }
    }
  }

  private static var cancelled: GenerationError { GenerationError(.cancelled, "the request was cancelled") }

  /// Notes the exchange for the account, once: it may come to its end while it is broken off. Under the lock under which it
  /// ends, so that whoever finds it ended finds it noted.
  ///
  /// - Parameter seen: what was seen of an answer that has not come to its end.
  private func note(_ seen: Usage?, _ state: inout State) {
    guard !state.isNoted else { return }
    state.isNoted = true
    let usage = state.completion?.usage ?? seen
    call.work.context.sideAttempts?.note(
      .init(
        model: model.name, provider: endpoint.name, usage: usage, isExact: state.completion?.basis == .checked))
  }

  /// Sends the request once more where the connection may have been one that was kept and is gone. Nobody has read it, so
  /// nothing has failed, and nobody is to be left alone for it.
  private func sendsAgain() -> Bool {
    let losses = state.withLock { state in
      if !state.isOver, !state.hasHead { state.losses += 1 }
      return state.isOver || state.hasHead ? 0 : state.losses
    }
    let mayBeKept = call.pool.state.withLock { shared in
      // Whoever closes new connections, too, has to answer before it is believed again.
      losses == 2 ? shared.answered.remove(place) != nil : shared.answered.contains(place)
    }
    guard losses == 1, mayBeKept, attempt.id == 0 else { return false }
    run(isNew: true)
    return true
  }

  // MARK: The client's side

  func didSendRequestHead(task: HTTPClient.Task<Void>, _ head: HTTPRequestHead) {
    schedule(on: task.eventLoop)
  }

  func didReceiveHead(task: HTTPClient.Task<Void>, _ head: HTTPResponseHead) -> EventLoopFuture<Void> {
    state.withLock { $0.hasHead = true }
    call.pool.state.withLock { _ = $0.answered.insert(place) }
    return feed(task) { reading throws(GenerationError) in
      try reading.begin(head)
      return []
    }
  }

  func didReceiveBodyPart(task: HTTPClient.Task<Void>, _ buffer: ByteBuffer) -> EventLoopFuture<Void> {
    feed(task) { reading throws(GenerationError) in try reading.read(buffer) }
  }

  func didReceiveError(task: HTTPClient.Task<Void>, _ error: any Error) {
    if UpstreamFailure.isClosed(error), sendsAgain() { return }
    var failure = UpstreamFailure.error(error, endpoint: endpoint.name, connect: endpoint.deadlines.connect)
    if error as? HTTPClientError == .deadlineExceeded {
      failure = UpstreamFailure.passed(.whole, call.time, endpoint: endpoint.name)
    }
    conclude(failure, breaksOff: false)
  }

  func didFinishRequest(task: HTTPClient.Task<Void>) throws {
    _ = feed(task) { reading throws(GenerationError) in try reading.end() }
  }

  // MARK: -

  /// Lets the reading take a step and passes on what comes of it.
  private func feed(
    _ task: HTTPClient.Task<Void>,
    _ step: (inout UpstreamReading) throws(GenerationError) -> [GenerationEvent]
  ) -> EventLoopFuture<Void> {
    typealias Stepped = (Result<[GenerationEvent], GenerationError>, isDone: Bool, UpstreamAnswer?, GenerationError?)
    let stepped: Stepped? = state.withLock { state in
      guard !state.isOver else { return nil }
      do throws(GenerationError) {
        let events = try step(&state.reading)
        if !events.isEmpty { state.lastEvent = .now() }
        state.pieces += events.count { $0.isPiece }
        if case .finished(let completion) = events.last { state.completion = completion }
        let vectors = state.reading.vectors.map(UpstreamAnswer.vectors)
        return (.success(events), state.reading.isDone, vectors, state.reading.failure)
      } catch {
        return (.failure(error), false, nil, nil)
      }
    }
    switch stepped {
    case nil: return task.eventLoop.makeSucceededVoidFuture()
    case (.failure(let error), _, _, _)?:
      conclude(error, breaksOff: true)
      return task.eventLoop.makeSucceededVoidFuture()
    case (.success(let events), let isDone, let vectors, let failure)?:
      let passed = pass(events, isDone: isDone, vectors: vectors, on: task.eventLoop)
      if let failure { conclude(failure, breaksOff: true) }
      return passed
    }
  }

  private func pass(
    _ events: [GenerationEvent], isDone: Bool, vectors: UpstreamAnswer?, on eventLoop: any EventLoop
  ) -> EventLoopFuture<Void> {
    let done = eventLoop.makeSucceededVoidFuture()
    if var vectors {
      if case .vectors(var response) = vectors {
        noteBasis(response.basis)
        response.provider = endpoint.name
        vectors = .vectors(response)
      }
      deliver(vectors)
      return done
    }
    guard !events.isEmpty else { return done }
    let open = state.withLock { state in
      state.hasDemand = false
      return state.stream
    }
    guard let open else {
      begin(with: events, isDone: isDone, on: eventLoop)
      return done
    }
    var isFull = false
    for event in events where open.yield(event) == .full { isFull = true }
    if isDone {
      if case .finished(let completion) = events.last { noteBasis(completion.basis) }
      open.finish()
      conclude(nil, breaksOff: false)
      return done
    }
    return isFull ? hold(on: eventLoop) : done
  }

  /// The first events: whoever delivers first, wins.
  private func begin(with events: [GenerationEvent], isDone: Bool, on eventLoop: any EventLoop) {
    let start = GenerationEvent.started(GenerationStart(model: model.name, provider: endpoint.name))
    if isDone {
      if case .finished(let completion) = events.last { noteBasis(completion.basis) }
      deliver(.stream(.events([start] + events)))
      return
    }
    let (stream, continuation) = GenerationStream.make()
    continuation.onDemand { self.demand() }
    continuation.onTermination { self.cancel() }
    state.withLock { state in
      state.stream = continuation
      state.isDelivered = true
    }
    continuation.yield(start)
    for event in events { continuation.yield(event) }
    guard call.delivered(attempt.id, .stream(stream)) else {
      lose()
      return
    }
    // From now on another deadline holds, which may be sooner than the one that was waited for.
    schedule(on: eventLoop)
  }

  private func deliver(_ answer: UpstreamAnswer) {
    state.withLock { $0.isDelivered = true }
    let won = call.delivered(attempt.id, answer)
    conclude(won ? nil : GenerationError(.cancelled, "another attempt was faster"), breaksOff: false) { state in
      if !won { self.note(nil, &state) }
    }
  }

  private func noteBasis(_ basis: UsageBasis) {
    if basis == .estimated { call.pool.estimated(lane: attempt.lane, model: attempt.model) }
  }

  /// Holds the connection back until the reader has caught up.
  private func hold(on eventLoop: any EventLoop) -> EventLoopFuture<Void> {
    let promise = eventLoop.makePromise(of: Void.self)
    let isHeld = state.withLock { state in
      guard !state.hasDemand, !state.isOver else { return false }
      state.held = promise
      return true
    }
    if !isHeld { promise.succeed() }
    return promise.futureResult
  }

  private func demand() {
    let held = state.withLock { state in
      state.hasDemand = true
      // The time in which the reader was behind is not the upstream's.
      state.lastEvent = .now()
      defer { state.held = nil }
      return state.held
    }
    held?.succeed()
  }

  /// Ends the exchange; again, nothing happens. Nil is success.
  ///
  /// - Parameter noting: notes for the account what there is to note, under the lock.
  private func conclude(
    _ error: GenerationError?, breaksOff: Bool, noting: (inout State) -> Void = { _ in }
  ) {
    typealias Ending = (
      isDelivered: Bool, HTTPClient.Task<Void>?, Scheduled<Void>?, GenerationStream.Continuation?,
      EventLoopPromise<Void>?
    )
    let ending: Ending? = state.withLock { state in
      guard !state.isOver else { return nil }
      state.isOver = true
      noting(&state)
      if !state.isDelivered, state.reading.hasBegun, let error, error.kind != .cancelled { note(Usage(), &state) }
      defer {
        state.task = nil
        state.timer = nil
        state.stream = nil
        state.held = nil
      }
      return (state.isDelivered, state.task, state.timer, state.stream, state.held)
    }
    guard let (isDelivered, task, timer, stream, held) = ending else { return }
    timer?.cancel()
    held?.succeed()
    let error = error?.hiding(endpoint.apiKeys, of: endpoint.name)
    if breaksOff { task?.fail(reason: HTTPClientError.cancelled) }
    if let error { stream?.finish(throwing: error) }
    if let error, error.kind != .cancelled, !isDelivered {
      call.failed(attempt.id, error)
    } else {
      call.ended(attempt.id, error: error)
    }
  }

  // MARK: Deadlines

  private func schedule(on eventLoop: any EventLoop) {
    let next = state.withLock { state in state.isOver ? nil : nextDeadline(state).time }
    guard let next else { return }
    let timer = eventLoop.scheduleTask(deadline: next) { self.checkDeadlines(on: eventLoop) }
    let superseded = state.withLock { state in
      guard !state.isOver else { return timer as Scheduled<Void>? }
      defer { state.timer = timer }
      return state.timer
    }
    superseded?.cancel()
  }

  private func checkDeadlines(on eventLoop: any EventLoop) {
    let now = NIODeadline.now()
    let passed: GenerationError? = state.withLock { state in
      let (time, deadline) = nextDeadline(state)
      guard now >= time else { return nil }
      let limit =
        switch deadline {
        case .connect: endpoint.deadlines.connect
        case .firstByte: endpoint.deadlines.firstByte
        case .betweenTokens: endpoint.deadlines.betweenTokens
        case .whole: call.time
        }
      return UpstreamFailure.passed(deadline, limit, endpoint: endpoint.name)
    }
    if let passed { conclude(passed, breaksOff: true) } else { schedule(on: eventLoop) }
  }

  private func nextDeadline(_ state: borrowing State) -> (time: NIODeadline, deadline: UpstreamFailure.Deadline) {
    guard call.work.isStreamed else { return (whole, .whole) }
    let limit = state.isDelivered ? endpoint.deadlines.betweenTokens : endpoint.deadlines.firstByte
    // While the reader is behind, the upstream owes nothing.
    let start = state.held != nil ? .now() : state.isDelivered ? state.lastEvent : began
    let time = start + .nanoseconds(max(1, limit.inNanoseconds))
    return time < whole ? (time, state.isDelivered ? .betweenTokens : .firstByte) : (whole, .whole)
  }
}
