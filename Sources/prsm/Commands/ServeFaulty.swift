import ArgumentParser
import Foundation
import ModelInterface

/// `prsm serve-faulty`: a node whose answers to peers are wrong, to rehearse how a network finds that out. Not shown.
struct ServeFaulty: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve-faulty",
    abstract: "Start a node that corrupts its answers to peers, to rehearse how they find out.",
    discussion: """
      EXAMPLES
        prsm serve-faulty --data-dir /tmp/liar --config liar.yaml
      """,
    shouldDisplay: false
  )

  @Option(help: ArgumentHelp("Where keys, models and other data are kept.", valueName: "folder"))
  var dataDir: String?

  @Option(help: ArgumentHelp("The configuration file.", valueName: "file"))
  var config: String?

  func run() async throws {
    var flags: [String: String] = [:]
    flags[Settings.dataDir.path] = dataDir
    let origin = ConfigurationOrigin(path: config, flags: flags)
    let configuration = try origin.load(environment: ProcessInfo.processInfo.environment)
    var node = Node(configuration, origin: origin)
    node.corruptsAnswersToPeers = true
    try await node.run()
  }
}

/// Answers with other words than the model said.
struct CorruptingProvider: ModelProvider {
  let honest: any ModelProvider

  func models() async -> [ModelDescriptor] { await honest.models() }

  func generate(_ request: GenerationRequest) async throws(GenerationError) -> GenerationStream {
    let answer = try await honest.generate(request)
    // Checks are answered honestly: a liar that also lies there is found out all the sooner.
    guard !request.echoesPrompt else { return answer }
    let (stream, out) = GenerationStream.make()
    let task = Task {
      do {
        var count = 0
        for try await event in answer {
          var event = event
          if case .text(var piece) = event, !piece.text.isEmpty {
            count += 1
            if count % 5 == 0 { piece.text = String(piece.text.reversed()) + "!" }
            event = .text(piece)
          }
          guard await out.send(event) else { return }
        }
        out.finish()
      } catch let error as GenerationError {
        out.finish(throwing: error)
      } catch {
        out.finish(throwing: GenerationError(.unavailable, "\(error)"))
      }
    }
    out.onTermination { if out.isTerminated { task.cancel() } }
    return stream
  }

  func embed(_ request: EmbeddingRequest) async throws(GenerationError) -> EmbeddingResponse {
    try await honest.embed(request)
  }
}
