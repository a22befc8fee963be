package import ModelInterface

/// Asks the next model where one cannot answer, as ``GenerationRequest/fallbacks`` says.
///
/// A model has failed where it refuses, or where its answer breaks off before the first piece: bytes that have left cannot
/// be taken back. What is wrong with the request itself is wrong with every model, and is not tried again. Requests without
/// fallbacks are passed through.
package struct FallbackProvider: ModelProvider {
  /// The most models that one request tries.
  package static let limit = 8

  let provider: any ModelProvider
  /// The same, where it passes requests on.
  let passing: (any PassThroughProvider)?
  private let report: @Sendable (GenerationRequest, String, GenerationError) -> Void

  /// A provider that answers for every model by its name.
  ///
  /// - Parameter report: told of every model that failed and was followed by another.
  package init(
    _ provider: any ModelProvider,
    report: @escaping @Sendable (_ request: GenerationRequest, _ model: String, _ error: GenerationError) -> Void = {
      _, _, _ in
    }
  ) {
    self.provider = provider
    passing = provider as? any PassThroughProvider
    self.report = report
  }

  package func models() async -> [ModelDescriptor] { await provider.models() }

  package func embed(_ request: EmbeddingRequest) async throws(GenerationError) -> EmbeddingResponse {
    try await provider.embed(request)
  }

  package func generate(_ request: GenerationRequest) async throws(GenerationError) -> GenerationStream {
    guard !request.fallbacks.isEmpty else { return try await provider.generate(request) }
    var attempt = request
    attempt.fallbacks = []
    for next in request.fallbacks.prefix(Self.limit - 1) {
      do throws(GenerationError) {
        return try await begun(attempt, instead: attempt.model == request.model ? nil : request.model)
      } catch {
        guard Self.isWorthAnother(error), attempt.context.deadline.map({ $0 > .now }) ?? true, !Task.isCancelled else {
          throw error
        }
        report(request, attempt.model, error)
        attempt.model = next
      }
    }
    return try await begun(attempt, instead: attempt.model == request.model ? nil : request.model)
  }

  /// The answer, once its first piece is there.
  ///
  /// - Parameter failed: the model that failed before; the answer's notes say so.
  private func begun(
    _ request: GenerationRequest, instead failed: String? = nil
  ) async throws(GenerationError) -> GenerationStream {
    let stream = try await provider.generate(request)
    var read: [GenerationEvent] = []
    let iterator = stream.makeAsyncIterator()
    do {
      while let event = try await iterator.next() {
        guard case .started(var start) = event else {
          read.append(event)
          break
        }
        if let failed { start.notes["x-prsm-fallback"] = "from=\(failed); model=\(start.model)" }
        read.append(.started(start))
      }
    } catch {
      Self.note(read + stream.takeUnread(), request)
      throw error as? GenerationError ?? GenerationError(.internal, "the answer broke off: \(error)")
    }
    if read.allSatisfy({ if case .started = $0 { true } else { false } }) {
      throw GenerationError(.unavailable, "`\(request.model)` ended its answer before it had begun")
    }
    stream.unread(read)
    return stream
  }

  /// Notes for the account what had come of an answer that nobody waits for any more.
  private static func note(_ events: [GenerationEvent], _ request: GenerationRequest) {
    var start: GenerationStart?
    var pieces = 0
    var completion: Completion?
    for event in events {
      switch event {
      case .started(let known): start = known
      case .prompt: break
      case .text, .reasoning, .toolCall: pieces += 1
      case .finished(let end): completion = end
      }
    }
    guard let start, completion != nil || pieces > 0 else { return }
    request.context.sideAttempts?.note(
      .init(
        model: start.model, provider: start.provider, usage: completion?.usage ?? Usage(completionTokens: pieces),
        isExact: completion.map { $0.basis != .estimated } ?? false))
  }

  private static func isWorthAnother(_ error: GenerationError) -> Bool {
    switch error.kind {
    case .modelNotFound, .contextLengthExceeded, .overloaded, .unavailable, .timedOut, .upstreamUnauthorized, .internal:
      true
    case .invalidRequest, .cancelled, .budgetExceeded: false
    }
  }
}
