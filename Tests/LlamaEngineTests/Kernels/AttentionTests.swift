import CLlama
import Foundation
import Testing

/// The program's own attention, called as llama.cpp calls it.
@Suite struct AttentionTests {
  private static let dimension = 64
  private static let heads = 9
  private static let groups = 3

  /// A cache whose cells belong to some sequence, and rows that see the cells of theirs up to a position.
  private struct Work {
    /// For each cell, the numbers from which its keys and values are made; equal numbers make equal cells.
    var cells: [Int]
    /// For each row, the cells that it sees, and the number from which its query is made.
    var rows: [(query: Int, sees: [Int])]
  }

  private static func value(_ seed: Int, _ index: Int, _ salt: Int) -> Float {
    var z = UInt64(truncatingIfNeeded: seed &* 1_000_003 &+ index &* 7_919 &+ salt &* 104_729)
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return Float(Int((z ^ (z >> 31)) >> 40)) / Float(1 << 23) - 1
  }

  private static func half(_ value: Float) -> UInt16 { ggml_fp32_to_fp16(value) }

  /// What comes out: for each row, all heads one after the other.
  private static func compute(_ work: Work, threads: Int) throws -> [[Float]] {
    let parameters = ggml_init_params(mem_size: 64 << 20, mem_buffer: nil, no_alloc: false)
    let context = try #require(ggml_init(parameters))
    defer { ggml_free(context) }
    let (d, n, c) = (dimension, work.rows.count, work.cells.count)
    let q = try #require(ggml_new_tensor_3d(context, GGML_TYPE_F32, Int64(d), Int64(n), Int64(heads)))
    let k = try #require(ggml_new_tensor_3d(context, GGML_TYPE_F16, Int64(d), Int64(c), Int64(groups)))
    let v = try #require(ggml_new_tensor_3d(context, GGML_TYPE_F16, Int64(d), Int64(c), Int64(groups)))
    let mask = try #require(ggml_new_tensor_2d(context, GGML_TYPE_F16, Int64(c), Int64(n)))
    let queries = q.pointee.data.assumingMemoryBound(to: Float.self)
    let keys = k.pointee.data.assumingMemoryBound(to: UInt16.self)
    let values = v.pointee.data.assumingMemoryBound(to: UInt16.self)
    let hidden = mask.pointee.data.assumingMemoryBound(to: UInt16.self)
    for head in 0..<heads {
      for row in 0..<n {
        for i in 0..<d { queries[(head * n + row) * d + i] = value(work.rows[row].query, i, head) * 3 }
      }
    }
    for group in 0..<groups {
      for cell in 0..<c {
        for i in 0..<d {
          keys[(group * c + cell) * d + i] = half(value(work.cells[cell], i, 100 + group))
          values[(group * c + cell) * d + i] = half(value(work.cells[cell], i, 200 + group))
        }
      }
    }
    for row in 0..<n {
      for cell in 0..<c { hidden[row * c + cell] = half(-.infinity) }
      for cell in work.rows[row].sees { hidden[row * c + cell] = 0 }
    }
    let out = try #require(ggml_flash_attn_ext(context, q, k, v, mask, 0.125, 0, 0))
    let graph = try #require(ggml_new_graph(context))
    ggml_build_forward_expand(graph, out)
    let status = ggml_graph_compute_with_ctx(context, graph, Int32(threads))
    #expect(status == GGML_STATUS_SUCCESS)
    let result = out.pointee.data.assumingMemoryBound(to: Float.self)
    return (0..<n).map { row in Array(UnsafeBufferPointer(start: result + row * heads * d, count: heads * d)) }
  }

  /// The same in double precision, straight from the definition.
  private static func expected(_ work: Work, row: Int) -> [Float] {
    (0..<heads).flatMap { head -> [Float] in
      let group = head / (heads / groups)
      let scores = work.rows[row].sees.map { cell in
        (0..<dimension).reduce(0.0) { sum, i in
          let key = ggml_fp16_to_fp32(half(value(work.cells[cell], i, 100 + group)))
          return sum + Double(value(work.rows[row].query, i, head) * 3) * Double(key)
        } * 0.125
      }
      let greatest = scores.max() ?? 0
      let weights = scores.map { exp($0 - greatest) }
      let total = weights.reduce(0, +)
      return (0..<dimension).map { i in
        let sum = zip(work.rows[row].sees, weights).reduce(0.0) { sum, pair in
          sum + pair.1 * Double(ggml_fp16_to_fp32(half(value(work.cells[pair.0], i, 200 + group))))
        }
        return Float(sum / total)
      }
    }
  }

  /// A prompt of so many tokens from a cell on, with rows for the last of them.
  private static func prompt(_ length: Int, from first: Int, rows: Int, name: Int) -> Work {
    Work(
      cells: [],
      rows: ((length - rows)..<length).map { position in
        (name * 10_000 + position, Array(first...(first + position)))
      })
  }

  private static func cells(_ count: Int, _ prompts: [(name: Int, first: Int, length: Int)]) -> [Int] {
    var cells = (0..<count).map { -1 - $0 }
    for prompt in prompts {
      for position in 0..<prompt.length { cells[prompt.first + position] = prompt.name * 10_000 + position }
    }
    return cells
  }

  @Test(arguments: [1, 31, 32, 33, 100, 300]) func itIsAttention(_ length: Int) throws {
    let rows = min(length, 20)
    var work = Self.prompt(length, from: 7, rows: rows, name: 1)
    work.cells = Self.cells(512, [(1, 7, length)])
    let found = try Self.compute(work, threads: 2)
    for row in [0, rows - 1] {
      let expected = Self.expected(work, row: row)
      for (a, b) in zip(found[row], expected) { #expect(abs(a - b) < 2e-3, "\(a) for \(b)") }
    }
  }

  @Test func aRowDependsOnItsOwnCellsAlone() throws {
    let length = 211
    var alone = Self.prompt(length, from: 0, rows: 1, name: 1)
    alone.cells = Self.cells(256, [(1, 0, length)])
    let wanted = try Self.compute(alone, threads: 1)[0]
    // Elsewhere in the cache, in pieces, amid others, with other numbers of rows and threads.
    for (first, threads, rows) in [(0, 2, 1), (300, 1, 1), (77, 3, 40), (513, 4, 211)] {
      var work = Self.prompt(length, from: first, rows: rows, name: 1)
      work.cells = Self.cells(1_024, [(1, first, length), (2, 800, 150)])
      work.rows = Self.prompt(150, from: 800, rows: 9, name: 2).rows + work.rows
      #expect(try Self.compute(work, threads: threads).last == wanted)
    }
    let scattered = (0..<length).map { $0 * 4 + 3 }
    var work = Work(cells: (0..<1_024).map { -1 - $0 }, rows: [(10_000 + length - 1, scattered)])
    for (position, cell) in scattered.enumerated() { work.cells[cell] = 10_000 + position }
    #expect(try Self.compute(work, threads: 2)[0] == wanted)
  }

  @Test func aRowThatSeesNothingIsZero() throws {
    let work = Work(cells: Self.cells(64, []), rows: [(1, []), (2, [3])])
    let found = try Self.compute(work, threads: 2)
    #expect(found[0].allSatisfy { $0 == 0 })
    #expect(found[1].contains { $0 != 0 })
  }
}
