import Crypto
import Foundation

/// Checksums of large files, and copies that are checked while they are made.
package enum FileDigest {
  /// Bytes that are read at a time.
  private static let chunk = 1 << 20

  /// The SHA-256 of the file at `path` in lower-case hexadecimal, and its size.
  ///
  /// `progress` is told how many bytes are done. Stops when the task is cancelled.
  package static func sha256(
    of path: String, progress: (@Sendable (UInt64) -> Void)? = nil
  ) async throws -> (sha256: String, size: UInt64) {
    try await read(path, into: nil, progress: progress)
  }

  /// Copies a file, syncs the copy, and tells the checksum of what was written.
  static func copy(
    _ path: String, to target: String, progress: (@Sendable (UInt64) -> Void)? = nil
  ) async throws -> (sha256: String, size: UInt64) {
    guard FileManager.default.createFile(atPath: target, contents: nil),
      let output = FileHandle(forWritingAtPath: target)
    else {
      throw CatalogError(code: .file, message: "cannot write \(target); check the folder's permissions and free space")
    }
    defer { try? output.close() }
    let digest = try await read(path, into: output, progress: progress)
    try output.synchronize()
    return digest
  }

  private static func read(
    _ path: String, into output: FileHandle?, progress: (@Sendable (UInt64) -> Void)?
  ) async throws -> (sha256: String, size: UInt64) {
    guard let input = FileHandle(forReadingAtPath: path) else {
      throw CatalogError(code: .file, message: "cannot read \(path); check the path and its permissions")
    }
    defer { try? input.close() }
    var hash = SHA256()
    var size: UInt64 = 0
    while let data = try input.read(upToCount: chunk), !data.isEmpty {
      try Task.checkCancellation()
      hash.update(data: data)
      try output?.write(contentsOf: data)
      size += UInt64(data.count)
      progress?(size)
      await Task.yield()
    }
    let digits = Array("0123456789abcdef")
    return (String(hash.finalize().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }), size)
  }
}
