import ModelInterface
import NIOCore
import Synchronization

/// One request's way to upstreams on one event loop: what ``UpstreamCall`` is to requests that are put into words. It asks the
/// same ``CallMachine`` what to try, and tries nothing by itself.
final class UpstreamPassage: Passage {
  let request: PassageRequest
  let pool: UpstreamPool
  let connections: LoopConnections
  private let model: Int
  private var machine: CallMachine?
  private var attempt: CallMachine.Attempt?
  private(set) var body = ByteBuffer()
  private var receiver: (any PassageReceiver)?
  private var connection: PassageConnection?
  /// What was sent on a connection that had been kept, and where to, until something comes back.
  private var kept: (text: ByteBuffer, site: Int)?
  private var reading: PassageReading
  private var source = GenerationStart(model: "", provider: "")
  private var deadlines = UpstreamDeadlines()
  private(set) var upstream = 0
  /// The lane and the model that were asked last.
  private var asked = (lane: 0, model: 0)
  private var pause: Scheduled<Void>?
  private var isDelivered = false
  private var isHeld = false
  private var converts = false
  /// Whether the receiver has been given what is put into words.
  private var isConverted = false
  private var isOver = false
  private var began = NIODeadline.now()
  private var lastEvent = NIODeadline.now()
  private var whole = NIODeadline.distantFuture
  /// How much time the request had when it began.
  private var duration = Duration.zero

  init(_ request: PassageRequest, model: Int, pool: UpstreamPool, connections: LoopConnections) {
    self.request = request
    self.model = model
    self.pool = pool
    self.connections = connections
    reading = PassageReading(
      endpoint: "", model: request.model, isStreamed: request.isStreamed, converts: false,
      check: UsageCheck(.body(ByteBuffer()), size: 0, limit: nil, began: .now()))
  }

  func begin(_ body: UnsafeRawBufferPointer, converts: Bool, for receiver: any PassageReceiver) {
    self.receiver = receiver
    self.converts = converts
    self.body = ByteBuffer(bytes: body)
    began = .now()
    let actions = pool.state.withLock { shared in
      shared.calls += 1
      let now = ContinuousClock.now
      let own = now + pool.endpoints[shared.fleet.models[model].upstream].deadlines.whole
      let deadline = request.context.deadline.map { min($0, own) } ?? own
      duration = deadline - now
      whole = began + .nanoseconds(max(1, duration.inNanoseconds))
      var machine = CallMachine(
        model: model, deadline: deadline, isStreamed: request.isStreamed, mayHedge: false, fleet: shared.fleet)
      defer { self.machine = machine }
      return machine.begin(at: now, fleet: &shared.fleet)
    }
    perform(actions)
  }

  func cancel() {
    guard !isOver else { return }
    ask { machine, now, fleet in
      for id in machine.abandon() { machine.ended(id, error: Self.cancelled, at: now, fleet: &fleet) }
    }
    leave(isAnswered: false)
  }

  func resume() {
    guard isHeld else { return }
    isHeld = false
    // The time in which the reader was behind is not the upstream's.
    lastEvent = .now()
    connection?.setHeld(false)
  }

  private static var cancelled: GenerationError { GenerationError(.cancelled, "the request was cancelled") }

  // MARK: what the machine says

  @discardableResult private func ask<Result>(
    _ question: (inout CallMachine, ContinuousClock.Instant, inout Fleet) -> Result
  ) -> Result? {
    pool.state.withLock { shared -> Result? in
      guard var asked = machine.take() else { return nil }
      defer { machine = asked }
      return question(&asked, .now, &shared.fleet)
    }
  }

