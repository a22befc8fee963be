/// Writes small GGUF files for the tests, right or wrong on purpose.
struct SyntheticModel {
  var magic = Array("GGUF".utf8)
  var version: UInt32 = 3
  var metadata: [(key: String, value: Value)] = SyntheticModel.smallLlama
  var tensors: [Tensor] = [
    Tensor(name: "token_embd.weight", dimensions: [32, 4], type: 2, bytes: 72),
    Tensor(name: "blk.0.attn_q.weight", dimensions: [32, 32], type: 0, bytes: 4_096),
    Tensor(name: "output_norm.weight", dimensions: [32], type: 0, bytes: 128),
  ]
  var alignment = 32
  /// What the header announces instead of the true counts.
  var announcedTensors: UInt64?
  var announcedMetadata: UInt64?

  struct Tensor {
    var name: String
    var dimensions: [UInt64]
    var type: UInt32
    var bytes: Int
    var offset: UInt64?
  }

  enum Value {
    case uint32(UInt32)
    case uint64(UInt64)
    case float32(Float)
    case bool(UInt8)
    case string(String)
    case strings([[UInt8]])
    case int32s([Int32])
    case float32s([Float])
    case raw([UInt8])
  }

  static let smallLlama: [(key: String, value: Value)] = [
    ("general.architecture", .string("llama")),
    ("general.name", .string("Small")),
    ("general.license", .string("apache-2.0")),
    ("general.file_type", .uint32(2)),
    ("llama.block_count", .uint32(1)),
    ("llama.context_length", .uint32(64)),
    ("llama.embedding_length", .uint32(32)),
    ("llama.attention.head_count", .uint32(4)),
    ("llama.attention.head_count_kv", .uint32(2)),
    ("llama.attention.layer_norm_rms_epsilon", .float32(1e-5)),
    ("tokenizer.ggml.model", .string("gpt2")),
    ("tokenizer.ggml.tokens", .strings(["a", "b", "ab", "</s>"].map { Array($0.utf8) })),
    ("tokenizer.ggml.token_type", .int32s([1, 1, 1, 3])),
    ("tokenizer.ggml.scores", .float32s([0, 0, 0, 0])),
    ("tokenizer.ggml.merges", .strings([Array("a b".utf8)])),
    ("tokenizer.ggml.bos_token_id", .uint32(3)),
    ("tokenizer.ggml.eos_token_id", .uint32(3)),
    ("tokenizer.ggml.add_bos_token", .bool(1)),
    ("tokenizer.chat_template", .string("{{ messages }}")),
  ]

  /// The same model with one key replaced or added, or removed where `value` is nil.
  func with(_ key: String, _ value: Value?) -> SyntheticModel {
    var copy = self
    let index = copy.metadata.firstIndex { $0.key == key }
    switch (index, value) {
    case (let index?, let value?): copy.metadata[index].value = value
    case (let index?, nil): copy.metadata.remove(at: index)
    case (nil, let value?): copy.metadata.append((key, value))
    case (nil, nil): break
    }
    return copy
  }

  var bytes: [UInt8] {
    var output = magic
    append(version, to: &output)
    append(announcedTensors ?? UInt64(tensors.count), to: &output)
    append(announcedMetadata ?? UInt64(metadata.count), to: &output)
    for (key, value) in metadata {
      append(Array(key.utf8), to: &output)
      append(value, to: &output)
    }
    var offset: UInt64 = 0
    for tensor in tensors {
      append(Array(tensor.name.utf8), to: &output)
      append(UInt32(tensor.dimensions.count), to: &output)
      for dimension in tensor.dimensions { append(dimension, to: &output) }
      append(tensor.type, to: &output)
      append(tensor.offset ?? offset, to: &output)
      offset += UInt64((tensor.bytes + alignment - 1) / alignment * alignment)
    }
    for tensor in tensors {
      while output.count % alignment != 0 { output.append(0) }
      output.append(contentsOf: repeatElement(0x5A, count: tensor.bytes))
    }
    return output
  }

  private func append(_ value: Value, to output: inout [UInt8]) {
    switch value {
    case .uint32(let number):
      append(UInt32(4), to: &output)
      append(number, to: &output)
    case .uint64(let number):
      append(UInt32(10), to: &output)
      append(number, to: &output)
    case .float32(let number):
      append(UInt32(6), to: &output)
      append(number.bitPattern, to: &output)
    case .bool(let byte):
      append(UInt32(7), to: &output)
      output.append(byte)
    case .string(let text):
      append(UInt32(8), to: &output)
      append(Array(text.utf8), to: &output)
    case .strings(let strings):
      append(UInt32(9), to: &output)
      append(UInt32(8), to: &output)
      append(UInt64(strings.count), to: &output)
      for string in strings { append(string, to: &output) }
    case .int32s(let numbers):
      append(UInt32(9), to: &output)
      append(UInt32(5), to: &output)
      append(UInt64(numbers.count), to: &output)
      for number in numbers { append(UInt32(bitPattern: number), to: &output) }
    case .float32s(let numbers):
      append(UInt32(9), to: &output)
      append(UInt32(6), to: &output)
      append(UInt64(numbers.count), to: &output)
      for number in numbers { append(number.bitPattern, to: &output) }
    case .raw(let bytes): output.append(contentsOf: bytes)
    }
  }

  private func append(_ bytes: [UInt8], to output: inout [UInt8]) {
    append(UInt64(bytes.count), to: &output)
    output.append(contentsOf: bytes)
  }

  private func append<T: FixedWidthInteger>(_ number: T, to output: inout [UInt8]) {
    for shift in 0..<MemoryLayout<T>.size { output.append(UInt8(truncatingIfNeeded: number >> (8 * T(shift)))) }
  }
}

/// A small generator that gives the same numbers on every machine (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
