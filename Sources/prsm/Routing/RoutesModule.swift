import Gateway
import Metering
import ModelInterface
import Routing
import Synchronization

/// What there is to know of choices, and the way to judge answers: `/v1/prsm/routes`, `/v1/prsm/routing` and
/// `/v1/prsm/feedback`.
struct RoutesModule: GatewayModule {
  let routing: NodeRouting

  private static let tag = "Routing"
  private static let object: JSONSchema = ["type": "object"]

  var routes: [GatewayRoute] {
    [
      .whole(
        .get, "/v1/prsm/routes",
        operation: Operation(
          "listRoutes", "The latest choices of a model, the newest first.", tag: Self.tag,
          parameters: [
            .init(
              "limit", in: "query", "How many, at most 500.", required: false,
              schema: ["type": "integer", "minimum": 1, "maximum": 500])
          ], answers: [.json("The choices.", Self.object)])
      ) { request in
        let limit = try Self.limit(request)
        let records = routing.state.withLock { state in
          state.log.latest(limit) { Self.isVisible($0, to: request.principal) }
        }
        return WholeResponse(
          body: JSONValue.object(["object": "list", "data": .array(records.map(\.json))]).bytes)
      },
      .whole(
        .get, "/v1/prsm/routes/{id}",
        operation: Operation(
          "retrieveRoute", "A choice with all its candidates, by the identifier of the route or of the request.",
          tag: Self.tag,
          parameters: [
            .init(
              "id", in: "path", "The `id` of the header `x-prsm-route`, or the value of `x-request-id`.",
              required: true, schema: ["type": "string", "minLength": 1])
          ], answers: [.json("The choice.", Self.object)], errors: [404])
      ) { request in
        let id = request.variables.first ?? ""
        guard let record = routing.state.withLock({ $0.log.find(id) }), Self.isVisible(record, to: request.principal)
        else { throw Self.unknown(id) }
        return WholeResponse(body: record.json.bytes)
      },
      .whole(
        .post, "/v1/prsm/routes/explain", body: .json,
        operation: Operation(
          "explainRoute", "Which model a request would go to now, and why, without sending it.", tag: Self.tag,
          requestSchema: [
            "type": "object", "required": ["prompt"],
            "properties": [
              "model": ["type": "string"], "prompt": ["type": "string"], "session": ["type": "string"],
              "max_tokens": ["type": "integer", "minimum": 1],
            ],
          ], answers: [.json("The choice.", Self.object)], errors: [404, 503])
      ) { request in try explain(request) },
      .whole(
        .get, "/v1/prsm/routing",
        operation: Operation(
          "describeRouting", "The candidates, the names that stand for a choice, and how experiments stand.",
          tag: Self.tag, answers: [.json("How routing stands.", Self.object)])
      ) { _ in WholeResponse(body: status.bytes) },
      .whole(
        .post, "/v1/prsm/feedback", body: .json,
        operation: Operation(
          "sendFeedback", "Says how good an answer was, so that the next choice is better.", tag: Self.tag,
          requestSchema: [
            "type": "object",
            "properties": [
              "route_id": ["type": "string"], "request_id": ["type": "string"],
              "quality": ["type": "number", "minimum": 0, "maximum": 1], "good": ["type": "boolean"],
              "source": ["type": "string", "enum": ["person", "judge", "retry"]],
            ],
          ], answers: [.json("It was taken into account.", Self.object)], errors: [404])
      ) { request in try feedback(request) },
    ]
  }

  /// Whoever may change the node sees all; everybody else what was asked with the same key.
  static func isVisible(_ record: RouteRecord, to principal: Principal) -> Bool {
    principal.isAdmin || record.ticket.context.tenant == principal.tenant
  }

  private static func unknown(_ id: String) -> APIError {
    APIError(
      404, "No route `\(id.prefix(200))` is remembered; the latest \(RouteLog.capacity) are.", code: "route_not_found")
  }

  private static func limit(_ request: GatewayRequest) throws(APIError) -> Int {
    guard let text = request.queryItems["limit"] else { return 50 }
    guard let limit = Int(text), (1...500).contains(limit) else {
      throw .invalid("limit", "'limit' is a whole number from 1 to 500, found `\(text.prefix(40))`.")
    }
    return limit
  }

  private func explain(_ incoming: GatewayRequest) throws -> WholeResponse {
    let body = try incoming.json()
    guard let prompt = body["prompt"]?.string else {
      throw APIError.invalid(
        "prompt", "'prompt' is the text to choose a model for, found \(body["prompt"]?.kind ?? "nothing").")
    }
    let name = body["model"]?.string ?? "auto"
    guard routing.isRouted(name) else {
      throw APIError(
        404, "`\(name.prefix(200))` is no name that stands for a choice; `auto` is, and those of GET /v1/prsm/routing.",
        parameter: "model", code: "model_not_found")
    }
    var context = incoming.context
    context.session = body["session"]?.string
    var request = GenerationRequest(
      model: name, prompt: .messages([Message(role: .user, text: prompt)]), context: context)
    request.maximumOutputTokens = body["max_tokens"]?.integer
    let account = routing.metering.account(of: incoming.principal.tenant)
    let ticket = try routing.preview(
      request, allowed: incoming.principal.models, remaining: routing.metering.meter.remaining(of: account))
    return WholeResponse(body: JSONValue.object(ticket.json).bytes)
  }

