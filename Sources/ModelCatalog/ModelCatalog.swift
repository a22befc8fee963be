package import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Which models are on this machine: a folder of model files and `catalog.json`, which several processes may share.
///
/// What it acknowledges survives a crash. It does not look into the files; whoever adds one checks it first, and records
/// with ``recordChecks(_:sha256:structure:loadedWith:)`` what it has survived.
package actor ModelCatalog {
  /// How a file that is added comes into the models folder.
  package enum Placing: Sendable {
    /// Another name of the same file where the file system can, otherwise a copy.
    case automatic
    /// A copy.
    case copy
    /// It stays where it is.
    case inPlace
  }

  /// The folder, absolute.
  package nonisolated let directory: String
  private let file: CatalogFile

  /// Opens the catalog in a folder, which is made where it is missing.
  package init(directory: String) throws(CatalogError) {
    let absolute = URL(fileURLWithPath: directory).standardizedFileURL.path
    do {
      try FileManager.default.createDirectory(atPath: absolute, withIntermediateDirectories: true)
    } catch {
      throw CatalogError(code: .file, message: "cannot make the folder \(absolute): \(error)")
    }
    self.directory = absolute
    file = CatalogFile(directory: absolute)
  }

  /// All models by name.
  package func list() throws(CatalogError) -> [ModelEntry] {
    try file.read().models.sorted { $0.name < $1.name }
  }

  /// The model of that name or alias; an unknown name's error suggests the nearest.
  package func resolve(_ name: String) throws(CatalogError) -> ModelEntry {
    let models = try list()
    guard let found = models.first(where: { $0.name == name || $0.aliases.contains(name) }) else {
      throw Self.unknown(name, among: models)
    }
    return found
  }

  /// Adds the file at `path` under `name`, or under a name made of the file's.
  ///
  /// `progress` is told the bytes that are done. Adding the same file under the same name again changes nothing. Whoever
  /// knows the file's checksum gives it as `expected`; another one is an error.
  package func add(
    path: String, name: String? = nil, placing: Placing = .automatic, source: String? = nil, license: String? = nil,
    aliases: [String] = [], expected: String? = nil, progress: (@Sendable (UInt64) -> Void)? = nil
  ) async throws -> ModelEntry {
    let path = URL(fileURLWithPath: path).standardizedFileURL.path
    let name = name ?? Self.suggestedName(for: path)
    for each in [name] + aliases { try Self.check(name: each) }
    try checkFree(name, aliases, sha256: nil, in: try file.read())
    let target = placing == .inPlace ? path : "\(directory)/\(name).gguf"
    let placed = try await place(path, at: target, placing: placing, progress: progress)
    do {
      if let expected, expected != placed.sha256 {
        throw CatalogError(
          code: .checksum,
          message: "\(path): expected SHA-256 \(expected), found \(placed.sha256); download the file again")
      }
      return try await file.locked { document in
        if let known = document.models.first(where: { $0.name == name && $0.sha256 == placed.sha256 }) {
          if let temporary = placed.temporary { try Self.move(temporary, to: known.path) }
          return known
        }
        try checkFree(name, aliases, sha256: placed.sha256, in: document)
        if let temporary = placed.temporary { try Self.move(temporary, to: target) }
        let entry = ModelEntry(
          name: name, aliases: aliases, path: target, placement: placed.placement, sha256: placed.sha256,
          size: placed.size, source: source ?? path, license: license,
          added: Date(timeIntervalSince1970: Date().timeIntervalSince1970.rounded(.down)))
        document.models.append(entry)
        return entry
      }
    } catch {
      if let temporary = placed.temporary { unlink(temporary) }
      throw error
    }
  }

  /// Forgets the model; its file is deleted too unless it lies outside the models folder.
  package func remove(_ name: String) async throws -> ModelEntry {
    let removed = try await file.locked { document in
      guard let index = document.models.firstIndex(where: { $0.name == name || $0.aliases.contains(name) }) else {
        throw Self.unknown(name, among: document.models)
      }
      return document.models.remove(at: index)
    }
    if removed.placement != .inPlace { unlink(removed.path) }
    return removed
  }

  /// Reads the model's file again and compares its checksum with the catalog's.
  package func verify(_ name: String, progress: (@Sendable (UInt64) -> Void)? = nil) async throws -> ModelEntry {
    let entry = try resolve(name)
    let found = try await FileDigest.sha256(of: entry.path, progress: progress)
    guard found.sha256 == entry.sha256 else {
      throw CatalogError(
        code: .checksum,
        message: """
          \(entry.path): expected SHA-256 \(entry.sha256) and \(entry.size) bytes, found \(found.sha256) and \
          \(found.size); remove the model and add it again
          """)
    }
    return entry
  }

  /// Records what the file has survived. The checksum guards against a file that was replaced in between.
  package func recordChecks(
    _ name: String, sha256: String, structure: Date? = nil, loadedWith build: String? = nil
  ) async throws -> ModelEntry {
    try await file.locked { document in
      guard let index = document.models.firstIndex(where: { $0.name == name && $0.sha256 == sha256 }) else {
        throw Self.unknown(name, among: document.models)
      }
      if let structure { document.models[index].structureChecked = structure }
      if let build { document.models[index].loadedWith = build }
      return document.models[index]
    }
  }
}

