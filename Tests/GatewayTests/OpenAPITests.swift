import Gateway
import Logging
import ModelInterface
import ScriptedProvider
import Testing

@Suite(.timeLimit(.minutes(1))) struct OpenAPITests {
  private func document(hasKeys: Bool = false) async throws -> JSONValue {
    var document: JSONValue = nil
    try await TestNode.with(configure: { _, services in
      if hasKeys { services.authenticator = SharedKeyAuthenticator(key: "secret") }
    }) { node async throws in
      document = try await node.ask("GET", "/openapi.json").json
    }
    return document
  }

  @Test func everyRouteOfTheAPIIsDescribedAndNothingElse() async throws {
    let paths = try #require(try await document()["paths"]?.object)
    var described: Set<String> = []
    for (path, item) in paths.members {
      for (method, _) in item.object?.members ?? [] { described.insert("\(method.uppercased()) \(path)") }
    }
    let gateway = try Gateway(
      configuration: GatewayConfiguration(),
      services: GatewayServices(provider: ScriptedProvider(), logger: Logger(label: "test")))
    let routed = gateway.routes.filter { $0.operation != nil }
      .map { "\($0.method.rawValue) \($0.path.replacing("*}", with: "}"))" }
    #expect(described == Set(routed))
    let pages = gateway.routes.filter { $0.operation == nil }.map(\.path)
    #expect(
      pages == ["/", "/playground/{file}", "/playground", "/code", "/content", "/cost", "/peers", "/routing"])
  }

  @Test func everyReferenceLeadsSomewhere() async throws {
    let document = try await document()
    let known = Set(document["components"]?["schemas"]?.object?.members.map(\.name) ?? [])
    var references: Set<String> = []
    collect(document, &references)
    #expect(!references.isEmpty)
    #expect(references.subtracting(known) == [])
  }

  private func collect(_ value: JSONValue, _ references: inout Set<String>) {
    switch value {
    case .object(let object):
      for (name, value) in object.members {
        if name == "$ref", let target = value.string {
          references.insert(String(target.dropFirst("#/components/schemas/".count)))
        }
        collect(value, &references)
      }
    case .array(let elements): for element in elements { collect(element, &references) }
    default: break
    }
  }

  @Test func operationsHaveNamesOfTheirOwnAndParametersThatAreInThePath() async throws {
    var names: [String] = []
    for (path, item) in try await document()["paths"]?.object?.members ?? [] {
      for (_, operation) in item.object?.members ?? [] {
        names.append(try #require(operation["operationId"]?.string))
        for parameter in operation["parameters"]?.array ?? [] where parameter["in"] == "path" {
          #expect(path.contains("{\(parameter["name"]?.string ?? "")}"))
        }
      }
    }
    #expect(Set(names).count == names.count)
  }

  @Test func whatTheGatewayRefusesIsDeclared() async throws {
    let open = try await document()
    let chat = open["paths"]?["/v1/chat/completions"]?["post"]?["responses"]?.object
    let statuses = Set(chat?.members.map(\.name) ?? [])
    #expect(
      statuses.isSuperset(of: [
        "200", "400", "403", "404", "405", "408", "413", "415", "429", "431", "500", "503",
      ]))
    #expect(!statuses.contains("401"))
    let keyed = try await document(hasKeys: true)
    #expect(keyed["paths"]?["/v1/chat/completions"]?["post"]?["responses"]?["401"] != nil)
    #expect(keyed["paths"]?["/healthz"]?["get"]?["responses"]?["401"] == nil)
  }

  /// The members that a schema names are those that the endpoint takes: each is sent by itself, and none is unknown.
  @Test(arguments: [
    ("/v1/chat/completions", "ChatCompletionRequest"), ("/v1/completions", "CompletionRequest"),
    ("/v1/responses", "ResponseRequest"), ("/v1/embeddings", "EmbeddingRequest"),
  ])
  func theSchemaOfARequestNamesWhatIsTaken(_ path: String, _ schema: String) async throws {
    try await TestNode.with { node async throws in
      let document = try await node.ask("GET", "/openapi.json").json
      let properties = try #require(document["components"]?["schemas"]?[schema]?["properties"]?.object)
      #expect(properties.members.count > 3)
      let all = JSONObject(properties.members.map { ($0.name, JSONValue.null) })
      let response = try await node.ask("POST", path, .object(all))
      #expect(try response.error["code"] != "unknown_parameter", "\(response.body)")
      #expect(try response.error["param"] == "model")
      let unknown = try await node.ask("POST", path, .object(JSONObject([("nonsense", 1)])))
      #expect(try unknown.error["code"] == "unknown_parameter")
    }
  }
}
