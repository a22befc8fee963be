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
    guard let file = model.files.first, model.files.count == 1, file.path.hasSuffix(".gguf") else {
      throw CommandFailure.no(
        "\(model.name) has \(model.files.count) files; one GGUF file can be pulled here. "
          + "`prsm content get` gets them one by one: \(model.files.map { "\($0.cid)" }.joined(separator: " "))")
    }
    Output.note("\(model.name), signed by \(signer), under \(model.provenance.licence)")
    let folder = try ModelFolder(DataFolder(path: configuration.dataDir))
    let progress = Progress(model.name)
    defer { progress.finish() }
    progress.update("fetching")
    // Fetched from several places at once, and kept, so that a pull which breaks off goes on where it stopped.
    _ = try await place.pin(Pin(cid, name: "model \(model.name)"), quality: 0.5)
    let target = DataFolder(path: configuration.dataDir).path + "/pulled-\(cid).gguf"
    try? FileManager.default.removeItem(atPath: target)
    let done = ByteCounter()
    let total = Int(clamping: file.size)
    let fileCID = file.cid
    let entry: ModelEntry
    do {
      _ = try await content { () async throws(ContentError) in
        try await PathExport.write(
          fileCID, to: target, from: source, progress: { progress.update(bytes: done.add($0), of: total) })
      }
      defer { try? FileManager.default.removeItem(atPath: target) }
      _ = try ModelFileCheck.structure(of: target)
      let pulled = try await folder.catalog.add(
        path: target, name: model.name, source: "ipfs://\(cid)", license: model.provenance.licence)
      progress.update("trying it")
      entry = try await folder.check.admit(pulled.name)
    } catch {
      progress.finish()
      throw CommandFailure(adding: error)
    }
    progress.finish()
    if output.isJSON {
      Output.line(entry.json(folder.summary(of: entry)).text)
    } else {
      Output.line(
        "\(entry.name) is ready (\(ByteCount.text(Int(clamping: entry.size)))). Try: prsm chat --model \(entry.name)")
    }
  }
}
