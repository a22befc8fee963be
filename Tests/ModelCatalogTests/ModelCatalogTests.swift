import Foundation
import Testing

@testable import ModelCatalog

@Suite("The catalog of models")
struct ModelCatalogTests {
  @Test("a model that was added is there for another process, under its name and aliases")
  func add() async throws {
    try await withFolder { folder in
      let file = try write("weights", at: folder + "/Some Model.GGUF")
      let catalog = try ModelCatalog(directory: folder + "/models")
      let entry = try await catalog.add(path: file, license: "MIT", aliases: ["default"])
      #expect(entry.name == "some-model")
      #expect(entry.sha256 == "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c")
      #expect(entry.size == 7)
      #expect(entry.placement == .hardLinked || entry.placement == .copied)
      let other = try ModelCatalog(directory: folder + "/models")
      #expect(try await other.list() == [entry])
      #expect(try await other.resolve("default") == entry)
      #expect(try await other.verify("some-model") == entry)
      let names = try FileManager.default.contentsOfDirectory(atPath: folder + "/models").sorted()
      #expect(names == ["catalog.json", "catalog.lock", "some-model.gguf"])
    }
  }

  @Test("adding the same file again changes nothing, another one under the name is refused")
  func addAgain() async throws {
    try await withFolder { folder in
      let catalog = try ModelCatalog(directory: folder + "/models")
      let first = try await catalog.add(path: try write("one", at: folder + "/a.gguf"), name: "a", placing: .copy)
      #expect(try await catalog.add(path: folder + "/a.gguf", name: "a", placing: .copy) == first)
      let other = try write("two", at: folder + "/b.gguf")
      let error = try await #require(throws: CatalogError.self) { try await catalog.add(path: other, name: "a") }
      #expect(error.code == .badName)
      #expect(try await catalog.list() == [first])
      #expect(FileManager.default.contents(atPath: first.path) == Data("one".utf8))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/models").count == 3)
    }
  }

  @Test("a checksum that differs from the expected one leaves nothing behind")
  func expectedChecksum() async throws {
    try await withFolder { folder in
      let catalog = try ModelCatalog(directory: folder + "/models")
      let file = try write("one", at: folder + "/a.gguf")
      let error = try await #require(throws: CatalogError.self) {
        try await catalog.add(path: file, expected: String(repeating: "0", count: 64))
      }
      #expect(error.code == .checksum)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/models").isEmpty)
    }
  }

  @Test(
    "a mistyped name gets the nearest one",
    arguments: [("smolm2", "smollm2"), ("SMOLLM2", "smollm2"), ("gem", "gemma-3")])
  func nearest(typed: String, meant: String) async throws {
    try await withFolder { folder in
      let catalog = try ModelCatalog(directory: folder)
      for name in ["smollm2", "gemma-3"] {
        _ = try await catalog.add(path: try write(name, at: "\(folder)/\(name).bin"), name: name)
      }
      let error = try await #require(throws: CatalogError.self) { try await catalog.resolve(typed) }
      #expect(error.code == .unknownModel)
      #expect(error.description.contains("`\(meant)`"))
    }
  }

  @Test("removing deletes the catalog's own file and not one that stayed in place")
  func remove() async throws {
    try await withFolder { folder in
      let catalog = try ModelCatalog(directory: folder + "/models")
      let file = try write("one", at: folder + "/a.gguf")
      let copied = try await catalog.add(path: file, name: "copied", placing: .copy)
      let linked = try await catalog.add(path: file, name: "linked", placing: .inPlace)
      #expect(linked.path == file && linked.placement == .inPlace)
      _ = try await catalog.remove("copied")
      _ = try await catalog.remove("linked")
      #expect(!FileManager.default.fileExists(atPath: copied.path))
      #expect(FileManager.default.fileExists(atPath: file))
      #expect(try await catalog.list().isEmpty)
      await #expect(throws: CatalogError.self) { try await catalog.remove("copied") }
    }
  }

  @Test("a file that was changed fails verification, and checks are recorded for the file that was checked only")
  func verify() async throws {
    try await withFolder { folder in
      let catalog = try ModelCatalog(directory: folder + "/models")
      let entry = try await catalog.add(path: try write("one", at: folder + "/a.gguf"), name: "a", placing: .copy)
      let date = Date(timeIntervalSince1970: 1_700_000_000)
      let checked = try await catalog.recordChecks("a", sha256: entry.sha256, structure: date, loadedWith: "11434")
      #expect(checked.structureChecked == date && checked.loadedWith == "11434")
      #expect(try await catalog.resolve("a") == checked)
      await #expect(throws: CatalogError.self) { try await catalog.recordChecks("a", sha256: "other", loadedWith: "1") }
      _ = try write("changed", at: entry.path)
      let error = try await #require(throws: CatalogError.self) { try await catalog.verify("a") }
      #expect(error.code == .checksum)
    }
  }

  @Test(
    "names that could leave the folder or confuse are refused", arguments: ["", "../a", "a/b", ".a", "A", "a b", "-x"])
  func badNames(name: String) async throws {
    try await withFolder { folder in
      let catalog = try ModelCatalog(directory: folder + "/models")
      let file = try write("one", at: folder + "/a.gguf")
      await #expect(throws: CatalogError.self) { try await catalog.add(path: file, name: name) }
    }
  }

  @Test("a damaged catalog is said to be so and is not overwritten")
  func damaged() async throws {
    try await withFolder { folder in
      _ = try write("{\"version\":1,", at: folder + "/catalog.json")
      let catalog = try ModelCatalog(directory: folder)
      #expect(try await #require(throws: CatalogError.self) { try await catalog.list() }.code == .damaged)
      let file = try write("one", at: folder + "/a.bin")
      await #expect(throws: CatalogError.self) { try await catalog.add(path: file, name: "a") }
      #expect(FileManager.default.contents(atPath: folder + "/catalog.json") == Data("{\"version\":1,".utf8))
    }
  }

  @Test("what a killed process left half added is removed after a day, what is fresh stays")
  func leftovers() async throws {
    try await withFolder { folder in
      let models = folder + "/models"
      let catalog = try ModelCatalog(directory: models)
      let old = try write("half", at: models + "/a.gguf.adding-1")
      let fresh = try write("half", at: models + "/b.gguf.adding-2")
      let past = Date(timeIntervalSinceNow: -100_000)
      try FileManager.default.setAttributes([.modificationDate: past], ofItemAtPath: old)
      _ = try await catalog.add(path: try write("one", at: folder + "/c.gguf"))
      #expect(!FileManager.default.fileExists(atPath: old))
      #expect(FileManager.default.fileExists(atPath: fresh))
    }
  }

  @Test("additions through several catalogs of one folder at once are all kept")
  func concurrent() async throws {
    try await withFolder { folder in
      let models = folder + "/models"
      try await withThrowingTaskGroup(of: Void.self) { group in
        for index in 0..<12 {
          let file = try write("model \(index)", at: "\(folder)/\(index).gguf")
          group.addTask { _ = try await ModelCatalog(directory: models).add(path: file, name: "m\(index)") }
        }
        try await group.waitForAll()
      }
      #expect(try await ModelCatalog(directory: models).list().count == 12)
    }
  }
}

/// A folder for the time of a test.
func withFolder(_ body: (String) async throws -> Void) async throws {
  let folder = FileManager.default.temporaryDirectory.path + "/prsm-catalog-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  try await body(folder)
}

@discardableResult
func write(_ text: String, at path: String) throws -> String {
  try Data(text.utf8).write(to: URL(fileURLWithPath: path))
  return path
}
