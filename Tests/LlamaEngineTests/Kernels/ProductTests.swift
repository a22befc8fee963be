import CLlama
import Foundation
import Testing

/// Products with quantized weights, called as llama.cpp calls them.
@Suite struct ProductTests {
  /// Quantized weights in a buffer of their own, packed when first multiplied with.
  private final class Weights {
    let columns: Int
    let rows: Int
    /// What the quantized weights stand for, row by row.
    let values: [Float]
    private let context: OpaquePointer
    private let backend: ggml_backend_t
    private let buffer: ggml_backend_buffer_t
    private let tensor: UnsafeMutablePointer<ggml_tensor>
    private let packed: OpaquePointer

    init(_ type: ggml_type, columns: Int, rows: Int, seed: Int) throws {
      self.columns = columns
      self.rows = rows
      let parameters = ggml_init_params(mem_size: 1 << 20, mem_buffer: nil, no_alloc: true)
      context = try #require(ggml_init(parameters))
      backend = try #require(ggml_backend_cpu_init())
      tensor = try #require(ggml_new_tensor_2d(context, type, Int64(columns), Int64(rows)))
      buffer = try #require(ggml_backend_alloc_ctx_tensors(context, backend))
      ggml_backend_buffer_set_usage(buffer, GGML_BACKEND_BUFFER_USAGE_WEIGHTS)
      packed = try #require(prsm_weights_make())
      let plain = (0..<columns * rows).map { ProductTests.value(seed, $0) }
      var bytes = [UInt8](repeating: 0, count: ggml_nbytes(tensor))
      ggml_quantize_chunk(type, plain, &bytes, 0, Int64(rows), Int64(columns), nil)
      ggml_backend_tensor_set(tensor, bytes, 0, bytes.count)
      var values = [Float](repeating: 0, count: columns * rows)
      let toFloat = try #require(ggml_get_type_traits(type).pointee.to_float)
      toFloat(bytes, &values, Int64(values.count))
      self.values = values
    }

    deinit {
      ggml_backend_buffer_free(buffer)
      ggml_backend_free(backend)
      ggml_free(context)
      prsm_weights_free(packed)
    }

    /// The products of each row of a batch with each row of the weights.
    func times(_ batch: [[Float]], threads: Int) throws -> [[Float]] {
      let parameters = ggml_init_params(mem_size: 1 << 20, mem_buffer: nil, no_alloc: true)
      let work = try #require(ggml_init(parameters))
      defer { ggml_free(work) }
      let input = try #require(ggml_new_tensor_2d(work, GGML_TYPE_F32, Int64(columns), Int64(batch.count)))
      let output = try #require(ggml_mul_mat(work, tensor, input))
      let memory = try #require(ggml_backend_alloc_ctx_tensors(work, backend))
      defer { ggml_backend_buffer_free(memory) }
      let graph = try #require(ggml_new_graph(work))
      ggml_build_forward_expand(graph, output)
      let flat = batch.flatMap { $0 }
      ggml_backend_tensor_set(input, flat, 0, flat.count * 4)
      ggml_backend_cpu_set_n_threads(backend, Int32(threads))
      #expect(prsm_compute(backend, graph, packed) == GGML_STATUS_SUCCESS)
      // Else it is ggml's product that is looked at.
      #expect((tensor.pointee.extra != nil) == prsm_has_kernels())
      var result = [Float](repeating: 0, count: rows * batch.count)
      ggml_backend_tensor_get(output, &result, 0, result.count * 4)
      return (0..<batch.count).map { Array(result[($0 * rows)..<(($0 + 1) * rows)]) }
    }
  }

  private static func value(_ seed: Int, _ index: Int) -> Float {
    var z = UInt64(truncatingIfNeeded: seed &* 1_000_003 &+ index &* 7_919 &+ 104_729)
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return Float(Int((z ^ (z >> 31)) >> 40)) / Float(1 << 23) - 1
  }

  private static func batch(_ rows: Int, columns: Int) -> [[Float]] {
    (0..<rows).map { row in (0..<columns).map { value(50 + row, $0) * Float(row + 1) } }
  }

  private static let types = [
    GGML_TYPE_Q4_0, GGML_TYPE_Q4_1, GGML_TYPE_Q5_0, GGML_TYPE_Q5_1, GGML_TYPE_Q8_0, GGML_TYPE_Q4_K, GGML_TYPE_Q5_K,
    GGML_TYPE_Q6_K,
  ].map(\.rawValue)

  @Test(arguments: types) func itIsAProduct(_ type: UInt32) throws {
    let weights = try Weights(ggml_type(rawValue: type), columns: 768, rows: 64, seed: 1)
    let batch = Self.batch(7, columns: weights.columns)
    let found = try weights.times(batch, threads: 2)
    for (row, input) in batch.enumerated() {
      for output in 0..<weights.rows {
        var sum = 0.0
        var size = 0.0
        for column in 0..<weights.columns {
          let product = Double(input[column]) * Double(weights.values[output * weights.columns + column])
          sum += product
          size += product * product
        }
        // The batch is rounded to 8 bits a block.
        #expect(abs(Double(found[row][output]) - sum) < 0.02 * (size.squareRoot() + 1e-3))
      }
    }
  }

  @Test(arguments: types) func aRowDependsOnItselfAlone(_ type: UInt32) throws {
    let weights = try Weights(ggml_type(rawValue: type), columns: 256, rows: 40, seed: 2)
    let batch = Self.batch(23, columns: weights.columns)
    let alone = try batch.map { try weights.times([$0], threads: 1)[0] }
    for count in 2...23 {
      for threads in 1...4 where threads <= count {
        #expect(try weights.times(Array(batch.suffix(count)), threads: threads) == Array(alone.suffix(count)))
      }
    }
  }

  @Test(arguments: types) func aBlockOfZerosAddsNothing(_ type: UInt32) throws {
    let weights = try Weights(ggml_type(rawValue: type), columns: 256, rows: 8, seed: 3)
    let found = try weights.times([[Float](repeating: 0, count: 256)], threads: 1)
    #expect(found[0].allSatisfy { $0 == 0 })
  }
}
