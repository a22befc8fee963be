import Foundation

/// The folder that holds a node's data. One node at a time holds it, by a lock that goes away with the process, however
/// that ends.
struct DataFolder: Sendable {
  let path: String

  init(path: String) {
    // So that messages, and other processes, mean the same folder.
    self.path = URL(fileURLWithPath: path).standardizedFileURL.path
  }

  var storePath: String { path + "/prsm.sqlite" }
  var modelsPath: String { path + "/models" }
  var historyPath: String { path + "/chat-history" }
  private var lockPath: String { path + "/node.lock" }

  /// Creates the folder where it is missing, for its owner alone; takes permissions from others where it is not.
  ///
  /// - Throws: ``CommandFailure`` of status `unavailable`.
  func prepare() throws(CommandFailure) {
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) {
      guard isFolder.boolValue else {
        throw .unavailable("the data folder \(path) is a file; choose another with --data-dir")
      }
    } else {
      do {
        try FileManager.default.createDirectory(
          atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      } catch {
        throw .unavailable(
          "the data folder \(path) cannot be created (\(Self.reason(error))); choose another with --data-dir")
      }
    }
    guard access(path, R_OK | W_OK | X_OK) == 0 else {
      throw .unavailable(
        "the data folder \(path) cannot be written (\(String(cString: strerror(errno)))); "
          + "correct its permissions, or choose another with --data-dir")
    }
    if let mode = permissions, mode & 0o077 != 0 { _ = chmod(path, 0o700) }
  }

  /// The folder's permission bits; nil where there is no folder.
  var permissions: mode_t? {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & 0o777 : nil
  }

  /// Bytes that are free on its disk, for it or the nearest folder above that exists.
  var freeSpace: Int? {
    var folder = path
    while !FileManager.default.fileExists(atPath: folder), folder != "/", !folder.isEmpty {
      folder = (folder as NSString).deletingLastPathComponent
    }
    var status = statvfs()
    guard statvfs(folder, &status) == 0 else { return nil }
    return Int(clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue)
  }

  /// Takes the folder for a node.
  ///
  /// - Throws: ``CommandFailure`` of status `unavailable` where a node holds it, with that node's process and address.
  func hold() throws(CommandFailure) -> FolderLock {
    let descriptor = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      let reason = String(cString: strerror(errno))
      throw .unavailable("\(lockPath) cannot be opened (\(reason)); correct the permissions of the data folder")
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      let holder = holder.map { " (process \($0.process)\($0.address.map { ", \($0)" } ?? ""))" } ?? ""
      throw .unavailable(
        "another node holds the data folder \(path)\(holder); stop it, or choose another folder with --data-dir")
    }
    let lock = FolderLock(descriptor: descriptor)
    lock.write(address: nil)
    return lock
  }

  /// A node that holds the folder.
  struct Holder: Sendable, Equatable {
    let process: Int32
    /// Where it answers; nil while it starts.
    let address: String?
  }

  /// The node that holds the folder, if one does.
  var holder: Holder? {
    let descriptor = open(lockPath, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    if flock(descriptor, LOCK_SH | LOCK_NB) == 0 {
      flock(descriptor, LOCK_UN)
      return nil
    }
    var bytes = [UInt8](repeating: 0, count: 1_024)
    let count = max(0, read(descriptor, &bytes, bytes.count))
    let words = String(decoding: bytes.prefix(count), as: UTF8.self).split(whereSeparator: \.isWhitespace)
    return Holder(
      process: words.first.flatMap { Int32($0) } ?? 0, address: words.dropFirst().first.map(String.init))
  }

  static func reason(_ error: any Error) -> String {
    let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    if let underlying, underlying.domain == NSPOSIXErrorDomain {
      return String(cString: strerror(Int32(underlying.code)))
    }
    return error.localizedDescription
  }
}

/// A data folder that is held until this is let go of.
final class FolderLock: Sendable {
  private let descriptor: Int32

  init(descriptor: Int32) {
    self.descriptor = descriptor
  }

  /// Lets others know where the node answers.
  func write(address: String?) {
    let text = "\(getpid()) \(address ?? "")\n"
    guard ftruncate(descriptor, 0) == 0 else { return }
    _ = text.withCString { pwrite(descriptor, $0, strlen($0), 0) }
  }

  deinit {
    _ = ftruncate(descriptor, 0)
    close(descriptor)
  }
}
