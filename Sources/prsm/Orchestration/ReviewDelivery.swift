import AsyncHTTPClient
import Logging
import ModelInterface
import NIOCore
import NIOHTTP1
import Orchestration
import ServiceLifecycle

/// Takes questions that panels did not agree on to the address that the configuration names. Bounded: what waits beyond
/// ``capacity`` is dropped and logged; each is tried three times.
struct ReviewDelivery: Service {
  /// How many wait at most.
  static let capacity = 256
  /// How often one is sent.
  static let attempts = 3
  /// How long one attempt may take.
  static let patience = TimeAmount.seconds(10)

  private let cases: AsyncStream<ReviewCase>
  private let continuation: AsyncStream<ReviewCase>.Continuation
  let logger: Logger

  init(logger: Logger) {
    (cases, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.capacity))
    self.logger = logger
  }

  /// Takes a case; never waits.
  func add(_ review: ReviewCase) {
    if case .dropped = continuation.yield(review) {
      logger.error(
        "a question for review was dropped: \(Self.capacity) wait already",
        metadata: ["orchestration": "\(review.orchestration)"])
    }
  }

  func run() async throws {
    await cancelWhenGracefulShutdown {
      for await review in cases { await deliver(review) }
    }
    // A service that ends would end the others, too.
    try? await gracefulShutdown()
  }

  private func deliver(_ review: ReviewCase) async {
    var reason = ""
    for attempt in 0..<Self.attempts {
      if attempt > 0 { try? await Task.sleep(for: .seconds(1 << attempt)) }
      if Task.isCancelled { break }
      do {
        var request = HTTPClientRequest(url: review.hook.url)
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        if let authorization = review.hook.authorization {
          request.headers.add(name: "authorization", value: authorization)
        }
        request.body = .bytes(review.json.bytes)
        let response = try await HTTPClient.shared.execute(request, timeout: Self.patience)
        guard !(200..<300).contains(response.status.code) else { return }
        reason = "the address answered \(response.status.code)"
      } catch {
        reason = "\(error)"
      }
    }
    logger.error(
      "a question for review was not delivered",
      metadata: ["orchestration": "\(review.orchestration)", "reason": "\(reason)"])
  }
}
