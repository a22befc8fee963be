import Foundation
import LlamaEngine
import ModelCatalog

/// The models that are there, and whether llama.cpp loads them.
enum ModelChecks {
  static func all(_ configuration: Configuration, environment: [String: String]) async -> [Finding] {
    let data = DataFolder(path: configuration.dataDir)
    let fetched = CacheFolder.path(environment: environment) + "/models/\(ModelRecipe.all.first?.name ?? "").gguf"
    guard FileManager.default.fileExists(atPath: data.modelsPath) else { return [none(fetched)] }
    do throws(CommandFailure) {
      let folder = try ModelFolder(data, defaultModel: configuration.defaultModel)
      let models = try await folder.models()
      guard !models.isEmpty else { return [none(fetched)] }
      var findings: [Finding] = []
      for model in models { findings.append(await finding(model, folder)) }
      return findings
    } catch {
      return [.fail("models", error.message, "see the message")]
    }
  }

  private static func none(_ fetched: String) -> Finding {
    if FileManager.default.isReadableFile(atPath: fetched) {
      return .ok("models", "none in the catalogue; `prsm serve` will add \(FilePath.abbreviatingHome(fetched))")
    }
    return .warn("models", "there is no model yet", "prsm models pull smollm2-135m-instruct")
  }

  private static func finding(_ model: ModelEntry, _ folder: ModelFolder) async -> Finding {
    let check = "model-\(model.name)"
    guard FileManager.default.isReadableFile(atPath: model.path) else {
      return .fail(
        check, "\(model.path) cannot be read",
        "prsm models rm \(model.name), and then pull or add it again")
    }
    let progress = Progress("checking \(model.name)")
    defer { progress.finish() }
    do throws(CommandFailure) {
      _ = try await folder.check.admit(model.name) {
        progress.update(bytes: Int(clamping: $0), of: Int(clamping: model.size))
      }
      let size = ByteCount.text(Int(clamping: model.size))
      return .ok(check, "\(size), checksum right, loads with llama.cpp \(LlamaArchitectures.build)")
    } catch {
      return .fail(check, error.message, "prsm models rm \(model.name), and then pull or add it again")
    }
  }
}