extension ModelCatalog {
  private struct Placed {
    var sha256: String
    var size: UInt64
    var placement: ModelEntry.Placement
    /// Where the file waits under a name of its own until the catalog has it.
    var temporary: String?
  }

  private func place(
    _ path: String, at target: String, placing: Placing, progress: (@Sendable (UInt64) -> Void)?
  ) async throws -> Placed {
    if placing == .inPlace || path == target {
      let digest = try await FileDigest.sha256(of: path, progress: progress)
      return Placed(
        sha256: digest.sha256, size: digest.size, placement: placing == .inPlace ? .inPlace : .copied, temporary: nil)
    }
    Leftovers.remove(marked: ".adding-", in: directory)
    let temporary = "\(target).adding-\(UUID().uuidString)"
    do {
      if placing == .automatic, link(path, temporary) == 0 {
        let digest = try await FileDigest.sha256(of: temporary, progress: progress)
        return Placed(sha256: digest.sha256, size: digest.size, placement: .hardLinked, temporary: temporary)
      }
      let digest = try await FileDigest.copy(path, to: temporary, progress: progress)
      return Placed(sha256: digest.sha256, size: digest.size, placement: .copied, temporary: temporary)
    } catch {
      unlink(temporary)
      throw error
    }
  }

  private static func move(_ temporary: String, to target: String) throws(CatalogError) {
    guard rename(temporary, target) == 0 else {
      throw CatalogError(code: .file, message: "cannot move to \(target): \(String(cString: strerror(errno)))")
    }
    // Renaming one name of a file onto another of the same file leaves both; the waiting name goes.
    unlink(temporary)
    CatalogFile.sync(folder: URL(fileURLWithPath: target).deletingLastPathComponent().path)
  }

  private nonisolated func checkFree(
    _ name: String, _ aliases: [String], sha256: String?, in document: CatalogDocument
  ) throws(CatalogError) {
    for model in document.models {
      if model.name == name, sha256 == nil { continue }
      for each in [name] + aliases where model.name == each || model.aliases.contains(each) {
        throw CatalogError(
          code: .badName,
          message: "`\(each)` already names a model (\(model.path)); choose another name or remove that model first")
      }
    }
  }

  private static func check(name: String) throws(CatalogError) {
    let isGood =
      (1...64).contains(name.utf8.count)
      && name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "._-".utf8.contains(byte)
        }
      } && name.utf8.first.map { !"._-".utf8.contains($0) } ?? false
    guard isGood else {
      throw CatalogError(
        code: .badName,
        message: """
          `\(name)` is no model name: expected 1 to 64 of a-z, 0-9, `.`, `_` and `-`, beginning with a letter or \
          digit; give one with --name
          """)
    }
  }

  private static func suggestedName(for path: String) -> String {
    var stem = URL(fileURLWithPath: path).lastPathComponent.lowercased()
    if stem.hasSuffix(".gguf") { stem.removeLast(5) }
    let allowed = stem.map { letter in
      letter.isASCII && (letter.isLetter || letter.isNumber || "._-".contains(letter)) ? letter : "-"
    }
    return String(allowed.prefix(64))
  }

  private static func unknown(_ name: String, among models: [ModelEntry]) -> CatalogError {
    let names = models.flatMap { [$0.name] + $0.aliases }
    let shown = String(name.prefix(64))
    let advice: String
    if let nearest = NearestName.of(name, among: names) {
      advice = "did you mean `\(nearest)`?"
    } else if names.isEmpty {
      advice = "there are no models yet; get one with `prsm models pull \(ModelRecipe.all[0].name)`"
    } else {
      advice = "there are \(names.sorted().prefix(8).joined(separator: ", "))"
    }
    return CatalogError(code: .unknownModel, message: "no model is called `\(shown)`; \(advice)")
  }
}

/// Finds what a mistyped name was meant to be.
package enum NearestName {
  /// The name with the fewest edits (Levenshtein distance), if that is at most a third of its length or two.
  package static func of(_ name: String, among names: [String]) -> String? {
    let name = Array(name.lowercased().utf8.prefix(128))
    let ranked = names.map { ($0, distance(name, Array($0.lowercased().utf8.prefix(128)))) }
    guard let best = ranked.min(by: { ($0.1, $0.0) < ($1.1, $1.0) }) else { return nil }
    if best.1 <= max(2, best.0.utf8.count / 3) { return best.0 }
    return name.count >= 3 ? names.sorted().first { $0.lowercased().utf8.starts(with: name) } : nil
  }

  private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var row = Array(0...right.count)
    for (index, letter) in left.enumerated() {
      var diagonal = row[0]
      row[0] = index + 1
      for column in right.indices {
        let substituted = diagonal + (letter == right[column] ? 0 : 1)
        diagonal = row[column + 1]
        row[column + 1] = min(substituted, row[column] + 1, diagonal + 1)
      }
    }
    return row[right.count]
  }
}
