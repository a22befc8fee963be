import LlamaEngine
import ModelInterface
import Providers

/// All that answers in a node, put together in this one place: what a model's name may stand for is decided here.
struct NodeProviders: Sendable {
  /// The models of this machine, then those of upstream APIs: what does the work.
  let real: ModelDirectory
  /// Everything that a client may ask for by name.
  let all: any ModelProvider
  /// Whether a model is made of others, whose parts are accounted for by themselves.
  let isVirtual: @Sendable (String) -> Bool

  init(engine: LocalModels, upstreams: Upstreams, virtual: VirtualModelsPart) {
    real = Self.real(engine: engine, upstreams: upstreams)
    // Models that are made of others are providers over `real`, and stand beside it.
    all = ModelDirectory([real, virtual.provider], owner: { virtual.isVirtual($0) ? 1 : 0 })
    isVirtual = { virtual.isVirtual($0) }
  }

  /// The models of this machine, then those of upstream APIs.
  static func real(engine: LocalModels, upstreams: Upstreams) -> ModelDirectory {
    let upstream = upstreams.provider
    return ModelDirectory([engine, upstream], owner: { upstream.answers(for: $0) ? 1 : nil })
  }
}
