import Foundation
import Logging
import Metering
import ModelInterface
import Orchestration
import Providers
import Synchronization

/// The configuration in force. Read again when its file changes or the process is sent SIGHUP, checked as a whole, and then
/// put in force as far as that can be done without a restart; a wrong one leaves the old in force, with the problem kept for
/// whoever asks.
final class LiveConfiguration: Sendable {
  /// How often the file is looked at. A change takes effect once the file has stayed the same for as long.
  static let interval: Duration = .milliseconds(500)

  /// How things stand.
  struct Status: Sendable {
    /// How often a configuration was put in force, the first at the start.
    var generation = 1
    /// When that was, in seconds since 1970.
    var since: Int
    /// What is wrong with the file as it is now; nil where it is in force.
    var problem: String?
    /// Settings that have changed and wait for a restart.
    var needsRestart: [String] = []
  }

  private struct State {
    var configuration: Configuration
    var endpoints: [UpstreamEndpoint]
    var status: Status
    /// Whether the file in force says nothing.
    var isEmpty: Bool
  }

  let file: String
  /// What the file looked like when it was read first.
  private let firstStamp: FileStamp?
  private let origin: ConfigurationOrigin
  private let environment: [String: String]
  private let started: Configuration
  private let logger: Logger
  private let state: Mutex<State>
  private let upstreams: Upstreams
  private let virtual: VirtualModelsPart
  private let metering: NodeMetering
  private let routing: NodeRouting

  /// - Throws: ``CommandFailure`` of status `usage` where a secret cannot be found.
  init(
    _ configuration: Configuration, origin: ConfigurationOrigin, environment: [String: String], upstreams: Upstreams,
    virtual: VirtualModelsPart, metering: NodeMetering, routing: NodeRouting, logger: Logger
  ) throws(CommandFailure) {
    self.origin = origin
    self.environment = environment
    self.logger = logger
    self.upstreams = upstreams
    self.virtual = virtual
    self.metering = metering
    self.routing = routing
    started = configuration
    let name = origin.file(environment: environment)
    // So that it is still the same file should the working directory change.
    file = URL(fileURLWithPath: name).standardizedFileURL.path
    firstStamp = FileStamp(path: file)
    state = Mutex(
      State(
        configuration: configuration,
        endpoints: try Upstreams.endpoints(configuration.upstreams, environment: environment),
        status: Status(since: NodeStore.now()), isEmpty: Self.isEmpty(file)))
  }

  var configuration: Configuration { state.withLock(\.configuration) }
  var status: Status { state.withLock(\.status) }

  /// Upstream models that have no price, and so count as free.
  var unpriced: [String] {
    let configuration = configuration
    let prices = configuration.cost.prices
    guard prices.standard == nil, !(prices.prices.isEmpty && configuration.cost.budgets.isEmpty) else { return [] }
    return configuration.upstreams.flatMap { upstream in
      upstream.models.map(\.name).filter { prices.prices[$0] == nil && prices.prices["\(upstream.name)/\($0)"] == nil }
    }
  }

  /// Watches the file until the task is cancelled.
  func watch() async {
    var applied = firstStamp
    var seen = applied
    var isMissing = false
    while !Task.isCancelled {
      do { try await Task.sleep(for: Self.interval) } catch { return }
      let stamp = FileStamp(path: file)
      defer { seen = stamp }
      // A file that is being written or replaced is left alone until it has stayed the same for a moment.
      guard stamp == seen else { continue }
      guard let stamp else {
        if applied != nil, !isMissing { complain("\(file) is gone; the last configuration stays in force") }
        isMissing = applied != nil
        continue
      }
      guard stamp != applied || isMissing else { continue }
      isMissing = false
      applied = stamp
      await reload("the file has changed")
    }
  }

