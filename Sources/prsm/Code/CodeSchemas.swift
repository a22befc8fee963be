import Gateway
import ModelInterface

/// What `/openapi.json` says of the routes for code.
enum CodeSchemas {
  static let code = Operation(
    "writeCode", "Writes a program that passes tests, guided by what candidates do when they are run.", tag: "PRSM",
    requestSchema: Schemas.reference("CodeRequest"),
    answers: [
      Operation.Answer(
        200, "The program, its verdict and its cost; as server-sent events also each step of the search.",
        [
          ("application/json", Schemas.reference("CodeResult")),
          ("text/event-stream", Schemas.reference("ServerSentEvent")),
        ])
    ], errors: [404, 429, 503])

  static let finish = Operation(
    "finishCode",
    "Ends a search in progress with what it has found: that of the request with this x-request-id, which gets its result.",
    tag: "PRSM",
    parameters: [
      Operation.Parameter(
        "request", in: "path", "The x-request-id of the request that searches.", required: true,
        schema: ["type": "string", "minLength": 1])
    ],
    answers: [.json("The search is ending.", finishing)], errors: [404])

  static let execute = Operation(
    "executeProgram", "Runs a program in the sandbox.", tag: "PRSM",
    requestSchema: Schemas.reference("ExecutionRequest"),
    answers: [.json("How it ended, what it wrote and did.", Schemas.reference("ExecutionResult"))], errors: [429, 503])

  static let all: [(name: String, schema: JSONSchema)] = [
    ("CodeRequest", request), ("CodeResult", result), ("ExecutionRequest", execution),
    ("ExecutionResult", executed),
  ]

  private static let finishing: JSONSchema = [
    "type": "object", "required": ["object", "id", "finishing"],
    "properties": [
      "object": ["type": "string", "const": "prsm.code.finish"], "id": ["type": "string"],
      "finishing": ["type": "boolean"],
    ],
  ]

  private static let texts: JSONSchema = ["type": "array", "items": ["type": "string"], "maxItems": 64]

  private static func numbers(_ kind: String) -> JSONSchema {
    ["type": "array", "items": ["type": .string(kind)], "minItems": 1, "maxItems": 16]
  }

  private static let switches: JSONSchema = .object(
    JSONObject(CodeRequest.switches.map { entry -> (String, JSONValue) in (entry.name, ["type": "boolean"]) }))

  private static let request: JSONSchema = [
    "type": "object", "required": ["task"], "additionalProperties": false,
    "properties": [
      "model": ["type": "string"], "task": ["type": "string", "minLength": 1], "tests": texts,
      "setup": ["type": "string"], "opening": ["type": "string"], "entry_point": ["type": "string"],
      "budget": [
        "type": "object", "additionalProperties": false,
        "properties": [
          "tokens": [
            "type": "integer", "minimum": .integer(CodeRequest.tokens.lowerBound),
            "maximum": .integer(CodeRequest.tokens.upperBound),
          ],
          "seconds": [
            "type": "number", "minimum": .double(CodeRequest.seconds.lowerBound),
            "maximum": .double(CodeRequest.seconds.upperBound),
          ],
        ],
      ],
      "gammas": numbers("number"), "temperatures": numbers("number"), "horizons": numbers("integer"),
      "candidates": ["type": "integer", "minimum": 1, "maximum": 8],
      "attempts": ["type": "integer", "minimum": 1, "maximum": 4],
      "first_wave": ["type": "integer", "minimum": 1, "maximum": 16],
      "styles": ["type": "array", "items": ["type": "string", "enum": ["few-shot", "long-code", "chat"]]],
      "seed": ["type": "integer", "minimum": 0],
      "extensions": [
        "type": "object", "additionalProperties": false,
        "properties": switches,
      ],
      "stream": ["type": "boolean"],
    ],
  ]

  private static let result: JSONSchema = [
    "type": "object", "required": ["object", "model", "program", "passes", "ending", "tests", "cost"],
    "properties": [
      "object": ["type": "string", "const": "prsm.code"], "model": ["type": "string"], "program": ["type": "string"],
      "passes": ["type": "boolean"],
      "ending": ["type": "string", "enum": ["passed", "tokens", "seconds", "untested"]],
      "tests": ["type": "array", "items": ["type": "string"]], "tests_are_derived": ["type": "boolean"],
      "origin": ["type": ["string", "null"]], "candidate": ["type": ["integer", "null"]],
      "summary": ["type": ["string", "null"]], "cost": ["type": "object"],
    ],
  ]

  private static let execution: JSONSchema = [
    "type": "object", "required": ["program"], "additionalProperties": false,
    "properties": [
      "language": ["type": "string", "enum": ["python"]], "program": ["type": "string"], "stdin": ["type": "string"],
      "test": ["type": "string"], "setup": ["type": "string"], "trace": ["type": "boolean"],
      "limits": [
        "type": "object", "additionalProperties": false,
        "properties": [
          "seconds": ["type": "number", "minimum": 0.001, "maximum": 60],
          "memory_bytes": ["type": "integer", "minimum": 8_388_608, "maximum": 2_147_483_648],
          "processes": ["type": "integer", "minimum": 0, "maximum": 64],
          "files": ["type": "integer", "minimum": 0, "maximum": 1_024],
          "output_bytes": ["type": "integer", "minimum": 0, "maximum": 4_194_304],
        ],
      ],
    ],
  ]

  private static let executed: JSONSchema = [
    "type": "object", "required": ["outcome", "message", "stdout", "stderr", "wall_ms", "cpu_ms"],
    "properties": [
      "outcome": ["type": "string"], "message": ["type": "string"], "stdout": ["type": "string"],
      "stderr": ["type": "string"], "wall_ms": ["type": ["number", "null"]], "cpu_ms": ["type": ["number", "null"]],
      "peak_memory_bytes": ["type": "integer"], "refused": ["type": "array", "items": ["type": "string"]],
      "left_behind": ["type": "integer"], "trace": ["type": "array", "items": ["type": "object"]],
      "trace_cut_by": ["type": ["string", "null"]],
    ],
  ]
}
