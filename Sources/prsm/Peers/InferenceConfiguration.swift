import PeerInference

/// What the configuration says of answering for other nodes, and of being answered by them.
struct InferenceConfiguration: Sendable, Equatable {
  var isOn: Bool
  var serves: Bool
  var slots: Int
  var region: String?
  var regions: [String]
  var checkPercent: Int
  var probeInterval: Duration
  var stallTime: Duration
  var promptPrice: Int
  var completionPrice: Int
  var usesMDNS: Bool
  var relays: Bool
  var reachable: String
  var dhtMode: String

  init(_ sources: inout ConfigurationSources) {
    isOn = sources.value(InferenceSettings.isOn)
    serves = sources.value(InferenceSettings.serves)
    slots = sources.value(InferenceSettings.slots)
    region = sources.value(InferenceSettings.region)
    regions = sources.value(InferenceSettings.regions)
    checkPercent = sources.value(InferenceSettings.checkPercent)
    probeInterval = sources.value(InferenceSettings.probeInterval)
    stallTime = sources.value(InferenceSettings.stallTime)
    promptPrice = sources.value(InferenceSettings.promptPrice)
    completionPrice = sources.value(InferenceSettings.completionPrice)
    usesMDNS = sources.value(InferenceSettings.usesMDNS)
    relays = sources.value(InferenceSettings.relays)
    reachable = sources.value(InferenceSettings.reachable)
    dhtMode = sources.value(InferenceSettings.dhtMode)
  }

  var options: InferenceService.Options {
    var options = InferenceService.Options()
    options.serves = serves
    options.region = region
    options.serving.answers = slots
    options.serving.answersPerPeer = slots
    options.asking.regions = regions.isEmpty ? nil : Set(regions)
    options.asking.checkShare = Double(checkPercent) / 100
    options.asking.stallTime = stallTime
    options.auditing.probeInterval = probeInterval == .zero ? nil : probeInterval
    return options
  }
}

/// The settings of finding peers, and of inference between them.
enum InferenceSettings {
  static let usesMDNS = Setting(
    "peers.mdns", .truth, default: true, "`true`",
    "Whether nodes of the local network find each other by multicast DNS.")
  static let dhtMode = Setting(
    "peers.dht", .oneOf(["server", "client", "off"]), default: "server", "`server`",
    "Whether the node answers in the DHT, only asks there, or takes no part.")
  static let relays = Setting(
    "peers.relay", .truth, default: false, "`false`",
    "Whether the node passes bytes on between peers that cannot reach each other, within bounds.")
  static let reachable = Setting(
    "peers.reachable", .oneOf(["auto", "yes", "no"]), default: "auto", "`auto`: peers are asked",
    "Whether peers can reach this node. One that they cannot reach takes places at relays among its peers.")
  static let isOn = Setting(
    "peers.inference.use", .truth, default: true, "`true`",
    "Whether models of peers can be asked for by name here. Prompts for them leave this machine.")
  static let serves = Setting(
    "peers.inference.serve", .truth, default: true, "`true`",
    "Whether the models of this machine answer for peers.")
  static let slots = Setting(
    "peers.inference.slots", .integer(1...1_024), default: 4, "4",
    "Answers for peers at one time. More are refused at once, with an estimate of when to come back.")
  static let region = Setting(
    "peers.inference.region", Form<String>.word("a region such as `eu`").optional, default: nil, "none",
    "Where this node stands, as told to peers.")
  static let regions = Setting(
    "peers.inference.only-regions", Form<String>.word("a region").list(of: "regions"), default: [], "any",
    "The only regions that prompts may be sent to. Peers say themselves where they stand.")
  static let checkPercent = Setting(
    "peers.inference.check-percent", .integer(0...100), default: 5, "5",
    "The share of peers' answers that are recomputed elsewhere. Who answered falsely is named and not asked again.")
  static let probeInterval = Setting(
    "peers.inference.probe-interval", .duration(.zero ... .seconds(86_400)), default: .seconds(600), "`10m`",
    "How often a peer is asked a question that every node knows, to see whether it tells all the same; `0s` for never.")
  static let stallTime = Setting(
    "peers.inference.stall-time", .duration(.milliseconds(100) ... .seconds(600)), default: .seconds(4), "`4s`",
    "How long a peer may fall silent amid an answer before another goes on with it.")
  static let promptPrice = Setting(
    "peers.inference.prompt-price", .integer(0...Int.max), default: 0, "0",
    "What a token of a prompt costs peers, in base units of FTNS.")
  static let completionPrice = Setting(
    "peers.inference.completion-price", .integer(0...Int.max), default: 0, "0",
    "What a token of an answer costs peers, in base units of FTNS.")

  static let all: [SettingOutline] = [
    usesMDNS.outline, dhtMode.outline, relays.outline, reachable.outline, isOn.outline, serves.outline, slots.outline,
    region.outline,
    regions.outline,
    checkPercent.outline, probeInterval.outline, stallTime.outline, promptPrice.outline, completionPrice.outline,
  ]
}
