import ModelInterface

/// The JSON schemas and descriptions of the routes.
package enum Schemas {
  /// Stands for a schema that `/openapi.json` has by that name.
  package static func reference(_ name: String) -> JSONSchema {
    ["$ref": .string("#/components/schemas/\(name)")]
  }

  /// What a route that asks a provider can answer with besides.
  static let providerErrors = [404, 429, 502, 503, 504]

  static let chat = Operation(
    "createChatCompletion", "Continues a conversation.", tag: "OpenAI",
    requestSchema: reference("ChatCompletionRequest"),
    answers: [
      Operation.Answer(
        200, "The answer, or its chunks as server-sent events.",
        [("application/json", reference("ChatCompletion")), ("text/event-stream", reference("ServerSentEvent"))])
    ], errors: providerErrors)

  static let completions = Operation(
    "createCompletion", "Continues a text.", tag: "OpenAI", requestSchema: reference("CompletionRequest"),
    answers: [
      Operation.Answer(
        200, "The text, or its chunks as server-sent events.",
        [("application/json", reference("Completion")), ("text/event-stream", reference("ServerSentEvent"))])
    ], errors: providerErrors)

  static let createResponse = Operation(
    "createResponse", "Answers a conversation, with items as input and output.", tag: "OpenAI",
    requestSchema: reference("ResponseRequest"),
    answers: [
      Operation.Answer(
        200, "The response, or its events as server-sent events.",
        [("application/json", reference("Response")), ("text/event-stream", reference("ServerSentEvent"))])
    ], errors: providerErrors)

  static let retrieveResponse = Operation(
    "retrieveResponse", "An earlier response, while it is kept.", tag: "OpenAI", parameters: [responseParameter],
    answers: [.json("The response.", reference("Response"))])

  static let deleteResponse = Operation(
    "deleteResponse", "Forgets a response.", tag: "OpenAI", parameters: [responseParameter],
    answers: [.json("It is forgotten.", reference("DeletedResponse"))])

  private static let responseParameter = Operation.Parameter(
    "response", in: "path", "The response's identifier.", required: true, schema: ["type": "string", "minLength": 1])

  static let embeddings = Operation(
    "createEmbedding", "Vectors that stand for texts.", tag: "OpenAI", requestSchema: reference("EmbeddingRequest"),
    answers: [.json("The vectors.", reference("EmbeddingList"))], errors: providerErrors)

  static let listModels = Operation(
    "listModels", "Lists the models that can be asked for.", tag: "OpenAI",
    answers: [.json("The models.", reference("ModelList"))])

  static let retrieveModel = Operation(
    "retrieveModel", "Describes a model.", tag: "OpenAI",
    parameters: [
      Operation.Parameter(
        "model", in: "path", "The model's name; it may contain slashes.", required: true,
        schema: ["type": "string", "minLength": 1])
    ],
    answers: [.json("The model.", reference("Model"))])

  static let health = Operation(
    "health", "Says that the program runs.", tag: "Node", answers: [.json("It runs.", reference("Health"))])

  static let readiness = Operation(
    "readiness", "Says whether the node can answer, and if not why.", tag: "Node",
    answers: [
      .json("It can answer.", reference("Readiness")),
      .json("It cannot answer now.", reference("Readiness"), status: 503),
    ])

  static let metrics = Operation(
    "metrics", "Metrics in Prometheus' text format.", tag: "Node",
    answers: [.text("The metrics.", "text/plain")])

  static let openAPI = Operation(
    "openAPI", "This description.", tag: "Node", answers: [.json("The description.", ["type": "object"])])

  static let shared: [(name: String, schema: JSONSchema)] = requests + answers
}
