package import AsyncHTTPClient
package import ModelInterface
import NIOCore
import NIOHTTP1

/// An OpenAI-compatible endpoint as a provider.
package struct OpenAIUpstream: ModelProvider {
  /// The largest answer that is read, in bytes.
  package static let maximumAnswerSize = 64 << 20

  private let endpoint: UpstreamEndpoint
  private let client: HTTPClient
  private let models: [String: UpstreamEndpoint.Model]

  /// A provider for the endpoint's models over a client that the caller shuts down.
  package init(endpoint: UpstreamEndpoint, client: HTTPClient) {
    self.endpoint = endpoint
    self.client = client
    self.models = Dictionary(endpoint.models.map { ($0.name, $0) }) { first, _ in first }
  }

  package func models() async -> [ModelDescriptor] {
    endpoint.models.map { model in
      var descriptor = ModelDescriptor(name: model.name, provider: endpoint.name)
      descriptor.contextLength = model.contextLength
      descriptor.canEmbed = model.canEmbed
      descriptor.isLoaded = true
      return descriptor
    }
  }

  package func generate(_ request: GenerationRequest) async throws(GenerationError) -> GenerationStream {
    let model = try model(request.model)
    let (path, body) = try request.openAI(model: model.upstreamName)
    let response = try await post(path, body, context: request.context)
    let start = GenerationEvent.started(GenerationStart(model: model.name, provider: endpoint.name))
    guard request.isStreamed else {
      var reader = OpenAIAnswerReader()
      let events = try reader.read(try await json(of: response))
      return .events([start] + events + [try reader.finish()])
    }
    return stream(response.body, after: start)
  }

  package func embed(_ request: EmbeddingRequest) async throws(GenerationError) -> EmbeddingResponse {
    let model = try model(request.model)
    var body: JSONObject = ["model": .string(model.upstreamName), "encoding_format": "float"]
    body["input"] = .array(
      request.inputs.map { input in
        switch input {
        case .text(let text): .string(text)
        case .tokens(let tokens): .array(tokens.map { .integer($0) })
        case .messages(let messages): .string(messages.map(\.text).joined(separator: "\n"))
        }
      })
    if let dimensions = request.dimensions { body["dimensions"] = .integer(dimensions) }
    let response = try await post("/embeddings", JSONValue.object(body).bytes, context: request.context)
    let answer = try await json(of: response)
    let vectors = (answer["data"]?.array ?? []).map { ($0["embedding"]?.array ?? []).map { Float($0.double ?? .nan) } }
    guard vectors.count == request.inputs.count else {
      throw GenerationError(
        .unavailable, "`\(endpoint.name)` answered \(vectors.count) vectors for \(request.inputs.count) inputs")
    }
    return EmbeddingResponse(
      model: model.name, vectors: vectors, usage: answer["usage"].map(Usage.init(openAI:)) ?? Usage())
  }

  private func model(_ name: String) throws(GenerationError) -> UpstreamEndpoint.Model {
    guard let model = models[name] else {
      throw GenerationError(.modelNotFound, "`\(endpoint.name)` does not answer for `\(name)`")
    }
    return model
  }

  /// Sends a request and returns the response once its head says that it succeeded.
  private func post(
    _ path: String, _ body: [UInt8], context: RequestContext
  ) async throws(GenerationError) -> HTTPClientResponse {
    var request = HTTPClientRequest(url: endpoint.baseURL + path)
    request.method = .POST
    request.headers.add(name: "content-type", value: "application/json")
    request.headers.add(name: "x-request-id", value: context.requestID)
    if let apiKey = endpoint.apiKey { request.headers.add(name: "authorization", value: "Bearer \(apiKey)") }
    if let traceparent = context.traceparent { request.headers.add(name: "traceparent", value: traceparent) }
    request.body = .bytes(ByteBuffer(bytes: body))
    let whole = ContinuousClock.now + endpoint.deadlines.whole
    let remaining = ContinuousClock.now.duration(to: min(context.deadline ?? whole, whole))
    let response: HTTPClientResponse
    do {
      response = try await client.execute(
        request, deadline: .now() + .nanoseconds(max(1, remaining.nanoseconds)))
    } catch {
      throw UpstreamFailure.error(error, endpoint: endpoint.name)
    }
    guard (200..<300).contains(response.status.code) else {
      throw await UpstreamFailure.error(response, endpoint: endpoint.name)
    }
    return response
  }

  private func json(of response: HTTPClientResponse) async throws(GenerationError) -> JSONValue {
    let bytes: ByteBuffer
    do {
      bytes = try await response.body.collect(upTo: Self.maximumAnswerSize)
    } catch {
      throw UpstreamFailure.error(error, endpoint: endpoint.name)
    }
    do throws(JSONError) {
      return try bytes.parseJSON()
    } catch {
      throw GenerationError(.unavailable, "`\(endpoint.name)` answered what is not JSON: \(error)")
    }
  }

  private func stream(_ body: HTTPClientResponse.Body, after start: GenerationEvent) -> GenerationStream {
    let (stream, continuation) = GenerationStream.make()
    continuation.yield(start)
    let name = endpoint.name
    // The bridge from the connection's body to the stream; it ends with either, by cancellation or at the body's end.
    let task = Task {
      do throws(GenerationError) {
        try await Self.forward(body, to: continuation, endpoint: name)
        continuation.finish()
      } catch {
        continuation.finish(throwing: error)
      }
    }
    continuation.onTermination { task.cancel() }
    return stream
  }

  private static func forward(
    _ body: HTTPClientResponse.Body, to continuation: GenerationStream.Continuation, endpoint: String
  ) async throws(GenerationError) {
    var parser = ServerSentEvents()
    var reader = OpenAIAnswerReader()
    do {
      for try await buffer in body {
        for data in parser.read(buffer.readableBytesView) {
          if data.elementsEqual("[DONE]".utf8) {
            _ = await continuation.send(try reader.finish())
            return
          }
          for event in try reader.read(try JSONValue.parse(data)) where !(await continuation.send(event)) { return }
        }
        if parser.isTooLong {
          throw GenerationError(.unavailable, "`\(endpoint)` sent an event longer than 16 MiB")
        }
      }
    } catch let error as JSONError {
      throw GenerationError(.unavailable, "`\(endpoint)` sent an event that is not JSON: \(error)")
    } catch {
      throw UpstreamFailure.error(error, endpoint: endpoint)
    }
    _ = await continuation.send(try reader.finish())
  }
}

extension ByteBuffer {
  /// The one JSON text that fills the readable bytes.
  fileprivate func parseJSON() throws(JSONError) -> JSONValue {
    var outcome: Result<JSONValue, JSONError> = .failure(JSONError(reason: "nothing was read", offset: 0))
    withUnsafeReadableBytes { bytes in
      do throws(JSONError) { outcome = .success(try JSONValue.parse(bytes)) } catch { outcome = .failure(error) }
    }
    return try outcome.get()
  }
}

extension Duration {
  /// In nanoseconds, at most some 292 years.
  fileprivate var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return overflow ? .max : product.addingReportingOverflow(attoseconds / 1_000_000_000).partialValue
  }
}
