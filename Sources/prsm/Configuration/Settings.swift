import Content

/// Everything that can be configured.
enum Settings {
  static let listen = Setting(
    "listen", .listenAddress, default: ListenAddress(host: "127.0.0.1", port: 8_080), "`127.0.0.1:8080`",
    flag: "--listen", "Where the API and the playground answer; port 0 takes a free one.")
  static let dataDir = Setting(
    "data-dir", .path("a folder"), default: FilePath.expandingHome("~/.prsm"), "`~/.prsm`", flag: "--data-dir",
    "Where keys, models and other data are kept. One node at a time holds it.")

  static let certificate = Setting(
    "tls.certificate", Form<String>.path("a PEM file").optional, default: nil, "none", flag: "--tls-certificate",
    "The certificate chain to serve HTTPS with, in PEM form, the node's own certificate first.")
  static let key = Setting(
    "tls.key", Form<String>.path("a PEM file").optional, default: nil, "none", flag: "--tls-key",
    "The private key that belongs to the certificate, in PEM form.")

  static let apiKey = Setting(
    "access.api-key", Form<Secret>.secret.optional, default: nil, "none",
    "One more API key, beside those of `prsm keys`, for machines that are set up without a terminal.")
  static let databaseURL = Setting(
    "database.url", Form<Secret>.secret.optional, default: nil, "none: SQLite in the data folder",
    "A PostgreSQL database in which replicas share keys, budgets, rate limits and usage.")
  static let databaseLease = Setting(
    "database.lease", .duration(.seconds(4) ... .seconds(3_600)), default: .seconds(60), "60s",
    "How long after a replica was last heard of what it had set aside counts as spent; it is heard of four times as often."
  )
  static let requiresKey = Setting(
    "access.require-key", Form<Bool>.truth.optional, default: nil, "`true` where a key exists, or off loopback",
    "Whether requests need an API key.")
  static let allowedHosts = Setting(
    "access.allowed-hosts", Form<String>.word("a host name").list(of: "host names"), default: [], "none",
    "Host names, besides those of the loopback interface, under which a node that asks for no key answers.")
  static let allowedOrigins = Setting(
    "access.allowed-origins", Form<String>.word("an origin, such as `https://chat.example`").list(of: "origins"),
    default: [], "none", "Origins whose pages may use the node, such as `https://chat.example`; `*` for all.")
  static let allowsAnonymous = Setting(
    "insecure.allow-anonymous", .truth, default: false, "`false`", flag: "--insecure-allow-anonymous",
    "Serve beyond this machine without asking for a key. Anybody who reaches the port can use the node.")
  static let allowsPlaintext = Setting(
    "insecure.allow-plaintext", .truth, default: false, "`false`", flag: "--insecure-allow-plaintext",
    "Serve beyond this machine without TLS, for use behind a proxy that has it. Keys and prompts can be read on the way."
  )

  static let defaultModel = Setting(
    "models.default", Form<String>.word("the name of a model").optional, default: nil, "the first in the catalogue",
    flag: "--model", "The model that answers where a client names none.")
  static let preload = Setting(
    "models.preload", Form<String>.word("the name of a model").list(of: "model names"), default: [], "none",
    "Models to load at the start rather than at the first request.")
  static let memory = Setting(
    "models.memory", Form<Int>.bytes((64 << 20)...(1 << 50)).optional, default: nil, "three quarters of the machine's",
    "The most memory that loaded models may take together; the least recently used is unloaded first.")
  static let cacheTokens = Setting(
    "models.cache-tokens", Form<Int>.integer(256...1_048_576).optional, default: nil,
    "the model's own, at most 16384",
    "Tokens that one model's cache holds for all its answers; none is longer, prompt included.")
  static let parallel = Setting(
    "models.parallel", .integer(1...256), default: 16, "16", "How many answers one model writes at a time.")
  static let threads = Setting(
    "models.threads", Form<Int>.integer(1...1_024).optional, default: nil, "measured",
    "Threads that compute; left out, they are measured when a model is loaded.")
  static let aliases = Setting(
    "models.aliases", Form<String>.word("the name of a model").map(of: "names, each with the model it stands for"),
    default: [:], "none", "Other names under which models, virtual ones too, answer, such as `gpt-4o-mini`.")

  static let upstreams = Setting(
    "upstreams", .upstreams, default: [], "none",
    "OpenAI-compatible APIs that answer for more models, by name, each with `url`, `models` and perhaps `api-key`.")

