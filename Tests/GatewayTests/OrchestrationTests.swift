import Gateway
import ModelInterface
import Orchestration
import ScriptedProvider
import Testing

@Suite(.timeLimit(.minutes(1))) struct OrchestrationTests {
  private struct Tenants: RequestAuthenticator {
    func authenticate(_ credentials: Credentials) async throws(AuthenticationFailure) -> Principal {
      guard let token = credentials.token else { throw .missing }
      return Principal(tenant: token, permissions: token == "admin" ? ["admin"] : ["inference"])
    }
  }

  /// A gateway with a pipeline `v` of two scripted members.
  private func with(_ body: (TestNode) async throws -> Void) async throws {
    let steps = [
      Pipeline.Step(name: "one", model: "scripted", prompt: try PromptTemplate("first {{input}}")),
      Pipeline.Step(name: "two", model: "scripted", prompt: try PromptTemplate("second {{one}}")),
    ]
    let models = try VirtualModelSet([VirtualModel("v", .pipeline(Pipeline(steps: steps)))])
    let provider = ScriptedProvider()
    let virtual = VirtualModels(models, services: OrchestrationServices(members: provider) { 0 })
    try await TestNode.with(
      provider,
      configure: { _, services in
        services.provider = virtual
        services.authenticator = Tenants()
        services.modules = [OrchestrationsModule(traces: virtual.traces)]
      }, body)
  }

  private func chat(_ members: [(String, JSONValue)] = []) -> JSONValue {
    .object(
      JSONObject([("model", "v"), ("messages", [["role": "user", "content": "hello"]])] + members))
  }

  @Test func anAnswerNamesItsTraceWhichTellsTheWhole() async throws {
    try await with { node async throws in
      for isStreamed in [false, true] {
        let answer = try await node.ask(
          "POST", "/v1/chat/completions", chat([("stream", .bool(isStreamed))]), headers: ["authorization: Bearer me"])
        #expect(answer.status == 200)
        let id = try #require(answer.header("x-prsm-orchestration"))
        let trace = try await node.ask("GET", "/v1/prsm/orchestrations/\(id)", headers: ["authorization: Bearer me"])
        let json = try JSONValue.parse(trace.body)
        #expect(json["status"] == "finished" && json["kind"] == "pipeline" && json["steps"] == 2)
        #expect(json["events"]?.array?.count == 6)
        let live = try await node.ask(
          "GET", "/v1/prsm/orchestrations/\(id)/events", headers: ["authorization: Bearer me"])
        #expect(live.header("content-type")?.hasPrefix("text/event-stream") == true)
        #expect(live.body.hasPrefix("event: orchestration\ndata: {") && live.body.hasSuffix("data: [DONE]\n\n"))
        #expect(live.body.split(separator: "\n").count { $0.hasPrefix("id: ") } == 6)
        let rest = try await node.ask(
          "GET", "/v1/prsm/orchestrations/\(id)/events?after=3", headers: ["authorization: Bearer me"])
        #expect(rest.body.split(separator: "\n").filter { $0.hasPrefix("id: ") } == ["id: 4", "id: 5"])
      }
    }
  }

  @Test func nobodyReadsWhatIsAnothers() async throws {
    try await with { node async throws in
      let answer = try await node.ask("POST", "/v1/chat/completions", chat(), headers: ["authorization: Bearer me"])
      let id = try #require(answer.header("x-prsm-orchestration"))
      for (token, status, count) in [("me", 200, 1), ("other", 404, 0), ("admin", 200, 1)] {
        let headers = ["authorization: Bearer \(token)"]
        #expect(try await node.ask("GET", "/v1/prsm/orchestrations/\(id)", headers: headers).status == status)
        #expect(try await node.ask("GET", "/v1/prsm/orchestrations/\(id)/events", headers: headers).status == status)
        let list = try await node.ask("GET", "/v1/prsm/orchestrations", headers: headers)
        #expect(try JSONValue.parse(list.body)["data"]?.array?.count == count)
      }
      let wrong = try await node.ask(
        "GET", "/v1/prsm/orchestrations?limit=many", headers: ["authorization: Bearer me"])
      #expect(wrong.status == 400)
    }
  }
}
