import AsyncHTTPClient
import ModelInterface
import NIOCore
import NIOHTTP1

/// Puts what goes wrong with an upstream into PRSM's own errors, by kind, so that one place can decide on a retry.
enum UpstreamFailure {
  /// The largest part of an error's body that is read, in bytes.
  private static let maximumErrorSize = 64 << 10

  /// The error that a thrown one stands for.
  static func error(_ error: any Error, endpoint: String) -> GenerationError {
    switch error {
    case let error as GenerationError: return error
    case is CancellationError: return GenerationError(.cancelled, "the request was cancelled")
    case let error as HTTPClientError:
      switch error {
      case .cancelled: return GenerationError(.cancelled, "the request was cancelled")
      case .deadlineExceeded, .readTimeout, .writeTimeout, .connectTimeout, .getConnectionFromPoolTimeout:
        return GenerationError(.timedOut, "`\(endpoint)` did not answer in time (\(error.shortDescription))")
      default: return GenerationError(.unavailable, "`\(endpoint)` broke off: \(error.shortDescription)")
      }
    default: return GenerationError(.unavailable, "`\(endpoint)` cannot be reached: \(error)")
    }
  }

  /// The error that a response's status stands for, with the upstream's own message where it has one.
  static func error(_ response: HTTPClientResponse, endpoint: String) async -> GenerationError {
    let body = try? await response.body.collect(upTo: maximumErrorSize)
    let answer = body.flatMap { try? JSONValue.parse(Array($0.readableBytesView)) }
    let reported = answer?["error"]?["message"]?.string ?? answer?["error"]?.string ?? answer?["message"]?.string
    let message = "`\(endpoint)` answered \(response.status.code): \(reported ?? response.status.reasonPhrase)"
    switch response.status.code {
    case 400, 404, 413, 422:
      return GenerationError(.invalidRequest(parameter: answer?["error"]?["param"]?.string), message)
    case 401, 403: return GenerationError(.upstreamUnauthorized, message)
    case 408, 504: return GenerationError(.timedOut, message)
    case 429:
      let seconds = response.headers.first(name: "retry-after").flatMap(Int64.init) ?? 1
      return GenerationError(.overloaded(retryAfter: .seconds(min(max(seconds, 0), 3600))), message)
    default: return GenerationError(.unavailable, message)
    }
  }
}
