package import ModelInterface
package import NIOCore
package import NIOHTTP1
package import Telemetry

/// One request on its way to a route.
package struct GatewayRequest: Sendable {
  /// The method.
  package var method: String
  /// The path as it was sent, without the query.
  package var path: String
  /// The query as it was sent, without its question mark.
  package var query: String?
  /// The headers.
  package var headers: HTTPHeaders
  /// The whole body.
  package var body: ByteBuffer
  /// What the path's variables stood for, percent-decoded, in the order of the pattern.
  package var variables: [String] = []
  /// Who asks.
  package var principal: Principal
  /// Unique; returned in `x-request-id`.
  package var id: String
  /// The span of this request, where traces are kept or the client sent one.
  package var trace: TraceContext?
  /// When its last byte had arrived.
  package var received: ContinuousClock.Instant
  /// The way back to the client.
  var reply: Reply?

  /// What a provider needs to know of it.
  package var context: RequestContext {
    var context = RequestContext(
      requestID: id, tenant: principal.tenant, session: headers.first(name: "x-prsm-session"))
    context.traceparent = trace?.traceparent
    if let priority = headers.first(name: "x-prsm-priority").flatMap({ Int($0) }) {
      context.priority = min(max(priority, -100), 100)
    }
    return context
  }

  /// The first header of that name, in any case.
  package func header(_ name: String) -> String? { headers.first(name: name) }

  /// The body's bytes.
  package var bytes: [UInt8] { Array(body.readableBytesView) }

  /// The body as JSON.
  ///
  /// - Throws: ``APIError`` 400 where it is not JSON.
  package func json() throws(APIError) -> JSONValue {
    do throws(JSONError) {
      return try body.withUnsafeReadableBytesTyped { (bytes) throws(JSONError) in try JSONValue.parse(bytes) }
    } catch {
      throw APIError.invalid(nil, "The body is not valid JSON: \(error.description).", code: "invalid_json")
    }
  }

  /// The values of the query by name; the last of several wins.
  package var queryItems: [String: String] {
    var items: [String: String] = [:]
    for pair in (query ?? "").split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = PercentCoding.decode(parts[0], plusIsSpace: true) else { continue }
      items[name] = parts.count > 1 ? PercentCoding.decode(parts[1], plusIsSpace: true) ?? "" : ""
    }
    return items
  }
}

extension ByteBuffer {
  fileprivate func withUnsafeReadableBytesTyped<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var outcome: Swift.Result<Result, Failure>?
    withUnsafeReadableBytes { buffer in
      do throws(Failure) { outcome = .success(try body(buffer)) } catch { outcome = .failure(error) }
    }
    guard let outcome else { preconditionFailure("withUnsafeReadableBytes calls its body exactly once") }
    return try outcome.get()
  }
}

/// Percent-encoding (RFC 3986, section 2.1).
enum PercentCoding {
  /// The decoded text, or nil where it is malformed or not UTF-8.
  static func decode(_ text: some StringProtocol, plusIsSpace: Bool = false) -> String? {
    var decoded: [UInt8] = []
    var bytes = text.utf8.makeIterator()
    while let byte = bytes.next() {
      switch byte {
      case UInt8(ascii: "%"):
        guard let high = bytes.next().flatMap(digit), let low = bytes.next().flatMap(digit) else { return nil }
        decoded.append(high << 4 | low)
      case UInt8(ascii: "+") where plusIsSpace: decoded.append(UInt8(ascii: " "))
      default: decoded.append(byte)
      }
    }
    return String(validating: decoded, as: UTF8.self)
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
