import Logging
import ModelInterface
import NIOCore
import NIOHTTP1
import Synchronization
import Telemetry

/// Answers requests: who asks, which route, what went wrong, and the log, metrics and trace of it. Knows no API.
struct Responder: Sendable {
  let table: RouteTable
  /// Modules that may have host names of their own.
  let hosts: [any GatewayModule]
  let authenticator: (any RequestAuthenticator)?
  let origins: OriginPolicy
  let metrics: GatewayMetrics
  let tracer: (any SpanRecorder)?
  let logger: Logger
  let log: any RequestLog
  let securityHeaders: [(String, String)]

  func answer(_ message: Incoming, from address: SocketAddress?, through reply: Reply) async {
    let received = ContinuousClock.now
    metrics.inFlight.add(1)
    defer { metrics.inFlight.add(-1) }
    switch message {
    case .refusal(let refusal, let head):
      let id = RequestIdentifier.accept(head?.headers.first(name: "x-request-id"))
      reply.prepare(securityHeaders + [("x-request-id", id)], closesConnection: true)
      try? await reply.send(refusal.error.response)
      let path = head.map { Self.path(of: $0.uri) } ?? "-"
      finish(id, head?.method.rawValue ?? "-", path, -1, "-", reply, received, nil, nil, refusal.error, address)
    case .request(let head, let body):
      await answer(head, body, address, reply, received)
    }
  }

  private func answer(
    _ head: HTTPRequestHead, _ body: ByteBuffer, _ address: SocketAddress?, _ reply: Reply,
    _ received: ContinuousClock.Instant
  ) async {
    let id = RequestIdentifier.accept(head.headers.first(name: "x-request-id"))
    let origin = head.headers.first(name: "origin")
    var common = securityHeaders
    common.append(("x-request-id", id))
    let (path, query) = Self.split(head.uri)
    let isPublic = isPublic(head, path)
    if isPublic {
      common += Self.publicHeaders
    } else if let origin, origins.allows(origin) {
      common.append(("access-control-allow-origin", origin))
      common.append(("access-control-expose-headers", "x-request-id, retry-after, x-prsm-orchestration, x-prsm-route"))
      common.append(("vary", "origin"))
    }
    reply.prepare(common, closesConnection: !head.isKeepAlive, isHead: head.method == .HEAD)
    let caller = head.headers.first(name: "traceparent").flatMap(TraceContext.init(traceparent:))
    let trace = caller?.child() ?? (tracer == nil ? nil : TraceContext.root(isSampled: true))

    var index = -1
    var pattern = "-"
    var principal: Principal?
    var failure: APIError?
    do {
      // RFC 9112, section 3.2: exactly one, whatever it names.
      let hosts = head.headers["host"].count
      guard hosts == 1 || (hosts == 0 && head.version != .http1_1) else {
        throw APIError(400, "A request has one `host` header; found \(hosts).", code: "malformed_request")
      }
      if !isPublic { try origins.check(host: head.headers.first(name: "host"), origin: origin) }
      if head.method == .OPTIONS, isPublic {
        try await reply.send(WholeResponse(204, headers: [("access-control-max-age", "600")], body: []))
      } else if head.method == .OPTIONS, let origin, origins.allows(origin) {
        try await reply.send(Self.preflight(for: head.headers.first(name: "access-control-request-headers")))
      } else {
        let finding = finding(head, path)
        switch finding {
        case .nothing:
          throw APIError(
            404, "There is nothing at `\(path.prefix(200))`. /openapi.json lists what there is.", code: "not_found")
        case .otherMethods(let methods):
          let allow = methods.joined(separator: ", ")
          throw APIError(
            405, "`\(path.prefix(200))` does not take \(head.method.rawValue), only \(allow).",
            code: "method_not_allowed", allow: allow)
        case .found(let entry, let variables):
          index = entry.index
          pattern = entry.route.path
          // Under a host name of its own, a module's paths mean nothing to those who grant access by path.
          let who = try await authenticate(entry.route, head, index < 0 ? "/ipfs" + path : path, address)
          principal = who
          try Self.checkMediaType(entry.route, head, body)
          var request = GatewayRequest(
            method: head.method.rawValue, path: path, query: query, headers: head.headers, body: body,
            variables: variables,
            principal: who, id: id, trace: trace, received: received)
          request.reply = reply
          let isWork = head.method == .POST
          if isWork { reply.disconnection.generating(true) }
          defer { if isWork { reply.disconnection.generating(false) } }
          try await entry.route.handler(request, reply)
          try await reply.finish()
        }
      }
    } catch {
      failure = APIError.of(error)
      await report(error, failure, id, reply)
    }
    if index < 0, pattern == "-" { pattern = failure?.status == 404 ? "unknown" : pattern }
    finish(
      id, head.method.rawValue, path, index, pattern, reply, received, principal, trace, failure, address)
  }

