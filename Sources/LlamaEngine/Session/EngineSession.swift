import ModelInterface
import Synchronization

/// Sequences of a model's cache in the hands of a caller that decodes itself.
final class EngineSession: TokenSession {
  private let loop: DecodeLoop
  private let id: UInt64
  private let nextJob = Atomic<UInt64>(0)

  init(loop: DecodeLoop, id: UInt64) {
    self.loop = loop
    self.id = id
  }

  deinit {
    let id = id
    loop.post { $0.closeSession(id) }
  }

  func evaluate(_ work: [(sequence: SequenceID, tokens: [TokenID])]) async throws(GenerationError) -> [[Float]] {
    let job = nextJob.add(1, ordering: .relaxed).newValue
    let id = id
    let loop = loop
    let result: Result<[[Float]], GenerationError> = await withTaskCancellationHandler {
      do throws(GenerationError) {
        return .success(try await loop.ask { core, reply in core.evaluate(id, job, work, reply) })
      } catch {
        return .failure(error)
      }
    } onCancel: {
      loop.post { $0.cancelJob(id, job) }
    }
    return try result.get()
  }

  func choose(_ steps: [TokenStep]) async throws(GenerationError) -> [TokenChoice?] {
    let job = nextJob.add(1, ordering: .relaxed).newValue
    let id = id
    let loop = loop
    let result: Result<[TokenChoice?], GenerationError> = await withTaskCancellationHandler {
      do throws(GenerationError) {
        return .success(try await loop.ask { core, reply in core.choose(id, job, steps, reply) })
      } catch {
        return .failure(error)
      }
    } onCancel: {
      loop.post { $0.cancelJob(id, job) }
    }
    return try result.get()
  }

  func fork(_ source: SequenceID, to target: SequenceID) async throws(GenerationError) {
    let id = id
    try await loop.ask { core, reply in reply.send(core.fork(id, source, target)) }
  }

  func truncate(_ sequence: SequenceID, to length: Int) async throws(GenerationError) {
    let id = id
    try await loop.ask { core, reply in reply.send(core.truncate(id, sequence, length)) }
  }

  func close() async {
    let id = id
    loop.post { $0.closeSession(id) }
  }
}
