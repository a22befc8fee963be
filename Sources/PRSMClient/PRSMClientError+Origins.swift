import AsyncHTTPClient
import ModelInterface
import NIOCore
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

extension PRSMClientError {
  /// From the body of a refusal, in OpenAI's shape where it has that.
  init(body: JSONValue?, status: Int?) {
    let kind: Kind
    let parameter = body?["param"]?.string
    switch status {
    case 401, 403: kind = .unauthorized
    case 404: kind = .notFound
    case 408, 504: kind = .timedOut
    case 429, 503: kind = .overloaded(retryAfter: nil)
    case .some(400..<500): kind = .invalidRequest(parameter: parameter)
    default: kind = .serverFailed
    }
    let usual = status.map { "the node answered with status \($0) and no explanation" } ?? "the node failed"
    self.init(kind, body?["message"]?.string ?? usual, status: status, code: body?["code"]?.string)
  }

  /// What an error of the connection means.
  static func describing(_ error: any Error, baseURL: String = "the node", requestID: String? = nil) -> PRSMClientError
  {
    if let error = error as? PRSMClientError { return error }
    if error is CancellationError {
      return PRSMClientError(.cancelled, "the task was cancelled", requestID: requestID)
    }
    if let error = error as? HTTPClientError {
      switch error {
      case .cancelled: return PRSMClientError(.cancelled, "the task was cancelled", requestID: requestID)
      case .connectTimeout: return PRSMClientError(.unreachable, "nobody answers at \(baseURL); is the node running?")
      case .deadlineExceeded, .readTimeout, .writeTimeout, .getConnectionFromPoolTimeout:
        return PRSMClientError(.timedOut, "\(baseURL) did not answer in time", requestID: requestID)
      case .invalidURL, .emptyHost, .emptyScheme, .unsupportedScheme(""):
        return PRSMClientError(
          .invalidRequest(parameter: nil), "\(baseURL) is not the address of a node; expected http://host:port")
      default:
        return PRSMClientError(.serverFailed, "\(baseURL) broke off: \(error)", requestID: requestID)
      }
    }
    if error is NIOConnectionError || (error as? IOError)?.errnoCode == ECONNREFUSED {
      return PRSMClientError(.unreachable, "nobody answers at \(baseURL); is the node running? (`prsm serve`)")
    }
    return PRSMClientError(.serverFailed, "\(baseURL) broke off: \(error)", requestID: requestID)
  }
}
