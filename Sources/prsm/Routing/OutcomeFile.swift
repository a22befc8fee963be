import Foundation
import ModelInterface
import Routing

/// Labelled outcomes: one JSON object a line, with `prompt` and either `weak_correct` and `strong_correct`, or `outcomes`,
/// a map from model to quality in 0…1. It may have an `embedding` of the prompt. Other members, such as a domain, are not read.
enum OutcomeFile {
  /// A file of more records than this is refused.
  static let maximumRecords = 2_000_000

  /// - Throws: ``CommandFailure`` of status `usage` that names the line at fault.
  static func read(_ path: String) throws -> [RoutingRecord] {
    var records: [RoutingRecord] = []
    try LineFile(path: FilePath.expandingHome(path)).forEach { line, number in
      let value: JSONValue
      do throws(JSONError) {
        value = try JSONValue.parse(Array(line))
      } catch {
        throw CommandFailure.usage("\(path):\(number): not a JSON object: \(error)")
      }
      guard records.count < maximumRecords else {
        throw CommandFailure.usage("\(path): more than \(maximumRecords) records")
      }
      records.append(try record(value, place: "\(path):\(number)"))
    }
    guard !records.isEmpty else { throw CommandFailure.usage("\(path) has no records") }
    return records
  }

  private static func record(_ value: JSONValue, place: String) throws(CommandFailure) -> RoutingRecord {
    guard let prompt = value["prompt"]?.string else {
      throw .usage("\(place): expected `prompt`, a text; found \(value["prompt"]?.kind ?? "nothing")")
    }
    let embedding = try embedding(value["embedding"], place: place)
    if let outcomes = value["outcomes"]?.object {
      guard !outcomes.isEmpty, !outcomes.members.contains(where: { $0.0.isEmpty }) else {
        throw .usage("\(place): expected `outcomes` to name at least one model, and each by a name")
      }
      var qualities: [String: Double] = [:]
      for (model, quality) in outcomes.members {
        guard let quality = quality.double ?? quality.bool.map({ $0 ? 1 : 0 }), (0...1).contains(quality) else {
          throw .usage("\(place): expected the quality of `\(model)` as a number from 0 to 1, or true or false")
        }
        qualities[model] = quality
      }
      return RoutingRecord(prompt: prompt, outcomes: qualities, embedding: embedding)
    }
    guard let weak = truth(value["weak_correct"]), let strong = truth(value["strong_correct"]) else {
      throw .usage(
        "\(place): expected `weak_correct` and `strong_correct`, true or false or from 0 to 1, or `outcomes`")
    }
    var record = RoutingRecord(prompt: prompt, weakCorrect: weak, strongCorrect: strong)
    record.embedding = embedding
    return record
  }

  private static func embedding(_ value: JSONValue?, place: String) throws(CommandFailure) -> [Float]? {
    guard let value else { return nil }
    guard case .array(let elements) = value, elements.allSatisfy({ $0.double.map { Float($0).isFinite } ?? false })
    else {
      throw .usage("\(place): expected `embedding`, a list of numbers; found \(value.kind)")
    }
    return elements.map { Float($0.double ?? 0) }
  }

  private static func truth(_ value: JSONValue?) -> Bool? {
    if let bool = value?.bool { return bool }
    return value?.double.flatMap { (0...1).contains($0) ? $0 >= 0.5 : nil }
  }
}