  private func perform(_ actions: CallMachine.Actions?) {
    guard let actions, !isOver else { return }
    if let wake = actions.wake {
      let wait = max(1, (wake - .now).inNanoseconds)
      pause?.cancel()
      pause = connections.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(wait)) { [weak self] in
        guard let self else { return }
        perform(ask { $0.woke(wake, at: max($1, wake), fleet: &$2) })
      }
    }
    if let attempt = actions.start { start(attempt) }
    if let failure = actions.failure { fail(failure) }
  }

  private func start(_ attempt: CallMachine.Attempt) {
    self.attempt = attempt
    typealias Way = (endpoint: Int, upstream: Int, key: Int?)
    let way: Way = pool.state.withLock { shared in
      let lane = shared.fleet.lanes[attempt.lane]
      return (lane.endpoint, shared.fleet.endpoints[lane.endpoint].upstream, lane.key)
    }
    let endpoint = pool.endpoints[way.upstream]
    let name = pool.models[attempt.model].name
    upstream = way.upstream
    asked = (attempt.lane, attempt.model)
    deadlines = endpoint.deadlines
    source = GenerationStart(model: name, provider: endpoint.name)
    began = .now()
    lastEvent = began
    reading = PassageReading(
      endpoint: endpoint.name, model: name, isStreamed: request.isStreamed, converts: converts,
      check: UsageCheck(
        .body(body), size: body.readableBytes, limit: request.maximumOutputTokens ?? request.addedLimit, began: began))
    guard let site = pool.passages[way.endpoint] else {
      failed(GenerationError(.internal, "`\(endpoint.name)` has an address that nothing can be passed on to"))
      return
    }
    let text = message(site.heads[way.key ?? 0], upstreamName: pool.models[attempt.model].upstreamName)
    if let connection = connections.takeIdle(way.endpoint) {
      kept = (text, way.endpoint)
      send(text, on: connection)
    } else {
      open(way.endpoint, for: attempt, text)
    }
  }

  /// Sends a request on a new connection.
  private func open(_ site: Int, for attempt: CallMachine.Attempt, _ text: ByteBuffer) {
    kept = nil
    let time = min(
      TimeAmount.nanoseconds(max(1, deadlines.connect.inNanoseconds)),
      max(TimeAmount.nanoseconds(1), whole - NIODeadline.now()))
    connections.open(site, within: time) { [self] result in
      switch result {
      case .success(let connection):
        // Another attempt may have taken its place meanwhile, or the client may have left.
        if self.attempt == attempt, !isOver { send(text, on: connection) } else { connections.park(connection) }
      case .failure(let error):
        guard self.attempt == attempt, !isOver else { return }
        failed(
          whole <= .now()
            ? UpstreamFailure.passed(.whole, duration, endpoint: source.provider)
            : UpstreamFailure.error(error, endpoint: source.provider, connect: deadlines.connect))
      }
    }
  }

  /// Sends the request on a new connection where one that had been kept turns out to be gone. Nobody has read it, so nothing
  /// has failed, and nobody is to be left alone for it.
  private func sendsAgain() -> Bool {
    guard let kept, let attempt, !isOver else { return false }
    connection = nil
    open(kept.site, for: attempt, kept.text)
    return true
  }

  private func send(_ text: ByteBuffer, on connection: PassageConnection) {
    self.connection = connection
    connection.due = nextDeadline.time
    connections.watch(connection)
    connection.send(text, for: self)
  }

  // MARK: the end

  private func failed(_ error: GenerationError) {
    guard !isOver, let attempt else { return }
    let error = error.hiding(pool.endpoints[upstream].apiKeys, of: pool.endpoints[upstream].name)
    let connection = connection
    self.connection = nil
    self.attempt = nil
    connection?.letGo(isOver: false)
    if isDelivered {
      ask { $0.ended(attempt.id, error: error, at: $1, fleet: &$2) }
      let receiver = receiver
      leave(isAnswered: false)
      receiver?.failed(error)
    } else {
      if reading.hasBegun {
        request.context.sideAttempts?.note(
          .init(model: source.model, provider: source.provider, usage: Usage(), isExact: false))
      }
      perform(ask { $0.failed(attempt.id, error, at: $1, fleet: &$2) })
    }
  }

  private func fail(_ error: GenerationError) {
    let receiver = receiver
    leave(isAnswered: false)
    receiver?.failed(error)
  }

  /// The answer has begun.
  ///
  /// - Returns: false where nobody wants it any more.
  private func deliver(isAll: Bool) -> Bool {
    guard let attempt else { return false }
    let isWanted = ask { machine, now, fleet in
      if !isDelivered, machine.delivered(attempt.id, at: now, fleet: &fleet) == .loses { return false }
      if isAll { machine.ended(attempt.id, error: nil, at: now, fleet: &fleet) }
      return true
    }
    let isFirst = !isDelivered
    isDelivered = true
    // From here on another deadline holds, which may be nearer.
    if isFirst, !isAll, let connection {
      connection.due = nextDeadline.time
      connections.watch(connection)
    }
    return isWanted == true
  }

  private func leave(isAnswered: Bool) {
    guard !isOver else { return }
    isOver = true
    pause?.cancel()
    pause = nil
    receiver = nil
    attempt = nil
    let connection = connection
    self.connection = nil
    connection?.letGo(isOver: isAnswered)
    pool.leave()
  }

  // MARK: time

  private var nextDeadline: (time: NIODeadline, deadline: UpstreamFailure.Deadline) {
    guard request.isStreamed, !isHeld else { return (whole, .whole) }
    let limit = isDelivered ? deadlines.betweenTokens : deadlines.firstByte
    let time = (isDelivered ? lastEvent : began) + .nanoseconds(max(1, limit.inNanoseconds))
    return time < whole ? (time, isDelivered ? .betweenTokens : .firstByte) : (whole, .whole)
  }
}

