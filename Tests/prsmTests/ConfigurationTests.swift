import Testing

@testable import prsm

@Suite("Configuration")
struct ConfigurationTests {
  private func problems(
    _ yaml: String, flags: [String: String] = [:], environment: [String: String] = [:]
  ) -> [String] {
    do throws(ConfigurationProblems) {
      let file = try ConfigurationFile(name: "prsm.yaml", text: yaml)
      _ = try Configuration(resolving: ConfigurationSources(flags: flags, environment: environment, file: file))
      return []
    } catch {
      return error.problems.map(\.description)
    }
  }

  private func configuration(
    _ yaml: String = "", flags: [String: String] = [:], environment: [String: String] = [:]
  ) throws -> Configuration {
    let file = try ConfigurationFile(name: "prsm.yaml", text: yaml)
    return try Configuration(resolving: ConfigurationSources(flags: flags, environment: environment, file: file))
  }

  @Test("an empty file leaves every default")
  func defaults() throws {
    let configuration = try configuration("# nothing\n")
    #expect(configuration.listen == ListenAddress(host: "127.0.0.1", port: 8_080))
    #expect(configuration.parallel == 16)
    #expect(configuration.aliases.isEmpty)
  }

  @Test("a flag beats the environment, which beats the file")
  func precedence() throws {
    let yaml = "models:\n  parallel: 2\n"
    let variables = ["PRSM_MODELS_PARALLEL": "3"]
    #expect(try configuration(yaml).parallel == 2)
    #expect(try configuration(yaml, environment: variables).parallel == 3)
    #expect(try configuration(yaml, flags: ["models.parallel": "4"], environment: variables).parallel == 4)
  }

