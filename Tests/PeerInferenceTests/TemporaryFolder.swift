import Foundation

/// A folder of a test's own, gone with its last holder.
final class TemporaryFolder: Sendable {
  private let url = FileManager.default.temporaryDirectory.appending(path: "prsm-inference-tests-\(UUID().uuidString)")

  /// A path in the folder.
  func path(_ name: String) -> String {
    try? FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    return url.appending(path: name).path
  }

  deinit { try? FileManager.default.removeItem(at: url) }
}