  static let virtualModels = Setting(
    "virtual-models", .virtualModels, default: [], "none",
    "Models made of other models, by name, each with its `kind` and members.")

  static let contentQuota = Setting(
    "content.quota", Form<Int>.bytes((64 << 20)...(1 << 50)).optional, default: nil, "what the disk holds",
    "The most that content may take on disk; what is pinned only while it is worth it goes first.")
  static let contentGateways = Setting(
    "content.gateways", Form<String>.url.list(of: "URLs of gateways"), default: [], "none",
    "Trustless gateways that missing content is fetched from; every block is checked.")
  static let contentLinks = Setting(
    "content.links", Form<String>.word("a content path").map(of: "domains, each with the content path it links to"),
    default: [:], "none", "DNSLink entries, such as `docs.example: /ipfs/bafy…`; the node serves these domains.")
  static let contentHosts = Setting(
    "content.hosts", Form<String>.word("a host name").list(of: "host names"), default: ["localhost"], "`localhost`",
    "Hosts under which each content root has an origin of its own, `{cid}.ipfs.{host}`.")
  static let contentIsOpen = Setting(
    "content.open", .truth, default: false, "`false`",
    "Whether `/ipfs` and `/ipns` ask for no key: anybody who reaches the port, and any page in a browser that does, can read what the node holds."
  )

  static let contentDNSLink = Setting(
    "content.dnslink", .truth, default: true, "`true`",
    "Whether domains that `content.links` does not name are asked for their DNSLink.")

  static let nameServers = Setting(
    "dns.servers", Form<NameServer>.nameServer.list(of: "addresses of name servers", atMost: 8), default: [],
    "those of `/etc/resolv.conf`", "Where the TXT records of DNSLink and of peers' `dnsaddr` are asked for.")

  static let bodySize = Setting(
    "limits.body", .bytes((1 << 10)...(1 << 30)), default: 16 << 20, "16 MiB", "The largest request body.")
  static let outputTokens = Setting(
    "limits.output-tokens", .integer(1...1_048_576), default: 16_384, "16384", "The longest answer, in tokens.")
  static let requestTime = Setting(
    "limits.request-time", .duration(.seconds(1)...(.seconds(86_400))), default: .seconds(600), "10m",
    "The longest that one request may take.")
  static let connections = Setting(
    "limits.connections", .integer(1...1_000_000), default: 16_384, "16384", "The most connections at a time.")
  static let shutdownTime = Setting(
    "limits.shutdown-time", .duration(.zero...(.seconds(3_600))), default: .seconds(30), "30s",
    "How long a node that is told to stop lets answers finish.")

  static let logLevel = Setting(
    "log.level", .oneOf(["trace", "debug", "info", "notice", "warning", "error", "critical"]), default: "info",
    "`info`", flag: "--log-level", "The least important thing to log.")
  static let logFormat = Setting(
    "log.format", .oneOf(["text", "json"]), default: "text", "`text`", "How log lines are written.")

  static let traceEndpoint = Setting(
    "telemetry.endpoint", Form<String>.url.optional, default: nil, "none: no traces are sent",
    "An OTLP/HTTP collector to send traces to.")
  static let traceToken = Setting(
    "telemetry.authorization", Form<Secret>.secret.optional, default: nil, "none",
    "The `Authorization` header for the collector.")
  static let serviceName = Setting(
    "telemetry.service-name", .word("a name"), default: "prsm", "`prsm`", "The node's name in traces.")

  /// All, in the order of the documentation.
  static let all: [SettingOutline] =
    [
      listen.outline, dataDir.outline,
      certificate.outline, key.outline,
      apiKey.outline, requiresKey.outline, allowedHosts.outline, allowedOrigins.outline, databaseURL.outline,
      databaseLease.outline,
      defaultModel.outline, preload.outline, memory.outline, cacheTokens.outline, parallel.outline, threads.outline,
      aliases.outline, upstreams.outline, virtualModels.outline,
      contentQuota.outline, contentGateways.outline, contentLinks.outline, contentHosts.outline, contentIsOpen.outline,
      contentDNSLink.outline, nameServers.outline,
      bodySize.outline, outputTokens.outline, requestTime.outline, connections.outline, shutdownTime.outline,
      logLevel.outline, logFormat.outline,
      traceEndpoint.outline, traceToken.outline, serviceName.outline,
      allowsAnonymous.outline, allowsPlaintext.outline,
    ] + costOutlines + routingOutlines + PeerSettings.all + InferenceSettings.all
}
