import CodeGeneration
import Foundation
import Gateway
import ModelInterface
import Sandbox

/// `/v1/prsm/code`, and `/v1/prsm/execute`.
struct CodeModule: GatewayModule {
  let service: CodeService
  let provider: any ModelProvider

  var routes: [GatewayRoute] {
    [
      GatewayRoute(.post, "/v1/prsm/code", body: .json, operation: CodeSchemas.code) { request, reply in
        try await generate(request, reply)
      },
      .whole(.delete, "/v1/prsm/code/{request}", operation: CodeSchemas.finish) { request in
        let id = request.variables.first ?? ""
        guard service.finishEarly(request: id, tenant: request.context.tenant) else {
          throw APIError(
            404, "No search is in progress that was asked for with x-request-id '\(id.prefix(100))'.",
            parameter: "request", code: "search_not_found")
        }
        return WholeResponse(
          body: JSONValue.object(["object": "prsm.code.finish", "id": .string(id), "finishing": true]).bytes)
      },
      .whole(.post, "/v1/prsm/execute", body: .json, operation: CodeSchemas.execute) { request in
        try await execute(request)
      },
    ]
  }

  var schemas: [(name: String, schema: JSONSchema)] { CodeSchemas.all }

  private func generate(_ incoming: GatewayRequest, _ reply: Reply) async throws {
    let (request, isStreamed) = try CodeRequest.read(try incoming.json())
    let model = try await model(request.model, incoming.principal)
    do {
      guard isStreamed else {
        let result = try await service.generate(request, model: model, context: incoming.context) { _ in }
        return try await reply.send(WholeResponse(body: Self.body(result, model).bytes))
      }
      let events = EventWriter(reply: reply)
      let result = try await service.generate(request, model: model, context: incoming.context) { event in
        switch event {
        case .queued(let ahead): await events.send("queued", ["ahead": .integer(ahead)])
        case .search(let event): await events.send(event.name, event.json)
        }
      }
      await events.send("result", Self.body(result, model))
      try await events.finish()
    } catch let error as GenerationError {
      throw APIError(error).namingPrompt("task")
    }
  }

  private static func body(_ result: CodeResult, _ model: String) -> JSONValue {
    var object: JSONObject = ["object": "prsm.code", "model": .string(model)]
    for (name, value) in result.json.object?.members ?? [] { object[name] = value }
    return .object(object)
  }

  /// The model's own name, where the key may use it; the first one where none is named.
  private func model(_ name: String?, _ principal: Principal) async throws(APIError) -> String {
    let allowed = await provider.models().filter { model in
      guard let names = principal.models else { return true }
      return names.contains(model.name) || !names.isDisjoint(with: model.aliases)
    }
    guard let name else {
      guard let first = allowed.first else {
        throw APIError(503, "There is no model in this node; get one with `prsm models pull`.", code: "unavailable")
      }
      return first.name
    }
    let wanted = CodeProvider.inner(of: name) ?? name
    guard let model = allowed.first(where: { $0.name == wanted || $0.aliases.contains(wanted) }) else {
      throw .unknownModel(name)
    }
    return model.name
  }

  private func execute(_ incoming: GatewayRequest) async throws -> WholeResponse {
    let run = try ExecutionRequest(try incoming.json())
    do {
      let sandbox = try await service.openSandbox()
      let result = try await sandbox.run(run.program, limits: run.limits, trace: run.trace)
      return WholeResponse(body: Run.json(result).bytes)
    } catch let error as SandboxError {
      throw APIError(GenerationError(error))
    } catch let error as GenerationError {
      throw APIError(error)
    }
  }
}

/// Events on their way to a client, one after the other. A client that is gone cancels the request's task.
private actor EventWriter {
  private let reply: Reply
  private var failure: (any Error)?

  init(reply: Reply) {
    self.reply = reply
  }

  func send(_ name: String, _ data: JSONValue) async {
    guard failure == nil else { return }
    do {
      // The name stands in the data, too, for clients that read data alone.
      var object: JSONObject = ["event": .string(name)]
      for (member, value) in data.object?.members ?? [] { object[member] = value }
      try await reply.beginEvents()
      try await reply.write(
        Array("event: \(name)\ndata: ".utf8) + JSONValue.object(object).bytes + Array("\n\n".utf8))
    } catch {
      failure = error
    }
  }

  func finish() async throws {
    if let failure { throw failure }
    try await reply.write(Array("data: [DONE]\n\n".utf8))
  }
}

/// What `/v1/prsm/execute` is asked.
struct ExecutionRequest {
  var program: SandboxProgram
  var limits: SandboxLimits
  var trace: TraceOptions?

