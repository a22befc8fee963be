import AsyncHTTPClient
public import ModelInterface
import NIOHTTP1

extension PRSMClient {
  /// Asks, and waits for the whole answer.
  ///
  /// - Throws: ``PRSMClientError``.
  public func chat(_ request: ChatRequest) async throws(PRSMClientError) -> ChatAnswer {
    let reply = try await send(.POST, "/v1/chat/completions", request.body(isStreaming: false).bytes)
    let json = try await json(reply)
    guard let choice = json["choices"]?.array?.first, let message = choice["message"] else {
      throw unexpected(reply, "no answer in `choices`")
    }
    let calls = (message["tool_calls"]?.array ?? []).map { call in
      ToolCall(
        id: call["id"]?.string ?? "", name: call["function"]?["name"]?.string ?? "",
        arguments: call["function"]?["arguments"]?.string ?? "")
    }
    return ChatAnswer(
      id: json["id"]?.string ?? "", model: json["model"]?.string ?? "", text: message["content"]?.string ?? "",
      reasoning: message["reasoning_content"]?.string, toolCalls: calls,
      tokens: (choice["logprobs"]?["content"]?.array ?? []).compactMap { TokenLogprob(chat: $0) },
      reason: Completion.Reason(json: choice["finish_reason"]), usage: Usage(json: json["usage"]))
  }

  /// Asks, and returns as soon as the node has accepted; the answer comes by and by.
  ///
  /// - Throws: ``PRSMClientError`` where the node refuses.
  public func stream(_ request: ChatRequest) async throws(PRSMClientError) -> AnswerStream {
    let body = request.body(isStreaming: true).bytes
    return stream(try await send(.POST, "/v1/chat/completions", body, accepts: "text/event-stream"), .chat)
  }

  /// Has a text continued, and waits for all of it.
  ///
  /// - Throws: ``PRSMClientError``.
  public func complete(_ request: CompletionRequest) async throws(PRSMClientError) -> ChatAnswer {
    let reply = try await send(.POST, "/v1/completions", request.body(isStreaming: false).bytes)
    let json = try await json(reply)
    guard let choice = json["choices"]?.array?.first, let text = choice["text"]?.string else {
      throw unexpected(reply, "no text in `choices`")
    }
    return ChatAnswer(
      id: json["id"]?.string ?? "", model: json["model"]?.string ?? "", text: text, reasoning: nil, toolCalls: [],
      tokens: TokenLogprob.list(completion: choice["logprobs"]),
      reason: Completion.Reason(json: choice["finish_reason"]), usage: Usage(json: json["usage"]))
  }

  /// Has a text continued, by and by.
  ///
  /// - Throws: ``PRSMClientError`` where the node refuses.
  public func stream(_ request: CompletionRequest) async throws(PRSMClientError) -> AnswerStream {
    let body = request.body(isStreaming: true).bytes
    return stream(try await send(.POST, "/v1/completions", body, accepts: "text/event-stream"), .completion)
  }

  /// Vectors that stand for texts: one of unit length for each, in order.
  ///
  /// - Parameter dimensions: how many leading dimensions to keep; nil keeps all.
  /// - Throws: ``PRSMClientError``.
  public func embeddings(
    model: String? = nil, of texts: [String], dimensions: Int? = nil
  ) async throws(PRSMClientError) -> EmbeddingResponse {
    var body: JSONObject = ["input": .array(texts.map { .string($0) }), "encoding_format": "float"]
    if let model { body["model"] = .string(model) }
    if let dimensions { body["dimensions"] = .integer(dimensions) }
    let reply = try await send(.POST, "/v1/embeddings", JSONValue.object(body).bytes)
    let json = try await json(reply)
    let rows = (json["data"]?.array ?? []).sorted { ($0["index"]?.integer ?? 0) < ($1["index"]?.integer ?? 0) }
    guard rows.count == texts.count else {
      throw unexpected(reply, "\(rows.count) vectors for \(texts.count) texts")
    }
    return EmbeddingResponse(
      model: json["model"]?.string ?? "",
      vectors: rows.map { row in (row["embedding"]?.array ?? []).map { Float($0.double ?? 0) } },
      usage: Usage(json: json["usage"]))
  }

  /// The models that the node offers.
  ///
  /// - Throws: ``PRSMClientError``.
  public func models() async throws(PRSMClientError) -> [ModelListing] {
    let reply = try await send(.GET, "/v1/models")
    guard let rows = try await json(reply)["data"]?.array else { throw unexpected(reply, "no list in `data`") }
    return rows.compactMap { row in
      guard let id = row["id"]?.string else { return nil }
      return ModelListing(
        id: id, owner: row["owned_by"]?.string ?? "", created: row["created"]?.integer ?? 0, details: row.object ?? [:])
    }
  }

  /// Whether the node is alive and ready. One attempt, whatever the retry policy says.
  ///
  /// - Throws: ``PRSMClientError`` where nobody answers, or not a node.
  public func health() async throws(PRSMClientError) -> Health {
    var once = self
    once.retry = .never
    let alive = try await once.send(.GET, "/healthz")
    let details = try? await once.json(alive).object
    do throws(PRSMClientError) {
      _ = try await once.send(.GET, "/readyz")
      return Health(isAlive: true, isReady: true, details: details ?? [:])
    } catch {
      return Health(isAlive: true, isReady: false, details: details ?? [:])
    }
  }

  private func stream(_ reply: Reply, _ style: ChunkDecoder.Style) -> AnswerStream {
    AnswerStream(body: reply.response.body, decoder: ChunkDecoder(style: style), requestID: reply.requestID)
  }

  private func unexpected(_ reply: Reply, _ found: String) -> PRSMClientError {
    PRSMClientError(
      .unexpectedAnswer, "\(baseURL) answered with \(found); is it a PRSM node?",
      status: Int(reply.response.status.code), requestID: reply.requestID)
  }
}

extension PRSMClient {
  /// Calls one of a node's own endpoints, such as `/v1/prsm/usage`, and reads its JSON.
  ///
  /// - Parameters:
  ///   - method: in capitals, such as `GET`.
  ///   - path: with its query, percent-encoded.
  ///   - body: sent as JSON; nil sends none.
  /// - Throws: ``PRSMClientError``.
  public func call(
    _ method: String, _ path: String, _ body: JSONValue? = nil
  ) async throws(PRSMClientError) -> JSONValue {
    try await json(try await send(HTTPMethod(rawValue: method), path, body?.bytes))
  }
}
