import AsyncHTTPClient
import Glibc
import ModelInterface
import NIOCore
import NIOHTTP1
import NIOSSL

/// Puts what goes wrong with an upstream into PRSM's own errors, by kind, so that one place can decide on a retry.
enum UpstreamFailure {
  /// Which of the deadlines passed.
  enum Deadline {
    case connect, firstByte, betweenTokens, whole
  }

  /// The largest part of an error's body that is read, in bytes.
  static let maximumErrorSize = 64 << 10
  /// The pause after a refusal that names none.
  static let usualRetryAfter = Duration.seconds(1)
  /// The longest pause that an upstream is believed.
  private static let retryAfterLimit: Int64 = 86_400

  /// The error of a deadline that passed.
  static func passed(_ deadline: Deadline, _ time: Duration, endpoint: String) -> GenerationError {
    let limit = "\((time.inSeconds * 1_000).rounded() / 1_000) s"
    let what =
      switch deadline {
      case .connect: "did not accept a connection within \(limit) (its deadline `connect`)"
      case .firstByte: "sent nothing of its answer within \(limit) (its deadline `first-byte`)"
      case .betweenTokens: "fell silent for \(limit) in the middle of its answer (its deadline `between-tokens`)"
      case .whole: "had not finished its answer when the request's time was over, \(limit) (deadline `whole`)"
      }
    return GenerationError(.timedOut, "`\(endpoint)` \(what)")
  }

  /// Whether an error says that a connection is not there any more.
  static func isClosed(_ error: any Error) -> Bool {
    switch error {
    case let error as HTTPClientError: error == .remoteConnectionClosed
    case let error as IOError: [ECONNRESET, EPIPE, ECONNABORTED].contains(error.errnoCode)
    case ChannelError.eof, ChannelError.ioOnClosedChannel, ChannelError.inputClosed, ChannelError.outputClosed: true
    case NIOSSLError.uncleanShutdown: true
    default: false
    }
  }

  /// The error that one of the HTTP client's stands for.
  static func error(_ error: any Error, endpoint: String, connect: Duration) -> GenerationError {
    switch error {
    case let error as GenerationError: return error
    case is CancellationError: return GenerationError(.cancelled, "the request was cancelled")
    case let error as HTTPClientError:
      switch error {
      case .cancelled: return GenerationError(.cancelled, "the request was cancelled")
      case .connectTimeout, .getConnectionFromPoolTimeout, .tlsHandshakeTimeout:
        return passed(.connect, connect, endpoint: endpoint)
      case .remoteConnectionClosed:
        return GenerationError(.unavailable, "`\(endpoint)` closed the connection in the middle of the exchange")
      default: return GenerationError(.unavailable, "`\(endpoint)` broke off: \(error.shortDescription)")
      }
    case let error as ChannelError:
      if case .connectTimeout = error { return passed(.connect, connect, endpoint: endpoint) }
      return GenerationError(.unavailable, "`\(endpoint)` broke off: \(error)")
    case let error as IOError where [ECONNRESET, EPIPE, ECONNABORTED].contains(error.errnoCode):
      return GenerationError(.unavailable, "`\(endpoint)` reset the connection in the middle of the exchange")
    case HTTPParserError.invalidEOFState:
      return GenerationError(.unavailable, "the answer of `\(endpoint)` broke off before its end")
    case is HTTPParserError:
      return GenerationError(.unavailable, "`\(endpoint)` does not speak HTTP: \(error)")
    default: return GenerationError(.unavailable, "`\(endpoint)` cannot be reached: \(error)")
    }
  }

  /// The error that a response with an unsuccessful status stands for, with the upstream's own message where it has one.
  static func error(_ head: HTTPResponseHead, body: ByteBuffer, endpoint: String) -> GenerationError {
    let answer = body.withUnsafeReadableBytes { bytes in try? JSONValue.parse(bytes) }
    let status = Int(head.status.code)
    let inner = answer?["error"] ?? answer?.array?.first?["error"] ?? answer
    var message = reported(inner) ?? head.status.reasonPhrase
    if (300..<400).contains(status), let place = head.headers.first(name: "location") {
      message += ", it is at \(place.prefix(500)); redirects are not followed, correct the `url`"
    }
    let text = "`\(endpoint)` answered \(status)\(message.isEmpty ? "" : ": \(message)")"
    let wait = retryAfter(head.headers)
    let named = inner.flatMap { kind(of: $0, retryAfter: wait) }
    switch status {
    case 401, 402, 403: return GenerationError(.upstreamUnauthorized, text)
    case 404: return GenerationError(.modelNotFound, text)
    case 408, 504: return GenerationError(.timedOut, text)
    case 429:
      return GenerationError(
        named == .upstreamUnauthorized ? .upstreamUnauthorized : .overloaded(retryAfter: wait ?? usualRetryAfter), text)
    case 529: return GenerationError(.overloaded(retryAfter: wait ?? usualRetryAfter), text)
    case 503 where wait != nil: return GenerationError(.overloaded(retryAfter: wait ?? usualRetryAfter), text)
    case 400..<500:
      if case .contextLengthExceeded = named { return GenerationError(named ?? .unavailable, text) }
      if isAboutContext(message) {
        return GenerationError(.contextLengthExceeded(limit: 0, requested: 0), text)
      }
      if named == .modelNotFound { return GenerationError(.modelNotFound, text) }
      return GenerationError(.invalidRequest(parameter: inner?["param"]?.string), text)
    default: return GenerationError(.unavailable, text)
    }
  }