  init(_ json: JSONValue) throws(APIError) {
    let members = try Members(json)
    try members.refuseUnknown(besides: ["language", "program", "stdin", "test", "setup", "trace", "limits"])
    _ = try members.word("language", of: SandboxLanguage.allCases.map(\.rawValue))
    program = SandboxProgram(
      source: try members.requiredString("program"), standardInput: Array((try members.string("stdin") ?? "").utf8),
      test: try members.string("test"), testSetup: try members.string("setup") ?? "")
    limits = SandboxLimits()
    if let asked = try members.members("limits") {
      try asked.refuseUnknown(besides: ["seconds", "memory_bytes", "processes", "files", "output_bytes"])
      if let seconds = try asked.number("seconds", in: 0.001...60) {
        limits.wallMilliseconds = max(1, Int(seconds * 1_000))
        limits.cpuMilliseconds = limits.wallMilliseconds
      }
      if let bytes = try asked.integer("memory_bytes", in: (8 << 20)...(2 << 30)) { limits.memoryBytes = bytes }
      if let count = try asked.integer("processes", in: 0...64) { limits.processes = count }
      if let count = try asked.integer("files", in: 0...1_024) { limits.files = count }
      if let bytes = try asked.integer("output_bytes", in: 0...(4 << 20)) { limits.outputBytes = bytes }
    }
    trace = try members.bool("trace") == true ? TraceOptions() : nil
  }
}

extension CodeRequest {
  /// The most bytes of a task, and the most tests.
  private static let mostBytes = 64 << 10
  private static let mostTests = 64

  /// Reads the API's spelling.
  static func read(_ json: JSONValue) throws(APIError) -> (request: CodeRequest, isStreamed: Bool) {
    let members = try Members(json)
    try members.refuseUnknown(besides: [
      "model", "task", "tests", "setup", "opening", "entry_point", "budget", "gammas", "temperatures", "horizons",
      "candidates", "styles", "attempts", "first_wave", "seed", "extensions", "stream",
    ])
    func texts(_ name: String) throws(APIError) -> [String] {
      var texts: [String] = []
      for (index, value) in (try members.array(name, count: 0...mostTests) ?? []).enumerated() {
        guard case .string(let text) = value else {
          throw .invalid(
            "\(name)[\(index)]", "Invalid type for '\(name)[\(index)]': expected a string.", code: "invalid_type")
        }
        texts.append(text)
      }
      return texts
    }
    func numbers(_ name: String, _ range: ClosedRange<Double>) throws(APIError) -> [Double]? {
      guard let values = try members.array(name, count: 1...16) else { return nil }
      var numbers: [Double] = []
      for value in values {
        guard let number = value.double, range.contains(number) else {
          throw .invalid(name, "Invalid '\(name)': expected numbers from \(range.lowerBound) to \(range.upperBound).")
        }
        numbers.append(number)
      }
      return numbers
    }
    let instruction = try members.requiredString("task")
    let tests = try texts("tests")
    let setup = try members.string("setup") ?? ""
    let opening = try members.string("opening") ?? ""
    guard !instruction.allSatisfy(\.isWhitespace) else { throw .invalid("task", "The task is empty.") }
    let size = instruction.utf8.count + setup.utf8.count + opening.utf8.count + tests.reduce(0) { $0 + $1.utf8.count }
    guard size <= mostBytes else {
      throw .invalid("task", "Task and tests have \(size) bytes together; at most \(mostBytes) are taken.")
    }
    var request = CodeRequest(
      model: try members.string("model"),
      task: CodeTask(
        instruction: instruction, tests: tests, setup: setup, opening: opening,
        entryPoint: try members.string("entry_point")))
    if let budget = try members.members("budget") {
      try budget.refuseUnknown(besides: ["tokens", "seconds"])
      if let tokens = try budget.integer("tokens", in: CodeRequest.tokens) { request.settings.budgetTokens = tokens }
      if let seconds = try budget.number("seconds", in: CodeRequest.seconds) {
        request.settings.budgetSeconds = seconds
      }
    }
    if let values = try numbers("gammas", 0...10) { request.settings.gammas = values.map { Float($0) } }
    if let values = try numbers("temperatures", 0.05...2) { request.settings.temperatures = values.map { Float($0) } }
    if let values = try numbers("horizons", 1...64) {
      guard values.allSatisfy({ $0 == $0.rounded() }) else {
        throw .invalid("horizons", "Invalid 'horizons': expected whole numbers from 1 to 64.")
      }
      request.settings.horizons = values.map { Int($0) }
    }
    if let count = try members.integer("candidates", in: 1...8) { request.settings.candidates = count }
    if let count = try members.integer("attempts", in: 1...4) { request.settings.attempts = count }
    if let count = try members.integer("first_wave", in: 1...16) { request.settings.firstWave = count }
    if let seed = try members.integer("seed", in: 0...Int.max) { request.settings.seed = UInt64(seed) }
    let styles = try texts("styles")
    if !styles.isEmpty {
      request.settings.styles = styles.compactMap(PromptStyle.init)
      guard request.settings.styles.count == styles.count else {
        let known = PromptStyle.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
        throw .invalid("styles", "Invalid value in 'styles'. Supported values are: \(known).", code: "invalid_value")
      }
    }
    if let extensions = try members.members("extensions") {
      try extensions.refuseUnknown(besides: Set(switches.map(\.name)))
      for (name, path) in switches {
        if let value = try extensions.bool(name) { request.settings.extensions[keyPath: path] = value }
      }
    }
    return (request, try members.bool("stream") ?? false)
  }
}
