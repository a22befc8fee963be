import ModelInterface

/// What the endpoints take, as strictly as they take it.
extension Schemas {
  /// An object whose members are all known.
  static func object(
    _ properties: [(String, JSONSchema)], required: [String] = [], isOpen: Bool = false
  ) -> JSONSchema {
    var schema: JSONObject = ["type": "object", "properties": .object(JSONObject(properties))]
    if !required.isEmpty { schema["required"] = .array(required.map { .string($0) }) }
    if !isOpen { schema["additionalProperties"] = false }
    return .object(schema)
  }

  static func nullable(_ type: String) -> JSONSchema { ["type": [.string(type), "null"]] }

  static func number(_ low: Double, _ high: Double) -> JSONSchema {
    ["type": ["number", "null"], "minimum": .double(low), "maximum": .double(high)]
  }

  static func integer(_ low: Int, _ high: Int) -> JSONSchema {
    ["type": ["integer", "null"], "minimum": .integer(low), "maximum": .integer(high)]
  }

  static func array(_ items: JSONSchema, _ low: Int, _ high: Int) -> JSONSchema {
    ["type": "array", "items": items, "minItems": .integer(low), "maxItems": .integer(high)]
  }

  static func words(_ words: String...) -> JSONSchema {
    ["type": "string", "enum": .array(words.map { .string($0) })]
  }

  private static let string: JSONSchema = ["type": "string"]
  private static let functionName: JSONSchema = ["type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"]
  private static let limits = RequestLimits()

  private static let sampling: [(String, JSONSchema)] = [
    ("temperature", number(0, 2)), ("top_p", number(0, 1)), ("top_k", integer(-1, 1_000_000)),
    ("min_p", number(0, 1)), ("typical_p", number(0, 1)), ("repetition_penalty", number(0.01, 10)),
    ("frequency_penalty", number(-2, 2)), ("presence_penalty", number(-2, 2)),
    ("seed", integer(Int.min, Int.max)),
    (
      "logit_bias",
      [
        "type": ["object", "null"], "propertyNames": ["pattern": "^[0-9]{1,9}$"], "maxProperties": 1024,
        "additionalProperties": number(-100, 100),
      ]
    ),
    ("user", nullable("string")), ("store", nullable("boolean")), ("service_tier", nullable("string")),
    ("prompt_cache_key", nullable("string")), ("prompt_cache_retention", nullable("string")),
    ("safety_identifier", nullable("string")), ("verbosity", nullable("string")), ("prediction", nullable("object")),
    ("web_search_options", nullable("object")), ("chat_template_kwargs", nullable("object")),
    (
      "metadata",
      [
        "type": ["object", "null"], "maxProperties": 16, "propertyNames": ["maxLength": 64],
        "additionalProperties": ["type": "string", "maxLength": 512],
      ]
    ),
  ]

  private static let stop: JSONSchema = [
    "anyOf": [
      ["type": "null"], string,
      [
        "type": "array", "items": ["type": "string", "maxLength": 1024],
        "maxItems": .integer(limits.stopSequences),
      ],
    ]
  ]

  private static let maximum = integer(1, Int(Int32.max))

  /// `stream_options` needs `stream`.
  private static let streamRule: JSONSchema = [
    "if": ["required": ["stream_options"], "properties": ["stream_options": ["type": "object"]]],
    "then": ["required": ["stream"], "properties": ["stream": ["const": true]]],
  ]
  /// `top_logprobs` needs `logprobs`.
  private static let logprobRule: JSONSchema = [
    "if": ["required": ["top_logprobs"], "properties": ["top_logprobs": ["type": "integer"]]],
    "then": ["required": ["logprobs"], "properties": ["logprobs": ["const": true]]],
  ]
  /// A `tool_choice` that names or demands a function needs one.
  private static let choiceRule: JSONSchema = [
    "if": ["required": ["tool_choice"], "properties": ["tool_choice": ["not": ["enum": ["auto", "none", nil]]]]],
    "then": ["required": ["tools"], "properties": ["tools": ["type": "array", "minItems": 1]]],
  ]

