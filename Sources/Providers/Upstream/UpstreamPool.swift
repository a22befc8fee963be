import AsyncHTTPClient
import ModelInterface
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// One configuration of upstreams with its connections and its state. Requests hold on to the one that they began with.
final class UpstreamPool: Sendable {
  struct State: Sendable {
    var fleet: Fleet
    var calls = 0
    /// The endpoints that have answered, to which connections may have been kept.
    var answered: Set<Int> = []
    var isRetired = false
  }

  /// An address with the requests to it prepared as far as they are always the same.
  struct Site: Sendable {
    var generation: HTTPClient.Request
    var completion: HTTPClient.Request
    var embedding: HTTPClient.Request
  }

  /// Connections to one host at a time; further requests wait for one, for as long as the deadline `connect`.
  private static let connectionsPerHost = 1_024
  /// The most event loops that one upstream's connections are on.
  private static let mostLoops = 8

  let endpoints: [UpstreamEndpoint]
  let descriptors: [ModelDescriptor]
  /// For each model, its position in the fleet.
  let positions: [String: Int]
  /// For each model of the fleet, what the configuration says.
  let models: [UpstreamEndpoint.Model]
  let state: Mutex<State>
  let thoughts = ThoughtMemory()
  /// For each upstream, because the time to connect is a property of the client, and for each of some event loops.
  ///
  /// A client of several loops may tell of an exchange on one loop while its connection is on another, and async-http-client
  /// 1.37 ends the process where an upstream answers and closes the connection before that news has changed loops.
  private let clients: [[HTTPClient]]
  /// For each upstream, one that keeps no connections.
  private let keepless: [HTTPClient]
  private let turn = Atomic<UInt>(0)
  private let report: @Sendable (String) -> Void
  /// One for each endpoint of the fleet; nil where the address is none.
  let sites: [Site?]
  /// One for each endpoint of the fleet; nil where chat completions cannot be passed on to it.
  let passages: [PassageSite?]
  /// For each model of the fleet, which output limits can be passed on; nil where nothing can.
  let passable: [PassableLimits?]
  private let loops = Mutex<[ObjectIdentifier: Loop]>([:])

  /// An event loop with its connections.
  private struct Loop {
    let eventLoop: any EventLoop
    let connections: NIOLoopBound<LoopConnections>
  }

  /// - Parameter report: takes what whoever runs the node should know of.
  init(
    _ endpoints: [UpstreamEndpoint], policy: ResiliencePolicy, seed: UInt64,
    report: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.endpoints = endpoints
    self.report = report
    let fleet = Fleet(endpoints, policy: policy, seed: seed)
    positions = Dictionary(fleet.models.enumerated().map { ($1.name, $0) }) { first, _ in first }
    let models = fleet.models.map { model in
      endpoints[model.upstream].models.first { $0.name == model.name } ?? .init(name: model.name)
    }
    self.models = models
    descriptors = zip(fleet.models, models).map { entry, model in
      var descriptor = ModelDescriptor(name: model.name, provider: endpoints[entry.upstream].name)
      descriptor.contextLength = model.contextLength
      descriptor.canEmbed = model.canEmbed && endpoints[entry.upstream].kind == .openAI
      descriptor.isLoaded = true
      return descriptor
    }
    sites = fleet.endpoints.map { Self.site(kind: endpoints[$0.upstream].kind, url: $0.url) }
    let passages = fleet.endpoints.map { entry in
      endpoints[entry.upstream].kind == .openAI ? PassageSite(entry.url, keys: endpoints[entry.upstream].apiKeys) : nil
    }
    self.passages = passages
    passable = fleet.models.indices.map { PassableLimits(of: $0, fleet, endpoints, models, passages) }
    let eventLoops = Array(MultiThreadedEventLoopGroup.singleton.makeIterator().prefix(Self.mostLoops))
    let limit = Self.connectionsPerHost
    clients = endpoints.map { endpoint in
      eventLoops.map { Self.client(of: endpoint, keeping: .seconds(30), limit: limit / eventLoops.count, on: $0) }
    }
    keepless = endpoints.enumerated().map { index, endpoint in
      Self.client(of: endpoint, keeping: .milliseconds(1), limit: limit, on: eventLoops[index % eventLoops.count])
    }
    state = Mutex(State(fleet: fleet))
  }

