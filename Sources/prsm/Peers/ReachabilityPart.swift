import Logging
import ModelInterface
import Multiformats
import PeerNetwork
import PeerProtocols
import PeerServices

/// Whether others can reach this node, and what it does where they cannot: places at relays, and direct connections for those
/// who call through them.
struct ReachabilityPart: Sendable {
  private let host: LibP2PHost
  /// What others say of it.
  private let asking: AutoNATService
  private let server: RelayServer?
  private let keeper: RelayKeeper
  private let puncher: HolePuncher
  private let setting: String

  init(
    host: LibP2PHost, configuration: InferenceConfiguration, seconds: @escaping @Sendable () -> UInt64, logger: Logger
  ) {
    self.host = host
    setting = configuration.reachable
    let asking = AutoNATService(host: host)
    self.asking = asking
    let client = RelayClient(host: host, seconds: seconds)
    host.addTransport(client)
    server = configuration.relays ? RelayServer(host: host, seconds: seconds) : nil
    let setting = setting
    keeper = RelayKeeper(
      host: host, client: client,
      isNeeded: { setting == "no" || (setting == "auto" && asking.verdict == .unreachable) },
      log: { logger.notice("\($0)") })
    puncher = HolePuncher(host: host, log: { logger.info("\($0)") })
  }

  /// What is known, for the API.
  var overview: JSONValue {
    let verdict =
      switch setting {
      case "yes": "yes"
      case "no": "no"
      default:
        switch asking.verdict {
        case .reachable: "yes"
        case .unreachable: "no"
        case .unknown: "unknown"
        }
      }
    let upgrades = puncher.counts
    return [
      "reachable": .string(verdict), "is_relay": .bool(server != nil),
      "relays": .array(keeper.held.map { .string("\($0)") }),
      "observed": .array(host.observedAddresses.map { .string("\($0)") }),
      "made_direct": ["dialled": .integer(upgrades.dialled), "punched": .integer(upgrades.punched)],
      "stayed_relayed": .integer(upgrades.failed),
    ]
  }

  func run() async {
    await withTaskGroup(of: Void.self) { group in
      if setting == "auto" { group.addTask { await asking.run() } }
      group.addTask { await keeper.run() }
      group.addTask { await puncher.run() }
      await group.waitForAll()
    }
  }
}
