import ModelInterface
import PRSMClient

/// A node elsewhere as a provider, so that `chat` and `complete` need not know where a model runs.
struct RemoteNode: ModelProvider {
  let client: PRSMClient

  func models() async -> [ModelDescriptor] {
    let listings = (try? await client.models()) ?? []
    return listings.map { ModelDescriptor($0) }
  }

  func generate(_ request: GenerationRequest) async throws(GenerationError) -> GenerationStream {
    let answer: AnswerStream
    do {
      switch request.prompt {
      case .messages(let messages): answer = try await client.stream(Self.chat(request, messages))
      case .text(let text): answer = try await client.stream(Self.completion(request, text))
      case .tokens:
        throw GenerationError(.invalidRequest(parameter: "prompt"), "token prompts are for a node's own models")
      }
    } catch let error as PRSMClientError {
      throw GenerationError(error)
    } catch let error as GenerationError {
      throw error
    } catch {
      throw GenerationError(.internal, "\(error)")
    }
    let (stream, continuation) = GenerationStream.make()
    // The bridge between two streams: it ends when either does, and is cancelled when nobody reads any more.
    let pump = Task {
      do {
        for try await event in answer where !(await continuation.send(event)) { break }
        continuation.finish()
      } catch let error as PRSMClientError {
        continuation.finish(throwing: GenerationError(error))
      } catch {
        continuation.finish(throwing: GenerationError(.unavailable, "\(error)"))
      }
    }
    continuation.onTermination { pump.cancel() }
    return stream
  }

  func embed(_ request: EmbeddingRequest) async throws(GenerationError) -> EmbeddingResponse {
    var texts: [String] = []
    for input in request.inputs {
      guard case .text(let text) = input else {
        throw GenerationError(.invalidRequest(parameter: "input"), "only texts are sent to another node")
      }
      texts.append(text)
    }
    do throws(PRSMClientError) {
      return try await client.embeddings(model: request.model, of: texts, dimensions: request.dimensions)
    } catch {
      throw GenerationError(error)
    }
  }

  private static func chat(_ request: GenerationRequest, _ messages: [Message]) -> ChatRequest {
    var chat = ChatRequest(model: request.model.isEmpty ? nil : request.model, messages: messages)
    chat.sampling = request.sampling
    chat.maximumOutputTokens = request.maximumOutputTokens
    chat.stopSequences = request.stopSequences
    chat.responseFormat = request.responseFormat
    chat.tools = request.tools
    chat.toolChoice = request.toolChoice
    chat.logprobs = request.logprobs
    return chat
  }

  private static func completion(_ request: GenerationRequest, _ text: String) -> CompletionRequest {
    var completion = CompletionRequest(model: request.model.isEmpty ? nil : request.model, prompt: text)
    completion.sampling = request.sampling
    completion.maximumOutputTokens = request.maximumOutputTokens
    completion.stopSequences = request.stopSequences
    completion.logprobs = request.logprobs
    completion.echoesPrompt = request.echoesPrompt
    return completion
  }
}

extension ModelDescriptor {
  /// What a node's list says of a model.
  init(_ listing: ModelListing) {
    self.init(name: listing.id, provider: listing.owner)
    created = listing.created
    let details = listing.details["prsm"]
    contextLength = details?["context_length"]?.integer ?? listing.details["max_model_len"]?.integer
    parameterCount = details?["parameters"]?.integer
    quantization = details?["quantization"]?.string
    architecture = details?["architecture"]?.string
    aliases = (details?["aliases"]?.array ?? []).compactMap(\.string)
    isLoaded = details?["loaded"]?.bool ?? false
    canEmbed = details?["can_embed"]?.bool ?? false
  }
}

extension GenerationError {
  init(_ error: PRSMClientError) {
    let kind: Kind
    switch error.kind {
    case .invalidRequest(let parameter): kind = .invalidRequest(parameter: parameter)
    case .notFound: kind = .modelNotFound
    case .overloaded(let pause): kind = .overloaded(retryAfter: pause ?? .seconds(1))
    case .timedOut: kind = .timedOut
    case .cancelled: kind = .cancelled
    case .unauthorized: kind = .upstreamUnauthorized
    case .unreachable, .serverFailed, .unexpectedAnswer: kind = .unavailable
    }
    self.init(kind, error.message)
  }
}

extension CommandFailure {
  /// What a provider's refusal means for the shell.
  init(_ error: GenerationError) {
    switch error.kind {
    case .invalidRequest, .contextLengthExceeded: self.init(.usage, error.message)
    case .modelNotFound: self.init(.no, error.message)
    case .upstreamUnauthorized: self.init(.unavailable, error.message + "\nPut a key into PRSM_API_KEY.")
    default: self.init(.unavailable, error.message)
    }
  }
}
