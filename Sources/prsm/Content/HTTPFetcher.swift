import AsyncHTTPClient
import Content
import Foundation
import NIOCore
import NIOHTTP1

/// Fetches bytes over HTTP for the rooms that know no network.
struct HTTPFetcher: ByteFetcher {
  /// What to show the other side; nil for nothing.
  var apiKey: String?

  /// One pool for all: it lives as long as the process. A place that refuses is given up at once, since there are others.
  static let client: HTTPClient = {
    var configuration = HTTPClient.Configuration()
    configuration.timeout.connect = .seconds(5)
    configuration.connectionPool.retryConnectionEstablishment = false
    return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }()

  func get(
    _ url: String, accept: String, limit: Int, by deadline: ContinuousClock.Instant
  ) async throws(ContentError) -> (status: Int, body: [UInt8]) {
    let left = deadline - .now
    guard left > .zero else { throw ContentError(.timedOut, "\(url) was not asked in time") }
    var request = HTTPClientRequest(url: url)
    request.headers.add(name: "accept", value: accept)
    request.headers.add(name: "user-agent", value: "prsm/\(PRSM.version)")
    if let apiKey { request.headers.add(name: "authorization", value: "Bearer \(apiKey)") }
    do {
      let response = try await Self.client.execute(request, timeout: TimeAmount(left))
      let body = try await response.body.collect(upTo: limit)
      return (Int(response.status.code), Array(body.readableBytesView))
    } catch let error as HTTPClientError where error == .deadlineExceeded || error == .connectTimeout {
      throw ContentError(.timedOut, "\(url) did not answer in time")
    } catch is NIOTooManyBytesError {
      throw ContentError(.tooLarge, "\(url) sent more than \(limit) bytes")
    } catch {
      throw ContentError(.storage, "\(url) cannot be reached: \(error)")
    }
  }
}
