import LlamaEngine
import ModelInterface
import PeerInference
import Providers

/// All that answers in a node, put together in this one place: what a model's name may stand for is decided here.
struct NodeProviders: Sendable {
  /// The models of this machine, then those of upstream APIs: what does the work.
  let real: ModelDirectory
  /// The models of this machine.
  let engine: LocalModels
  /// Everything that a client may ask for by name.
  let all: any ModelProvider
  /// What writes programs.
  let code: CodePart
  /// Whether a model is made of others, whose parts are accounted for by themselves.
  let isVirtual: @Sendable (String) -> Bool

  /// - Parameter peers: the models of other nodes, asked where this machine has none of that name, or no room.
  init(engine: LocalModels, upstreams: Upstreams, virtual: VirtualModelsPart, peers: PeerModelProvider? = nil) {
    self.engine = engine
    real = Self.real(engine: engine, upstreams: upstreams, peers: peers)
    // Models that are made of others are providers over `real`, and stand beside it.
    let code = CodePart(engine: engine, real: real, metered: virtual.members)
    self.code = code
    all = ModelDirectory(
      [real, virtual.provider, code.provider],
      owner: { CodeProvider.inner(of: $0) != nil ? 2 : virtual.isVirtual($0) ? 1 : 0 })
    isVirtual = { virtual.isVirtual($0) || CodeProvider.inner(of: $0) != nil }
  }

  /// The models of this machine and of its peers, then those of upstream APIs.
  static func real(engine: LocalModels, upstreams: Upstreams, peers: PeerModelProvider? = nil) -> ModelDirectory {
    let upstream = upstreams.provider
    let peers = peers?.beside { (await engine.models() + upstream.models()).map(\.name) }
    let near: any ModelProvider = peers.map { NeighborlyProvider(local: engine, peers: $0) } ?? engine
    return ModelDirectory([near, upstream], owner: { upstream.answers(for: $0) ? 1 : nil }, fallback: peers)
  }
}