  private func feedback(_ incoming: GatewayRequest) throws(APIError) -> WholeResponse {
    let body = try incoming.json()
    guard let name = body["route_id"]?.string ?? body["request_id"]?.string else {
      throw .invalid(
        "route_id",
        "'route_id' (from the header x-prsm-route) or 'request_id' (x-request-id) says which answer is meant.")
    }
    guard let quality = body["quality"]?.double ?? body["good"]?.bool.map({ $0 ? 1 : 0 }), (0...1).contains(quality)
    else { throw .invalid("quality", "'quality' is a number from 0 (bad) to 1 (good), or 'good' is true or false.") }
    var source = QualityFeedback.Source.person
    if let word = body["source"] {
      guard let known = word.string.flatMap(QualityFeedback.Source.init) else {
        throw .invalid("source", "'source' is person, judge or retry.", code: "invalid_value")
      }
      source = known
    }
    let principal = incoming.principal
    guard
      let (record, isNew) = routing.judge(
        name, quality: quality, source: source, isVisible: { Self.isVisible($0, to: principal) })
    else { throw Self.unknown(name) }
    let model = record.judgements.last?.model ?? record.ticket.model
    let answer: JSONValue = [
      "object": "feedback", "route_id": .string(record.ticket.id), "model": .string(model),
      "quality": .rounded(quality), "source": .string(source.rawValue), "counted": .bool(isNew),
    ]
    return WholeResponse(body: answer.bytes)
  }

  private var status: JSONValue {
    let state = routing.standing()
    let configuration = state.configuration
    var names = JSONObject()
    for name in ["auto", "auto:cheap", "auto:best", "auto:fast"] {
      if let policy = (try? RoutePolicy.named(name)).flatMap({ $0 }) { names[name] = policy.json }
    }
    for (name, policy) in configuration.policies.sorted(by: { $0.key < $1.key }) { names[name] = policy.policy.json }
    return [
      "names": .object(names), "predictor": configuration.predictor.map { .string($0) } ?? .null,
      "predicts": .array(state.predicts.map { .string($0) }),
      "decisions": .integer(state.decisions), "explored": .integer(state.explored),
      "exploration_cap": .rounded(configuration.exploration),
      "candidates": .array(state.candidates.filter(\.isOffered).map(Self.json)),
      "experiments": .array(
        state.experiments.values.sorted { $0.name < $1.name }.map { experiment in
          [
            "name": .string(experiment.name), "verdict": .string("\(Self.words(experiment.verdict))"),
            "arms": .array(
              experiment.arms.map { arm in
                [
                  "model": .string(arm.model), "weight": .rounded(arm.weight),
                  "judged": .integer(arm.outcomes.count), "success": .rounded(arm.outcomes.mean),
                  "low": .rounded(arm.outcomes.lower), "high": .rounded(arm.outcomes.upper),
                ]
              }),
          ]
        }),
      "releases": .array(
        configuration.canaries.sorted { $0.key < $1.key }.compactMap { name, canary in
          state.canaries[name].map { release in
            [
              "name": .string(name), "baseline": .string(canary.baseline), "candidate": .string(canary.candidate),
              "share": .rounded(release.share), "stage": .string(Self.words(release.stage)),
              "answers": .integer(release.success.count), "success": .rounded(release.success.mean),
            ]
          }
        }),
    ]
  }

  private static func json(_ candidate: Candidate) -> JSONValue {
    [
      "model": .string(candidate.name), "location": .string(candidate.location.rawValue),
      "health": .string(candidate.health.rawValue), "region": candidate.region.map { .string($0) } ?? .null,
      "context_window": .integer(candidate.contextWindow), "tools": .bool(candidate.supportsTools),
      "modalities": .array(candidate.modalities.map { .string($0.rawValue) }),
      "input_micros": .integer(candidate.price.inputMicros), "output_micros": .integer(candidate.price.outputMicros),
      "assumed_quality": .rounded(candidate.assumedQuality),
      "latency_ms": candidate.latency.map { ["p50": .rounded($0.p50), "p95": .rounded($0.p95)] } ?? .null,
    ]
  }

  private static func words(_ verdict: ABExperiment.Verdict) -> String {
    switch verdict {
    case .undecided: "undecided"
    case .winner(let model, _, _): model
    }
  }

  private static func words(_ stage: CanaryRelease.Stage) -> String {
    switch stage {
    case .running: "running"
    case .promoted: "promoted"
    case .rolledBack(let reason): "rolled back: \(reason)"
    }
  }
}

extension Principal {
  /// Whether it may see and change what is not its own.
  var isAdmin: Bool { isAnonymous || permissions.isEmpty || permissions.contains("admin") }
}
