import LlamaEngine
import Logging
import ModelInterface
import ServiceLifecycle
import Synchronization

/// Keeps the engine until everything in front of it has ended.
struct EngineService: Service {
  let models: LocalModels
  let drainTime: Duration

  func run() async throws {
    try? await gracefulShutdown()
    await models.shutdown(by: .now + drainTime)
  }
}

/// Why a node is not ready yet.
final class Readiness: Sendable {
  private let state = Mutex<[String: String]>([:])

  /// One sentence a reason.
  var reasons: [String] { state.withLock { $0.sorted { $0.key < $1.key }.map(\.value) } }

  func set(_ key: String, _ reason: String?) {
    state.withLock { $0[key] = reason }
  }
}

/// Loads models before the first request asks for them.
struct PreloadService: Service {
  let models: LocalModels
  let names: [String]
  let readiness: Readiness
  let logger: Logger

  func run() async throws {
    if let first = names.first { readiness.set(first, "the model \(first) is being loaded") }
    await cancelWhenGracefulShutdown {
      for name in names {
        if Task.isCancelled { break }
        await load(name)
      }
    }
    // A service that ends would end the others, too.
    try? await gracefulShutdown()
  }

  private func load(_ name: String) async {
    let began = ContinuousClock.now
    do throws(GenerationError) {
      try await models.preload(name)
      readiness.set(name, nil)
      logger.info("loaded", metadata: ["model": "\(name)", "took": "\(DurationText.text(.now - began))"])
    } catch {
      guard error.kind != .cancelled else { return }
      readiness.set(name, "the model \(name) does not load: \(error.message)")
      logger.error("not loaded", metadata: ["model": "\(name)", "reason": "\(error.message)"])
    }
  }
}
