import Foundation
import Storage

/// The folders that PRSM writes to, and what it keeps there.
enum FolderChecks {
  static func all(_ configuration: Configuration, environment: [String: String]) async -> [Finding] {
    let data = DataFolder(path: configuration.dataDir)
    let cache = DataFolder(path: CacheFolder.path(environment: environment))
    var findings = [permissions(data), space("disk-data", data), space("disk-cache", cache), holder(data)]
    if FileManager.default.fileExists(atPath: data.storePath) { findings.append(await store(data)) }
    return findings
  }

  static func permissions(_ folder: DataFolder) -> Finding {
    let shown = FilePath.abbreviatingHome(folder.path)
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder) else {
      let parent = (folder.path as NSString).deletingLastPathComponent
      let isPossible = access(parent, W_OK | X_OK) == 0 || !FileManager.default.fileExists(atPath: parent)
      return isPossible
        ? .ok("data-folder", "\(shown) is not there yet and will be made")
        : .fail("data-folder", "\(shown) cannot be made", "choose another with --data-dir or PRSM_DATA_DIR")
    }
    guard isFolder.boolValue else {
      return .fail("data-folder", "\(shown) is a file", "choose another with --data-dir or PRSM_DATA_DIR")
    }
    guard access(folder.path, R_OK | W_OK | X_OK) == 0 else {
      return .fail(
        "data-folder", "\(shown) cannot be written", "give it to this user (chown -R $USER \(shown)), or choose another"
      )
    }
    guard let mode = folder.permissions, mode & 0o077 == 0 else {
      return .warn("data-folder", "\(shown) is open to others", "chmod 700 \(shown)")
    }
    return .ok("data-folder", "\(shown), for its owner alone")
  }

  static func space(_ check: String, _ folder: DataFolder) -> Finding {
    let shown = FilePath.abbreviatingHome(folder.path)
    guard let free = folder.freeSpace else {
      return .warn(check, "\(shown): free space unknown", "see df \(shown)")
    }
    let found = "\(ByteCount.text(free)) free at \(shown)"
    if free < 128 << 20 { return .fail(check, found, "make room: PRSM needs 128 MiB to work and models need more") }
    return free < 2 << 30
      ? .warn(check, found, "models take hundreds of mebibytes; make room before pulling one") : .ok(check, found)
  }

  static func holder(_ folder: DataFolder) -> Finding {
    guard let holder = folder.holder else { return .ok("node", "no node holds the data folder") }
    return .ok("node", "a node is running\(holder.address.map { " at \($0)" } ?? "") (process \(holder.process))")
  }

  static func store(_ folder: DataFolder) async -> Finding {
    do throws(CommandFailure) {
      let store = try NodeStore.open(in: folder)
      do throws(StorageError) {
        try await store.check()
        return .ok("store", "\(FilePath.abbreviatingHome(folder.storePath)) is whole")
      } catch {
        return .fail("store", error.message, "move the file away, or restore it from a backup")
      }
    } catch {
      return .fail("store", error.message, "see the message")
    }
  }
}
