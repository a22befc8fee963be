import ModelInterface

/// `/openapi.json`: what the routes say of themselves (OpenAPI 3.1.0).
struct OpenAPIModule: GatewayModule {
  private let document: [UInt8]

  init(modules: [any GatewayModule], version: String, hasKeys: Bool) {
    var routes = modules.flatMap(\.routes)
    routes.append(.whole(.get, Self.path, access: .open, operation: Schemas.openAPI) { _ in WholeResponse(body: []) })
    let schemas = Schemas.shared + modules.flatMap(\.schemas)
    document = OpenAPIDocument(routes: routes, schemas: schemas, version: version, hasKeys: hasKeys).value.bytes
  }

  private static let path = "/openapi.json"

  var routes: [Route] {
    [.whole(.get, Self.path, access: .open, operation: Schemas.openAPI) { _ in WholeResponse(body: document) }]
  }
}

/// The description of an API.
struct OpenAPIDocument {
  let routes: [Route]
  let schemas: [(name: String, schema: JSONSchema)]
  let version: String
  let hasKeys: Bool

  var value: JSONValue {
    var components: JSONObject = [
      "schemas": .object(JSONObject(schemas.map { ($0.name, $0.schema) }))
    ]
    if hasKeys { components["securitySchemes"] = ["key": ["type": "http", "scheme": "bearer"]] }
    return [
      "openapi": "3.1.0",
      "info": [
        "title": "PRSM", "version": .string(version),
        "description": "OpenAI's API and the node's own, from one address.",
        "license": ["name": "Apache-2.0", "identifier": "Apache-2.0"],
      ],
      "servers": [["url": "/"]],
      "paths": .object(paths),
      "components": .object(components),
    ]
  }

  private var paths: JSONObject {
    var paths = JSONObject()
    for route in routes {
      guard let operation = route.operation else { continue }
      let path = route.path.replacing("*}", with: "}")
      var item = paths[path]?.object ?? JSONObject()
      item[route.method.rawValue.lowercased()] = describe(route, operation)
      paths[path] = .object(item)
    }
    return paths
  }

  private func describe(_ route: Route, _ operation: Operation) -> JSONValue {
    var description: JSONObject = [
      "operationId": .string(operation.id),
      "summary": .string(operation.summary),
      "tags": [.string(operation.tag)],
    ]
    if !operation.parameters.isEmpty {
      description["parameters"] = .array(operation.parameters.map(Self.describe))
    }
    if let schema = operation.requestSchema {
      description["requestBody"] = ["required": true, "content": ["application/json": ["schema": schema]]]
    }
    var responses = JSONObject()
    for answer in operation.answers {
      responses[String(answer.status)] = [
        "description": .string(answer.summary),
        "content": .object(
          JSONObject(answer.contents.map { ($0.mediaType, JSONValue.object(["schema": $0.schema])) })),
      ]
    }
    for status in Self.errors(of: route, operation, hasKeys: hasKeys) {
      responses[String(status)] = [
        "description": .string(Self.meanings[status] ?? "An error."),
        "content": ["application/json": ["schema": Schemas.reference("Error")]],
      ]
    }
    description["responses"] = .object(responses)
    if hasKeys, route.access == .authenticated { description["security"] = [["key": []]] }
    return .object(description)
  }

  private static func describe(_ parameter: Operation.Parameter) -> JSONValue {
    [
      "name": .string(parameter.name), "in": .string(parameter.place), "required": .bool(parameter.isRequired),
      "description": .string(parameter.summary), "schema": parameter.schema,
    ]
  }

  /// The statuses of errors with which a route can answer: what its operation names, and what the gateway adds to all.
  static func errors(of route: Route, _ operation: Operation, hasKeys: Bool) -> [Int] {
    var statuses = Set(operation.errors).union([400, 403, 405, 408, 413, 414, 417, 429, 431, 500])
    if hasKeys, route.access == .authenticated { statuses.insert(401) }
    if route.body == .json { statuses.insert(415) }
    if route.path.contains("{") { statuses.insert(404) }
    return statuses.subtracting(operation.answers.map(\.status)).sorted()
  }

  private static let meanings: [Int: String] = [
    400: "The request is wrong; `param` names the member at fault.",
    401: "No API key was sent, or one that is not valid.",
    403: "The key, the host name or the origin may not do this.",
    404: "There is no such thing.",
    405: "The path does not take this method; `allow` lists those that it takes.",
    408: "The request did not arrive in time.",
    413: "The body is too long.",
    414: "The request target is too long.",
    415: "The body is not of the media type that is expected.",
    417: "Of `expect`, only `100-continue` is offered.",
    429: "Every place is taken, or the budget is used up; `retry-after` says when to come back.",
    431: "The headers are too long.",
    500: "A defect of the node's own; its log has the details under the request's identifier.",
    502: "An upstream refused the node's credentials.",
    503: "The model or the node is not available now.",
    504: "The answer took too long.",
  ]
}
