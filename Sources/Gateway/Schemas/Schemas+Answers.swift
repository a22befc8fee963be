import ModelInterface

/// What the endpoints answer with.
extension Schemas {
  private static let text: JSONSchema = ["type": "string"]
  private static let count: JSONSchema = ["type": "integer", "minimum": 0]
  private static let number: JSONSchema = ["type": "number"]
  private static let time: JSONSchema = ["type": "integer", "description": "Seconds since 1970."]

  private static func list(_ items: JSONSchema) -> JSONSchema { ["type": "array", "items": items] }

  private static let error = object(
    [
      (
        "error",
        object(
          [("message", text), ("type", text), ("param", nullable("string")), ("code", nullable("string"))],
          required: ["message", "type", "param", "code"])
      )
    ], required: ["error"])

  /// One event of a stream, as clients take it apart.
  private static let event = object([("event", text), ("data", text)], required: ["data"])

  private static let model = object(
    [
      ("id", text), ("object", words("model")), ("created", time), ("owned_by", text),
      (
        "prsm",
        object(
          [
            ("loaded", ["type": "boolean"]), ("can_embed", ["type": "boolean"]), ("aliases", list(text)),
            ("context_length", count), ("parameters", count), ("quantization", text), ("architecture", text),
          ], required: ["loaded", "can_embed"])
      ),
    ], required: ["id", "object", "created", "owned_by"])

  private static let usage = object(
    [
      ("prompt_tokens", count), ("completion_tokens", count), ("total_tokens", count),
      ("prompt_tokens_details", ["type": "object"]), ("completion_tokens_details", ["type": "object"]),
    ], required: ["prompt_tokens", "completion_tokens", "total_tokens"])

  private static let timings = object(
    [
      ("queued_ms", number), ("cache_n", count), ("prompt_n", count), ("prompt_ms", number),
      ("prompt_per_second", nullable("number")), ("predicted_n", count), ("predicted_ms", number),
      ("predicted_per_second", nullable("number")),
    ])

  private static let finish: JSONSchema = ["enum": ["stop", "length", "tool_calls", "content_filter", nil]]

  private static let chatCompletion = object(
    [
      ("id", text), ("object", words("chat.completion")), ("created", time), ("model", text),
      (
        "choices",
        list(
          object(
            [
              ("index", count),
              (
                "message",
                object(
                  [
                    ("role", words("assistant")), ("content", nullable("string")), ("refusal", nullable("string")),
                    ("reasoning_content", text), ("tool_calls", list(reference("ToolCall"))),
                  ], required: ["role", "content"])
              ),
              ("logprobs", nullable("object")), ("finish_reason", finish),
            ], required: ["index", "message", "finish_reason"]))
      ),
      ("usage", reference("Usage")), ("timings", reference("Timings")), ("service_tier", text),
      ("system_fingerprint", nullable("string")),
    ], required: ["id", "object", "created", "model", "choices", "usage"])

  private static let completion = object(
    [
      ("id", text), ("object", words("text_completion")), ("created", time), ("model", text),
      (
        "choices",
        list(
          object(
            [("text", text), ("index", count), ("logprobs", nullable("object")), ("finish_reason", finish)],
            required: ["text", "index", "logprobs", "finish_reason"]))
      ),
      ("usage", reference("Usage")), ("timings", reference("Timings")), ("system_fingerprint", nullable("string")),
    ], required: ["id", "object", "created", "model", "choices", "usage"])

  private static let embeddingList = object(
    [
      ("object", words("list")),
      (
        "data",
        list(
          object(
            [("object", words("embedding")), ("index", count), ("embedding", ["anyOf": [list(number), text]])],
            required: ["object", "index", "embedding"]))
      ),
      ("model", text),
      (
        "usage",
        object([("prompt_tokens", count), ("total_tokens", count)], required: ["prompt_tokens", "total_tokens"])
      ),
    ], required: ["object", "data", "model", "usage"])

  private static let response = object(
    [
      ("id", text), ("object", words("response")), ("created_at", time),
      ("status", words("completed", "incomplete", "in_progress")), ("output", list(["type": "object"])),
      ("model", text),
      ("error", nullable("object")), ("incomplete_details", nullable("object")),
    ], required: ["id", "object", "created_at", "status", "output", "model"], isOpen: true)

  private static let deletedResponse = object(
    [("id", text), ("object", words("response")), ("deleted", ["const": true])], required: ["id", "object", "deleted"])

  static let answers: [(name: String, schema: JSONSchema)] = [
    ("Error", error), ("ServerSentEvent", event), ("Model", model),
    (
      "ModelList",
      object([("object", words("list")), ("data", list(reference("Model")))], required: ["object", "data"])
    ),
    ("Usage", usage), ("Timings", timings), ("ChatCompletion", chatCompletion), ("Completion", completion),
    ("EmbeddingList", embeddingList), ("Response", response), ("DeletedResponse", deletedResponse),
    ("Health", object([("status", words("ok")), ("version", text)], required: ["status", "version"])),
    (
      "Readiness",
      object(
        [("status", words("ready", "not ready")), ("reasons", list(text))], required: ["status", "reasons"])
    ),
  ]
}