  /// What answers: under a host name of a module's own that module, otherwise the table. Paths of the API are never
  /// served under such a name, so that a page which is served there has an origin without rights.
  private func finding(_ head: HTTPRequestHead, _ path: String) -> RouteTable.Finding {
    guard !hosts.isEmpty, let host = HostPlace.host(of: head.headers),
      let route = hosts.lazy.compactMap({ $0.route(forHost: host) }).first
    else { return table.find(head.method.rawValue, path) }
    guard head.method == .GET || head.method == .HEAD else { return .otherMethods(["GET", "HEAD"]) }
    return .found(.init(route: route, index: -1), variables: [])
  }

  /// Tells the client what went wrong, in the way that is still open.
  private func report(_ error: any Error, _ failure: APIError?, _ id: String, _ reply: Reply) async {
    guard let failure else { return }
    if failure.status == 500 {
      logger.error("a request failed", metadata: ["request": .string(id), "error": "\(error)"])
    }
    if reply.disconnection.isGone, failure.status == 499 { return }
    // Cancelled while the client is there: the node is shutting down.
    let told =
      failure.status == 499
      ? APIError(
        503, "The node is shutting down; try again.", type: "server_error", code: "shutting_down", retryAfter: 1)
      : failure
    do {
      if reply.status == nil {
        if failure.status == 499 { reply.closeAfterwards() }
        try await reply.send(told.response)
      } else if reply.isEventStream, !reply.isFinished {
        var json = JSONText()
        json.raw("event: error\ndata: ")
        json.raw(told.body)
        json.raw("\n\n")
        reply.closeAfterwards()
        try await reply.write(json.bytes)
        try await reply.finish()
      } else {
        reply.closeAfterwards()
      }
    } catch {
      logger.trace("an error could not be delivered", metadata: ["request": .string(id)])
    }
  }

  private func authenticate(
    _ route: Route, _ head: HTTPRequestHead, _ path: String, _ address: SocketAddress?
  ) async throws(APIError) -> Principal {
    guard let authenticator, route.access == .authenticated else { return .anonymous }
    let credentials = Credentials(
      token: Self.token(head.headers), remoteAddress: address?.ipAddress, method: head.method.rawValue, path: path)
    do throws(AuthenticationFailure) {
      return try await authenticator.authenticate(credentials)
    } catch {
      throw error.error
    }
  }

  private static func token(_ headers: HTTPHeaders) -> String? {
    if let authorization = headers.first(name: "authorization") {
      let parts = authorization.split(separator: " ", maxSplits: 1)
      if parts.count == 2, parts[0].lowercased() == "bearer" { return String(parts[1]) }
      return authorization.isEmpty ? nil : authorization
    }
    return headers.first(name: "x-api-key")
  }

  private static func checkMediaType(
    _ route: Route, _ head: HTTPRequestHead, _ body: ByteBuffer
  ) throws(APIError) {
    guard route.body == .json else { return }
    if let coding = head.headers.first(name: "content-encoding"), coding.lowercased() != "identity" {
      throw APIError(
        415, "A body with `content-encoding: \(coding.prefix(100))` is not read; send it as it is.",
        code: "unsupported_media_type")
    }
    let type = head.headers.first(name: "content-type") ?? ""
    let essence = type.prefix { $0 != ";" }.filter { $0 != " " && $0 != "\t" }.lowercased()
    guard essence == "application/json" || essence.hasSuffix("+json") else {
      let found = type.isEmpty ? "none" : "`\(type.prefix(100))`"
      throw APIError(
        415, "This takes a JSON body with `content-type: application/json`; found \(found).",
        code: "unsupported_media_type")
    }
  }

