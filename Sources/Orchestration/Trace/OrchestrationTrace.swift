package import ModelInterface

/// How one answer of a virtual model came about, as far as that has gone.
package struct OrchestrationTrace: Sendable, Equatable {
  /// Unique; what it is asked for by.
  package var id: String
  /// The request's `x-request-id`.
  package var requestID: String
  /// On whose account it ran. Nobody else may read it.
  package var tenant: String
  /// The virtual model.
  package var model: String
  /// Its kind, such as `panel`.
  package var kind: String
  /// When it began, in milliseconds since 1970.
  package var began: Int
  /// The virtual models around it, the outermost first.
  package var enclosing: [String]
  /// What happened.
  package var events: [TraceEvent] = []
  /// How many events were left out because there were too many.
  package var omitted = 0

  /// Whether it is over.
  package var isOver: Bool { events.last?.isLast ?? false }

  /// What all calls cost, once it is over; nil where no price is known.
  package var cost: Int128? {
    switch events.last?.body {
    case .finished(_, _, let cost), .failed(_, _, let cost): cost
    default: nil
    }
  }

  var size: Int { events.reduce(512 + enclosing.count * 64) { $0 + $1.size } }

  /// The trace as the API spells it, with its events or without.
  package func json(withEvents: Bool) -> JSONValue {
    var object: JSONObject = [
      "id": .string(id), "object": "orchestration", "request_id": .string(requestID), "model": .string(model),
      "kind": .string(kind), "began_ms": .integer(began), "enclosing": .array(enclosing.map { .string($0) }),
      "status": .string(status), "steps": .integer(stepCount),
    ]
    if let last = events.last, last.isLast { object["took_ms"] = .integer(last.time) }
    switch events.last?.body {
    case .finished(_, let usage, let cost), .failed(_, let usage, let cost):
      object["usage"] = TraceEvent.json(usage)
      object["cost"] = TraceEvent.json(cost)
    default: break
    }
    if withEvents {
      object["events"] = .array(events.map(\.json))
      object["omitted_events"] = .integer(omitted)
    } else if case .began(let question)? = events.first?.body {
      object["question"] = .string(question)
    }
    return .object(object)
  }

  /// `running`, `finished` or `failed`.
  package var status: String {
    switch events.last?.body {
    case .finished: "finished"
    case .failed: "failed"
    default: "running"
    }
  }

  private var stepCount: Int {
    events.count { if case .stepBegan = $0.body { true } else { false } }
  }
}
