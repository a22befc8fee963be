import AsyncHTTPClient
import Logging
import NIOCore
import NIOHTTP1
import Telemetry

/// Takes traces to the collector that the configuration names.
enum TraceDelivery {
  /// How long one batch may take.
  static let patience = TimeAmount.seconds(10)

  /// Nil where no collector is configured.
  ///
  /// - Throws: ``CommandFailure`` of status `usage` where its secret cannot be found.
  static func exporter(
    _ configuration: Configuration, environment: [String: String], metrics: MetricsRegistry, logger: Logger
  ) throws(CommandFailure) -> SpanExporter? {
    guard var address = configuration.traceEndpoint else { return nil }
    while address.hasSuffix("/") { address.removeLast() }
    if !address.hasSuffix("/v1/traces") { address += "/v1/traces" }
    let url = address
    let authorization = try configuration.traceToken?.reveal(environment: environment)
    var settings = SpanExporter.Configuration()
    settings.serviceName = configuration.serviceName
    settings.serviceVersion = PRSM.version
    return SpanExporter(configuration: settings, metrics: metrics, logger: logger) { body in
      var request = HTTPClientRequest(url: url)
      request.method = .POST
      request.headers.add(name: "content-type", value: "application/json")
      if let authorization { request.headers.add(name: "authorization", value: authorization) }
      request.body = .bytes(body)
      let response = try await HTTPClient.shared.execute(request, timeout: patience)
      guard (200..<300).contains(response.status.code) else {
        throw CommandFailure.unavailable("\(url) answered \(response.status.code)")
      }
    }
  }
}
