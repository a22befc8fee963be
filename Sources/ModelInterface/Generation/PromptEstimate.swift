/// How many tokens a prompt is taken to have before a tokenizer has seen it.
package struct PromptEstimate: Sendable, Hashable {
  /// So many bytes of UTF-8 make a token. With 1 the estimate is an upper bound for every byte-level vocabulary; with the
  /// usual 2 it is one for prose, and digits or rare scripts may exceed it.
  package var bytesPerToken = 2
  /// What a chat template adds for each turn.
  package var tokensPerMessage = 8
  /// What a picture takes.
  package var tokensPerImage = 2_048

  /// The usual estimate.
  package init() {}

  /// The estimate for a request, tools and schema included.
  package func tokens(_ request: GenerationRequest) -> Int {
    var bytes = 0
    var tokens = tokens(request.prompt, bytes: &bytes)
    for tool in request.tools {
      bytes += tool.name.utf8.count + (tool.summary?.utf8.count ?? 0) + (tool.parameters?.bytes.count ?? 0)
      tokens += tokensPerMessage
    }
    if case .jsonSchema(_, let schema, _) = request.responseFormat { bytes += schema.bytes.count }
    return tokens + count(bytes)
  }

  /// The estimate for so many messages with so many bytes of UTF-8 in their texts and names.
  package func tokens(messages: Int, bytes: Int) -> Int { tokensPerMessage * (messages + 1) + count(bytes) }

  /// The estimate for texts to be embedded.
  package func tokens(_ request: EmbeddingRequest) -> Int {
    var bytes = 0
    var tokens = 0
    for input in request.inputs { tokens += self.tokens(input, bytes: &bytes) + 2 }
    return tokens + count(bytes)
  }

  private func count(_ bytes: Int) -> Int { bytes / max(1, bytesPerToken) + 1 }

  private func tokens(_ prompt: Prompt, bytes: inout Int) -> Int {
    switch prompt {
    case .tokens(let tokens): return tokens.count
    case .text(let text):
      bytes += text.utf8.count
      return 1
    case .messages(let messages):
      var tokens = tokensPerMessage
      for message in messages {
        tokens += tokensPerMessage
        bytes += (message.reasoning?.utf8.count ?? 0) + (message.name?.utf8.count ?? 0)
        for call in message.toolCalls { bytes += call.name.utf8.count + call.arguments.utf8.count + 16 }
        for part in message.content {
          switch part {
          case .text(let text): bytes += text.utf8.count
          case .image: tokens += tokensPerImage
          case .other(let value): bytes += value.bytes.count
          }
        }
      }
      return tokens
    }
  }
}
