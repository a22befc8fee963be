import ModelInterface

/// A loaded model seen from inside. It stays in memory while this is held.
struct EngineTokenModel: TokenModel {
  let loaded: LoadedModel

  var name: String { loaded.model.name }
  var vocabularySize: Int { loaded.model.vocabularySize }
  var contextLength: Int { loaded.planner.contextLength }

  func tokenize(_ text: String, addsSpecial: Bool, parsesSpecial: Bool) -> [TokenID] {
    loaded.model.tokenize(text, addsSpecial: addsSpecial, parsesSpecial: parsesSpecial)
  }

  func bytes(of token: TokenID) -> [UInt8] { loaded.model.bytes(of: token) }

  func isEndOfGeneration(_ token: TokenID) -> Bool { loaded.model.isEndOfGeneration(token) }

  func formatChat(_ messages: [Message]) throws(GenerationError) -> String {
    try ChatPrompt(model: loaded.model).render(messages, guardsControlTokens: false).text
  }

  func openSession(sequences: Int, context: RequestContext) async throws(GenerationError) -> any TokenSession {
    let id = try await loaded.loop.ask { core, reply in core.openSession(sequences, context, reply) }
    return EngineSession(loop: loaded.loop, id: id)
  }
}
