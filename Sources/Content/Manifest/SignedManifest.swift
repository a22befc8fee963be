package import Multiformats

/// A statement in DAG-CBOR with the key and signature of who makes it.
package struct SignedManifest: Hashable, Sendable {
  private static let prefix = Array("prsm-manifest-1:".utf8)

  /// What is stated.
  package let body: Node
  package let publisher: PeerPublicKey
  private let signature: [UInt8]

  /// Signs `body`.
  package init(signing body: Node, by signer: Ed25519Signer) throws(ContentError) {
    self.body = body
    self.publisher = signer.publicKey
    self.signature = try signer.sign(Self.prefix + DagCBOR.encode(body))
  }

  /// The block that holds it; its links are those of the body.
  package var block: Block {
    get throws(ContentError) {
      try Block(
        try DagCBOR.encode(
          .map(["body": body, "publisher": .bytes(publisher.bytes), "signature": .bytes(signature)])), codec: .dagCBOR)
    }
  }

  /// Reads a block and verifies the signature.
  ///
  /// - Throws: `.malformed`, `.corrupt` where the signature does not hold.
  package init(verifying bytes: [UInt8]) throws(ContentError) {
    let node = try DagCBOR.decode(bytes)
    guard let body = node["body"], let key = node["publisher"]?.bytesValue,
      let signature = node["signature"]?.bytesValue
    else { throw ContentError(.malformed, "not a signed manifest") }
    self.body = body
    self.publisher = try parsing { () throws(MultiformatError) in try PeerPublicKey(bytes: key) }
    self.signature = signature
    guard try PublicKeyVerifier.verify(signature, of: Self.prefix + DagCBOR.encode(body), by: publisher) else {
      throw ContentError(.corrupt, "the manifest's signature does not hold; do not trust what it lists")
    }
  }
}

/// A file that a manifest lists.
package struct ManifestFile: Hashable, Sendable {
  package var path: String
  package var cid: CID
  /// Bytes.
  package var size: UInt64
  /// Rows of a data set's shard.
  package var rows: UInt64?

  package init(path: String, cid: CID, size: UInt64, rows: UInt64? = nil) {
    self.path = path
    self.cid = cid
    self.size = size
    self.rows = rows
  }

  var node: Node {
    var fields: [String: Node] = ["path": .string(path), "content": .link(cid), "size": .unsigned(size)]
    if let rows { fields["rows"] = .unsigned(rows) }
    return .map(fields)
  }

  init(_ node: Node) throws(ContentError) {
    guard let path = node["path"]?.stringValue, let cid = node["content"]?.linkValue,
      let size = node["size"]?.unsignedValue,
      !path.hasPrefix("/"), !path.split(separator: "/").contains(".."), !path.isEmpty
    else { throw ContentError(.malformed, "manifest: a file without relative path, content or size") }
    self.init(path: path, cid: cid, size: size, rows: node["rows"]?.unsignedValue)
  }
}

/// Where something comes from and under which terms.
package struct Provenance: Hashable, Sendable {
  /// An SPDX identifier, or the licence's name.
  package var licence: String
  /// What it was made from: manifests of models and data sets.
  package var derivedFrom: [CID]
  /// In words: training data, process, terms beyond the licence.
  package var statement: String
  /// Seconds since 1970.
  package var publishedAt: UInt64

  package init(licence: String, derivedFrom: [CID] = [], statement: String = "", publishedAt: UInt64) {
    self.licence = licence
    self.derivedFrom = derivedFrom
    self.statement = statement
    self.publishedAt = publishedAt
  }

  var node: Node {
    .map([
      "licence": .string(licence), "derivedFrom": .list(derivedFrom.map(Node.link)), "statement": .string(statement),
      "publishedAt": .unsigned(publishedAt),
    ])
  }

  init(_ node: Node?) throws(ContentError) {
    guard let node, let licence = node["licence"]?.stringValue, let from = node["derivedFrom"]?.listValue,
      let statement = node["statement"]?.stringValue, let published = node["publishedAt"]?.unsignedValue
    else { throw ContentError(.malformed, "manifest: no provenance") }
    self.init(
      licence: licence, derivedFrom: from.compactMap(\.linkValue), statement: statement, publishedAt: published)
  }
}

