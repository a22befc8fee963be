import Access
import Content
import Foundation
import ModelInterface
import Multiformats

/// Signed statements about models and data sets: who publishes what, made from what, under which terms.
enum Publishing {
  /// What a manifest says, once its signature has been checked.
  enum Statement {
    case model(ModelManifest)
    case dataSet(DataSetManifest)

    var files: [ManifestFile] {
      switch self {
      case .model(let model): model.files
      case .dataSet(let set): set.shards
      }
    }

    var provenance: Provenance {
      switch self {
      case .model(let model): model.provenance
      case .dataSet(let set): set.provenance
      }
    }

    var name: String {
      switch self {
      case .model(let model): model.name
      case .dataSet(let set): set.name
      }
    }
  }

  /// Signs a manifest's body and puts it.
  static func publish(
    _ body: Content.Node, by identity: NodeIdentity, to sink: any BlockSink
  ) throws(ContentError) -> CID {
    let block = try SignedManifest(signing: body, by: try Ed25519Signer(secret: identity.secret)).block
    try sink.put(block)
    return block.cid
  }

  /// Reads a manifest and checks its signature.
  ///
  /// - Parameter publisher: who must have signed it; nil for anybody.
  /// - Throws: `.denied` where somebody else has signed it.
  static func read(
    _ cid: CID, from source: any BlockSource, publisher: PeerID? = nil
  ) async throws(ContentError) -> (statement: Statement, publisher: PeerID) {
    guard cid.codec == .dagCBOR else { throw ContentError(.wrongKind, "\(cid) is no manifest", cid: cid) }
    let manifest = try SignedManifest(verifying: try await source.bytes(of: cid))
    let signer: PeerID
    do throws(MultiformatError) {
      signer = try PeerID(publicKey: manifest.publisher, sha256: { Digest.sha256($0) })
    } catch {
      throw ContentError(error)
    }
    if let publisher, publisher != signer {
      throw ContentError(.denied, "\(cid) is signed by \(signer) and not by \(publisher)", cid: cid)
    }
    switch manifest.body["type"]?.stringValue {
    case "prsm-model-1": return (.model(try ModelManifest(manifest.body)), signer)
    case "prsm-data-set-1": return (.dataSet(try DataSetManifest(manifest.body)), signer)
    default: throw ContentError(.unsupported, "\(cid) is a manifest of a kind that is not known here", cid: cid)
    }
  }

  /// A manifest for machines.
  static func json(_ statement: Statement, publisher: PeerID, _ cid: CID) -> JSONValue {
    let provenance = statement.provenance
    var object: JSONObject = [
      "cid": .string("\(cid)"), "name": .string(statement.name), "publisher": .string("\(publisher)"),
      "licence": .string(provenance.licence), "statement": .string(provenance.statement),
      "derived_from": .array(provenance.derivedFrom.map { .string("\($0)") }),
      "published_at": .integer(provenance.publishedAt),
      "files": .array(
        statement.files.map { file in
          var entry: JSONObject = [
            "path": .string(file.path), "cid": .string("\(file.cid)"), "size": .integer(file.size),
          ]
          if let rows = file.rows { entry["rows"] = .integer(rows) }
          return .object(entry)
        }),
    ]
    switch statement {
    case .model(let model):
      object["kind"] = "model"
      object["architecture"] = .string(model.architecture)
      object["parameters"] = .integer(model.parameters)
      object["metrics"] = .object(
        JSONObject(model.metrics.sorted { $0.key < $1.key }.map { ($0.key, .double($0.value)) }))
    case .dataSet(let set):
      object["kind"] = "data set"
      object["format"] = .string(set.format)
      object["schema"] = .array(set.schema.map { ["name": .string($0.name), "type": .string($0.type)] })
    }
    return .object(object)
  }

  /// CIDs of manifests that something was made from.
  static func sources(_ texts: [String]) throws(CommandFailure) -> [CID] {
    var cids: [CID] = []
    for text in texts {
      let address = try ContentAddress(text)
      guard case .content(let cid) = address.root, address.segments.isEmpty else {
        throw .usage("--from: expected the CID of a manifest, found `\(text)`")
      }
      cids.append(cid)
    }
    return cids
  }
}
