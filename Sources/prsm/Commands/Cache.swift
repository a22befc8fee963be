import ArgumentParser
import Foundation
import ModelInterface
import PRSMClient

/// `prsm cache`: the answers that a node keeps.
struct Cache: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cache",
    abstract: "Show or empty a node's cache of answers.",
    discussion: """
      EXAMPLES
        prsm cache status
        prsm cache purge --model gpt-4o
      """,
    subcommands: [CacheShow.self, CachePurge.self])

  /// The node; there is no cache without one.
  fileprivate static func node(_ options: NodeOptions) async throws -> PRSMClient {
    let configuration = try Configuration.load(path: options.config, flags: options.flags)
    switch try await NodeLocator(options: options, dataDir: configuration.dataDir).locate() {
    case .node(let client): return client
    case .here:
      throw CommandFailure.unavailable("no node answers, and the cache lives in a node; start one with `prsm serve`")
    }
  }

  fileprivate static func call(_ client: PRSMClient, _ method: String, _ path: String) async throws -> JSONValue {
    do throws(PRSMClientError) {
      return try await client.call(method, path)
    } catch {
      throw CommandFailure(error)
    }
  }
}

struct CacheShow: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Show how the cache stands.",
    discussion: """
      EXAMPLE
        prsm cache status
      """)

  @OptionGroup var output: OutputOptions
  @OptionGroup var node: NodeOptions

  func run() async throws {
    let answer = try await Cache.call(try await Cache.node(node), "GET", "/v1/prsm/cache")
    guard !output.isJSON else { return Output.line(answer.text) }
    func count(_ key: String) -> Int { answer[key]?.integer ?? 0 }
    Output.line(
      "\(count("entries")) answers in \(ByteCount.text(count("bytes"))) of \(ByteCount.text(count("maximum_bytes"))); scope \(answer["scope"]?.string ?? "")"
    )
    Output.line(
      "\(count("hits")) found equal, \(count("similar_hits")) found similar, \(count("misses")) not found, \(count("evictions")) made room"
    )
  }
}

struct CachePurge: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "purge", abstract: "Forget kept answers.",
    discussion: """
      EXAMPLES
        prsm cache purge
        prsm cache purge --model gpt-4o
      """)

  @Option(help: ArgumentHelp("Only answers of this model.", valueName: "name"))
  var model: String?

  @OptionGroup var output: OutputOptions
  @OptionGroup var node: NodeOptions

  func run() async throws {
    let query = model.flatMap { $0.addingPercentEncoding(withAllowedCharacters: .alphanumerics) }.map { "?model=\($0)" }
    let answer = try await Cache.call(try await Cache.node(node), "DELETE", "/v1/prsm/cache" + (query ?? ""))
    if output.isJSON {
      Output.line(answer.text)
    } else {
      Output.line("forgot \(answer["purged"]?.integer ?? 0) answers")
    }
  }
}
