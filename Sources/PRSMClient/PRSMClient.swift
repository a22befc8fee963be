public import AsyncHTTPClient
import ModelInterface
import NIOCore
import NIOHTTP1

/// Talks to a PRSM node, or to anything else that speaks the OpenAI API.
///
/// ```swift
/// let node = PRSMClient(baseURL: "http://127.0.0.1:8080", apiKey: "prsm-…")
/// for try await event in try await node.stream(ChatRequest("Why is the sky blue?")) {
///   if case .text(let piece) = event { print(piece.text, terminator: "") }
/// }
/// ```
///
/// A value: copy it freely, change its members, use it from any task. All share one pool of connections.
public struct PRSMClient: Sendable {
  /// The largest answer, in bytes, that is read as a whole.
  public static let maximumAnswerSize = 64 << 20

  /// Where the node is, without `/v1`.
  public let baseURL: String
  /// What to show it; nil for nothing.
  public var apiKey: String?
  /// When a request is sent again.
  public var retry = RetryPolicy()
  /// How long one request may take, its retries not included.
  public var timeout: Duration = .seconds(600)

  let http: HTTPClient

  /// One pool for all that bring none: it lives as long as the process, so that nobody need shut it down.
  private static let shared: HTTPClient = {
    var configuration = HTTPClient.Configuration()
    configuration.timeout.connect = .seconds(5)
    // Refused is refused: the retry policy decides what then, in one place.
    configuration.connectionPool.retryConnectionEstablishment = false
    return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }()

  /// A client.
  ///
  /// - Parameters:
  ///   - baseURL: where the node is, with or without `/v1` at its end.
  ///   - apiKey: what to show it.
  ///   - http: a pool to use; whoever brings one shuts it down.
  public init(baseURL: String = "http://127.0.0.1:8080", apiKey: String? = nil, http: HTTPClient? = nil) {
    var base = baseURL
    while base.hasSuffix("/") { base.removeLast() }
    if base.hasSuffix("/v1") { base.removeLast(3) }
    while base.hasSuffix("/") { base.removeLast() }
    self.baseURL = base
    self.apiKey = apiKey
    self.http = http ?? Self.shared
  }

  /// What a request came back with, its body yet to be read.
  struct Reply {
    var response: HTTPClientResponse
    var requestID: String?
  }

  /// Sends a request, again where that is safe, until it is answered with a status below 400.
  func send(
    _ method: HTTPMethod, _ path: String, _ body: [UInt8]? = nil, accepts: String = "application/json"
  ) async throws(PRSMClientError) -> Reply {
    var attempt = 1
    while true {
      var retryAfter: Duration?
      let failure: PRSMClientError
      do throws(PRSMClientError) {
        let reply = try await sendOnce(method, path, body, accepts: accepts)
        if reply.response.status.code < 400 { return reply }
        retryAfter = Self.retryAfter(reply.response.headers)
        failure = await Self.failure(reply, retryAfter: retryAfter)
      } catch {
        failure = error
      }
      guard let pause = retry.pause(after: failure, attempt: attempt, retryAfter: retryAfter) else { throw failure }
      do { try await Task.sleep(for: pause) } catch { throw PRSMClientError(.cancelled, "the task was cancelled") }
      attempt += 1
    }
  }

  private func sendOnce(
    _ method: HTTPMethod, _ path: String, _ body: [UInt8]?, accepts: String
  ) async throws(PRSMClientError) -> Reply {
    var request = HTTPClientRequest(url: baseURL + path)
    request.method = method
    request.headers.add(name: "accept", value: accepts)
    request.headers.add(name: "user-agent", value: "prsm-swift")
    if let apiKey { request.headers.add(name: "authorization", value: "Bearer \(apiKey)") }
    if let body {
      request.headers.add(name: "content-type", value: "application/json")
      request.body = .bytes(body)
    }
    do {
      let response = try await http.execute(request, timeout: TimeAmount(timeout))
      return Reply(response: response, requestID: response.headers.first(name: "x-request-id"))
    } catch {
      throw PRSMClientError.describing(error, baseURL: baseURL)
    }
  }

  /// Reads a body to its end, as JSON.
  func json(_ reply: Reply) async throws(PRSMClientError) -> JSONValue {
    let buffer: ByteBuffer
    do {
      buffer = try await reply.response.body.collect(upTo: Self.maximumAnswerSize)
    } catch {
      throw PRSMClientError.describing(error, baseURL: baseURL, requestID: reply.requestID)
    }
    do throws(JSONError) {
      return try JSONValue.parse(Array(buffer.readableBytesView))
    } catch {
      throw PRSMClientError(
        .unexpectedAnswer, "\(baseURL) answered with something that is not JSON (\(error)); is it a PRSM node?",
        status: Int(reply.response.status.code), requestID: reply.requestID)
    }
  }

  /// `Retry-After` in seconds (RFC 9110 section 10.2.3); its other form, a date, is not used by those who serve models.
  private static func retryAfter(_ headers: HTTPHeaders) -> Duration? {
    headers.first(name: "retry-after").flatMap { Double($0) }.flatMap { seconds in
      seconds >= 0 && seconds < 1e9 ? .milliseconds(Int64((seconds * 1_000).rounded())) : nil
    }
  }

  private static func failure(_ reply: Reply, retryAfter: Duration?) async -> PRSMClientError {
    let status = Int(reply.response.status.code)
    let buffer = try? await reply.response.body.collect(upTo: 1 << 20)
    let body = buffer.flatMap { try? JSONValue.parse(Array($0.readableBytesView)) }
    var error = PRSMClientError(body: body?["error"], status: status)
    if case .overloaded = error.kind { error.kind = .overloaded(retryAfter: retryAfter) }
    error.requestID = reply.requestID
    return error
  }
}
