package import ModelInterface
import Sandbox

extension CodeEvent {
  /// The event's name in a stream.
  package var name: String {
    switch self {
    case .started: "started"
    case .attempt: "attempt"
    case .token: "token"
    case .candidate: "candidate"
    case .signal: "signal"
    case .attemptEnded: "attempt_ended"
    case .progress: "progress"
    }
  }

  /// The event as an object for machines.
  package var json: JSONValue {
    switch self {
    case .started(let tests, let derived):
      return ["tests": .array(tests.map { .string($0) }), "tests_are_derived": .bool(derived)]
    case .attempt(let id, let configuration, let code, let parent):
      return [
        "id": .integer(id), "gamma": .short(Double(configuration.gamma)),
        "temperature": .short(Double(configuration.temperature)), "horizon": .integer(configuration.horizon),
        "candidates": .integer(configuration.candidates), "style": .string(configuration.style.rawValue),
        "code": .string(code), "parent": parent.map { .integer($0) } ?? .null,
      ]
    case .token(let attempt, let text, let probability, let divergence):
      return [
        "attempt": .integer(attempt), "text": .string(text), "probability": .short(probability),
        "divergence": .short(divergence),
      ]
    case .candidate(let candidate): return candidate.json
    case .signal(let attempt, let text, let gamma):
      return ["attempt": .integer(attempt), "gamma": .short(gamma), "text": .string(text)]
    case .attemptEnded(let id, let reason): return ["id": .integer(id), "reason": .string(reason)]
    case .progress(let tokens, let executions, let seconds):
      return [
        "generated_tokens": .integer(tokens), "executions": .integer(executions), "seconds": .short(seconds),
      ]
    }
  }
}

extension Candidate {
  /// The candidate as an object for machines.
  package var json: JSONValue {
    [
      "id": .integer(id), "origin": .string(origin.rawValue), "attempt": attempt.map { .integer($0) } ?? .null,
      "parent": parent.map { .integer($0) } ?? .null, "program": .string(source), "passes": .bool(passes),
      "whole": .bool(isWhole), "score": .short(score),
      "probability": meanLogprob.map { .short(exponential($0)) } ?? .null, "summary": .string(summary),
      "runs": .array(runs.map(\.json)),
    ]
  }
}

extension TracedRun {
  /// The most events of a trace that are sent.
  static let mostEvents = 60

  var json: JSONValue {
    [
      "outcome": .string(outcome.code), "message": .string("\(outcome)"),
      "result": returned.map { .string($0) } ?? .null,
      "trace": .array(
        trace.events.prefix(Self.mostEvents).map { event in
          [
            "event": .string(event.kind.rawValue), "line": .integer(event.line), "depth": .integer(event.depth),
            "function": .string(event.function), "value": .string(event.value),
            "locals": .object(JSONObject(event.changes.map { ($0.name, .string($0.value)) })),
          ]
        }),
      "cut": .bool(trace.cutBy != nil || trace.events.count > Self.mostEvents),
    ]
  }
}

extension CodeResult {
  /// The result as an object for machines.
  package var json: JSONValue {
    [
      "program": .string(program), "passes": .bool(passes), "ending": .string(ending.rawValue),
      "tests": .array(tests.map { .string($0) }), "tests_are_derived": .bool(testsAreDerived),
      "origin": candidate.map { .string($0.origin.rawValue) } ?? .null,
      "candidate": candidate.map { .integer($0.id) } ?? .null,
      "summary": candidate.map { .string($0.summary) } ?? .null,
      "cost": [
        "generated_tokens": .integer(generatedTokens), "read_tokens": .integer(readTokens),
        "executions": .integer(executions), "programs": .integer(programs), "unusable": .integer(unusable),
        "duplicates": .integer(duplicates), "attempts": .integer(attempts), "seconds": .short(seconds),
        "execution_seconds": .short(executionSeconds),
      ],
    ]
  }
}

extension JSONValue {
  /// A number to four digits behind the point.
  static func short(_ value: Double) -> JSONValue {
    value.isFinite ? .double((value * 10_000).rounded() / 10_000) : .null
  }
}
