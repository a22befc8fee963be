import Access
import ArgumentParser
import Foundation
import ModelInterface
import Postgres
import Storage

/// `prsm keys`: who may use the node.
struct Keys: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys",
    abstract: "Make, list and revoke API keys.",
    discussion: """
      Keys are kept in the data folder, as hashes: a key is shown once, when it is made. A node that is running takes \
      notice of new and revoked keys within a second.

      EXAMPLE
        prsm keys create laptop
      """,
    subcommands: [KeysCreate.self, KeysList.self, KeysRevoke.self]
  )
}

/// Does something with the keys of the database or the data folder that the options name.
func withKeyRing<Value>(
  _ node: NodeOptions, _ body: (KeyRing) async throws(AccessError) -> Value
) async throws(CommandFailure) -> Value {
  let configuration = try Configuration.load(path: node.config, flags: node.flags)
  let database = try await NodeDatabase.open(configuration, environment: ProcessInfo.processInfo.environment)
  let ring: KeyRing
  if let database {
    ring = KeyRing(database.keys, now: NodeStore.now)
  } else {
    ring = try NodeStore.keyRing(in: DataFolder(path: configuration.dataDir))
  }
  do throws(AccessError) {
    let value = try await body(ring)
    await database?.pool.close()
    return value
  } catch {
    await database?.pool.close()
    throw KeyFailure.translated(error)
  }
}

struct KeysCreate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create",
    abstract: "Make a key and print it, once.",
    discussion: """
      EXAMPLES
        prsm keys create laptop
        prsm keys create scraper --scope metrics --expires 90d
        prsm keys create search-backend --project search --organisation acme
        export PRSM_API_KEY=$(prsm keys create ci --quiet)
      """
  )

  @Argument(help: "What to call the key.")
  var name: String = "default"

  @Option(
    help: ArgumentHelp(
      """
      What the key may be used for: inference, metrics, content:read, content:write or admin; may be given again \
      (default: inference).
      """, valueName: "scope"))
  var scope: [String] = []

  @Option(
    help: ArgumentHelp("How long the key is good for, such as 90d or 12h (default: for ever).", valueName: "time"))
  var expires: String?

  @Option(help: ArgumentHelp("The user who holds the key, for budgets and reports.", valueName: "name"))
  var user: String?

  @Option(help: ArgumentHelp("The project that it is for, for budgets and reports.", valueName: "name"))
  var project: String?

  @Option(
    name: [.long, .customLong("organization")],
    help: ArgumentHelp("The organisation that pays, for budgets and reports.", valueName: "name"))
  var organisation: String?

  @Flag(help: "Print the key alone.")
  var quiet = false

  @OptionGroup var output: OutputOptions
  @OptionGroup var node: NodeOptions

  func run() async throws {
    var scopes: Set<Scope> = []
    for word in scope.flatMap({ $0.split(separator: ",") }) {
      guard let scope = Scope(rawValue: String(word)) else {
        let names = Scope.allCases.map(\.rawValue)
        throw CommandFailure.usage(
          "--scope: expected \(names.joined(separator: ", ")), found `\(word)`"
            + NearestName.suggestion(for: String(word), among: names))
      }
      scopes.insert(scope)
    }
    var lifetime: Int?
    if let expires {
      guard let duration = DurationText.parse(expires), duration >= .seconds(1) else {
        throw CommandFailure.usage("--expires: expected a time such as `90d` or `12h`, found `\(expires)`")
      }
      lifetime = Int(duration.components.seconds)
    }
    let (key, record) = try await withKeyRing(node) { ring async throws(AccessError) in
      try await ring.create(
        name: name, scopes: scopes.isEmpty ? [.inference] : scopes, lifetime: lifetime,
        payer: Payer(user: user, project: project, organization: organisation))
    }
    if output.isJSON {
      var object = record.json
      object["key"] = .string(key.text)
      Output.line(JSONValue.object(object).text)
    } else if quiet {
      Output.line(key.text)
    } else {
      Output.line(key.text)
      Output.note(
        "This is the only time that the key is shown. Use it as `Authorization: Bearer …`, or in PRSM_API_KEY.")
    }
  }
}

struct KeysList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "Show the keys there are, without the keys themselves.",
    discussion: """
      EXAMPLE
        prsm keys list
      """,
    aliases: ["ls"]
  )

  @OptionGroup var output: OutputOptions
  @OptionGroup var node: NodeOptions

  func run() async throws {
    let records = try await withKeyRing(node) { ring async throws(AccessError) in try await ring.list() }
    if output.isJSON {
      Output.line(JSONValue.array(records.map { .object($0.json) }).text)
      return
    }
    guard !records.isEmpty else {
      Output.line("There are no keys. Make one with `prsm keys create NAME`.")
      return
    }
    let now = NodeStore.now()
    var table = Table(["KEY", "NAME", "FOR", "SCOPES", "STATE", "CREATED", "EXPIRES"])
    for record in records {
      table.add([
        record.prefix + "…", record.name,
        [record.payer.organization, record.payer.project, record.payer.user].compactMap { $0 }.joined(separator: "/"),
        record.scopes.sorted().map(\.rawValue).joined(separator: ","),
        record.state(at: now), Timestamp.text(record.created), record.expires.map(Timestamp.text) ?? "never",
      ])
    }
    Output.write(table.text(Style(descriptor: STDOUT_FILENO, environment: ProcessInfo.processInfo.environment)))
  }
}

struct KeysRevoke: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke",
    abstract: "Make a key good for nothing, for ever.",
    discussion: """
      EXAMPLE
        prsm keys revoke laptop
      """
  )

  @Argument(help: "The name or the beginning of the key.")
  var key: String

  @OptionGroup var output: OutputOptions
  @OptionGroup var node: NodeOptions

  func run() async throws {
    let record = try await withKeyRing(node) { ring async throws(AccessError) in try await ring.revoke(key) }
    if output.isJSON {
      Output.line(JSONValue.object(record.json).text)
    } else {
      Output.line("revoked \(record.prefix)… (\(record.name))")
    }
  }
}

/// What a key ring's refusal means for the shell.
enum KeyFailure {
  static func translated(_ error: AccessError) -> CommandFailure {
    switch error {
    case .noSuchKey: .no(error.description)
    case .badName: .usage(error.description)
    default: .unavailable(error.description)
    }
  }
}

extension KeyRecord {
  /// Without anything that lets somebody in.
  var json: JSONObject {
    [
      "id": .string(id), "name": .string(name),
      "scopes": .array(scopes.sorted().map { .string($0.rawValue) }),
      "state": .string(state(at: NodeStore.now())), "created": .integer(created),
      "expires": expires.map { .integer($0) } ?? .null, "revoked": revoked.map { .integer($0) } ?? .null,
      "user": payer.user.map { .string($0) } ?? .null, "project": payer.project.map { .string($0) } ?? .null,
      "organisation": payer.organization.map { .string($0) } ?? .null,
    ]
  }
}
