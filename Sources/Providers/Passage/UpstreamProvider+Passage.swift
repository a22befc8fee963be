package import ModelInterface
import NIOCore
import NIOPosix

extension UpstreamProvider: PassThroughProvider {
  package func passage(for request: PassageRequest) -> (any Passage)? {
    let pool = current
    guard let position = pool.positions[request.model], let limits = pool.passable[position],
      request.maximumOutputTokens == nil || (request.usesNewerLimit ? limits.newer : limits.older),
      let eventLoop = MultiThreadedEventLoopGroup.currentEventLoop,
      let connections = pool.connections(on: eventLoop), limits.sites.allSatisfy(connections.hasRoom)
    else { return nil }
    return UpstreamPassage(request, model: position, pool: pool, connections: connections)
  }
}

/// Which output limits can be passed on to a model and to all that it may fall back to. OpenAI's own service refuses the
/// older word, and others know no other.
struct PassableLimits: Sendable {
  /// `max_tokens`.
  var older = true
  /// `max_completion_tokens`.
  var newer = true
  /// The endpoints that may be asked.
  var sites: [Int] = []

  /// - Returns: nil where a model, or one that it may fall back to, is not answered by an API of the same language, has a
  ///   name that cannot be written as it is, or may be asked twice at once.
  init?(
    of model: Int, _ fleet: Fleet, _ endpoints: [UpstreamEndpoint], _ models: [UpstreamEndpoint.Model],
    _ passages: [PassageSite?]
  ) {
    for candidate in [model] + fleet.models[model].fallbacks {
      let upstream = fleet.models[candidate].upstream
      let endpoint = endpoints[upstream]
      guard endpoint.kind == .openAI, !endpoint.hedges, Self.isPlain(models[candidate].name),
        Self.isPlain(models[candidate].upstreamName)
      else { return nil }
      if endpoint.isOpenAIItself { older = false } else { newer = false }
      for (site, entry) in fleet.endpoints.enumerated() where entry.upstream == upstream {
        guard passages[site] != nil else { return nil }
        sites.append(site)
      }
    }
  }

  private static func isPlain(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }
  }
}

extension FallbackProvider: PassThroughProvider {
  package func passage(for request: PassageRequest) -> (any Passage)? {
    passing?.passage(for: request)
  }
}

extension ModelDirectory: PassThroughProvider {
  package func passage(for request: PassageRequest) -> (any Passage)? {
    passingProvider(of: request.model)?.passage(for: request)
  }
}
