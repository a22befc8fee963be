import CSandbox
import Foundation

/// A control group around one worker, where this process may make one: it bounds the memory and the number of all the
/// worker's processes together, which limits for each process alone cannot.
final class ControlGroup: Sendable {
  /// Where control groups can be made.
  package enum Place: Sendable, Hashable {
    /// The unified hierarchy, in this folder.
    case unified(String)
    /// The memory and pids hierarchies of version 1, in these folders.
    case separate(memory: String, processes: String)
  }

  private let place: Place
  private let folders: [String]
  /// The kernel's count of what it has ended for want of memory, read after each run.
  private let memoryEvents: Descriptor?

  /// Where this process can make control groups; nil when nowhere.
  static let place: Place? = {
    guard let memberships = try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8) else { return nil }
    var memory: String?
    var processes: String?
    for line in memberships.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let controllers = parts[1].split(separator: ",")
      if parts[0] == "0", parts[1].isEmpty {
        let own = "/sys/fs/cgroup" + (parts[2] == "/" ? "" : String(parts[2]))
        for folder in [own, (own as NSString).deletingLastPathComponent] where folder.hasPrefix("/sys/fs/cgroup") {
          let passedOn = (try? String(contentsOfFile: folder + "/cgroup.subtree_control", encoding: .utf8)) ?? ""
          let words = passedOn.split(whereSeparator: \.isWhitespace)
          if words.contains("memory"), words.contains("pids"), writable(folder) { return .unified(folder) }
        }
      }
      if controllers.contains("memory") { memory = "/sys/fs/cgroup/memory" + String(parts[2]) }
      if controllers.contains("pids") { processes = "/sys/fs/cgroup/pids" + String(parts[2]) }
    }
    if let memory, let processes, writable(memory), writable(processes) {
      return .separate(memory: memory, processes: processes)
    }
    return nil
  }()

  private static func writable(_ folder: String) -> Bool {
    access(folder, W_OK) == 0 && access(folder + "/cgroup.procs", W_OK) == 0
  }

  init?(name: String) {
    guard let place = Self.place else { return nil }
    self.place = place
    switch place {
    case .unified(let folder): folders = [folder + "/" + name]
    case .separate(let memory, let processes): folders = [memory + "/" + name, processes + "/" + name]
    }
    for folder in folders where mkdir(folder, 0o755) != 0 && errno != EEXIST {
      for made in folders { rmdir(made) }
      return nil
    }
    let file =
      switch place {
      case .unified: "/memory.events"
      case .separate: "/memory.oom_control"
      }
    memoryEvents = try? Descriptor.opening(folders[0] + file, flags: O_RDONLY)
  }

  deinit {
    remove()
  }

  /// Removes the group once its processes have ended; the kernel may take a moment to count them out.
  func remove() {
    for _ in 0..<20 {
      let left = folders.filter { rmdir($0) != 0 && errno == EBUSY }
      if left.isEmpty { return }
      usleep(2_000)
    }
  }

  /// Removes groups that a process left which did not live to do so itself. A group with processes in it stays.
  static func sweep() {
    let parents: [String]
    switch place {
    case .unified(let folder): parents = [folder]
    case .separate(let memory, let processes): parents = [memory, processes]
    case nil: parents = []
    }
    for parent in parents {
      for name in (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? [] where name.hasPrefix("prsm-") {
        let parts = name.split(separator: "-")
        guard parts.count > 1, let owner = pid_t(parts[1]), kill(owner, 0) != 0, errno == ESRCH else { continue }
        rmdir(parent + "/" + name)
      }
    }
  }

  /// Takes a process in. Its future children come with it.
  func adopt(_ process: pid_t) -> Bool {
    folders.allSatisfy { write("\(process)", to: $0 + "/cgroup.procs") }
  }

  /// Bounds what all members use together.
  func limit(memoryBytes: Int, processes: Int) -> Bool {
    switch place {
    case .unified:
      _ = write("0", to: folders[0] + "/memory.swap.max")
      return write("\(memoryBytes)", to: folders[0] + "/memory.max")
        && write("\(processes)", to: folders[0] + "/pids.max")
    case .separate:
      return write("\(memoryBytes)", to: folders[0] + "/memory.limit_in_bytes")
        && write("\(processes)", to: folders[1] + "/pids.max")
    }
  }

  /// How often memory has run out so far.
  var memoryKills: Int {
    guard let memoryEvents else { return 0 }
    let text = withUnsafeTemporaryAllocation(byteCount: 1_024, alignment: 1) { room in
      String(decoding: room[..<max(pread(memoryEvents.number, room.baseAddress, room.count, 0), 0)], as: UTF8.self)
    }
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 2, words[0] == "oom_kill" { return Int(words[1]) ?? 0 }
    }
    return 0
  }

  private func write(_ text: String, to file: String) -> Bool {
    guard let descriptor = try? Descriptor.opening(file, flags: O_WRONLY) else { return false }
    let bytes = Array(text.utf8)
    return withExtendedLifetime(descriptor) {
      bytes.withUnsafeBytes { Foundation.write(descriptor.number, $0.baseAddress, $0.count) == $0.count }
    }
  }
}
