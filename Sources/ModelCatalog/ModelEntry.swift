package import Foundation

/// One model on this machine, as the catalog remembers it.
package struct ModelEntry: Codable, Sendable, Equatable {
  /// How the file came into the models folder.
  package enum Placement: String, Codable, Sendable {
    /// A copy of its own.
    case copied
    /// Another name of the same file.
    case hardLinked
    /// It stays where it was.
    case inPlace
  }

  /// What clients call it.
  package var name: String
  /// Other names that mean it.
  package var aliases: [String]
  /// The file's absolute path.
  package var path: String
  /// How the file came there.
  package var placement: Placement
  /// The SHA-256 of the file in lower-case hexadecimal.
  package var sha256: String
  /// Bytes of the file.
  package var size: UInt64
  /// Where it came from: a path, or a package and its version.
  package var source: String
  /// The licence by its SPDX identifier or its name, where known.
  package var license: String?
  /// When it was added.
  package var added: Date
  /// When its structure was checked and found good.
  package var structureChecked: Date?
  /// The llama.cpp build that loaded it in a child process, where one did.
  package var loadedWith: String?
}

/// What `catalog.json` holds.
struct CatalogDocument: Codable {
  var version = 1
  var models: [ModelEntry] = []
}
