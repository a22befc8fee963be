import Gateway
import Logging
import ModelInterface
import ScriptedProvider
import ServiceLifecycle
import Synchronization
import Testing

/// A real gateway on a free port, in front of a scripted provider.
struct TestNode {
  let port: Int
  let provider: ScriptedProvider
  let shutDown: @Sendable () async -> Void

  /// Runs a gateway for as long as `body` runs.
  static func with(
    _ provider: ScriptedProvider = ScriptedProvider(),
    configure: (inout GatewayConfiguration, inout GatewayServices) -> Void = { _, _ in },
    _ body: (TestNode) async throws -> Void
  ) async throws {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    var configuration = GatewayConfiguration()
    configuration.port = 0
    configuration.threads = 1
    configuration.drainTime = .seconds(5)
    configuration.limits.lingerTime = .milliseconds(200)
    var services = GatewayServices(provider: provider, logger: logger)
    configure(&configuration, &services)
    let (ports, continuation) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingOldest(1))
    let gateway = try Gateway(configuration: configuration, services: services) { continuation.yield($0.port) }
    let group = ServiceGroup(configuration: .init(services: [.init(service: gateway)], logger: logger))
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask {
        defer { continuation.finish() }
        try await group.run()
      }
      let port = try #require(await ports.first { _ in true }, "the gateway did not start")
      let node = TestNode(port: port, provider: provider) { await group.triggerGracefulShutdown() }
      do {
        try await body(node)
      } catch {
        await node.shutDown()
        throw error
      }
      await node.shutDown()
      try await tasks.waitForAll()
    }
  }

  func connect() async throws -> RawConnection { try await RawConnection.open(port: port) }

  /// One request on a connection of its own.
  func ask(
    _ method: String, _ path: String, _ body: JSONValue? = nil, headers: [String] = [], host: String = "localhost"
  ) async throws -> Response {
    try await ask(method, path, text: body?.text, headers: headers, host: host)
  }

  func ask(
    _ method: String, _ path: String, text: String?, headers: [String] = [], host: String = "localhost"
  ) async throws -> Response {
    let connection = try await connect()
    try await connection.send(
      Self.request(method, path, text, headers: headers + ["connection: close"], host: host))
    let response = try await connection.response(hasBody: method != "HEAD")
    await connection.close()
    return response
  }

  /// The bytes of a request.
  static func request(
    _ method: String, _ path: String, _ body: String? = nil, headers: [String] = [], host: String = "localhost"
  ) -> String {
    var lines = ["\(method) \(path) HTTP/1.1", "host: \(host)"] + headers
    if let body {
      if !headers.contains(where: { $0.hasPrefix("content-type") }) { lines.append("content-type: application/json") }
      lines.append("content-length: \(body.utf8.count)")
    }
    return lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? "")
  }

  /// Waits for something that another task brings about. The suite's time limit is the deadline.
  static func eventually(_ condition: () -> Bool) async throws {
    while !condition() { try await Task.sleep(for: .milliseconds(2)) }
  }

  /// A conversation of one turn.
  static func chat(_ text: String, _ members: [(String, JSONValue)] = []) -> JSONValue {
    let common: [(String, JSONValue)] = [
      ("model", "scripted"), ("messages", [["role": "user", "content": .string(text)]]),
    ]
    return .object(JSONObject(common + members))
  }
}

/// A script that writes a word and then waits until it is stopped.
let endless: ScriptedProvider.Script = { (_, continuation) async throws(GenerationError) in
  continuation.yield(.text(TextPiece("word ")))
  while !Task.isCancelled { try? await Task.sleep(for: .milliseconds(5)) }
}

/// Something that a script waits for and a test brings about.
final class Gate: Sendable {
  private let isOpen = Mutex(false)

  func open() {
    isOpen.withLock { $0 = true }
  }

  /// Waits until it is open or the task is cancelled.
  func wait() async {
    while !isOpen.withLock({ $0 }), !Task.isCancelled { try? await Task.sleep(for: .milliseconds(2)) }
  }
}

/// A script that writes a word and breaks off once the gate is open.
func breaking(after gate: Gate) -> ScriptedProvider.Script {
  { (_, continuation) async throws(GenerationError) in
    continuation.yield(.text(TextPiece("word ")))
    await gate.wait()
    throw GenerationError(.unavailable, "The engine broke off.")
  }
}

/// Counts what a gateway reserves and settles.
final class CountingMeter: RequestMeter {
  private struct Reservation: MeterReservation {
    let meter: CountingMeter

    func settle(_ settlement: Settlement) async {
      meter.state.withLock { $0.settlements.append(settlement) }
    }

    func settleNow(_ settlement: Settlement) -> Bool {
      guard meter.isImmediate else { return false }
      meter.state.withLock { $0.settlements.append(settlement) }
      return true
    }
  }

  private struct State {
    var reserved = 0
    var immediate = 0
    var sizes: [(size: GenerationSize, whole: GenerationRequest)] = []
    var settlements: [Settlement] = []
  }

  private let state = Mutex(State())
  private let refusal: GenerationError?

  private let isImmediate: Bool

  /// - Parameter isImmediate: whether it answers without waiting.
  init(refusal: GenerationError? = nil, isImmediate: Bool = false) {
    self.refusal = refusal
    self.isImmediate = isImmediate
  }

  /// How many were reserved without waiting.
  var immediate: Int { state.withLock { $0.immediate } }

  /// The sizes that it was asked about, each with the request itself.
  var sizes: [(size: GenerationSize, whole: GenerationRequest)] { state.withLock { $0.sizes } }

  func reserveNow(
    _ size: GenerationSize, for principal: Principal, whole: () -> GenerationRequest
  ) throws(GenerationError) -> (any MeterReservation)? {
    let request = whole()
    state.withLock { $0.sizes.append((size, request)) }
    return try reserveNow(MeteredWork(kind: .generation(request), principal: principal))
  }

  func reserveNow(_ work: MeteredWork) throws(GenerationError) -> (any MeterReservation)? {
    guard isImmediate else { return nil }
    if let refusal { throw refusal }
    state.withLock {
      $0.reserved += 1
      $0.immediate += 1
    }
    return Reservation(meter: self)
  }

  var reserved: Int { state.withLock { $0.reserved } }
  var settlements: [Settlement] { state.withLock { $0.settlements } }

  func reserve(_ work: MeteredWork) async throws(GenerationError) -> any MeterReservation {
    if let refusal { throw refusal }
    state.withLock { $0.reserved += 1 }
    return Reservation(meter: self)
  }
}
