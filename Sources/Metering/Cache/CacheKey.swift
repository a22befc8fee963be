import Crypto
package import ModelInterface

/// Names an answer by everything that it depends on.
package struct CacheKey: Sendable, Hashable {
  /// SHA-256 of the canonical form.
  let digest: [UInt8]

  init(hashing value: JSONValue) {
    var bytes: [UInt8] = []
    value.writeCanonically(into: &bytes)
    digest = Array(SHA256.hash(data: bytes))
  }

  /// The key of a request: tenant, model, prompt, parameters and tools. Identifiers, deadlines and whether the client
  /// streams are left out.
  package init(_ request: GenerationRequest) {
    self.init(hashing: CanonicalRequest.json(request, prompt: CanonicalRequest.prompt(request.prompt)))
  }

  /// What two requests must agree in, to the letter, before their last turns are compared by meaning; with that turn's
  /// text. nil where the last turn is not a user's text, or asks with tools, whose arguments depend on every word.
  package static func semantic(_ request: GenerationRequest) -> (rest: CacheKey, turn: String)? {
    guard case .messages(var messages) = request.prompt, let last = messages.popLast(), last.role == .user,
      last.content.allSatisfy({ if case .text = $0 { true } else { false } }), !last.text.isEmpty,
      request.tools.isEmpty, !request.echoesPrompt, request.logprobs == nil
    else { return nil }
    let prompt: JSONValue = [
      "messages": .array(messages.map(CanonicalRequest.message)), "name": last.name.map { .string($0) } ?? .null,
    ]
    return (CacheKey(hashing: CanonicalRequest.json(request, prompt: prompt)), last.text)
  }
}

/// A request as one JSON value in which nothing that decides on the answer is left out, and two requests differ if any of it
/// does.
enum CanonicalRequest {
  static func json(_ request: GenerationRequest, prompt: JSONValue) -> JSONValue {
    let format: JSONValue
    switch request.responseFormat {
    case .text: format = "text"
    case .jsonObject: format = "json"
    case .jsonSchema(let name, let schema, let isStrict):
      // A grammar lets a model write members in the schema's order, so here that order matters.
      format = ["name": .string(name), "schema": .string(schema.text), "strict": .bool(isStrict)]
    case .grammar(let text): format = ["grammar": .string(text)]
    }
    return [
      "tenant": .string(request.context.tenant), "model": .string(request.model), "prompt": prompt,
      "sampling": sampling(request.sampling),
      "maximum": request.maximumOutputTokens.map { .integer($0) } ?? .null,
      "stop": .array(request.stopSequences.map { .string($0) }), "format": format,
      "tools": .array(
        request.tools.map { tool in
          [
            "name": .string(tool.name), "summary": tool.summary.map { .string($0) } ?? .null,
            "parameters": .string(tool.parameters?.text ?? ""), "strict": .bool(tool.isStrict),
          ]
        }),
      "choice": request.toolChoice.json, "parallel": .bool(request.allowsParallelToolCalls),
      "logprobs": request.logprobs.map { .integer($0) } ?? .null, "echo": .bool(request.echoesPrompt),
      "effort": request.reasoningEffort.map { .string($0) } ?? .null, "passthrough": .object(request.passthrough),
    ]
  }

  static func prompt(_ prompt: Prompt) -> JSONValue {
    switch prompt {
    case .messages(let messages): ["messages": .array(messages.map(message))]
    case .text(let text): ["text": .string(text)]
    case .tokens(let tokens): ["tokens": .array(tokens.map { .integer($0) })]
    }
  }

  static func message(_ message: Message) -> JSONValue {
    [
      "role": .string(message.role.rawValue), "content": .array(message.content.map(\.json)),
      "name": message.name.map { .string($0) } ?? .null, "calls": .array(message.toolCalls.map(\.json)),
      "call": message.toolCallID.map { .string($0) } ?? .null,
      "reasoning": message.reasoning.map { .string($0) } ?? .null,
    ]
  }

  private static func sampling(_ sampling: SamplingParameters) -> JSONValue {
    let numbers = [
      sampling.repetitionPenalty, sampling.frequencyPenalty, sampling.presencePenalty, sampling.typicalP, sampling.topP,
      sampling.minP, sampling.temperature,
    ]
    let bias = sampling.logitBias.sorted { $0.key < $1.key }.flatMap { token, value -> [JSONValue] in
      [.integer(token), .integer(value.bitPattern)]
    }
    return [
      "numbers": .array(numbers.map { .integer($0.bitPattern) }), "topK": .integer(sampling.topK),
      "seed": sampling.seed.map { .integer($0) } ?? .null, "bias": .array(bias),
    ]
  }
}

extension JSONValue {
  /// Appends the JSON text with members in the order of their names' bytes.
  fileprivate func writeCanonically(into output: inout [UInt8]) {
    switch self {
    case .array(let elements):
      output.append(UInt8(ascii: "["))
      for (index, element) in elements.enumerated() {
        if index > 0 { output.append(UInt8(ascii: ",")) }
        element.writeCanonically(into: &output)
      }
      output.append(UInt8(ascii: "]"))
    case .object(let object):
      output.append(UInt8(ascii: "{"))
      let members = object.members.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
      for (index, member) in members.enumerated() {
        if index > 0 { output.append(UInt8(ascii: ",")) }
        JSONValue.write(member.name, into: &output)
        output.append(UInt8(ascii: ":"))
        member.value.writeCanonically(into: &output)
      }
      output.append(UInt8(ascii: "}"))
    case .null, .bool, .number, .string: write(into: &output)
    }
  }
}
