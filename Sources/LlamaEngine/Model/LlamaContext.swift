import CLlama
import ModelInterface

/// A model's cache and compute buffers. Used by one thread at a time; nothing here checks that.
final class LlamaContext {
  /// A row of a batch.
  struct Row {
    var token: TokenID
    var position: Int32
    var sequence: Int32
    var wantsLogits: Bool
  }

  /// What a decode came to.
  enum Outcome {
    case done
    /// No free cells for the batch; nothing has changed.
    case noRoom
    case failed(Int32)
  }

  let model: LlamaModel
  let pointer: OpaquePointer
  let capacity: Int
  let sequenceCount: Int
  let maximumRows: Int
  let maximumOutputs: Int
  private let memory: OpaquePointer
  /// Where in a sequence each cell of the cache is.
  private let cells: OpaquePointer
  private var batch: llama_batch

  /// - Parameters:
  ///   - capacity: cells of the cache, shared by all sequences.
  ///   - rows: the most tokens in one decode.
  ///   - outputs: the most rows of one decode that have logits.
  /// - Throws: ``GenerationError`` of kind `unavailable`, with what llama.cpp said.
  init(model: LlamaModel, capacity: Int, sequences: Int, rows: Int, outputs: Int) throws(GenerationError) {
    var parameters = llama_context_default_params()
    parameters.n_ctx = UInt32(clamping: capacity)
    parameters.n_batch = UInt32(clamping: rows)
    parameters.n_ubatch = UInt32(clamping: rows)
    parameters.n_seq_max = UInt32(clamping: sequences)
    parameters.n_outputs_max = UInt32(clamping: outputs)
    parameters.n_threads = 1
    parameters.n_threads_batch = 1
    parameters.kv_unified = true
    parameters.swa_full = true
    parameters.no_perf = true
    // The program's own attention (prsm_attention.c), which llama.cpp asks for where it can fuse attention, computes each
    // row the same way however many rows, threads and other sequences there are.
    var exact = parameters
    exact.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_ENABLED
    exact.type_k = GGML_TYPE_F16
    exact.type_v = GGML_TYPE_F16
    parameters.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_AUTO
    guard
      let pointer = llama_init_from_model(model.pointer, exact) ?? llama_init_from_model(model.pointer, parameters),
      let memory = llama_get_memory(pointer), let cells = prsm_cells_make()
    else {
      throw GenerationError(
        .unavailable,
        "model \(model.name): no memory for a context of \(capacity) tokens: "
          + LlamaLog.recent.suffix(3).joined(separator: "; "))
    }
    self.model = model
    self.pointer = pointer
    self.memory = memory
    self.cells = cells
    self.capacity = Int(llama_n_ctx(pointer))
    sequenceCount = Int(llama_n_seq_max(pointer))
    maximumRows = Int(min(llama_n_batch(pointer), llama_n_ubatch(pointer)))
    maximumOutputs = min(outputs, maximumRows)
    batch = llama_batch_init(Int32(clamping: rows), 0, 1)
  }

  deinit {
    llama_batch_free(batch)
    llama_free(pointer)
    prsm_cells_free(cells)
  }

  /// Computes rows. Every token must be of the vocabulary, every sequence below ``sequenceCount``, and the rows of one
  /// sequence must continue it.
  func decode(_ rows: [Row], threads: Int) -> Outcome {
    guard !rows.isEmpty else { return .done }
    guard rows.count <= maximumRows else { return .failed(-1) }
    for (index, row) in rows.enumerated() {
      guard model.contains(row.token), row.sequence >= 0, Int(row.sequence) < sequenceCount else { return .failed(-1) }
      batch.token[index] = row.token
      batch.pos[index] = row.position
      batch.n_seq_id[index] = 1
      guard let sequences = batch.seq_id[index] else { return .failed(-1) }
      sequences[0] = row.sequence
      batch.logits[index] = row.wantsLogits ? 1 : 0
    }
    batch.n_tokens = Int32(rows.count)
    llama_set_n_threads(pointer, Int32(clamping: threads), Int32(clamping: threads))
    let result = prsm_decode(pointer, batch, model.weights, cells)
    switch result {
    case 0: return .done
    case 1: return .noRoom
    default: return .failed(result)
    }
  }

  /// The logits behind a row of the last decode that asked for them; valid until the next decode.
  func logits(ofRow row: Int) -> UnsafeMutableBufferPointer<Float>? {
    guard let logits = llama_get_logits_ith(pointer, Int32(clamping: row)) else { return nil }
    return UnsafeMutableBufferPointer(start: logits, count: model.vocabularySize)
  }

  /// Drops a sequence's tokens from a position on. False where the model's state cannot lose its tail; then nothing has
  /// changed.
  func truncate(_ sequence: Int32, to length: Int) -> Bool {
    llama_memory_seq_rm(memory, sequence, Int32(clamping: length), -1)
  }

  /// Drops all of a sequence.
  func clear(_ sequence: Int32) {
    _ = llama_memory_seq_rm(memory, sequence, -1, -1)
  }

  /// Empties the whole cache.
  func clearAll() {
    llama_memory_clear(memory, false)
  }

  /// Makes an empty sequence hold the first tokens of another, in the same cells.
  func copy(_ source: Int32, to target: Int32, length: Int) {
    llama_memory_seq_cp(memory, source, target, 0, Int32(clamping: length))
  }
}
