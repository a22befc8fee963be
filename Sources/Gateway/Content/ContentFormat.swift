import Content
import Multiformats

/// The form in which content is asked for (https://specs.ipfs.tech/http-gateways/path-gateway/).
enum ContentFormat: String, Sendable, CaseIterable {
  case raw, car, tar, json, cbor
  case dagJSON = "dag-json"
  case dagCBOR = "dag-cbor"
  case ipnsRecord = "ipns-record"

  var mediaType: String {
    switch self {
    case .raw: "application/vnd.ipld.raw"
    case .car: "application/vnd.ipld.car"
    case .tar: "application/x-tar"
    case .json: "application/json"
    case .cbor: "application/cbor"
    case .dagJSON: "application/vnd.ipld.dag-json"
    case .dagCBOR: "application/vnd.ipld.dag-cbor"
    case .ipnsRecord: "application/vnd.ipfs.ipns-record"
    }
  }

  /// The end of file names and entity tags.
  var suffix: String {
    switch self {
    case .tar: "x-tar"
    case .raw, .car, .json, .cbor, .dagJSON, .dagCBOR, .ipnsRecord: rawValue
    }
  }

  /// Whether a browser shows nothing active of it, so that it needs no origin of its own.
  var isInert: Bool { self == .raw || self == .car || self == .ipnsRecord }
}

/// What a request says of the form of its answer. The query beats the `accept` header (IPIP-523).
struct FormatRequest: Sendable {
  /// Nil where none of the known formats is asked for.
  var format: ContentFormat?
  /// Whether a page for people is welcome.
  var acceptsHTML: Bool
  /// `order`, `dups` and `version` of an archive.
  var carOrder: String?
  var carDuplicates: String?
  var carVersion: String?

  /// - Throws: ``APIError`` 400 for a format that is not known.
  init(query: [String: String], accept: [String]) throws(APIError) {
    var found: ContentFormat?
    acceptsHTML = false
    for entry in accept.flatMap({ $0.split(separator: ",") }) {
      let parts = entry.split(separator: ";").map { $0.trimmingSpaces }
      guard let type = parts.first?.lowercased() else { continue }
      if type == "text/html" { acceptsHTML = true }
      guard let format = ContentFormat.allCases.first(where: { $0.mediaType == type }) else { continue }
      if format == .car, carOrder == nil, carDuplicates == nil, carVersion == nil {
        for parameter in parts.dropFirst() {
          let pair = parameter.split(separator: "=", maxSplits: 1).map { String($0) }
          guard pair.count == 2 else { continue }
          switch pair[0].lowercased() {
          case "order": carOrder = pair[1]
          case "dups": carDuplicates = pair[1]
          case "version": carVersion = pair[1]
          default: continue
          }
        }
      }
      if found == nil { found = format }
    }
    if let name = query["format"], !name.isEmpty {
      if name == "html" {
        acceptsHTML = true
        found = nil
      } else {
        guard let format = ContentFormat(rawValue: name) else {
          let names = ContentFormat.allCases.map(\.rawValue).joined(separator: ", ")
          throw APIError.invalid("format", "The format `\(name.prefix(50))` is not known; expected one of \(names).")
        }
        found = format
      }
    }
    carOrder = query["car-order"] ?? carOrder
    carDuplicates = query["car-dups"] ?? carDuplicates
    carVersion = query["car-version"] ?? carVersion
    format = found
  }
}

extension StringProtocol {
  /// Without spaces and tabs at both ends.
  var trimmingSpaces: String {
    String(drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
  }
}
