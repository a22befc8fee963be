import Foundation
import Testing

@testable import LlamaEngine

@Suite("GGUF files")
struct GGUFFileTests {
  private func open(_ model: SyntheticModel) throws -> GGUFFile {
    let file = try GGUFFile(bytes: model.bytes, name: "small.gguf")
    try file.checkLoadable()
    return file
  }

  private func error(_ model: SyntheticModel) throws -> GGUFError {
    try #require(throws: GGUFError.self) { try open(model) }
  }

  @Test("a small well-formed model is read and summarised")
  func small() throws {
    let summary = try open(SyntheticModel()).summary()
    #expect(summary.architecture == "llama")
    #expect(summary.name == "Small")
    #expect(summary.parameters == 32 * 4 + 32 * 32 + 32)
    #expect(summary.quantization == "Q4_0")
    #expect(summary.contextLength == 64 && summary.embeddingLength == 32 && summary.layers == 1)
    #expect(summary.vocabularySize == 4)
    #expect(summary.hasChatTemplate)
    #expect(summary.license == "apache-2.0")
    // Two cached heads of 8 keys and 8 values at two bytes.
    #expect(summary.cacheBytesPerToken == 64)
    #expect(summary.estimatedBytes(tokens: 10) == summary.weightBytes + 640)
    #expect(summary.estimatedBytes(tokens: .max) == .max)
  }

  @Test("version 2 is read; 1, 4 and big-endian files are named as such")
  func versions() throws {
    var model = SyntheticModel()
    model.version = 2
    _ = try open(model)
    for version in [UInt32(0), 1, 4] {
      model.version = version
      #expect(try error(model).code == .unsupportedVersion)
    }
    model.version = UInt32(3).byteSwapped
    #expect(try error(model).description.contains("big-endian"))
  }

  @Test("other kinds of files are recognised", arguments: ["PK\u{3}\u{4}", "lmgg", "vers", "%PDF", ""])
  func magic(start: String) throws {
    var model = SyntheticModel()
    model.magic = Array(start.utf8)
    #expect(try error(model).code == .notGGUF)
    #expect(throws: GGUFError.self) { try GGUFFile(bytes: Array(start.utf8), name: "x") }
  }

