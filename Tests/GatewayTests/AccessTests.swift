import Gateway
import Logging
import ModelInterface
import ScriptedProvider
import Testing

@Suite(.timeLimit(.minutes(1))) struct AccessTests {
  /// Lets everybody in as a tenant who may use one model.
  private struct OneModel: RequestAuthenticator {
    let model: String

    func authenticate(_ credentials: Credentials) async throws(AuthenticationFailure) -> Principal {
      Principal(tenant: "limited", models: [model])
    }
  }

  private func start(_ configure: (inout GatewayConfiguration, inout GatewayServices) -> Void) throws {
    var configuration = GatewayConfiguration()
    var services = GatewayServices(provider: ScriptedProvider(), logger: Logger(label: "test"))
    configure(&configuration, &services)
    _ = try Gateway(configuration: configuration, services: services)
  }

  @Test(arguments: ["0.0.0.0", "192.168.1.7", "::", "node.example"])
  func otherMachinesAreNotServedWithoutKeyAndTLS(_ host: String) throws {
    let address = "\(host):8080"
    #expect(throws: GatewayStartError.unprotected(address: address, lacksKey: true, lacksTLS: true)) {
      try start { configuration, _ in configuration.host = host }
    }
    #expect(throws: GatewayStartError.unprotected(address: address, lacksKey: false, lacksTLS: true)) {
      try start { configuration, services in
        configuration.host = host
        services.authenticator = SharedKeyAuthenticator(key: "secret")
      }
    }
    #expect(throws: GatewayStartError.unprotected(address: address, lacksKey: true, lacksTLS: false)) {
      try start { configuration, _ in
        configuration.host = host
        configuration.tls = .init(certificateFile: "a", keyFile: "b")
      }
    }
    try start { configuration, _ in
      configuration.host = host
      configuration.allowsInsecureExposure = true
    }
  }

  @Test func aKeyIsAskedForWhereThereIsOne() async throws {
    try await TestNode.with(configure: { $1.authenticator = SharedKeyAuthenticator(key: "secret") }) {
      node async throws in
      let none = try await node.ask("GET", "/v1/models")
      #expect(none.status == 401)
      #expect(none.header("www-authenticate") == "Bearer realm=\"prsm\"")
      let wrong = try await node.ask("GET", "/v1/models", headers: ["authorization: Bearer secres"])
      #expect(wrong.status == 401)
      #expect(try wrong.error["code"] == "invalid_api_key")
      #expect(try await node.ask("GET", "/v1/models", headers: ["authorization: bearer secret"]).status == 200)
      #expect(try await node.ask("GET", "/v1/models", headers: ["x-api-key: secret"]).status == 200)
      #expect(try await node.ask("GET", "/metrics").status == 401)
      #expect(try await node.ask("GET", "/healthz").status == 200)
      #expect(try await node.ask("GET", "/").status == 200)
    }
  }

  @Test func aKeyThatIsLimitedToModelsCannotUseOthers() async throws {
    for (model, status) in [("scripted", 200), ("another", 404)] {
      try await TestNode.with(configure: { $1.authenticator = OneModel(model: model) }) { node async throws in
        #expect(try await node.ask("POST", "/v1/chat/completions", TestNode.chat("hi")).status == status)
        #expect(try await node.ask("POST", "/v1/embeddings", ["model": "scripted", "input": "x"]).status == status)
        #expect(try await node.ask("GET", "/v1/models/scripted").status == status)
        #expect(node.provider.requests.count == (status == 200 ? 1 : 0))
      }
    }
  }

  @Test func aNameThatIsNotTheNodesOwnIsNotAnswered() async throws {
    try await TestNode.with(configure: { configuration, _ in configuration.allowedHosts = ["node.example"] }) {
      node async throws in
      let foreign = try await node.ask("GET", "/v1/models", host: "evil.example:8080")
      #expect(foreign.status == 403)
      #expect(try foreign.error["code"] == "host_not_allowed")
      for host in ["localhost", "127.0.0.1:9", "[::1]:9", "NODE.example", "x.localhost"] {
        #expect(try await node.ask("GET", "/v1/models", host: host).status == 200, "\(host)")
      }
    }
  }

  @Test func pagesOfOtherOriginsNeedPermission() async throws {
    try await TestNode.with(configure: { configuration, _ in
      configuration.allowedOrigins = ["https://chat.example"]
    }) { node async throws in
      #expect(try await node.ask("GET", "/v1/models", headers: ["origin: https://evil.example"]).status == 403)
      #expect(try await node.ask("GET", "/v1/models", headers: ["origin: null"]).status == 403)
      let own = try await node.ask("GET", "/v1/models", headers: ["origin: http://localhost"])
      #expect(own.status == 200)
      let allowed = try await node.ask("GET", "/v1/models", headers: ["origin: https://chat.example"])
      #expect(allowed.header("access-control-allow-origin") == "https://chat.example")
      let preflight = try await node.ask(
        "OPTIONS", "/v1/chat/completions",
        headers: ["origin: https://chat.example", "access-control-request-method: POST"])
      #expect(preflight.status == 204)
      #expect(preflight.header("access-control-allow-methods")?.contains("POST") == true)
      #expect(preflight.header("access-control-allow-headers")?.contains("authorization") == true)
      let names = "authorization,content-type,x-stainless-os"
      let sdk = try await node.ask(
        "OPTIONS", "/v1/chat/completions",
        headers: ["origin: https://chat.example", "access-control-request-headers: \(names)"])
      #expect(sdk.header("access-control-allow-headers") == names)
    }
  }

  @Test func aRequestNamesOneHost() async throws {
    try await TestNode.with { node async throws in
      for (hosts, status) in [
        ("", 400), ("host: localhost\r\nhost: evil.example\r\n", 400), ("host: localhost\r\n", 200),
      ] {
        let connection = try await node.connect()
        try await connection.send("GET /healthz HTTP/1.1\r\n\(hosts)\r\n")
        #expect(try await connection.response().status == status)
        await connection.close()
      }
    }
  }

  @Test func onlyJSONIsTakenAsJSON() async throws {
    try await TestNode.with { node async throws in
      let text = TestNode.chat("hi").text
      let packed = try await node.ask("POST", "/v1/chat/completions", text: text, headers: ["content-encoding: gzip"])
      #expect(packed.status == 415)
      for (type, status) in [("text/plain", 415), ("application/json; charset=utf-8", 200), ("", 415)] {
        let response = try await node.ask(
          "POST", "/v1/chat/completions", text: text, headers: ["content-type: \(type)"])
        #expect(response.status == status, "\(type)")
      }
    }
  }

  @Test func aWrongMethodIsToldTheRightOnes() async throws {
    try await TestNode.with { node async throws in
      let response = try await node.ask("DELETE", "/v1/models")
      #expect(response.status == 405)
      #expect(response.header("allow") == "GET, HEAD")
      #expect(try await node.ask("GET", "/v1/nothing").status == 404)
      let head = try await node.ask("HEAD", "/healthz")
      #expect(head.status == 200)
      #expect(head.header("content-length") == "33")
    }
  }
}
