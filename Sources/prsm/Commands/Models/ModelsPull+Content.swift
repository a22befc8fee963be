import Content
import Foundation
import LlamaEngine
import ModelCatalog
import ModelInterface
import Multiformats

extension ModelsPull {
  /// Pulls a published model: fetches what is missing, checks every block and the manifest's signature, and adds the file
  /// to the catalogue as soon as it is whole.
  func pullContent(_ text: String) async throws {
    let address = try ContentAddress(text)
    guard case .content(let cid) = address.root, address.segments.isEmpty else {
      throw CommandFailure.usage("expected ipfs://CID of a published model, found `\(text)`")
    }
    var wanted: PeerID?
    if let publisher {
      guard let peer = NameResolver.peer(publisher) else {
        throw CommandFailure.usage("--publisher: expected a peer id such as 12D3KooW…, found `\(publisher)`")
      }
      wanted = peer
    }
    let configuration = try Configuration.load(path: node.config, flags: node.flags)
    let place = try await ContentAddress.place(node)
    defer { place.close() }
    let source = place.blocks
    let (asked, signed) = (wanted, cid)
    let (statement, signer) = try await content { () async throws(ContentError) in
      try await Publishing.read(signed, from: source, publisher: asked)
    }
    guard case .model(let model) = statement else {
      throw CommandFailure.no("\(cid) is a data set; `prsm content manifest` shows it")
    }
    guard !model.files.isEmpty, model.files.allSatisfy({ $0.path.hasSuffix(".gguf") && !$0.path.contains("/") }) else {
      throw CommandFailure.no(
        "\(model.name) is not made of GGUF files; "
          + "`prsm content get` gets them one by one: \(model.files.map { "\($0.cid)" }.joined(separator: " "))")
    }
    Output.note("\(model.name), signed by \(signer), under \(model.provenance.licence)")
    let folder = try ModelFolder(DataFolder(path: configuration.dataDir))
    var rows: [JSONValue] = []
    for (index, file) in model.files.enumerated() {
      let name = index == 0 ? model.name : String(file.path.dropLast(5))
      let entry = try await pull(
        file, as: name, of: cid, license: model.provenance.licence, from: place, into: folder,
        DataFolder(path: configuration.dataDir).path)
      // Each can be used from here on, whatever is still to come.
      if output.isJSON {
        rows.append(entry.json(folder.summary(of: entry)))
      } else {
        Output.line(
          "\(entry.name) is ready (\(ByteCount.text(Int(clamping: entry.size)))). Try: prsm chat --model \(entry.name)")
      }
    }
    // From now on the manifest keeps its files.
    _ = try await place.pin(Pin(cid, name: "model \(model.name)"), quality: 0.5)
    for file in model.files { try? await place.unpin(file.cid) }
    if output.isJSON { Output.line(rows.count == 1 ? rows[0].text : JSONValue.array(rows).text) }
  }

  /// Fetches one file of a model, adds it to the catalogue and tries it; what was pulled before is only looked up.
  private func pull(
    _ file: ManifestFile, as name: String, of manifest: CID, license: String, from place: any ContentPlace,
    into folder: ModelFolder, _ dataFolder: String
  ) async throws -> ModelEntry {
    let origin = "ipfs://\(manifest)"
    if let known = try? await folder.catalog.resolve(name), known.source == origin, known.size == file.size {
      return known
    }
    let progress = Progress(name)
    defer { progress.finish() }
    progress.update("reading its header")
    try await checkHeader(of: file, from: place.blocks)
    progress.update("fetching")
    // Fetched from several places at once, and kept, so that a pull which breaks off goes on where it stopped.
    _ = try await place.pin(Pin(file.cid, name: "file of model \(name)"), quality: 0.5)
    let target = dataFolder + "/pulled-\(file.cid).gguf"
    try? FileManager.default.removeItem(atPath: target)
    let done = ByteCounter()
    let (total, cid, source) = (Int(clamping: file.size), file.cid, place.blocks)
    do {
      _ = try await content { () async throws(ContentError) in
        try await PathExport.write(
          cid, to: target, from: source, progress: { progress.update(bytes: done.add($0), of: total) })
      }
      defer { try? FileManager.default.removeItem(atPath: target) }
      _ = try ModelFileCheck.structure(of: target)
      let pulled = try await folder.catalog.add(path: target, name: name, source: origin, license: license)
      progress.update("trying it")
      return try await folder.check.admit(pulled.name)
    } catch {
      progress.finish()
      throw CommandFailure(adding: error)
    }
  }

  /// Reads a file's header before the rest of it is fetched, so that gigabytes which cannot be used do not come at all. What a
  /// header of unusual length says is seen once the file is whole.
  private func checkHeader(of file: ManifestFile, from source: any BlockSource) async throws(CommandFailure) {
    let cid = file.cid
    var length = min(file.size, 1 << 20)
    while length <= 256 << 20 {
      let wanted = length
      let head = try await content { () async throws(ContentError) in
        try await FileBytes(cid, range: 0..<wanted, from: source).collected(limit: Int(wanted))
      }
      do throws(GGUFError) {
        if try GGUFFile.check(head: head, fileSize: file.size, name: file.path) != nil { return }
      } catch {
        throw .no("\(file.path) cannot be used as a model, and was not fetched: \(error)")
      }
      guard head.count == Int(wanted), wanted < file.size else { return }
      length = min(file.size, wanted * 4)
    }
  }
}
