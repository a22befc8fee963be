import ArgumentParser

/// What every command takes that prints something.
struct OutputOptions: ParsableArguments {
  @Flag(name: .customLong("json"), help: "Print JSON, for machines.")
  var isJSON = false
}

/// What every command takes that needs a node or its data.
struct NodeOptions: ParsableArguments {
  @Option(
    name: .customLong("api"),
    help: ArgumentHelp("The node to talk to (PRSM_API); its key comes from PRSM_API_KEY.", valueName: "url"))
  var api: String?

  @Option(help: ArgumentHelp("Where keys, models and other data are kept (default: ~/.prsm).", valueName: "folder"))
  var dataDir: String?

  @Option(
    help: ArgumentHelp("The configuration file (default: prsm.yaml here, where there is one).", valueName: "file"))
  var config: String?

  /// The settings that these flags give, by their paths.
  var flags: [String: String] {
    var flags: [String: String] = [:]
    flags["data-dir"] = dataDir
    return flags
  }
}