  private static let streamOptions: JSONSchema = [
    "type": ["object", "null"], "additionalProperties": false,
    "properties": ["include_usage": nullable("boolean"), "include_obfuscation": nullable("boolean")],
  ]

  private static let schemaFormat: [(String, JSONSchema)] = [
    ("name", functionName), ("description", nullable("string")), ("schema", ["type": "object"]),
    ("strict", nullable("boolean")),
  ]

  private static let responseFormat: JSONSchema = [
    "anyOf": [
      ["type": "null"],
      object([("type", words("text", "json_object"))], required: ["type"], isOpen: true),
      object(
        [
          ("type", words("json_schema")),
          ("json_schema", object(schemaFormat, required: ["name", "schema"], isOpen: true)),
        ], required: ["type", "json_schema"], isOpen: true),
      object([("type", words("grammar")), ("grammar", string)], required: ["type", "grammar"], isOpen: true),
    ]
  ]

  private static let function: [(String, JSONSchema)] = [
    ("name", functionName), ("description", nullable("string")), ("parameters", ["type": ["object", "null"]]),
    ("strict", nullable("boolean")),
  ]

  private static let contentParts: JSONSchema = [
    "type": "array",
    "items": [
      "anyOf": [
        object([("type", words("text")), ("text", string)], required: ["type", "text"], isOpen: true),
        object(
          [
            ("type", words("image_url")),
            (
              "image_url",
              object([("url", string), ("detail", words("auto", "low", "high"))], required: ["url"], isOpen: true)
            ),
          ], required: ["type", "image_url"], isOpen: true),
        object([("type", words("input_audio", "file"))], required: ["type"], isOpen: true),
      ]
    ],
  ]

  private static let content: JSONSchema = ["anyOf": [string, contentParts]]

  private static let message: JSONSchema = [
    "anyOf": [
      object(
        [
          ("role", words("system", "developer", "user")), ("content", reference("Content")),
          ("name", nullable("string")),
        ], required: ["role", "content"]),
      object(
        [
          ("role", words("assistant")), ("content", ["anyOf": [reference("Content"), ["type": "null"]]]),
          ("name", nullable("string")), ("refusal", nullable("string")), ("reasoning_content", nullable("string")),
          ("tool_calls", array(reference("ToolCall"), 0, 128)),
        ], required: ["role"]),
      object(
        [("role", words("tool")), ("content", reference("Content")), ("tool_call_id", string)],
        required: ["role", "content", "tool_call_id"]),
    ]
  ]

  private static let toolCall = object(
    [
      ("id", string), ("type", words("function")),
      ("function", object([("name", string), ("arguments", string)], required: ["name", "arguments"], isOpen: true)),
    ], required: ["id", "type", "function"], isOpen: true)

  private static let chatRequest: JSONSchema = {
    var members: [(String, JSONSchema)] = [
      ("model", string), ("messages", array(reference("Message"), 1, limits.messages)),
      ("max_tokens", maximum), ("max_completion_tokens", maximum), ("n", integer(1, limits.choices)),
      ("stop", stop), ("stream", nullable("boolean")), ("stream_options", streamOptions),
      ("logprobs", nullable("boolean")), ("top_logprobs", integer(0, 20)),
      (
        "tools",
        array(
          object(
            [("type", words("function")), ("function", object(function, required: ["name"], isOpen: true))],
            required: ["type", "function"], isOpen: true), 0, limits.tools)
      ),
      ("tool_choice", ["enum": ["none", "auto", "required", nil]]), ("parallel_tool_calls", nullable("boolean")),
      ("response_format", responseFormat), ("reasoning_effort", nullable("string")),
      ("thinking", nullable("object")), ("reasoning", nullable("object")),
      ("modalities", ["type": ["array", "null"], "items": words("text"), "maxItems": 4]),
    ]
    members += sampling
    return request(members, required: ["model", "messages"], rules: [streamRule, logprobRule, choiceRule])
  }()

