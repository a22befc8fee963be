import Foundation

/// What the machine itself brings.
enum MachineChecks {
  static func all() -> [Finding] {
    [cores(), memory(), processor(), descriptors(), clock(), build()]
  }

  static func cores() -> Finding {
    let count = ProcessInfo.processInfo.activeProcessorCount
    return count >= 2
      ? .ok("cores", "\(count) cores")
      : .warn("cores", "one core", "answers and requests share it; give the machine two cores or more")
  }

  static func memory() -> Finding {
    let total = Int(clamping: ProcessInfo.processInfo.physicalMemory)
    guard let free = available() else { return .ok("memory", "\(ByteCount.text(total))") }
    let found = "\(ByteCount.text(free)) of \(ByteCount.text(total)) available"
    if free < 512 << 20 {
      return .fail("memory", found, "the smallest model needs 512 MiB; end other programs")
    }
    return free < 2 << 30
      ? .warn("memory", found, "enough for small models alone; a model needs its file's size and half as much again")
      : .ok("memory", found)
  }

  /// `MemAvailable` of the machine, or what a control group leaves of it.
  private static func available() -> Int? {
    guard let text = try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8) else { return nil }
    let line = text.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
    guard let kilobytes = line?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { return nil }
    let bytes = kilobytes * 1_024
    guard let limit = number("/sys/fs/cgroup/memory.max"), let used = number("/sys/fs/cgroup/memory.current") else {
      return bytes
    }
    return min(bytes, max(0, limit - used))
  }

  private static func number(_ path: String) -> Int? {
    (try? String(contentsOfFile: path, encoding: .utf8)).flatMap {
      Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
    }
  }

  static func processor() -> Finding {
    guard let text = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8) else {
      return .ok("processor", "unknown")
    }
    let lines = text.split(separator: "\n")
    func value(_ key: String) -> String? {
      lines.first { $0.hasPrefix(key) }?.split(separator: ":", maxSplits: 1).dropFirst().first
        .map { $0.trimmingCharacters(in: .whitespaces) }
    }
    let name = value("model name") ?? "processor"
    let features = Set((value("flags") ?? value("Features") ?? "").split(separator: " ").map(String.init))
    let useful = ["avx2", "fma", "f16c", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimd", "asimddp", "i8mm"]
    let present = useful.filter { features.contains($0) }
    let found = "\(name) (\(present.isEmpty ? "no vector extensions" : present.joined(separator: ", ")))"
    return present.contains("avx2") || present.contains("asimd")
      ? .ok("processor", found)
      : .warn("processor", found, "without AVX2 a model writes several times slower; use a newer machine")
  }

  static func descriptors() -> Finding {
    var limit = rlimit()
    #if canImport(Glibc)
    let isKnown = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
    #else
    let isKnown = getrlimit(RLIMIT_NOFILE, &limit) == 0
    #endif
    guard isKnown else { return .ok("descriptors", "unknown") }
    return limit.rlim_cur >= 16_384
      ? .ok("descriptors", "\(limit.rlim_cur) open files")
      : .warn(
        "descriptors", "\(limit.rlim_cur) open files",
        "enough for about \(max(0, Int(clamping: limit.rlim_cur) - 64)) connections; raise it with `ulimit -n 65536`, "
          + "or LimitNOFILE in systemd")
  }

  static func clock() -> Finding {
    let now = NodeStore.now()
    let found = Timestamp.text(now) + " UTC"
    // Certificates and the expiry of keys depend on it; nobody ran this before it was written.
    return now > 1_760_000_000 && now < 4_102_444_800
      ? .ok("clock", found) : .fail("clock", found, "set the clock (timedatectl set-ntp true)")
  }

  static func build() -> Finding {
    #if DEBUG
    return .warn("build", "a debug build of \(PRSM.version)", "answers are slower than they could be; use `make build`")
    #else
    return .ok("build", "prsm \(PRSM.version)")
    #endif
  }
}