  @Test("an unknown key is an error with file, line and the nearest key")
  func unknownKey() {
    #expect(problems("listn: 1\n") == ["prsm.yaml:1: unknown key `listn`; did you mean `listen`?"])
    #expect(
      problems("log:\n  level: info\ntls:\n  certificte: x\n") == [
        "prsm.yaml:4: unknown key `tls.certificte`; did you mean `tls.certificate`?"
      ])
  }

  @Test("a key that stands in the wrong group is told where it belongs")
  func misplacedKey() {
    #expect(problems("parallel: 4\n") == ["prsm.yaml:1: unknown key `parallel`; did you mean `models.parallel`?"])
  }

  @Test("a value of the wrong kind says what was expected and what was found")
  func wrongKinds() {
    #expect(
      problems("models:\n  parallel: many\n") == [
        "prsm.yaml:2: `models.parallel`: expected a whole number from 1 to 256, found `many`"
      ])
    #expect(
      problems("models:\n  parallel: [1, 2]\n") == [
        "prsm.yaml:2: `models.parallel`: expected a whole number from 1 to 256, found a list"
      ])
    #expect(problems("limits: 3\n") == ["prsm.yaml:1: `limits`: expected a group of keys, found `3`"])
    #expect(
      problems("log:\n  level:\n").first?.hasSuffix("found nothing; leave the line out to keep the default (`info`)")
        == true)
  }

  @Test("all problems are told at once")
  func allAtOnce() {
    let found = problems(
      "listn: 1\nmodels:\n  parallel: 0\nlimits:\n  body: huge\n", environment: ["PRSM_LOG_LEVEL": "loud"])
    #expect(found.count == 4)
    #expect(found.contains { $0.hasPrefix("PRSM_LOG_LEVEL: expected ") })
  }

  @Test("a wrong flag is named as it was typed")
  func wrongFlag() {
    let found = problems("", flags: ["listen": "nonsense"])
    #expect(found.count == 1)
    #expect(found.first?.hasPrefix("--listen: expected an address and port") == true)
  }

  @Test("nothing is served beyond this machine without TLS, unless that is asked for by name")
  func exposure() throws {
    #expect(problems("listen: 0.0.0.0:8080\n").count == 1)
    #expect(try configuration("listen: 0.0.0.0:8080\ninsecure:\n  allow-plaintext: true\n").allowsPlaintext)
    let open = "listen: 0.0.0.0:80\naccess:\n  require-key: false\ninsecure:\n  allow-plaintext: true\n"
    #expect(problems(open).first?.contains("without API keys") == true)
  }

  @Test("a certificate needs its key")
  func halfTLS() {
    #expect(problems("tls:\n  certificate: /dev/null\n").first?.contains("needs its private key") == true)
  }

  @Test("a secret in the file is refused, and one from a variable or file is found and not shown")
  func secrets() throws {
    let written = problems("access:\n  api-key: hunter2\n")
    #expect(written.first?.contains("`{env: NAME}` or `{file: PATH}`") == true)
    #expect(written.first?.contains("hunter2") == false)
    let secret = try #require(try configuration("access:\n  api-key: {env: KEY}\n").apiKey)
    #expect(try secret.reveal(environment: ["KEY": " secret\n"]) == "secret")
    #expect(throws: CommandFailure.self) { try secret.reveal(environment: [:]) }
    let direct = try #require(try configuration(environment: ["PRSM_ACCESS_API_KEY": "hunter2"]).apiKey)
    #expect(!"\(direct)".contains("hunter2"))
  }

  @Test("text that is not YAML, or not keys, says where and why")
  func notYAML() {
    #expect(problems("a: [1\n").first?.contains("is not YAML") == true)
    #expect(problems("- a\n").first?.contains("expected keys with values") == true)
    let twice = problems("models:\n  parallel: 1\n  parallel: 2\n").first
    #expect(
      twice?.contains("same key twice: parallel") == true && twice?.contains(".yaml:2: ") == true, "\(twice ?? "")")
    #expect(problems(String(repeating: "[", count: 4_000)).count == 1)
  }

  @Test("a few lines that stand for millions of things are refused at once, and a few that share one are not")
  func aliases() throws {
    var bomb = "a: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for step in 1...9 {
      let parts = Array(repeating: "*a\(step - 1)", count: 10).joined(separator: ", ")
      bomb += "b\(step): &a\(step) [\(parts)]\n"
    }
    let start = ContinuousClock.now
    #expect(problems(bomb).first?.contains("once its aliases are put in") == true)
    #expect(ContinuousClock.now - start < .seconds(20))
    let shared = "models:\n  preload: &all [a, b]\n  context: 2048\nlisten: 127.0.0.1:1\n"
    #expect(!(problems(shared).first ?? "").contains("aliases are put in"))
  }

  @Test("a byte order mark before the first key is passed over")
  func byteOrderMark() throws {
    let yaml = "\u{FEFF}listen: 127.0.0.1:4\nmodels:\n  preload: [a]\n"
    #expect(try configuration(yaml).listen.port == 4)
    #expect(try configuration(yaml).preload == ["a"])
  }

  @Test("lists and maps can be given in the file and in the environment")
  func collections() throws {
    let yaml = "models:\n  preload: [a, b]\n  aliases:\n    gpt: a\n"
    #expect(try configuration(yaml).preload == ["a", "b"])
    #expect(try configuration(yaml).aliases == ["gpt": "a"])
    #expect(try configuration(environment: ["PRSM_MODELS_PRELOAD": "a, b"]).preload == ["a", "b"])
    #expect(try configuration(environment: ["PRSM_MODELS_ALIASES": "x=a,y=b"]).aliases == ["x": "a", "y": "b"])
  }

  @Test("a variable that looks like a setting and is none is worth a warning")
  func strangeVariables() {
    let sources = ConfigurationSources(environment: ["PRSM_LISTN": "x", "PRSM_API": "y", "HOME": "z"])
    #expect(
      sources.strangeVariables(settings: Settings.all) == [
        "the environment variable PRSM_LISTN is not one of PRSM's; did you mean `PRSM_LISTEN`?"
      ])
  }

  @Test(
    "sizes and times are read with their units", arguments: [("64 MiB", 64 << 20), ("1.5GB", 1_500_000_000), ("7", 7)])
  func sizes(text: String, bytes: Int) {
    #expect(ByteCount.parse(text) == bytes)
  }

  @Test("nonsense is no size", arguments: ["", "MiB", "-1", "1..2 MB", "99999999999999999999", "9e99GB"])
  func noSizes(text: String) {
    #expect(ByteCount.parse(text) == nil)
  }

  @Test("times are read with their units")
  func times() {
    #expect(DurationText.parse("250ms") == .milliseconds(250))
    #expect(DurationText.parse("1.5m") == .seconds(90))
    #expect(DurationText.parse("90d") == .seconds(90 * 86_400))
    #expect(DurationText.parse("5") == nil)
    #expect(DurationText.parse("s") == nil)
  }

  @Test("addresses are read with IPv6 in brackets")
  func addresses() {
    #expect(ListenAddress("[::1]:80")?.isLoopback == true)
    #expect(ListenAddress(":80") == ListenAddress(host: "0.0.0.0", port: 80))
    #expect(ListenAddress("127.0.0.1:65536") == nil)
    #expect(ListenAddress("::1:80") == nil)
    #expect(ListenAddress("127.evil.example:80")?.isLoopback == false)
  }

  @Test("every setting is in the documentation, with its variable and its default")
  func documentation() throws {
    let text = try RepositoryFile.text("docs/configuration.md")
    for setting in Settings.all {
      #expect(text.contains("`\(setting.path)`"), "docs/configuration.md lacks \(setting.path)")
      #expect(text.contains("`\(setting.environmentName)`"), "docs/configuration.md lacks \(setting.environmentName)")
      #expect(text.contains(setting.standard), "docs/configuration.md lacks the default of \(setting.path)")
    }
  }
}
