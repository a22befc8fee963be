import Access
import Content
import Multiformats

/// A reader of private content: an X25519 key, written as the multicodec table and did:key have it, `z6LS…`.
struct ReaderKey: Hashable, Sendable {
  /// The table's number of X25519 public keys.
  private static let code: UInt64 = 0xec
  /// What the reader's secret is derived for.
  private static let purpose = "content reader 1"

  let bytes: [UInt8]

  init(bytes: [UInt8]) { self.bytes = bytes }

  /// - Throws: ``CommandFailure`` of status `usage`.
  init(_ text: String) throws(CommandFailure) {
    let fault = CommandFailure.usage(
      "`\(text)` is not a reader's key; expected one such as z6LS…, which `prsm content identity` prints")
    guard let decoded = try? Multibase.decode(text).bytes else { throw fault }
    var offset = 0
    guard (try? Varint.decode(decoded.span.bytes, at: &offset)) == Self.code, decoded.count - offset == 32 else {
      throw fault
    }
    bytes = Array(decoded[offset...])
  }

  var text: String { Multibase.base58btc.encode(Varint.encode(Self.code) + bytes) }

  /// The secret of this data folder's reader.
  static func secret(of identity: NodeIdentity) -> [UInt8] { identity.derivedSecret(for: purpose) }
}

extension NodeIdentity {
  /// The identity of the data folder that the options name; made there where there is none.
  ///
  /// - Throws: ``CommandFailure`` of status `unavailable`.
  static func of(_ node: NodeOptions) throws(CommandFailure) -> NodeIdentity {
    let configuration = try Configuration.load(path: node.config, flags: node.flags)
    let folder = DataFolder(path: configuration.dataDir)
    try folder.prepare()
    do throws(AccessError) {
      return try NodeIdentity.loadOrCreate(in: folder.path)
    } catch {
      throw .unavailable(error.description)
    }
  }

  /// The key for which others wrap private content.
  var reader: ReaderKey {
    get throws(CommandFailure) {
      do throws(ContentError) {
        return ReaderKey(bytes: try KeyEnvelope.publicKey(secret: ReaderKey.secret(of: self)))
      } catch {
        throw CommandFailure(error)
      }
    }
  }
}