/// What a published model is, and where its files are.
package struct ModelManifest: Hashable, Sendable {
  package var name: String
  package var architecture: String
  /// Number of weights.
  package var parameters: UInt64
  package var files: [ManifestFile]
  /// Scores by the name of their suite.
  package var metrics: [String: Double]
  package var provenance: Provenance

  package init(
    name: String, architecture: String, parameters: UInt64, files: [ManifestFile], metrics: [String: Double] = [:],
    provenance: Provenance
  ) {
    self.name = name
    self.architecture = architecture
    self.parameters = parameters
    self.files = files
    self.metrics = metrics
    self.provenance = provenance
  }

  /// The body to sign.
  package var node: Node {
    .map([
      "type": .string("prsm-model-1"), "name": .string(name), "architecture": .string(architecture),
      "parameters": .unsigned(parameters), "files": .list(files.map(\.node)),
      "metrics": .map(metrics.mapValues(Node.float)), "provenance": provenance.node,
    ])
  }

  package init(_ node: Node) throws(ContentError) {
    guard node["type"]?.stringValue == "prsm-model-1", let name = node["name"]?.stringValue,
      let architecture = node["architecture"]?.stringValue, let parameters = node["parameters"]?.unsignedValue,
      let files = node["files"]?.listValue, let metrics = node["metrics"]?.mapValue
    else { throw ContentError(.malformed, "not a model manifest") }
    var listed: [ManifestFile] = []
    for file in files { listed.append(try ManifestFile(file)) }
    self.init(
      name: name, architecture: architecture, parameters: parameters, files: listed,
      metrics: metrics.compactMapValues { if case .float(let value) = $0 { value } else { nil } },
      provenance: try Provenance(node["provenance"]))
  }
}

/// What a published data set is: shards and the schema of their rows.
package struct DataSetManifest: Hashable, Sendable {
  /// One column: its name and type, in the words of the data set's format.
  package struct Column: Hashable, Sendable {
    package var name: String
    package var type: String

    package init(name: String, type: String) {
      self.name = name
      self.type = type
    }
  }

  package var name: String
  package var format: String
  package var schema: [Column]
  package var shards: [ManifestFile]
  package var provenance: Provenance

  package init(name: String, format: String, schema: [Column], shards: [ManifestFile], provenance: Provenance) {
    self.name = name
    self.format = format
    self.schema = schema
    self.shards = shards
    self.provenance = provenance
  }

  /// The body to sign.
  package var node: Node {
    .map([
      "type": .string("prsm-data-set-1"), "name": .string(name), "format": .string(format),
      "schema": .list(schema.map { .list([.string($0.name), .string($0.type)]) }),
      "shards": .list(shards.map(\.node)), "provenance": provenance.node,
    ])
  }

  package init(_ node: Node) throws(ContentError) {
    guard node["type"]?.stringValue == "prsm-data-set-1", let name = node["name"]?.stringValue,
      let format = node["format"]?.stringValue, let schema = node["schema"]?.listValue,
      let shards = node["shards"]?.listValue
    else { throw ContentError(.malformed, "not a data-set manifest") }
    var columns: [Column] = []
    for column in schema {
      guard let name = column["0"]?.stringValue, let type = column["1"]?.stringValue else {
        throw ContentError(.malformed, "data-set manifest: a column without name or type")
      }
      columns.append(Column(name: name, type: type))
    }
    var listed: [ManifestFile] = []
    for shard in shards { listed.append(try ManifestFile(shard)) }
    self.init(
      name: name, format: format, schema: columns, shards: listed, provenance: try Provenance(node["provenance"]))
  }
}
