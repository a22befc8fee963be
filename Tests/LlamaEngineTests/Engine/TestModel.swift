import Foundation
import ModelInterface

@testable import LlamaEngine

/// The model that tests run: `PRSM_TEST_MODEL`, or the default model where set-up puts it.
enum TestModel {
  static let path: String = {
    let environment = ProcessInfo.processInfo.environment
    if let path = environment["PRSM_TEST_MODEL"] { return path }
    let cache = environment["XDG_CACHE_HOME"] ?? (environment["HOME"] ?? "") + "/.cache"
    return cache + "/prsm/models/smollm2-135m-instruct.gguf"
  }()

  static var isPresent: Bool { FileManager.default.fileExists(atPath: path) }

  /// One loaded model that all tests share.
  static let models = LocalModels(
    source: FixedModelSource([ModelFileEntry(name: "test", aliases: ["alias"], path: path, bytes: 100 << 20)]))

  static func request(_ text: String, tokens: Int = 24, seed: UInt64? = nil) -> GenerationRequest {
    var request = GenerationRequest(
      model: "test", prompt: .messages([Message(role: .user, text: text)]), context: RequestContext(requestID: text))
    request.maximumOutputTokens = tokens
    request.sampling.seed = seed
    return request
  }
}

/// All of an answer.
struct Answer {
  var text = ""
  var reasoning = ""
  var prompt: [TokenLogprob] = []
  var tokens: [TokenLogprob] = []
  var calls: [ToolCallPiece] = []
  var completion: Completion?

  init(_ stream: GenerationStream) async throws {
    for try await event in stream {
      switch event {
      case .started: break
      case .prompt(let tokens): prompt = tokens
      case .text(let piece):
        text += piece.text
        tokens += piece.tokens
      case .reasoning(let more): reasoning += more
      case .toolCall(let call): calls.append(call)
      case .finished(let completion): self.completion = completion
      }
    }
  }

  init(_ request: GenerationRequest) async throws {
    try await self.init(TestModel.models.generate(request))
  }
}