  /// The error that an upstream reports inside an answer whose status promised success.
  static func reported(inside value: JSONValue, endpoint: String) -> GenerationError {
    let message = reported(value) ?? String(value.text.prefix(500))
    return GenerationError(
      kind(of: value, retryAfter: nil) ?? .unavailable,
      "`\(endpoint)` reported an error inside its answer: \(message)")
  }

  private static func reported(_ value: JSONValue?) -> String? {
    let detail = value?["detail"]
    // Of a request that fails its checks, FastAPI's servers list what is wrong.
    let list = detail?.array.map { $0.map(\.text).joined(separator: ", ") }
    let text = value?["message"]?.string ?? value?.string ?? detail?.string ?? list
    return text.map { String($0.prefix(500)) }
  }

  /// Whether a message says that the prompt does not fit. Most servers have no code for that, only words: vLLM, SGLang,
  /// llama.cpp and Ollama speak of the context, Anthropic of the prompt, Google of the input.
  private static func isAboutContext(_ message: String) -> Bool {
    let message = message.lowercased()
    return [
      "context length", "context window", "context size", "context limit", "prompt is too long", "maximum model length",
      "input token count",
    ].contains { message.contains($0) }
  }

  /// The kind by the words and numbers that the APIs use for it; nil where they are unknown.
  private static func kind(of value: JSONValue, retryAfter: Duration?) -> GenerationError.Kind? {
    let words = [value["code"]?.string, value["type"]?.string, value["status"]?.string].compactMap { $0?.lowercased() }
    for word in words {
      switch word {
      case "insufficient_quota", "authentication_error", "permission_error", "invalid_api_key", "billing_error":
        return .upstreamUnauthorized
      case "rate_limit", "rate_limit_error", "rate_limit_exceeded", "overloaded_error", "overloaded", "429", "529",
        "resource_exhausted", "too_many_requests":
        return .overloaded(retryAfter: retryAfter ?? usualRetryAfter)
      case "context_length_exceeded", "request_too_large", "exceed_context_size_error":
        return .contextLengthExceeded(limit: 0, requested: 0)
      case "model_not_found", "not_found_error": return .modelNotFound
      case "invalid_request_error", "invalid_request", "badrequesterror", "invalid_argument": return refused(value)
      case "timeout", "timeout_error", "408", "504": return .timedOut
      default: break
      }
    }
    switch value["code"]?.integer ?? value["status"]?.integer {
    case 401, 402, 403: return .upstreamUnauthorized
    case 404: return .modelNotFound
    case 408, 504: return .timedOut
    case 429, 529: return .overloaded(retryAfter: retryAfter ?? usualRetryAfter)
    case 400, 413, 422: return refused(value)
    default: return nil
    }
  }

  /// The kind of a request that is wrong, or too long.
  private static func refused(_ value: JSONValue) -> GenerationError.Kind {
    isAboutContext(reported(value) ?? "")
      ? .contextLengthExceeded(limit: 0, requested: 0) : .invalidRequest(parameter: value["param"]?.string)
  }

  /// The pause that a response asks for: milliseconds, seconds, or a date (RFC 9110, section 10.2.3) against the response's
  /// own `date`, so that the clocks need not agree, or without one against this machine's. Nil where it asks for none.
  static func retryAfter(_ headers: HTTPHeaders, clock: Int64 = Int64(time(nil))) -> Duration? {
    if let text = headers.first(name: "retry-after-ms"), let milliseconds = Double(text), milliseconds.isFinite {
      return .seconds(min(max(milliseconds / 1_000, 0), Double(retryAfterLimit)))
    }
    guard let text = headers.first(name: "retry-after") else { return nil }
    if let seconds = Double(text), seconds.isFinite { return .seconds(min(max(seconds, 0), Double(retryAfterLimit))) }
    guard let time = HTTPDate.seconds(text) else { return nil }
    let now = headers.first(name: "date").flatMap(HTTPDate.seconds) ?? clock
    return .seconds(min(max(time - now, 0), retryAfterLimit))
  }
}

/// Dates as HTTP writes them today and has written them (RFC 9110, section 5.6.7).
enum HTTPDate {
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// Seconds since 1970 of a date such as `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` or
  /// `Sun Nov  6 08:49:37 1994`; nil where it is none.
  static func seconds(_ text: String) -> Int64? {
    let parts = text.split(separator: " ").map(String.init)
    switch parts.count {
    case 6 where parts[5] == "GMT": return seconds(day: parts[1], parts[2], year: Int64(parts[3]), parts[4])
    case 5: return seconds(day: parts[2], parts[1], year: Int64(parts[4]), parts[3])
    case 4 where parts[3] == "GMT":
      let date = parts[1].split(separator: "-").map(String.init)
      guard date.count == 3, date[2].utf8.count == 2, let year = Int64(date[2]) else { return nil }
      return seconds(day: date[0], date[1], year: year + (year < 70 ? 2_000 : 1_900), parts[2])
    default: return nil
    }
  }

  private static func seconds(day: String, _ month: String, year: Int64?, _ time: String) -> Int64? {
    guard let day = Int64(day), (1...31).contains(day), let month = months.firstIndex(of: month), let year,
      (1970...9999).contains(year)
    else { return nil }
    let clock = time.split(separator: ":").compactMap { Int64($0) }
    guard clock.count == 3, (0..<24).contains(clock[0]), (0..<60).contains(clock[1]), (0...60).contains(clock[2]) else {
      return nil
    }
    // Days since 1970 by counting years from March, so that the leap day comes last.
    let shifted = month >= 2 ? year : year - 1
    let monthFromMarch = (Int64(month) + 10) % 12
    let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
    let days = 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
    return days * 86_400 + clock[0] * 3_600 + clock[1] * 60 + clock[2]
  }
}
