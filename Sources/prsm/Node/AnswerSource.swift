import Foundation
import ModelInterface
import PRSMClient

/// Where `chat` and `complete` get their answers: a node that answers, or a model in this process.
struct AnswerSource: Sendable {
  let provider: any ModelProvider
  /// Where the answers come from, in words.
  let place: String
  /// What is known of the models on offer.
  let models: [ModelDescriptor]
  /// Gives back what was taken.
  let close: @Sendable () async -> Void

  /// The model that answers when none is named: the first on offer.
  func model(named name: String?) throws(CommandFailure) -> String {
    guard let name else {
      guard let first = models.first else {
        throw .unavailable("there is no model yet; get one with `prsm models pull smollm2-135m-instruct`")
      }
      return first.name
    }
    guard models.isEmpty || models.contains(where: { $0.name == name || $0.aliases.contains(name) }) else {
      let names = models.flatMap { [$0.name] + $0.aliases }
      throw .no(
        "there is no model `\(name)` \(place)"
          + (NearestName.find(name, among: names).map { "; did you mean `\($0)`?" }
            ?? "; there is \(names.prefix(8).joined(separator: ", "))"))
    }
    return name
  }

  static func remote(_ client: PRSMClient) async throws(CommandFailure) -> AnswerSource {
    let listings: [ModelListing]
    do throws(PRSMClientError) {
      listings = try await client.models()
    } catch {
      throw CommandFailure(error)
    }
    return AnswerSource(
      provider: RemoteNode(client: client), place: "at \(client.baseURL)",
      models: listings.map { ModelDescriptor($0) }, close: {})
  }
}
