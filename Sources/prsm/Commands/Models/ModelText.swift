import Foundation
import LlamaEngine
import ModelCatalog
import ModelInterface

extension ModelEntry {
  /// How far the file has been checked, in a word.
  var state: String {
    loadedWith == LlamaArchitectures.build ? "loads" : structureChecked != nil ? "sound" : "not yet"
  }

  func json(_ summary: GGUFSummary?) -> JSONValue {
    [
      "name": .string(name), "aliases": .array(aliases.map { .string($0) }), "path": .string(path),
      "placement": .string(placement.rawValue), "size": .integer(size), "sha256": .string(sha256),
      "source": .string(source), "license": license.map { .string($0) } ?? .null,
      "added": .integer(Int(added.timeIntervalSince1970)), "checked": .string(state),
      "file": summary?.json ?? .null,
    ]
  }
}

extension GGUFSummary {
  var json: JSONValue {
    [
      "architecture": .string(architecture), "name": name.map { .string($0) } ?? .null,
      "parameters": .integer(parameters), "quantization": .string(quantization),
      "context_length": .integer(contextLength), "embedding_length": .integer(embeddingLength),
      "layers": .integer(layers), "vocabulary": .integer(vocabularySize), "chat_template": .bool(hasChatTemplate),
      "license": license.map { .string($0) } ?? .null, "weight_bytes": .integer(weightBytes),
      "cache_bytes_per_token": .integer(cacheBytesPerToken),
    ]
  }

  /// Names and values for a person.
  var rows: [(String, String)] {
    [
      ("architecture", architecture), ("full name", name ?? "–"),
      ("weights", "\(ParameterCount.text(Int(clamping: parameters))), \(ByteCount.text(Int(clamping: weightBytes)))"),
      ("quantisation", quantization), ("context", "\(contextLength) tokens"),
      ("cache", "\(ByteCount.text(Int(clamping: cacheBytesPerToken))) a token"),
      ("layers", "\(layers) of \(embeddingLength) numbers"), ("vocabulary", "\(vocabularySize) tokens"),
      ("chat template", hasChatTemplate ? "yes" : "no"), ("licence in file", license ?? "–"),
    ]
  }
}

/// Numbers of weights as people say them.
enum ParameterCount {
  /// `135M`, `7.2B`.
  static func text(_ count: Int) -> String {
    switch count {
    case ..<1_000_000: "\(count)"
    case ..<1_000_000_000: "\(Decimals.text(Double(count) / 1e6, 0))M"
    default: "\(Decimals.text(Double(count) / 1e9, count < 100_000_000_000 ? 1 : 0))B"
    }
  }
}
