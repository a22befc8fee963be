import Foundation

/// What a killed process left behind: temporary files and folders that nobody will finish.
enum Leftovers {
  /// Older than this, in seconds, no running add or pull can still be working on it.
  private static let age: TimeInterval = 86_400

  /// Removes what is in `folder`, carries `mark` in its name and has not changed for a day.
  static func remove(marked mark: String, in folder: String) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where name.contains(mark) {
      let path = "\(folder)/\(name)"
      let attributes = try? FileManager.default.attributesOfItem(atPath: path)
      guard let changed = attributes?[.modificationDate] as? Date, -changed.timeIntervalSinceNow > age else { continue }
      try? FileManager.default.removeItem(atPath: path)
    }
  }
}