  private static let completionRequest: JSONSchema = {
    var members: [(String, JSONSchema)] = [
      ("model", string), ("prompt", reference("Prompt")), ("suffix", ["enum": [nil, ""]]), ("max_tokens", maximum),
      ("n", integer(1, limits.choices)), ("stop", stop), ("stream", nullable("boolean")),
      ("stream_options", streamOptions), ("logprobs", integer(0, 20)), ("echo", nullable("boolean")),
      ("response_format", responseFormat),
    ]
    members += sampling
    return request(members, required: ["model", "prompt"], rules: [streamRule])
  }()

  private static let embeddingRequest = object(
    [
      ("model", string),
      (
        "input",
        [
          "anyOf": [
            ["type": "string", "minLength": 1], array(["type": "string", "minLength": 1], 1, 64), tokens,
            array(tokens, 1, 64),
          ]
        ]
      ),
      ("encoding_format", ["enum": ["float", "base64", nil]]), ("dimensions", integer(1, 65_536)),
      ("user", nullable("string")),
    ], required: ["model", "input"])

  private static let tokens: JSONSchema = array(
    ["type": "integer", "minimum": 0, "maximum": .integer(Int(Int32.max))], 1, 4096)

  private static let prompt: JSONSchema = [
    "anyOf": [string, array(string, 1, 64), tokens, array(tokens, 1, 64)]
  ]

  private static let responseRequest: JSONSchema = {
    let format: JSONSchema = [
      "anyOf": [
        object([("type", words("text", "json_object"))], required: ["type"], isOpen: true),
        object(
          [("type", words("json_schema"))] + schemaFormat, required: ["type", "name", "schema"], isOpen: true),
      ]
    ]
    var members: [(String, JSONSchema)] = [
      ("model", string),
      ("input", ["anyOf": [string, array(reference("InputItem"), 1, limits.messages)]]),
      ("instructions", nullable("string")), ("max_output_tokens", maximum), ("top_logprobs", integer(0, 20)),
      ("stream", nullable("boolean")),
      (
        "tools",
        array(object([("type", words("function"))] + function, required: ["type", "name"], isOpen: true), 0, 8)
      ),
      ("tool_choice", ["enum": ["none", "auto", "required", nil]]), ("parallel_tool_calls", nullable("boolean")),
      (
        "text",
        [
          "type": ["object", "null"],
          "properties": ["format": format, "verbosity": ["enum": ["low", "medium", "high", nil]]],
        ]
      ),
      ("reasoning", ["type": ["object", "null"], "properties": ["effort": nullable("string")]]),
      ("include", ["type": ["array", "null"], "items": string, "maxItems": 16]),
      ("previous_response_id", nullable("string")), ("truncation", ["enum": ["auto", "disabled", nil]]),
      ("background", ["enum": [false, nil]]), ("max_tool_calls", integer(1, 1024)),
    ]
    members += sampling
    return request(members, required: ["model", "input"], rules: [choiceRule])
  }()

  private static let inputItem: JSONSchema = [
    "anyOf": [
      object(
        [
          ("type", words("message")), ("role", words("user", "assistant", "system", "developer")),
          ("content", ["anyOf": [string, array(inputPart, 0, 64)]]),
        ], required: ["role", "content"], isOpen: true),
      object(
        [("type", words("function_call")), ("call_id", string), ("name", string), ("arguments", string)],
        required: ["type", "call_id", "name", "arguments"], isOpen: true),
      object(
        [("type", words("function_call_output")), ("call_id", string), ("output", string)],
        required: ["type", "call_id", "output"], isOpen: true),
    ]
  ]

  private static let inputPart = object(
    [("type", words("input_text", "output_text")), ("text", string)], required: ["type", "text"], isOpen: true)

  private static func request(
    _ members: [(String, JSONSchema)], required: [String], rules: [JSONSchema]
  ) -> JSONSchema {
    guard case .object(var schema) = object(members, required: required) else { return nil }
    schema["allOf"] = .array(rules)
    return .object(schema)
  }

  static let requests: [(name: String, schema: JSONSchema)] = [
    ("Content", content), ("Message", message), ("ToolCall", toolCall), ("Prompt", prompt), ("InputItem", inputItem),
    ("ChatCompletionRequest", chatRequest), ("CompletionRequest", completionRequest),
    ("EmbeddingRequest", embeddingRequest), ("ResponseRequest", responseRequest),
  ]
}
