import AsyncHTTPClient
import Foundation
import ModelInterface
import NIOCore
import NIOHTTP1
import PRSMClient

/// Programs written by a node elsewhere.
struct RemoteCode: Sendable {
  let client: PRSMClient

  /// How long nothing may come from the node.
  static let patience = TimeAmount.seconds(600)
  /// The most bytes of one event.
  static let mostEventBytes = 4 << 20

  /// How long the node may take to hear that a search is to end.
  private static let finishingTime = TimeAmount.seconds(3)

  /// Asks the node and passes on its events. Where `hurry` begins, the node is asked to end the search with what it has found.
  ///
  /// - Throws: ``CommandFailure`` with what the node said.
  func generate(
    _ request: CodeRequest, _ hurry: Hurry, _ report: @Sendable (String, JSONValue) async -> Void
  ) async throws(CommandFailure) -> JSONValue {
    do {
      var object = request.json.object ?? [:]
      object["stream"] = true
      let id = "code-\(UUID().uuidString.lowercased())"
      var http = self.request(.POST, "/v1/prsm/code")
      http.headers.add(name: "content-type", value: "application/json")
      http.headers.add(name: "x-request-id", value: id)
      hurry.whenBegun {
        // A node that does not know the request goes on; whoever waits gives up after a while.
        Task {
          _ = try? await HTTPClient.shared.execute(
            self.request(.DELETE, "/v1/prsm/code/" + id), timeout: Self.finishingTime)
        }
      }
      http.body = .bytes(JSONValue.object(object).bytes)
      let response = try await HTTPClient.shared.execute(http, timeout: Self.patience)
      guard response.status == .ok else {
        let body = try await response.body.collect(upTo: Self.mostEventBytes)
        throw Self.failure(Int(response.status.code), Array(body.readableBytesView))
      }
      return try await read(response.body, report)
    } catch let failure as CommandFailure {
      throw failure
    } catch {
      throw .unavailable("\(client.baseURL) broke off: \(error)")
    }
  }

  private func request(_ method: HTTPMethod, _ path: String) -> HTTPClientRequest {
    var http = HTTPClientRequest(url: client.baseURL + path)
    http.method = method
    if let key = ProcessInfo.processInfo.environment["PRSM_API_KEY"], !key.isEmpty {
      http.headers.add(name: "authorization", value: "Bearer \(key)")
    }
    return http
  }

  private func read(
    _ body: HTTPClientResponse.Body, _ report: @Sendable (String, JSONValue) async -> Void
  ) async throws -> JSONValue {
    var buffer: [UInt8] = []
    var name = ""
    var result: JSONValue?
    for try await piece in body {
      buffer += piece.readableBytesView
      guard buffer.count <= Self.mostEventBytes else {
        throw CommandFailure.unavailable("\(client.baseURL) sent an event of over \(Self.mostEventBytes) bytes")
      }
      var start = 0
      while let end = buffer[start...].firstIndex(of: UInt8(ascii: "\n")) {
        let line = String(decoding: buffer[start..<end], as: UTF8.self)
        start = end + 1
        if line.hasPrefix("event: ") {
          name = String(line.dropFirst(7))
        } else if line.hasPrefix("data: "), line != "data: [DONE]" {
          let value = try JSONValue.parse(Array(line.dropFirst(6).utf8))
          if name == "error" {
            throw CommandFailure.unavailable(value["error"]?["message"]?.string ?? "the node failed")
          }
          if name == "result" { result = value } else { await report(name, value) }
          name = ""
        }
      }
      buffer.removeFirst(start)
    }
    guard let result else { throw CommandFailure.unavailable("\(client.baseURL) ended without a result") }
    return result
  }

  private static func failure(_ status: Int, _ body: [UInt8]) -> CommandFailure {
    let message = (try? JSONValue.parse(body))?["error"]?["message"]?.string ?? "the node answered \(status)"
    switch status {
    case 400: return .usage(message)
    case 404: return .no(message)
    case 401, 403: return .unavailable(message + "\nPut a key into PRSM_API_KEY.")
    default: return .unavailable(message)
    }
  }
}
