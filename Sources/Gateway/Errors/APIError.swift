package import ModelInterface

/// A refusal in the shape in which OpenAI's clients expect it.
package struct APIError: Error, Sendable, Equatable {
  /// The HTTP status.
  package var status: Int
  /// What happened, what was expected, what to do.
  package var message: String
  /// OpenAI's class of error.
  package var type: String
  /// The member of the request at fault, as a path.
  package var parameter: String?
  /// OpenAI's code, for programs.
  package var code: String?
  /// For how many seconds the client should wait.
  package var retryAfter: Int?
  /// The methods that a path takes, for status 405.
  package var allow: String?

  /// An error.
  package init(
    _ status: Int, _ message: String, type: String = "invalid_request_error", parameter: String? = nil,
    code: String? = nil, retryAfter: Int? = nil, allow: String? = nil
  ) {
    self.status = status
    self.message = message
    self.type = type
    self.parameter = parameter
    self.code = code
    self.retryAfter = retryAfter
    self.allow = allow
  }

  /// Status 400 for a member of the request.
  package static func invalid(_ parameter: String?, _ message: String, code: String? = nil) -> APIError {
    APIError(400, message, parameter: parameter, code: code)
  }

  /// Status 404 for a model that is not there, or that the key may not use.
  package static func unknownModel(_ name: String) -> APIError {
    APIError(
      404, "The model '\(name.prefix(200))' does not exist or you do not have access to it.", parameter: "model",
      code: "model_not_found")
  }

  /// What a provider's error is to a client.
  package init(_ error: GenerationError, model: String? = nil) {
    switch error.kind {
    case .invalidRequest(let parameter):
      self.init(400, error.message, parameter: parameter)
    case .modelNotFound:
      self.init(404, error.message, parameter: "model", code: "model_not_found")
    case .contextLengthExceeded:
      self.init(400, error.message, parameter: "messages", code: "context_length_exceeded")
    case .overloaded(let retryAfter):
      self.init(
        429, error.message, type: "rate_limit_error", code: "rate_limit_exceeded",
        retryAfter: max(1, Int((retryAfter / .seconds(1)).rounded(.up).clamped(to: 1...86_400))))
    case .unavailable:
      self.init(503, error.message, type: "server_error", code: "unavailable", retryAfter: 1)
    case .timedOut:
      self.init(504, error.message, type: "server_error", code: "timeout")
    case .cancelled:
      self.init(499, error.message, type: "server_error", code: "cancelled")
    case .upstreamUnauthorized:
      self.init(502, error.message, type: "server_error", code: "upstream_unauthorized")
    case .budgetExceeded:
      self.init(429, error.message, type: "insufficient_quota", code: "insufficient_quota")
    case .internal:
      self.init(500, error.message, type: "server_error", code: "internal_error")
    }
  }

  /// The same error with the name by which this endpoint calls the prompt.
  package func namingPrompt(_ name: String) -> APIError {
    guard code == "context_length_exceeded" else { return self }
    var error = self
    error.parameter = name
    return error
  }

  /// Any error, as a client may see it: what is not meant for clients becomes status 500 without details.
  package static func of(_ error: any Error) -> APIError {
    switch error {
    case let error as APIError: error
    case let error as GenerationError: APIError(error)
    case is CancellationError: APIError(499, "the client went away", type: "server_error", code: "cancelled")
    default:
      APIError(
        500, "The node failed to answer; its log has the details under this request's identifier.",
        type: "server_error", code: "internal_error")
    }
  }

  /// The `error` member's object.
  package func write(into json: inout JSONText) {
    json.raw("{\"message\":")
    json.string(message)
    json.raw(",\"type\":")
    json.string(type)
    json.raw(",\"param\":")
    json.string(parameter)
    json.raw(",\"code\":")
    json.string(code)
    json.raw("}")
  }

  /// The body of an answer.
  package var body: [UInt8] {
    var json = JSONText(capacity: 160 + message.utf8.count)
    json.raw("{\"error\":")
    write(into: &json)
    json.raw("}")
    return json.bytes
  }

  /// The whole answer.
  package var response: WholeResponse {
    var headers: [(String, String)] = []
    if let retryAfter { headers.append(("retry-after", String(retryAfter))) }
    if let allow { headers.append(("allow", allow)) }
    if status == 401 { headers.append(("www-authenticate", "Bearer realm=\"prsm\"")) }
    return WholeResponse(status, headers: headers, body: body)
  }
}

extension Double {
  fileprivate func clamped(to range: ClosedRange<Double>) -> Double {
    isNaN ? range.lowerBound : Swift.min(Swift.max(self, range.lowerBound), range.upperBound)
  }
}
