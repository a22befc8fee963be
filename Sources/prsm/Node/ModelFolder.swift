import Foundation
import LlamaEngine
import ModelCatalog
import ModelInterface
import Synchronization

/// The models of a data folder: the catalogue, and what the engine has to know of its files.
final class ModelFolder: Sendable {
  let catalog: ModelCatalog
  /// Checks files before they are loaded.
  let check: ModelFileCheck
  private let defaultModel: String?
  private let aliases: [String: String]
  private let cache = Mutex(Cache())

  private struct Cache {
    /// What files are, by checksum.
    var summaries: [String: GGUFSummary] = [:]
    /// What the catalogue said when its file looked like this.
    var entries: (stamp: FileStamp, entries: [ModelFileEntry])?
  }

  /// The name under which the default model always answers.
  static let defaultName = "default"

  /// - Parameters:
  ///   - defaultModel: listed first.
  ///   - aliases: more names, each with its model.
  /// - Throws: ``CommandFailure`` of status `unavailable`.
  init(_ folder: DataFolder, defaultModel: String? = nil, aliases: [String: String] = [:]) throws(CommandFailure) {
    try folder.prepare()
    do throws(CatalogError) {
      catalog = try ModelCatalog(directory: folder.modelsPath)
    } catch {
      throw CommandFailure(error)
    }
    check = ModelFileCheck(catalog: catalog)
    self.defaultModel = defaultModel
    self.aliases = aliases
  }

  /// All models, the default one first.
  ///
  /// - Throws: ``CommandFailure``.
  func models() async throws(CommandFailure) -> [ModelEntry] {
    let all: [ModelEntry]
    do throws(CatalogError) {
      all = try await catalog.list()
    } catch {
      throw CommandFailure(error)
    }
    let usual = defaultModel ?? ModelRecipe.all.first?.name
    guard let index = all.firstIndex(where: { $0.name == usual || $0.aliases.contains(usual ?? "") }) else {
      return all
    }
    return [all[index]] + all[..<index] + all[(index + 1)...]
  }

  /// What the file of a model is, without loading it; nil where it cannot be read.
  func summary(of entry: ModelEntry) -> GGUFSummary? {
    if let known = cache.withLock({ $0.summaries[entry.sha256] }) { return known }
    guard let file = try? GGUFFile(path: entry.path), let summary = try? file.summary() else { return nil }
    cache.withLock { cache in
      if cache.summaries.count >= 256 { cache.summaries = [:] }
      cache.summaries[entry.sha256] = summary
    }
    return summary
  }

  /// Adds the default model where there is none at all and `make serve` has fetched it.
  ///
  /// - Returns: the model that was added.
  /// - Throws: ``CommandFailure``.
  func adoptFetchedModel(environment: [String: String]) async throws(CommandFailure) -> ModelEntry? {
    guard let recipe = ModelRecipe.all.first, try await models().isEmpty else { return nil }
    let path = CacheFolder.path(environment: environment) + "/models/\(recipe.name).gguf"
    guard FileManager.default.isReadableFile(atPath: path) else { return nil }
    do {
      return try await catalog.add(
        path: path, name: recipe.name, source: path, license: recipe.license, expected: recipe.sha256)
    } catch {
      throw CommandFailure(adding: error)
    }
  }
}

extension ModelFolder: LlamaEngine.ModelSource {
  func entries() async -> [ModelFileEntry] {
    // Asked at every request: one look at the file's stamp instead of reading it each time.
    let stamp = FileStamp(path: catalog.directory + "/catalog.json")
    if let stamp, let known = cache.withLock({ $0.entries }), known.stamp == stamp { return known.entries }
    let entries = await readEntries()
    if let stamp { cache.withLock { $0.entries = (stamp, entries) } }
    return entries
  }

  private func readEntries() async -> [ModelFileEntry] {
    // A catalogue that cannot be read has no models; `prsm doctor` and the log say why.
    guard let models = try? await models() else { return [] }
    return models.enumerated().map { index, entry in
      let summary = summary(of: entry)
      var names = entry.aliases + aliases.filter { $0.value == entry.name }.map(\.key).sorted()
      if index == 0, !models.contains(where: { $0.name == Self.defaultName }) { names.append(Self.defaultName) }
      return ModelFileEntry(
        name: entry.name, aliases: names, path: entry.path, created: Int(entry.added.timeIntervalSince1970),
        bytes: Int(clamping: entry.size), architecture: summary?.architecture, quantization: summary?.quantization,
        parameterCount: summary.map { Int(clamping: $0.parameters) }, contextLength: summary?.contextLength)
    }
  }

  func validate(_ entry: ModelFileEntry) async throws(GenerationError) {
    do throws(CommandFailure) {
      _ = try await check.admit(entry.name)
    } catch {
      throw GenerationError(.unavailable, error.message)
    }
  }
}

/// The user's cache folder for PRSM.
enum CacheFolder {
  static func path(environment: [String: String]) -> String {
    if let own = environment["PRSM_CACHE_DIR"], !own.isEmpty { return own }
    if let cache = environment["XDG_CACHE_HOME"], !cache.isEmpty { return cache + "/prsm" }
    return FilePath.home + "/.cache/prsm"
  }
}

extension CommandFailure {
  /// What the catalogue's refusal means for the shell.
  init(_ error: CatalogError) {
    switch error.code {
    case .unknownModel, .unknownRecipe, .terms: self.init(.no, error.message)
    case .badName: self.init(.usage, error.message)
    case .checksum: self.init(.no, error.message)
    case .file, .damaged, .locked, .tool, .deadline: self.init(.unavailable, error.message)
    }
  }

  /// Any error of something that adds a model.
  init(adding error: any Error) {
    switch error {
    case let error as CommandFailure: self = error
    case let error as CatalogError: self.init(error)
    case let error as CocoaError: self.init(file: error)
    case is CancellationError: self.init(.unavailable, "interrupted; run the command again to go on")
    default: self.init(.unavailable, "\(error)")
    }
  }

  /// What went wrong with a file, in words.
  init(file error: CocoaError) {
    let file = error.filePath.map { " (\($0))" } ?? ""
    let message =
      switch error.code {
      case .fileWriteOutOfSpace: "the disk is full\(file); make room and try again"
      case .fileWriteVolumeReadOnly: "the disk cannot be written to\(file); choose another --data-dir"
      case .fileReadNoPermission, .fileWriteNoPermission:
        "this user may not use a file\(file); correct its permissions"
      default: error.localizedDescription + file
      }
    self.init(.unavailable, message)
  }
}