  @Test("counts and lengths that the file cannot hold are refused before anything is allocated")
  func impossibleCounts() throws {
    for count in [UInt64(4_000), 1 << 20, 1 << 63, .max] {
      var model = SyntheticModel()
      model.announcedTensors = count
      #expect(throws: GGUFError.self) { try open(model) }
      model.announcedTensors = nil
      model.announcedMetadata = count
      #expect(throws: GGUFError.self) { try open(model) }
    }
    // A string, and an array, of 2^60.
    let huge: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0x10]
    for head: [UInt8] in [[8, 0, 0, 0], [9, 0, 0, 0, 8, 0, 0, 0], [9, 0, 0, 0, 12, 0, 0, 0]] {
      #expect(try error(SyntheticModel().with("general.extra", .raw(head + huge))).code == .tooLarge)
    }
  }

  @Test("a truncated file is refused with the number of missing bytes")
  func truncated() throws {
    let bytes = SyntheticModel().bytes
    let error = try #require(throws: GGUFError.self) {
      try GGUFFile(bytes: Array(bytes.dropLast(100)), name: "small.gguf")
    }
    #expect(error.code == .truncated)
    #expect(error.description.contains("100 bytes are missing"))
  }

  @Test("no truncation traps or is accepted")
  func everyTruncation() {
    let bytes = SyntheticModel().bytes
    for length in 0..<bytes.count {
      #expect(throws: GGUFError.self) { try GGUFFile(bytes: Array(bytes[..<length]), name: "cut") }
    }
  }

  @Test("the first bytes of a file are enough once they hold its header, and too few say nothing against it")
  func heads() throws {
    let bytes = SyntheticModel().bytes
    let header = Int(try GGUFFile(bytes: bytes, name: "whole").dataOffset)
    for length in 0...bytes.count {
      let summary = try GGUFFile.check(head: Array(bytes[..<length]), fileSize: UInt64(bytes.count), name: "head")
      if length >= header { #expect(summary?.fileBytes == UInt64(bytes.count)) }
      if length < header / 2 { #expect(summary == nil) }
    }
    let cut = try #require(throws: GGUFError.self) {
      try GGUFFile.check(head: Array(bytes[..<header]), fileSize: UInt64(bytes.count - 100), name: "head")
    }
    #expect(cut.code == .truncated)
    let foreign = try #require(throws: GGUFError.self) {
      try GGUFFile.check(head: Array("PK\u{3}\u{4}".utf8), fileSize: 1 << 40, name: "head")
    }
    #expect(foreign.code == .notGGUF)
  }

  @Test("no flipped byte traps or yields a tensor outside the file")
  func everyByteFlipped() {
    let bytes = SyntheticModel().bytes
    for index in 0..<(bytes.count - 4_096) {
      for mask: UInt8 in [0x01, 0x10, 0x80, 0xFF] {
        var mutated = bytes
        mutated[index] ^= mask
        expectSafe(mutated)
      }
    }
  }

  @Test("no seeded series of mutations traps or yields a tensor outside the file", arguments: 0..<8 as Range<UInt64>)
  func mutations(seed: UInt64) {
    var random = SeededNumbers(seed: seed)
    let original = SyntheticModel().bytes
    let interesting: [UInt8] = [0, 1, 7, 8, 9, 0x7F, 0x80, 0xFE, 0xFF]
    for _ in 0..<400 {
      var bytes = original
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let index = Int.random(in: 0..<1_400, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[index] = interesting.randomElement(using: &random) ?? 0
        case 1: bytes[index] = UInt8.random(in: 0...255, using: &random)
        case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: index)
        default: bytes.remove(at: index)
        }
      }
      expectSafe(bytes)
    }
  }

  private func expectSafe(_ bytes: [UInt8]) {
    guard let file = try? GGUFFile(bytes: bytes, name: "mutated") else { return }
    var end: UInt64 = 0
    for tensor in file.tensors {
      #expect(tensor.offset >= end)
      end = tensor.offset + tensor.byteCount
      #expect(file.dataOffset + end <= UInt64(bytes.count))
    }
    try? file.checkLoadable()
    _ = try? file.summary()
  }

  @Test("tensors with impossible shapes, types or places are refused")
  func badTensors() throws {
    let change: [(inout SyntheticModel.Tensor) -> Void] = [
      { $0.dimensions = [1 << 32, 1 << 32] }, { $0.dimensions = [0, 4] }, { $0.dimensions = [] },
      { $0.dimensions = [1, 1, 1, 1, 1] }, { $0.dimensions = [33, 4] }, { $0.type = 4 }, { $0.type = 31 },
      { $0.type = 43 }, { $0.type = .max }, { $0.offset = 32 }, { $0.offset = 31 }, { $0.offset = .max - 31 },
      { $0.name = "" }, { $0.name = "output_norm.weight" }, { $0.dimensions = [.max] },
      { $0.dimensions = [1 << 62] },
    ]
    for apply in change {
      var model = SyntheticModel()
      apply(&model.tensors[0])
      #expect(try error(model).code == .badTensor)
    }
    var model = SyntheticModel()
    model.tensors[0].name = String(repeating: "n", count: 64)
    #expect(try error(model).code == .tooLarge)
    model = SyntheticModel()
    model.tensors[2].offset = 0
    #expect(try error(model).description.contains("overlapping"))
  }

  @Test("alignment must be a bounded power of two")
  func alignment() throws {
    for bad: SyntheticModel.Value in [.uint32(0), .uint32(24), .uint32(1 << 31), .uint64(32), .string("32")] {
      #expect(try error(SyntheticModel().with("general.alignment", bad)).code == .malformed)
    }
    var model = SyntheticModel().with("general.alignment", .uint32(64))
    model.alignment = 64
    _ = try open(model)
  }

  @Test("a key that stands twice, nested arrays and odd truth values are refused")
  func oddMetadata() throws {
    var model = SyntheticModel()
    model.metadata.append(model.metadata[1])
    #expect(try error(model).description.contains("twice"))
    let nested: [UInt8] = [9, 0, 0, 0, 9, 0, 0, 0] + [UInt8](repeating: 0, count: 8)
    #expect(try error(SyntheticModel().with("general.nested", .raw(nested))).description.contains("arrays in an array"))
    #expect(try error(SyntheticModel().with("general.flag", .bool(2))).code == .malformed)
    #expect(try error(SyntheticModel().with("general.odd", .raw([13, 0, 0, 0]))).code == .malformed)
  }

  @Test("an architecture that llama.cpp lacks is refused with the nearest that it has")
  func architecture() throws {
    #expect(try error(SyntheticModel().with("general.architecture", nil)).code == .unsupportedArchitecture)
    let error = try error(SyntheticModel().with("general.architecture", .string("llamafoo")))
    #expect(error.code == .unsupportedArchitecture)
    #expect(error.description.contains("`llama`"))
    #expect(try self.error(SyntheticModel().with("general.architecture", .string("clip"))).advice.contains("image"))
    #expect(LlamaArchitectures.requiredKeys.count > 140)
    #expect(LlamaArchitectures.requiredKeys["llama"] == ["attention.layer_norm_rms_epsilon"])
  }

  @Test(
    "missing or impossible hyperparameters are named",
    arguments: [
      ("llama.block_count", nil), ("llama.block_count", .uint32(0)), ("llama.block_count", .uint32(513)),
      ("llama.context_length", nil), ("llama.context_length", .string("64")), ("llama.embedding_length", .uint32(0)),
      ("llama.attention.layer_norm_rms_epsilon", nil), ("llama.attention.layer_norm_rms_epsilon", .float32(.nan)),
      ("llama.attention.head_count", .uint32(33)), ("llama.attention.head_count_kv", .int32s([])),
      ("llama.attention.head_count_kv", .int32s([-1])), ("llama.expert_count", .uint32(8)),
      ("llama.expert_used_count", .uint32(2)), ("llama.rope.scaling.type", .string("spiral")),
    ] as [(String, SyntheticModel.Value?)])
  func hyperparameters(key: String, value: SyntheticModel.Value?) throws {
    let error = try error(SyntheticModel().with(key, value))
    #expect(error.code == .badHyperparameter)
    #expect(error.description.contains("llama."))
  }

  @Test(
    "a missing or inconsistent tokenizer is refused",
    arguments: [
      ("tokenizer.ggml.model", nil), ("tokenizer.ggml.model", .string("words")), ("tokenizer.ggml.tokens", nil),
      ("tokenizer.ggml.tokens", .strings([])), ("tokenizer.ggml.tokens", .strings([[97], [97], [98], [99]])),
      ("tokenizer.ggml.tokens", .strings([[97, 0, 1], [97, 0, 2], [98], [99]])),
      ("tokenizer.ggml.tokens", .strings([[97], [98], [99]])), ("tokenizer.ggml.scores", .float32s([1])),
      ("tokenizer.ggml.token_type", .int32s([1, 1, 1])), ("tokenizer.ggml.token_type", .float32s([1, 1, 1, 1])),
      ("tokenizer.ggml.merges", nil), ("tokenizer.ggml.bos_token_id", .uint32(4)),
      ("tokenizer.ggml.eos_token_id", .uint32(.max)), ("tokenizer.chat_template", .uint32(1)),
    ] as [(String, SyntheticModel.Value?)])
  func tokenizer(key: String, value: SyntheticModel.Value?) throws {
    #expect(try error(SyntheticModel().with(key, value)).code == .badTokenizer)
  }

  @Test("one part of a split model says how to join the parts")
  func split() throws {
    let model = SyntheticModel().with("split.count", .uint32(3)).with("split.no", .uint32(1))
    let error = try error(model)
    #expect(error.code == .split)
    #expect(error.description.contains("part 2 of 3"))
  }

  @Test("an absent file and a folder are told apart from bad ones")
  func unreadable() throws {
    #expect(try #require(throws: GGUFError.self) { try GGUFFile(path: "/nonexistent/x.gguf") }.code == .unreadable)
    #expect(try #require(throws: GGUFError.self) { try GGUFFile(path: "/") }.code == .unreadable)
    // Nobody writes into this pipe, and nobody waits for it.
    let pipe = NSTemporaryDirectory() + "prsm-pipe-\(UUID().uuidString)"
    defer { unlink(pipe) }
    #expect(mkfifo(pipe, 0o600) == 0)
    #expect(try #require(throws: GGUFError.self) { try GGUFFile(path: pipe) }.code == .unreadable)
  }

  @Test("the real model is read", .enabled(if: RealModel.path != nil, "no model at PRSM_TEST_MODEL or in the cache"))
  func realModel() throws {
    let path = try #require(RealModel.path)
    let summary = try GGUFFile.check(path: path)
    #expect(summary.parameters > 1_000_000)
    #expect(summary.vocabularySize > 1_000)
    guard summary.architecture == "llama", summary.layers == 30 else { return }
    #expect(summary.quantization == "Q4_1")
    #expect(summary.embeddingLength == 576)
    #expect(summary.cacheBytesPerToken == 30 * 3 * 128 * 2)
    #expect(summary.hasChatTemplate)
  }
}

/// Where a real model lies on this machine, if one does.
enum RealModel {
  static let path: String? = {
    let environment = ProcessInfo.processInfo.environment
    let cache = environment["XDG_CACHE_HOME"] ?? "\(environment["HOME"] ?? "")/.cache"
    return [environment["PRSM_TEST_MODEL"], "\(cache)/prsm/models/smollm2-135m-instruct.gguf"]
      .compactMap(\.self).first { FileManager.default.isReadableFile(atPath: $0) }
  }()
}
