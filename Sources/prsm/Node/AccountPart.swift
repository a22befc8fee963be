import Access
import Foundation
import Gateway
import Logging
import Metering
import ModelInterface
import ServiceLifecycle
import Storage
import Telemetry
import UnixSignals

/// What of a node keeps the account, chooses models, and follows the configuration: opened together, because each needs the
/// others.
struct AccountPart: Sendable {
  let metering: NodeMetering
  let routing: NodeRouting
  let live: LiveConfiguration
  let meter: NodeMeter
  private let state: RoutingStateStore
  private let logger: Logger

  /// - Parameters:
  ///   - ring: says on whose account keys are used.
  ///   - store: the node's own.
  /// - Throws: ``CommandFailure``.
  static func open(
    _ configuration: Configuration, origin: ConfigurationOrigin, environment: [String: String], folder: DataFolder,
    ring: KeyRing, store: Store, database: NodeDatabase?, providers: NodeProviders, virtual: VirtualModelsPart,
    upstreams: Upstreams, metrics: MetricsRegistry, logger: Logger
  ) async throws(CommandFailure) -> AccountPart {
    let usage: any UsageStore = if let database { database.usage } else { SQLiteUsageStore(store) }
    let metering = try await NodeMetering.open(
      configuration, store: usage, answers: database?.answers,
      isShared: database != nil, folder: folder, payer: { ring.payer(of: $0) }, keys: { ring.ids(named: $0) })
    let state = RoutingStateStore(store: store)
    let kept: [String: Data]
    do throws(StorageError) {
      kept = try state.load()
    } catch {
      throw .unavailable(error.message)
    }
    let source = CandidateSource(
      provider: providers.all, upstreams: upstreams.provider, isVirtual: providers.isVirtual)
    let routing = try NodeRouting(
      configuration.routing, source: source, metering: metering, usualMaximum: configuration.outputTokens, kept: kept,
      metrics: metrics, logger: logger)
    await routing.refresh()
    let live = try LiveConfiguration(
      configuration, origin: origin, environment: environment, upstreams: upstreams, virtual: virtual,
      metering: metering, routing: routing, logger: logger)
    live.warnOfUnpriced()
    AccountMetrics.add(to: metrics, upstreams: upstreams.provider)
    AccountMetrics.add(to: metrics, metering: metering)
    AccountMetrics.add(to: metrics, live: live)
    let all = providers.all
    let meter = NodeMeter(metering: metering, routing: routing) { request throws(GenerationError) in
      try await all.embed(request)
    }
    return AccountPart(metering: metering, routing: routing, live: live, meter: meter, state: state, logger: logger)
  }

  /// The routes that it brings to the gateway.
  var modules: [any GatewayModule] {
    [UsageModule(metering: metering), RoutesModule(routing: routing), ConfigurationModule(live: live)]
  }

  /// Keeps everything going until the node stops, and then writes down what is left.
  var service: any Service { AccountService(part: self) }

  private struct AccountService: Service {
    let part: AccountPart

    func run() async throws {
      let logger = part.logger
      let report: @Sendable (String) -> Void = { logger.error("account", metadata: ["problem": "\($0)"]) }
      await cancelWhenGracefulShutdown {
        await withTaskGroup { group in
          group.addTask { await part.metering.run(report: report) }
          group.addTask { await part.routing.keep(in: part.state, report: report) }
          group.addTask { await part.live.watch() }
          group.addTask { await Self.followSignals(part.live) }
          await group.waitForAll()
        }
      }
      await part.metering.meter.close()
    }

    private static func followSignals(_ live: LiveConfiguration) async {
      for await signal in await UnixSignalsSequence(trapping: .sighup) where signal == .sighup {
        await live.reload(LiveConfiguration.signal)
      }
    }
  }
}