  private static func client(
    of endpoint: UpstreamEndpoint, keeping time: TimeAmount, limit: Int, on eventLoop: any EventLoop
  ) -> HTTPClient {
    var settings = HTTPClient.Configuration()
    settings.timeout = .init(connect: .nanoseconds(max(1, endpoint.deadlines.connect.inNanoseconds)))
    settings.connectionPool = .init(idleTimeout: time, concurrentHTTP1ConnectionsPerHostSoftLimit: limit)
    // Retries have one owner, and it is not the connection pool.
    settings.connectionPool.retryConnectionEstablishment = false
    settings.redirectConfiguration = .disallow
    return HTTPClient(eventLoopGroupProvider: .shared(eventLoop), configuration: settings)
  }

  private static func site(kind: UpstreamEndpoint.Kind, url: String) -> Site? {
    func request(_ path: String) -> HTTPClient.Request? {
      var request = try? HTTPClient.Request(url: url + path, method: .POST)
      request?.headers.add(name: "content-type", value: "application/json")
      // Whoever says nothing takes any coding (RFC 9110, section 12.5.3).
      request?.headers.add(name: "accept-encoding", value: "identity")
      if kind == .anthropic { request?.headers.add(name: "anthropic-version", value: "2023-06-01") }
      return request
    }
    switch kind {
    case .openAI:
      guard let chat = request("/chat/completions"), let completion = request("/completions"),
        let embedding = request("/embeddings")
      else { return nil }
      return Site(generation: chat, completion: completion, embedding: embedding)
    case .anthropic:
      guard let messages = request("/messages") else { return nil }
      return Site(generation: messages, completion: messages, embedding: messages)
    }
  }

  /// Takes no further requests; the connections are closed when the last request is over.
  func retire() {
    let isIdle = state.withLock { state in
      defer { state.isRetired = true }
      return !state.isRetired && state.calls == 0
    }
    if isIdle { closeConnections() }
  }

  /// A request is over.
  func leave() {
    let isLast = state.withLock { state in
      state.calls -= 1
      return state.isRetired && state.calls == 0
    }
    if isLast { closeConnections() }
  }

  /// What an answer took had to be estimated. Counted each time, and reported the first.
  func estimated(lane: Int, model: Int) {
    let (name, url, isFirst) = state.withLock { shared in
      let endpoint = shared.fleet.lanes[lane].endpoint
      shared.fleet.endpoints[endpoint].counts.estimates += 1
      let entry = shared.fleet.endpoints[endpoint]
      return (shared.fleet.upstreams[entry.upstream].name, entry.url, entry.counts.estimates == 1)
    }
    guard isFirst else { return }
    report(
      """
      `\(name)` at \(url) does not say what an answer of `\(models[model].name)` took, or says what cannot be; PRSM \
      estimates it. Further ones are counted in prsm_upstream_usage_estimated_total only.
      """)
  }

  /// A client for one exchange; the event loops take turns.
  ///
  /// - Parameter isNew: whether it has to open a connection.
  func client(of upstream: Int, isNew: Bool) -> HTTPClient {
    guard !isNew else { return keepless[upstream] }
    let own = clients[upstream]
    return own[Int(turn.wrappingAdd(1, ordering: .relaxed).oldValue % UInt(own.count))]
  }

  private func closeConnections() {
    for client in Array(clients.joined()) + keepless { client.shutdown { _ in } }
    closeLoops()
  }

  /// Lets go of the event loops that requests came from; what is open on them is closed as soon as it is not in use.
  func closeLoops() {
    let left = loops.withLock { loops in
      defer { loops = [:] }
      return Array(loops.values)
    }
    for loop in left {
      let connections = loop.connections
      loop.eventLoop.execute { connections.value.close() }
    }
  }

  /// The connections of the calling event loop; nil where the pool takes no requests any more.
  func connections(on eventLoop: any EventLoop) -> LoopConnections? {
    guard !(state.withLock { $0.isRetired }) else { return nil }
    let bound = loops.withLock { loops in
      if let known = loops[ObjectIdentifier(eventLoop)] { return known.connections }
      let made = NIOLoopBound(LoopConnections(passages, on: eventLoop), eventLoop: eventLoop)
      loops[ObjectIdentifier(eventLoop)] = Loop(eventLoop: eventLoop, connections: made)
      return made
    }
    return bound.value
  }

  func shutdown() async {
    let isFirst = state.withLock { state in
      defer { state.isRetired = true }
      return !state.isRetired
    }
    guard isFirst else { return }
    closeLoops()
    for client in Array(clients.joined()) + keepless { try? await client.shutdown() }
  }
}

extension Duration {
  /// In nanoseconds, at most some 292 years.
  var inNanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return overflow ? .max : product.addingReportingOverflow(attoseconds / 1_000_000_000).partialValue
  }
}