extension UpstreamPassage: PassageExchange {
  func read(_ head: ResponseParser.Head, _ connection: PassageConnection) {
    kept = nil
    take(reading.begin(head))
  }

  func read(_ body: ByteBuffer, _ connection: PassageConnection) {
    take(reading.read(body))
  }

  func ended(_ connection: PassageConnection) {
    guard !isOver, self.connection === connection else { return }
    self.connection = nil
    guard let asked = attempt else { return }
    take(reading.end())
    if !isOver, attempt == asked {
      failed(GenerationError(.unavailable, "the answer of `\(source.provider)` broke off before its end"))
    }
  }

  func closed(_ connection: PassageConnection) {
    guard self.connection === connection, !sendsAgain() else { return }
    failed(
      GenerationError(.unavailable, "`\(source.provider)` closed the connection in the middle of the exchange"))
  }

  func broke(_ reason: String, _ connection: PassageConnection) {
    guard self.connection === connection else { return }
    failed(GenerationError(.unavailable, "`\(source.provider)` does not speak HTTP: \(reason)"))
  }

  func failed(_ error: any Error, _ connection: PassageConnection) {
    guard self.connection === connection else { return }
    if UpstreamFailure.isClosed(error), sendsAgain() { return }
    failed(UpstreamFailure.error(error, endpoint: source.provider, connect: deadlines.connect))
  }

  func gathered(_ connection: PassageConnection) {
    guard !isOver, isDelivered, let receiver else { return }
    if !receiver.flush(), !isOver {
      isHeld = true
      connection.setHeld(true)
    }
  }

  func timeIsUp(_ now: NIODeadline) {
    let (time, deadline) = nextDeadline
    guard now >= time else {
      connection?.due = time
      return
    }
    let limit =
      switch deadline {
      case .connect: deadlines.connect
      case .firstByte: deadlines.firstByte
      case .betweenTokens: deadlines.betweenTokens
      case .whole: duration
      }
    failed(UpstreamFailure.passed(deadline, limit, endpoint: source.provider))
  }

  private func take(_ step: PassageReading.Step, tellsFailure: Bool = true) {
    guard !isOver else { return }
    switch step {
    case .nothing: break
    case .failed(let error): failed(error)
    case .whole(let text, let scan):
      guard deliver(isAll: true), let receiver else { return leave(isAnswered: true) }
      let completion = reading.completion
      leave(isAnswered: true)
      text.withUnsafeReadableBytes {
        receiver.whole(passageText($0, scan), from: source, completion, textBytes: scan.textBytes)
      }
    case .events(let events, let isDone):
      lastEvent = .now()
      guard deliver(isAll: isDone), let receiver else { return leave(isAnswered: isDone) }
      for event in events {
        event.data.withUnsafeBytes {
          receiver.event(
            passageText($0, event.scan), from: source, textBytes: event.scan.isPiece ? event.scan.textBytes : nil,
            isUsage: event.scan.choices == 0 && event.scan.usage != nil)
        }
        if isOver { return }
      }
      if tellsFailure, let failure = reading.failure { return failed(failure) }
      if isDone {
        let completion = reading.completion
        noteBasis(completion)
        leave(isAnswered: true)
        receiver.finished(completion)
      }
    case .converted(let events, let isDone):
      lastEvent = .now()
      guard deliver(isAll: isDone), let receiver else { return leave(isAnswered: isDone) }
      let told = isConverted ? events : [.started(source)] + events
      isConverted = true
      if isDone {
        noteBasis(reading.completion)
        leave(isAnswered: true)
      }
      receiver.converted(told)
      if !isDone, !isOver, let failure = reading.failure { failed(failure) }
    case .turned(let passed, let events, let isDone):
      // What is wrong with the rest is told when all before it has been handed over.
      if !passed.isEmpty { take(.events(passed, isDone: false), tellsFailure: false) }
      if !isOver { take(.converted(events, isDone: isDone)) }
    }
  }

  private func noteBasis(_ completion: Completion) {
    if completion.basis == .estimated { pool.estimated(lane: asked.lane, model: asked.model) }
  }

  /// Clients hear of a model by the name that they asked for.
  private func passageText(_ bytes: UnsafeRawBufferPointer, _ scan: AnswerScan) -> PassageText {
    guard let range = scan.model, !bytes[range].elementsEqual(source.model.utf8) else { return PassageText(bytes) }
    return PassageText(bytes, replacing: range, by: source.model)
  }
}
