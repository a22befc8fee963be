import ModelInterface

/// A model in memory with its loop.
final class LoadedModel: Sendable {
  let model: LlamaModel
  let loop: DecodeLoop
  let planner: RequestPlanner

  /// Reads the file and starts the loop; takes seconds.
  init(name: String, path: String, configuration: EngineConfiguration) async throws(GenerationError) {
    model = try LlamaModel(name: name, path: path)
    loop = try await DecodeLoop.start(model: model, configuration: configuration)
    let cells = loop.metrics.snapshot.cells
    planner = RequestPlanner(model: model, contextLength: min(cells, max(1, model.trainedContext)))
  }

  @concurrent
  func generate(_ request: GenerationRequest) async throws(GenerationError) -> GenerationStream {
    try loop.submit(planner.plan(request))
  }
}
