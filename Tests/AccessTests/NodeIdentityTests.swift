import Access
import Foundation
import Multiformats
import Testing

@Suite struct NodeIdentityTests {
  private static func withFolder(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.path + "/prsm-identity-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
  }

  @Test func `a node keeps its identity, readable by its owner alone`() throws {
    try Self.withFolder { folder in
      let first = try NodeIdentity.loadOrCreate(in: folder)
      let again = try NodeIdentity.loadOrCreate(in: folder)
      #expect(first.peerID == again.peerID)
      #expect(first.secret == again.secret)
      let path = folder + "/" + NodeIdentity.fileName
      let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
      #expect(mode == 0o600)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [NodeIdentity.fileName])
      #expect("\(first.peerID)".hasPrefix("12D3KooW"))
      #expect(try PeerID("\(first.peerID)") == first.peerID)
    }
  }

  @Test func `many that begin at once end with one identity`() async throws {
    for round in 0..<40 {
      let folder = FileManager.default.temporaryDirectory.path + "/prsm-identity-" + UUID().uuidString
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(atPath: folder) }
      let ids = try await withThrowingTaskGroup(of: String.self) { group in
        for _ in 0..<16 { group.addTask { "\(try NodeIdentity.loadOrCreate(in: folder).peerID)" } }
        return try await group.reduce(into: Set<String>()) { $0.insert($1) }
      }
      #expect(ids == ["\(try NodeIdentity.loadOrCreate(in: folder).peerID)"], "round \(round)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [NodeIdentity.fileName])
    }
  }

  @Test func `a file that is no key, or whose halves differ, is refused with what to do`() throws {
    try Self.withFolder { folder in
      let path = folder + "/" + NodeIdentity.fileName
      #expect(FileManager.default.createFile(atPath: path, contents: Data("no key".utf8)))
      #expect(throws: AccessError.self) { try NodeIdentity.loadOrCreate(in: folder) }
      try FileManager.default.removeItem(atPath: path)
      _ = try NodeIdentity.loadOrCreate(in: folder)
      var bytes = try Data(contentsOf: URL(filePath: path))
      bytes[40] ^= 1
      try bytes.write(to: URL(filePath: path))
      #expect(throws: AccessError.self) { try NodeIdentity.loadOrCreate(in: folder) }
    }
  }

  @Test func `secrets for different purposes have nothing in common, and are the same each time`() throws {
    let identity = try NodeIdentity(secret: [UInt8](repeating: 7, count: 32))
    #expect(identity.derivedSecret(for: "a") == identity.derivedSecret(for: "a"))
    #expect(identity.derivedSecret(for: "a") != identity.derivedSecret(for: "b"))
    #expect(identity.derivedSecret(for: "a") != identity.secret)
    #expect(throws: AccessError.self) { try NodeIdentity(secret: [1, 2, 3]) }
  }
}
