import NIOCore
import NIOPosix
import NIOSSL

/// The connections of one event loop to the upstreams of a pool, so that a request goes out and its answer comes back
/// without changing threads. Used on that loop only.
final class LoopConnections {
  /// Connections that one loop holds to one address, idle ones included; beyond it requests go the long way.
  static let limit = 1_024
  /// How long a connection is kept that nobody uses.
  private static let idleTime = TimeAmount.seconds(30)

  let eventLoop: any EventLoop
  let allocator = ByteBufferAllocator()
  private let sites: [PassageSite?]
  private var idle: [[PassageConnection]]
  private var counts: [Int]
  /// Connections with something to wait for.
  private var waiting: [PassageConnection] = []
  /// Connections with requests that have not been handed to the system.
  private var unsent: [PassageConnection] = []
  private var timer: Scheduled<Void>?
  private var timerDue = NIODeadline.distantFuture
  private var isClosed = false

  init(_ sites: [PassageSite?], on eventLoop: any EventLoop) {
    self.sites = sites
    self.eventLoop = eventLoop
    idle = sites.map { _ in [] }
    counts = sites.map { _ in 0 }
  }

  /// Whether a request could get a connection to an address.
  func hasRoom(to site: Int) -> Bool {
    !isClosed && (!idle[site].isEmpty || counts[site] < Self.limit)
  }

  /// An idle connection; the one that was used last, which is the least likely to be closed by the other side.
  func takeIdle(_ site: Int) -> PassageConnection? {
    while let connection = idle[site].popLast() {
      if connection.isUsable { return connection }
    }
    return nil
  }

  /// Opens a connection. `done` is called with it, or with the reason why there is none. The time is for TLS, too.
  func open(_ site: Int, within time: TimeAmount, _ done: @escaping (Result<PassageConnection, any Error>) -> Void) {
    guard let place = sites[site], !isClosed else {
      done(.failure(ChannelError.ioOnClosedChannel))
      return
    }
    counts[site] += 1
    let due = NIODeadline.now() + time
    let bound = NIOLoopBound((self, done), eventLoop: eventLoop)
    ClientBootstrap(group: eventLoop)
      .connectTimeout(time)
      .channelOption(.maxMessagesPerRead, value: 4)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let (pool, _) = bound.value
          if let tls = place.tls {
            try channel.pipeline.syncOperations.addHandler(
              try NIOSSLClientHandler(context: tls, serverHostname: place.serverName))
          }
          // A name may have several addresses, each of which is tried on a channel of its own.
          try channel.pipeline.syncOperations.addHandler(PassageConnection(pool, site: site))
        }
      }
      .connect(host: place.host, port: place.port)
      .flatMapThrowing { channel in
        let (pool, done) = bound.value
        let connection = try channel.pipeline.syncOperations.handler(type: PassageConnection.self)
        connection.isCounted = true
        guard place.tls != nil else { return done(.success(connection)) }
        connection.awaitTLS(until: due, of: time) { outcome in
          if case .failure = outcome { pool.closed(connection) }
          done(outcome.map { connection })
        }
      }
      .assumeIsolated()
      .whenFailure { error in
        self.counts[site] -= 1
        done(.failure(error))
      }
  }

  /// A connection can carry another request.
  func park(_ connection: PassageConnection) {
    guard !isClosed else {
      connection.close()
      return
    }
    connection.due = .now() + Self.idleTime
    watch(connection)
    idle[connection.site].append(connection)
  }

  /// A connection has been closed, or never came about.
  func closed(_ connection: PassageConnection) {
    guard !connection.hasEnded else { return }
    connection.hasEnded = true
    if connection.isCounted { counts[connection.site] -= 1 }
    unwatch(connection)
    if let index = idle[connection.site].firstIndex(where: { $0 === connection }) {
      idle[connection.site].remove(at: index)
    }
  }

  /// Closes what is idle now, and what is busy when it is done.
  func close() {
    isClosed = true
    for connection in idle.joined() { connection.close() }
  }

  /// Sends what a connection has to send, once everything that has come in has been looked at. The system then wakes a reader
  /// once for many requests, where it would wake it for each.
  func flushSoon(_ connection: PassageConnection) {
    unsent.append(connection)
    guard unsent.count == 1 else { return }
    eventLoop.assumeIsolated().execute {
      let unsent = self.unsent
      self.unsent.removeAll(keepingCapacity: true)
      for connection in unsent { connection.flush() }
    }
  }

  // MARK: time

  /// Sees to it that a connection is told when its deadline has passed. One that moves its deadline back need not say so.
  func watch(_ connection: PassageConnection) {
    guard !connection.hasEnded else { return }
    if connection.place == nil {
      connection.place = waiting.count
      waiting.append(connection)
    }
    schedule(connection.due)
  }

  private func unwatch(_ connection: PassageConnection) {
    guard let place = connection.place else { return }
    connection.place = nil
    let last = waiting.removeLast()
    if last !== connection {
      waiting[place] = last
      last.place = place
    }
  }

  private func schedule(_ due: NIODeadline) {
    guard due < timerDue else { return }
    timer?.cancel()
    timerDue = due
    timer = eventLoop.assumeIsolated().scheduleTask(deadline: due) { [weak self] in self?.timeIsUp() }
  }

  private func timeIsUp() {
    timer = nil
    timerDue = .distantFuture
    let now = NIODeadline.now()
    for connection in waiting where connection.due <= now { connection.timeIsUp(now) }
    if let next = waiting.lazy.map(\.due).min(), next < .distantFuture { schedule(next) }
  }
}

@available(*, unavailable)
extension LoopConnections: Sendable {}
