import Foundation

/// Where the shared fixtures lie: beside the repository, when they are there at all.
enum Fixtures {
  static let shared = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "shared/data")
  static let ipld = shared.appending(path: "ipld")
  static let ipfs = shared.appending(path: "ipfs")
  static var arePresent: Bool { FileManager.default.fileExists(atPath: ipfs.path) }

  static func bytes(_ url: URL) throws -> [UInt8] { [UInt8](try Data(contentsOf: url)) }

  static func names(in url: URL) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: url.path).filter { !$0.hasPrefix(".") }.sorted()
  }
}

/// A seeded generator, so that a failing case can be run again.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  mutating func bytes(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 8)
    while bytes.count < count { withUnsafeBytes(of: next()) { bytes.append(contentsOf: $0) } }
    bytes.removeLast(bytes.count - count)
    return bytes
  }

  /// `seed` with a few bytes changed, dropped, doubled or cut off.
  mutating func mutated(_ seed: [UInt8]) -> [UInt8] {
    var bytes = seed
    for _ in 0..<Int.random(in: 1...4, using: &self) {
      let position = bytes.isEmpty ? 0 : Int.random(in: 0..<bytes.count, using: &self)
      switch Int.random(in: 0..<5, using: &self) {
      case 0 where !bytes.isEmpty: bytes[position] = UInt8.random(in: 0...255, using: &self)
      case 1 where !bytes.isEmpty: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &self)
      case 2 where !bytes.isEmpty: bytes.remove(at: position)
      case 3: bytes.insert(UInt8.random(in: 0...255, using: &self), at: position)
      default: bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &self)))
      }
    }
    return bytes
  }
}
