import ArgumentParser
import Foundation
import ModelInterface
import PRSMClient
import Routing

struct RouteExplain: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Say which model would answer a prompt, or did, and why.",
    discussion: """
      Asks the node about the models that it has. Without a node, or with --predictor, it is about the models that a \
      predictor knows. Nothing is sent to any model. The identifier of a route (as in the header x-prsm-route) or of a \
      request (x-request-id: req_…) in the place of a prompt shows what was chosen then, and what became of it.

      EXAMPLES
        prsm route explain 'What is 2 + 2?'
        prsm route explain 'What is 2 + 2?' --policy auto:cheap --json
        prsm route explain route-k3v9x2-17
        prsm route explain 'What is 2 + 2?' --predictor predictor.prsm --policy auto:30% --price strong=10/30
      """)

  /// What `prsm route train` writes where it is told no other name.
  private static let usualPredictor = "predictor.prsm"

  @Argument(help: "The prompt, or the identifier of a route or request.")
  var prompt: String

  @Option(help: "What `prsm route train` kept; asks no node.")
  var predictor: String?

  @Option(
    help: "auto, auto:cheap, auto:best, auto:fast, a share such as auto:30%, or a name of the node's configuration.")
  var policy = "auto"

  @Option(
    help: ArgumentHelp(
      "A model's price in dollars for a million tokens read and written; may be given again.",
      valueName: "model=in/out"))
  var price: [String] = []

  @OptionGroup var output: OutputOptions
  @OptionGroup var node: NodeOptions

  func run() async throws {
    if let predictor { return try explain(predictor) }
    if isIdentifier { return try await recall() }
    let configuration = try Configuration.load(path: node.config, flags: node.flags)
    switch try await NodeLocator(options: node, dataDir: configuration.dataDir).locate() {
    case .node(let client): try await ask(client)
    case .here:
      guard FileManager.default.isReadableFile(atPath: Self.usualPredictor) else {
        throw CommandFailure.unavailable(
          "no node answers, and there is no \(Self.usualPredictor) here; start a node with `prsm serve`, or name what `prsm route train` kept with --predictor"
        )
      }
      try explain(Self.usualPredictor)
    }
  }

  /// Whether it is no prompt but what the node calls a route or a request: one word that begins as these do.
  private var isIdentifier: Bool {
    (prompt.hasPrefix("route-") || prompt.hasPrefix("req_")) && !prompt.contains { $0.isWhitespace }
  }

  /// Shows a choice that was made.
  private func recall() async throws {
    let configuration = try Configuration.load(path: node.config, flags: node.flags)
    guard case .node(let client) = try await NodeLocator(options: node, dataDir: configuration.dataDir).locate() else {
      throw CommandFailure.unavailable(
        "routes are remembered by a running node, and none answers; start one with `prsm serve`, or name it with --api")
    }
    let name = prompt.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(["-", "_", "."])) ?? prompt
    let route: JSONValue
    do throws(PRSMClientError) {
      route = try await client.call("GET", "/v1/prsm/routes/\(name)")
    } catch {
      throw error.kind == .notFound
        ? CommandFailure.usage(
          "\(error.message) `prsm route explain` takes what the header x-prsm-route gives as `id`, or the request's x-request-id."
        )
        : CommandFailure(error)
    }
    guard !output.isJSON else { return Output.line(route.text) }
    for line in route["explanation"]?.array ?? [] { Output.line(line.string ?? "") }
    for failure in route["failed"]?.array ?? [] {
      Output.line("\(failure["model"]?.string ?? "") failed: \(failure["reason"]?.string ?? "")")
    }
    if let refusal = route["refusal"]?.string { Output.line("refused: \(refusal)") }
    if let outcome = route["outcome"], !outcome.isNull {
      Output.line(
        "\(outcome["outcome"]?.string ?? "") by \(outcome["model"]?.string ?? "no model") in \(Int(outcome["latency_ms"]?.double ?? 0)) ms, cost \(outcome["cost"]?.string ?? "0")"
      )
    }
  }

  private func ask(_ client: PRSMClient) async throws {
    guard price.isEmpty else {
      throw CommandFailure.usage("--price goes with --predictor; a node knows its own prices")
    }
    let answer: JSONValue
    do throws(PRSMClientError) {
      answer = try await client.call(
        "POST", "/v1/prsm/routes/explain", ["prompt": .string(prompt), "model": .string(policy)])
    } catch {
      throw error.kind == .notFound ? CommandFailure.usage("--policy: \(error.message)") : CommandFailure(error)
    }
    guard !output.isJSON else { return Output.line(answer.text) }
    for line in answer["explanation"]?.array ?? [] { Output.line(line.string ?? "") }
    if let profile = answer["profile"] {
      let complexity = Decimals.text(profile["complexity"]?["overall"]?.double ?? 0, 2)
      Output.note(
        "the request looks \(profile["domain"]?.string ?? ""), of complexity \(complexity), in \(profile["language"]?.string ?? ""), about \(profile["prompt_tokens"]?.integer ?? 0) tokens"
      )
    }
  }

  private func explain(_ predictor: String) throws {
    let path = FilePath.expandingHome(predictor)
    guard let data = FileManager.default.contents(atPath: path) else {
      throw CommandFailure.unavailable(
        "\(path) cannot be read; make it with `prsm route train FILE --into \(predictor)`")
    }
    let prices = try prices()
    let decision: RouteDecision
    do {
      let learned = try QualityPredictor(decoding: Array(data))
      for model in prices.keys where !learned.models.contains(model) {
        throw CommandFailure.usage(
          "--price: the predictor knows no model `\(model)`" + NearestName.suggestion(for: model, among: learned.models)
        )
      }
      guard let policy = try RoutePolicy.named(policy) else {
        throw CommandFailure.usage(
          "--policy: expected auto, auto:cheap, auto:best, auto:fast or auto:30%, found `\(policy)`")
      }
      var router = Router(predictor: learned)
      let candidates = learned.models.map { Candidate(name: $0, price: prices[$0] ?? .free) }
      decision = try router.decide(RouteRequest(prompt: prompt), among: candidates, policy: policy, seed: 1)
    } catch let error as RoutingError {
      throw CommandFailure.usage("\(error)")
    }
    if output.isJSON {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      Output.line(String(decoding: try encoder.encode(decision), as: UTF8.self))
    } else {
      for line in decision.explanation { Output.line(line) }
    }
  }

  private func prices() throws(CommandFailure) -> [String: TokenPrice] {
    var prices: [String: TokenPrice] = [:]
    for text in price {
      let parts = text.split(separator: "=", maxSplits: 1)
      let numbers = parts.last?.split(separator: "/").compactMap { Double($0) } ?? []
      guard parts.count == 2, numbers.count == 2, numbers.allSatisfy({ (0...1e6).contains($0) }) else {
        throw .usage("--price: expected MODEL=IN/OUT in dollars a million tokens, such as gpt-4=10/30; found `\(text)`")
      }
      prices[String(parts[0])] = TokenPrice(
        inputMicros: Int((numbers[0] * 1e6).rounded()), outputMicros: Int((numbers[1] * 1e6).rounded()))
    }
    return prices
  }
}
