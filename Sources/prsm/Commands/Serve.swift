import ArgumentParser
import Foundation

/// `prsm serve`: a node.
struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Start a node: the OpenAI API, and a page to use it.",
    discussion: """
      Prints `listening on http://…` once it answers. SIGTERM or Ctrl-C lets what is being written finish first. Upstreams, \
      prices, budgets, routing and the cache follow changes of the configuration file, and SIGHUP, without a restart.

      EXAMPLES
        prsm serve
        prsm serve --listen 127.0.0.1:0 --data-dir /tmp/prsm
        prsm serve --peer-listen /ip4/0.0.0.0/tcp/4001
        prsm serve --listen :8443 --tls-certificate chain.pem --tls-key key.pem
      """
  )

  @Option(
    help: ArgumentHelp("Where to answer; port 0 takes a free one (default: 127.0.0.1:8080).", valueName: "address"))
  var listen: String?

  @Option(
    help: ArgumentHelp(
      "Where other nodes reach this one, such as /ip4/0.0.0.0/tcp/4001 (default: nowhere).", valueName: "multiaddr"))
  var peerListen: String?

  @Option(help: ArgumentHelp("Where keys, models and other data are kept (default: ~/.prsm).", valueName: "folder"))
  var dataDir: String?

  @Option(
    help: ArgumentHelp("The configuration file (default: prsm.yaml here, where there is one).", valueName: "file"))
  var config: String?

  @Option(
    name: .shortAndLong, help: ArgumentHelp("The model that answers where a client names none.", valueName: "name"))
  var model: String?

  @Option(help: ArgumentHelp("The certificate chain to serve HTTPS with.", valueName: "pem"))
  var tlsCertificate: String?

  @Option(help: ArgumentHelp("The private key that belongs to it.", valueName: "pem"))
  var tlsKey: String?

  @Option(
    help: ArgumentHelp(
      "The least important thing to log: trace, debug, info, notice, warning or error.", valueName: "level"))
  var logLevel: String?

  @Flag(help: "Serve beyond this machine without TLS. Keys and prompts can be read on the way.")
  var insecureAllowPlaintext = false

  @Flag(help: "Serve beyond this machine without asking for a key. Anybody can use the node.")
  var insecureAllowAnonymous = false

  func run() async throws {
    var flags: [String: String] = [:]
    flags[Settings.listen.path] = listen
    flags[Settings.dataDir.path] = dataDir
    flags[PeerSettings.listen.path] = peerListen
    flags[Settings.defaultModel.path] = model
    flags[Settings.certificate.path] = tlsCertificate.map(FilePath.expandingHome)
    flags[Settings.key.path] = tlsKey.map(FilePath.expandingHome)
    flags[Settings.logLevel.path] = logLevel
    if insecureAllowPlaintext { flags[Settings.allowsPlaintext.path] = "true" }
    if insecureAllowAnonymous { flags[Settings.allowsAnonymous.path] = "true" }
    let origin = ConfigurationOrigin(path: config, flags: flags)
    let configuration = try origin.load(environment: ProcessInfo.processInfo.environment)
    try await Node(configuration, origin: origin).run()
  }
}
