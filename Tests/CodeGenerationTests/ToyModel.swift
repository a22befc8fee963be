import CodeGeneration
import ModelInterface
import Sandbox
import Synchronization

/// A model of bytes whose every distribution is known: it goes on with one of a few programs, by weight, or with noise that
/// depends on all that was said before.
final class ToyModel: TokenModel {
  /// What may follow the opening of the code, with its weight in the plain prompt and in one with traces.
  struct Script {
    var text: String
    var plain: Float
    var traced: Float
  }

  let name = "toy"
  let vocabularySize = 257
  let contextLength = 100_000
  let scripts: [Script]
  let noise: Float
  private let evaluated = Mutex(0)

  init(_ scripts: [Script] = [], noise: Float = 0) {
    self.scripts = scripts
    self.noise = noise
  }

  /// Rows that were computed.
  var rows: Int { evaluated.withLock { $0 } }

  func tokenize(_ text: String, addsSpecial: Bool, parsesSpecial: Bool) -> [TokenID] { text.utf8.map { TokenID($0) } }
  func bytes(of token: TokenID) -> [UInt8] { token < 256 ? [UInt8(token)] : [] }
  func isEndOfGeneration(_ token: TokenID) -> Bool { token == 256 }
  func formatChat(_ messages: [Message]) throws(GenerationError) -> String {
    "<user>" + messages.map(\.text).joined() + "</user><assistant>"
  }

  func openSession(sequences: Int, context: RequestContext) async throws(GenerationError) -> any TokenSession {
    ToySession(self, sequences)
  }

  func logits(after tokens: [TokenID]) -> [Float] {
    evaluated.withLock { $0 += 1 }
    var logits = [Float](repeating: -20, count: vocabularySize)
    if noise > 0 {
      var hash: UInt64 = 14_695_981_039_346_656_037
      for token in tokens { hash = (hash ^ UInt64(UInt32(bitPattern: token))) &* 1_099_511_628_211 }
      var random = SplitMix(seed: hash)
      for index in logits.indices where index < 128 { logits[index] = Float(random.uniform()) * noise }
    }
    let text = String(decoding: tokens.map { UInt8(clamping: $0) }, as: UTF8.self)
    guard let start = text.ranges(of: "```python\n").last else { return logits }
    let written = String(text[start.upperBound...])
    let isTraced = text.contains("Execution trace:")
    for script in scripts where script.text.hasPrefix(written) {
      let next = script.text.utf8.dropFirst(written.utf8.count).first.map { Int($0) } ?? 256
      let weight = isTraced ? script.traced : script.plain
      logits[next] = logits[next] < -10 ? weight : max(logits[next], weight)
    }
    return logits
  }
}

/// Sequences of the toy model.
final class ToySession: TokenSession {
  private let model: ToyModel
  private let sequences: Mutex<[[TokenID]]>

  init(_ model: ToyModel, _ count: Int) {
    self.model = model
    sequences = Mutex(Array(repeating: [], count: count))
  }

  func evaluate(_ work: [(sequence: SequenceID, tokens: [TokenID])]) async throws(GenerationError) -> [[Float]] {
    if Task.isCancelled { throw GenerationError(.cancelled, "cancelled") }
    return sequences.withLock { sequences in
      work.map { part in
        sequences[part.sequence] += part.tokens
        return model.logits(after: sequences[part.sequence])
      }
    }
  }

  func fork(_ source: SequenceID, to target: SequenceID) async throws(GenerationError) {
    sequences.withLock { $0[target] = $0[source] }
  }

  func truncate(_ sequence: SequenceID, to length: Int) async throws(GenerationError) {
    sequences.withLock { $0[sequence] = Array($0[sequence].prefix(length)) }
  }

  func close() async {}
}

/// Runs nothing: a program's value is what a table says.
struct ToyRunner: CodeRunner {
  /// The value that a program returns on the test's input, by a text that it contains. On other inputs it returns others.
  var values: [(marker: String, value: String)]
  /// Programs that contain it return the same whatever they are given.
  var constantMarker: String?
  /// The test's own call.
  var usual = "f(2, 4)"
  /// What a program has to return to pass.
  var wanted = "6"
  /// The test's call by itself fails, because it needs names that only the test has.
  var unknownNames = false

  func canonicalise(_ sources: [String]) async throws -> [String?] {
    sources.map { source in
      let text = source.split(separator: "\n").map(String.init).joined(separator: "\n")
      return text.isEmpty ? nil : text
    }
  }

  func invocations(of tests: [String]) async throws -> [String?] {
    tests.map { PythonText.comparison(in: $0)?.left }
  }

  func trace(_ programs: [SandboxProgram]) async throws -> [TracedRun] {
    programs.map { program in
      guard var value = value(of: program.source) else {
        return TracedRun(
          outcome: .exception(type: "NameError", message: "name 'nothing' is not defined", line: 2), trace: .init())
      }
      if unknownNames {
        let line = program.source.split(separator: "\n", omittingEmptySubsequences: false).count
        return TracedRun(
          outcome: .exception(type: "NameError", message: "name 'x' is not defined", line: line), trace: .init())
      }
      // The call stands in the last line.
      if let call = program.source.split(separator: "\n").last, call != usual,
        constantMarker.map({ program.source.contains($0) }) != true
      {
        value += " for " + call
      }
      return TracedRun(
        outcome: .completed,
        trace: .init(events: [.init(kind: .return, line: 2, depth: 2, frame: 2, function: "f", value: value)]))
    }
  }

  func judge(_ programs: [SandboxProgram]) async throws -> [SandboxOutcome] {
    programs.map { value(of: $0.source) == wanted ? .passed : .failed(message: "", line: 1) }
  }

  private func value(of source: String) -> String? { values.first { source.contains($0.marker) }?.value }
}
