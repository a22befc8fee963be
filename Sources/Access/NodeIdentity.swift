import Crypto
import Foundation
package import Multiformats

/// Who this node is: an Ed25519 key pair in the data folder. It signs what the node publishes, proves the node to its
/// peers, and all other keys that the node needs for itself are derived from it.
///
/// The file holds the private key as libp2p's protobuf message writes it, so that other programs of that family can take
/// it over.
package struct NodeIdentity: Sendable {
  /// The file's name in the data folder. Its permissions are 0600.
  package static let fileName = "identity.key"

  private static let mark: [UInt8] = [0x08, 0x01, 0x12, 0x40]

  private let key: Curve25519.Signing.PrivateKey

  /// The identity of a seed.
  ///
  /// - Parameter secret: 32 bytes.
  /// - Throws: ``AccessError`` of kind `identity` where there are not 32.
  package init(secret: [UInt8]) throws(AccessError) {
    guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: secret) else {
      throw .identity("an Ed25519 secret has 32 bytes, found \(secret.count)")
    }
    self.key = key
  }

  /// A new identity from the system's random source, for tests and for nodes without a folder.
  package init() { key = Curve25519.Signing.PrivateKey() }

  /// The 32-byte seed. It must not be logged, sent, or kept elsewhere.
  package var secret: [UInt8] { Array(key.rawRepresentation) }

  /// The public key.
  package var publicKey: PeerPublicKey {
    PeerPublicKey(kind: .ed25519, data: Array(key.publicKey.rawRepresentation))
  }

  /// The node's name among its peers, `12D3KooW…`.
  package var peerID: PeerID {
    // An Ed25519 key is short enough to be kept inline, so that nothing is hashed and nothing can fail.
    guard let id = try? PeerID(publicKey: publicKey, sha256: { _ in [] }) else {
      preconditionFailure("the peer id of an Ed25519 key is the key itself")
    }
    return id
  }

  /// An Ed25519 signature of 64 bytes.
  ///
  /// - Throws: ``AccessError`` of kind `identity` where the system's random source fails.
  package func sign(_ message: [UInt8]) throws(AccessError) -> [UInt8] {
    guard let signature = try? key.signature(for: message) else { throw .identity("signing failed") }
    return Array(signature)
  }

  /// 32 secret bytes for one purpose, by HKDF-SHA256 (RFC 5869): other purposes give unrelated bytes.
  package func derivedSecret(for purpose: String) -> [UInt8] {
    let derived = HKDF<SHA256>.deriveKey(
      inputKeyMaterial: SymmetricKey(data: key.rawRepresentation), info: Data("prsm \(purpose)".utf8),
      outputByteCount: 32)
    return derived.withUnsafeBytes { Array($0) }
  }

  /// The identity that lies in a data folder; made there where there is none.
  ///
  /// Processes and tasks that do this at the same time end up with the same one.
  ///
  /// - Throws: ``AccessError`` of kind `identity` where the file cannot be read or written, or holds something else.
  package static func loadOrCreate(in folder: String) throws(AccessError) -> NodeIdentity {
    let path = folder + "/" + fileName
    if let found = try load(path) { return found }
    let made = NodeIdentity()
    let bytes = mark + made.secret + made.publicKey.data
    // A name that no other process or task has, also where several containers share the folder.
    let beside = path + ".\(UUID().uuidString).new"
    defer { unlink(beside) }
    let descriptor = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw fault("make", beside) }
    let isWritten = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) } == bytes.count
    let isSynced = isWritten && fsync(descriptor) == 0
    close(descriptor)
    guard isSynced else { throw fault("write", beside) }
    // A link does not replace: whoever comes second takes what the first has made.
    if link(beside, path) != 0 {
      guard errno == EEXIST, let found = try load(path) else { throw fault("make", path) }
      return found
    }
    let directory = open(folder, O_RDONLY | O_CLOEXEC)
    if directory >= 0 {
      fsync(directory)
      close(directory)
    }
    return made
  }

  /// Nil where there is no file.
  private static func load(_ path: String) throws(AccessError) -> NodeIdentity? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { return nil }
      throw fault("open", path)
    }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 128)
    let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
    guard count == mark.count + 64, bytes.starts(with: mark) else {
      throw .identity(
        "\(path) is not an Ed25519 private key of \(mark.count + 64) bytes; put the right file there, or move it away "
          + "to get a new identity")
    }
    let identity = try NodeIdentity(secret: Array(bytes[mark.count..<(mark.count + 32)]))
    guard identity.publicKey.data == Array(bytes[(mark.count + 32)..<count]) else {
      throw .identity("\(path): the public key in it is not the private key's; restore the file")
    }
    // A copy or a careless restore must not leave the key readable by others.
    fchmod(descriptor, 0o600)
    return identity
  }

  private static func fault(_ action: String, _ path: String) -> AccessError {
    .identity("cannot \(action) \(path): \(String(cString: strerror(errno)))")
  }
}