  private func finish(
    _ id: String, _ method: String, _ path: String, _ index: Int, _ pattern: String, _ reply: Reply,
    _ received: ContinuousClock.Instant, _ principal: Principal?, _ trace: TraceContext?, _ failure: APIError?,
    _ address: SocketAddress?
  ) {
    let time = ContinuousClock.now - received
    let status = reply.status ?? failure?.status ?? 499
    metrics.handled(index: index, route: pattern, method: index < 0 ? "-" : method, status: status, time: time)
    let line = RequestLine(
      id: id, method: method, path: path, status: status, time: time, bytes: reply.bytesSent,
      tenant: principal.flatMap { $0.isAnonymous ? nil : $0.tenant }, trace: trace?.traceID,
      failure: failure.map { $0.code ?? $0.type })
    log.write(line)
    if let tracer, let trace, trace.isSampled { tracer.record(Self.span(trace, line, pattern: pattern, failure)) }
  }

  /// The span of a request, by OpenTelemetry's conventions for HTTP servers.
  static func span(
    _ context: TraceContext, _ line: RequestLine, pattern: String, _ failure: APIError?
  ) -> FinishedSpan {
    FinishedSpan(
      context: context, name: "\(line.method) \(pattern)", kind: .server, duration: line.time,
      attributes: [
        ("http.request.method", .string(line.method)), ("url.path", .string(line.path)),
        ("http.route", .string(pattern)), ("http.response.status_code", .integer(line.status)),
        ("prsm.request.id", .string(line.id)),
      ], error: failure.flatMap { $0.status >= 500 ? $0.message : nil })
  }

  private static func path(of uri: String) -> String { split(uri).path }

  private static func split(_ uri: String) -> (path: String, query: String?) {
    var target = uri[...]
    if !target.hasPrefix("/"), let scheme = target.firstRange(of: "://") {
      // The absolute form that proxies are sent (RFC 9112, section 3.2.2).
      target = target[scheme.upperBound...].drop { $0 != "/" }
      if target.isEmpty { return ("/", nil) }
    }
    guard let mark = target.utf8.firstIndex(of: UInt8(ascii: "?")) else { return (String(target), nil) }
    return (String(target[..<mark]), String(target[target.index(after: mark)...]))
  }

  /// An origin that is allowed may send what headers it likes: SDKs have many of their own.
  private static func preflight(for headers: String?) -> WholeResponse {
    let names = headers.flatMap { list in
      let isPlain = list.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ","), UInt8(ascii: " "): true
        default: false
        }
      }
      return isPlain && (1...4096).contains(list.utf8.count) ? list : nil
    }
    return WholeResponse(
      204,
      headers: [
        ("access-control-allow-methods", "GET, POST, PUT, DELETE"),
        ("access-control-allow-headers", names ?? "authorization, content-type, x-request-id, traceparent"),
        ("access-control-max-age", "600"),
      ], body: [])
  }
}

extension Refusal {
  var error: APIError {
    switch self {
    case .bodyTooLarge(let limit):
      APIError(413, "The body is longer than the limit of \(limit) bytes.", code: "request_too_large")
    case .headersTooLarge: APIError(431, "The headers are longer than the limit.", code: "headers_too_large")
    case .malformed: APIError(400, "This is not a valid HTTP/1.1 request.", code: "malformed_request")
    case .tooSlow: APIError(408, "The request did not arrive in time.", code: "request_timeout")
    case .expectationFailed:
      APIError(417, "Of `expect`, only `100-continue` is offered.", code: "expectation_failed")
    case .targetTooLong(let limit):
      APIError(414, "The request target is longer than the limit of \(limit) bytes.", code: "target_too_long")
    }
  }
}