  /// Reads everything again and puts it in force.
  func reload(_ reason: String) async {
    logger.info("reading the configuration again", metadata: ["file": "\(file)", "reason": "\(reason)"])
    // An editor that was stopped while it wrote leaves an empty file, which would take everything away.
    let isEmpty = Self.isEmpty(file)
    if reason != Self.signal, isEmpty, !state.withLock(\.isEmpty) {
      return complain(
        "\(file) is empty; the last configuration stays in force. Where that is meant, send SIGHUP or write `{}`")
    }
    do throws(CommandFailure) {
      let next = try origin.load(environment: environment)
      let endpoints = try Upstreams.endpoints(next.upstreams, environment: environment)
      let models = try await virtual.set(for: next)
      if next.routing != configuration.routing || reason == Self.signal { try await routing.update(next.routing) }
      let changesUpstreams = state.withLock { $0.endpoints != endpoints }
      if changesUpstreams { upstreams.provider.replace(endpoints) }
      virtual.provider.replace(models)
      metering.update(next)
      await routing.refresh()
      let waiting = started.restartSettings(comparedWith: next)
      state.withLock { state in
        state.configuration = next
        state.endpoints = endpoints
        state.isEmpty = isEmpty
        state.status = Status(
          generation: state.status.generation + 1, since: NodeStore.now(), problem: nil, needsRestart: waiting)
      }
      logger.notice(
        "configuration in force",
        metadata: ["file": "\(file)", "waits_for_restart": "\(waiting.joined(separator: ", "))"])
      warnOfUnpriced()
    } catch {
      complain(error.message)
    }
  }

  /// Why a configuration is read again when SIGHUP comes; everything that it refers to is read again then.
  static let signal = "SIGHUP"

  /// Says which upstream models count as free although money is counted.
  func warnOfUnpriced() {
    let models = unpriced
    guard !models.isEmpty else { return }
    logger.warning(
      "upstream models without a price count as free", metadata: ["models": "\(models.joined(separator: ", "))"])
  }

  private static func isEmpty(_ file: String) -> Bool {
    guard let bytes = FileManager.default.contents(atPath: file) else { return false }
    return bytes.allSatisfy { $0 <= 0x20 }
  }

  private func complain(_ problem: String) {
    state.withLock { $0.status.problem = problem }
    logger.error("the configuration is wrong; the last one stays in force", metadata: ["problem": "\(problem)"])
  }
}

extension Configuration {
  /// The settings that differ and take effect at the next start only.
  func restartSettings(comparedWith next: Configuration) -> [String] {
    let pairs: [(String, Bool)] = [
      (Settings.listen.path, listen == next.listen), (Settings.dataDir.path, dataDir == next.dataDir),
      (Settings.certificate.path, certificate == next.certificate), (Settings.key.path, key == next.key),
      (Settings.databaseURL.path, databaseURL == next.databaseURL),
      (Settings.databaseLease.path, databaseLease == next.databaseLease),
      (Settings.apiKey.path, apiKey == next.apiKey), (Settings.requiresKey.path, requiresKey == next.requiresKey),
      (Settings.allowsAnonymous.path, allowsAnonymous == next.allowsAnonymous),
      (Settings.allowsPlaintext.path, allowsPlaintext == next.allowsPlaintext),
      (Settings.defaultModel.path, defaultModel == next.defaultModel), (Settings.preload.path, preload == next.preload),
      (Settings.memory.path, memory == next.memory), (Settings.cacheTokens.path, cacheTokens == next.cacheTokens),
      (Settings.parallel.path, parallel == next.parallel), (Settings.threads.path, threads == next.threads),
      (Settings.aliases.path, aliases == next.aliases), (Settings.bodySize.path, bodySize == next.bodySize),
      (Settings.outputTokens.path, outputTokens == next.outputTokens),
      (Settings.requestTime.path, requestTime == next.requestTime),
      (Settings.connections.path, connections == next.connections),
      (Settings.shutdownTime.path, shutdownTime == next.shutdownTime),
      (Settings.logLevel.path, logLevel == next.logLevel), (Settings.logFormat.path, logFormat == next.logFormat),
      (Settings.traceEndpoint.path, traceEndpoint == next.traceEndpoint),
      (Settings.traceToken.path, traceToken == next.traceToken),
      (Settings.serviceName.path, serviceName == next.serviceName),
      (Settings.allowedHosts.path, allowedHosts == next.allowedHosts),
      (Settings.allowedOrigins.path, allowedOrigins == next.allowedOrigins),
      (Settings.contentQuota.path, contentQuota == next.contentQuota),
      (Settings.contentGateways.path, contentGateways == next.contentGateways),
      (Settings.contentLinks.path, contentLinks == next.contentLinks),
      (Settings.contentHosts.path, contentHosts == next.contentHosts),
      (Settings.contentIsOpen.path, contentIsOpen == next.contentIsOpen),
      (Settings.contentDNSLink.path, contentDNSLink == next.contentDNSLink),
      (Settings.nameServers.path, nameServers == next.nameServers),
      ("peers", peers == next.peers && inference == next.inference),
    ]
    return pairs.filter { !$0.1 }.map(\.0)
  }
}
