import CLlama
import ModelInterface

/// A text on its way to a vector.
final class EmbeddingJob {
  let tokens: [TokenID]
  let context: RequestContext
  let reply: Reply<[Float]>
  /// Computed so far, and the sum over their states.
  var done = 0
  var sum: [Float]

  init(tokens: [TokenID], context: RequestContext, size: Int, reply: Reply<[Float]>) {
    self.tokens = tokens
    self.context = context
    self.reply = reply
    sum = [Float](repeating: 0, count: size)
  }
}

/// A second context over the same weights that gives states instead of logits.
final class EmbeddingContext {
  /// The most tokens of one step.
  static let rows = 256

  private let model: LlamaModel
  private let pointer: OpaquePointer
  private let memory: OpaquePointer
  private var batch: llama_batch

  init(model: LlamaModel, capacity: Int) throws(GenerationError) {
    var parameters = llama_context_default_params()
    parameters.n_ctx = UInt32(clamping: capacity)
    parameters.n_batch = UInt32(Self.rows)
    parameters.n_ubatch = UInt32(Self.rows)
    parameters.n_seq_max = 1
    parameters.embeddings = true
    parameters.pooling_type = LLAMA_POOLING_TYPE_MEAN
    parameters.n_threads = 1
    parameters.n_threads_batch = 1
    parameters.no_perf = true
    guard let pointer = llama_init_from_model(model.pointer, parameters), let memory = llama_get_memory(pointer) else {
      throw GenerationError(
        .unavailable, "model \(model.name) cannot make embeddings: \(LlamaLog.recent.suffix(2).joined(separator: "; "))"
      )
    }
    self.model = model
    self.pointer = pointer
    self.memory = memory
    batch = llama_batch_init(Int32(Self.rows), 0, 1)
  }

  deinit {
    llama_batch_free(batch)
    llama_free(pointer)
  }

  /// Computes the next tokens of a job, whose turn lasts until it is done; false on failure.
  func advance(_ job: EmbeddingJob, threads: Int) -> Bool {
    if job.done == 0 { llama_memory_clear(memory, false) }
    let count = min(Self.rows, job.tokens.count - job.done)
    guard count > 0 else { return false }
    for index in 0..<count {
      batch.token[index] = job.tokens[job.done + index]
      batch.pos[index] = Int32(clamping: job.done + index)
      batch.n_seq_id[index] = 1
      guard let sequences = batch.seq_id[index] else { return false }
      sequences[0] = 0
      batch.logits[index] = 1
    }
    batch.n_tokens = Int32(count)
    llama_set_n_threads(pointer, Int32(clamping: threads), Int32(clamping: threads))
    guard prsm_decode(pointer, batch, model.weights, nil) == 0, let mean = llama_get_embeddings_seq(pointer, 0) else {
      return false
    }
    for index in job.sum.indices { job.sum[index] += mean[index] * Float(count) }
    job.done += count
    return true
  }
}

extension DecodeCore {
  func embed(_ tokens: [TokenID], _ context: RequestContext, _ reply: Reply<[Float]>) {
    guard embeddings.count < configuration.maximumWaiting else {
      return reply.send(
        .failure(GenerationError(.overloaded(retryAfter: .seconds(2)), "too many embeddings wait; try again")))
    }
    embeddings.append(EmbeddingJob(tokens: tokens, context: context, size: model.embeddingSize, reply: reply))
  }

  /// Computes a piece of the first embedding that waits; false where none does.
  func stepEmbedding() -> Bool {
    guard let job = embeddings.first else { return false }
    if let deadline = job.context.deadline, deadline <= .now {
      embeddings.removeFirst()
      job.reply.send(.failure(GenerationError(.timedOut, "the deadline passed before the embedding was done")))
      return true
    }
    do throws(GenerationError) {
      let context: EmbeddingContext
      if let embeddingContext {
        context = embeddingContext
      } else {
        context = try EmbeddingContext(model: model, capacity: contextLength)
      }
      embeddingContext = context
      guard context.advance(job, threads: threads.count(rows: EmbeddingContext.rows)) else {
        throw GenerationError(.internal, "llama.cpp failed to compute an embedding: \(LlamaLog.recent.last ?? "")")
      }
    } catch {
      embeddings.removeFirst()
      job.reply.send(.failure(error))
      return true
    }
    if job.done == job.tokens.count {
      embeddings.removeFirst()
      job.reply.send(.success(job.sum))
    }
    return true
  }
}
