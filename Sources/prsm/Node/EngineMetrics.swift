import LlamaEngine
import Telemetry

/// What `/metrics` says of the models that are loaded; read when somebody asks.
enum EngineMetrics {
  static func add(to registry: MetricsRegistry, engine: LocalModels) {
    func each(
      _ name: String, _ help: String, _ kind: MetricsRegistry.Reading.Kind = .gauge,
      _ value: @escaping @Sendable (EngineSnapshot) -> Double
    ) {
      registry.add(
        MetricsRegistry.Readings(name, help: help, kind: kind, labels: ["model"]) {
          engine.snapshots().map { ([$0.model], value($0)) }
        })
    }
    each("prsm_engine_active_requests", "Answers that a model is writing.") { Double($0.active) }
    each("prsm_engine_waiting_requests", "Requests that wait for a place in a model's batch.") { Double($0.waiting) }
    each("prsm_engine_finished_requests_total", "Answers that a model has finished.", .counter) { Double($0.finished) }
    each("prsm_engine_refused_requests_total", "Requests refused because too many waited.", .counter) {
      Double($0.refused)
    }
    each("prsm_engine_computed_prompt_tokens_total", "Tokens of prompts that were computed.", .counter) {
      Double($0.promptTokens)
    }
    each("prsm_engine_reused_prompt_tokens_total", "Tokens of prompts that were found in the cache.", .counter) {
      Double($0.cachedTokens)
    }
    each("prsm_engine_generated_tokens_total", "Tokens that a model has generated.", .counter) {
      Double($0.generatedTokens)
    }
    each("prsm_engine_tokens_per_second", "Tokens generated a second, lately.") { $0.tokensPerSecond }
    each("prsm_engine_used_cells", "Cells of a model's cache in use.") { Double($0.usedCells) }
    each("prsm_engine_cells", "Cells of a model's cache.") { Double($0.cells) }
    each("prsm_engine_kept_sequences", "Sequences kept for prompts that begin the same way.") {
      Double($0.keptSequences)
    }
    each("prsm_engine_step_seconds", "How long a step of a model takes, lately.") { $0.stepSeconds }
    each("prsm_engine_threads", "Threads that compute with a model.") { Double($0.threads) }
  }
}
