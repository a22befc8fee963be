#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

extension MetricsRegistry {
  /// Adds what Prometheus' client guidelines name for every process: processor time, memory, file descriptors, start.
  package func addProcessMetrics() {
    let start = ProcessReadings.startSeconds
    add(
      Reading("process_cpu_seconds_total", help: "Processor time used, in seconds.", kind: .counter) {
        ProcessReadings.processorSeconds
      })
    add(
      Reading("process_resident_memory_bytes", help: "Memory in RAM, in bytes.", kind: .gauge) {
        ProcessReadings.memory?.resident
      })
    add(
      Reading("process_virtual_memory_bytes", help: "Address space in use, in bytes.", kind: .gauge) {
        ProcessReadings.memory?.virtual
      })
    add(
      Reading("process_open_fds", help: "Open file descriptors.", kind: .gauge) {
        ProcessReadings.openDescriptors
      })
    add(
      Reading("process_max_fds", help: "The most file descriptors that may be open.", kind: .gauge) {
        ProcessReadings.descriptorLimit
      })
    add(
      Reading(
        "process_start_time_seconds", help: "When the process began to count, in seconds since 1970.", kind: .gauge
      ) {
        start
      })
  }
}

/// What the system says about this process.
package enum ProcessReadings {
  /// User and system time, in seconds.
  package static var processorSeconds: Double? {
    var usage = rusage()
    #if canImport(Glibc)
    guard getrusage(RUSAGE_SELF.rawValue, &usage) == 0 else { return nil }
    #else
    guard getrusage(RUSAGE_SELF, &usage) == 0 else { return nil }
    #endif
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
  }

  /// Bytes in RAM and of address space; nil where `/proc` is not there.
  package static var memory: (resident: Double, virtual: Double)? {
    guard let file = fopen("/proc/self/statm", "r") else { return nil }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    guard fgets(&line, Int32(line.count), file) != nil else { return nil }
    let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let fields = text.split(separator: " ")
    guard fields.count >= 2, let pages = Double(fields[0]), let resident = Double(fields[1]) else { return nil }
    let pageSize = Double(sysconf(Int32(_SC_PAGESIZE)))
    return (resident * pageSize, pages * pageSize)
  }

  static var openDescriptors: Double? {
    guard let folder = opendir("/proc/self/fd") else { return nil }
    defer { closedir(folder) }
    var count = 0
    while readdir(folder) != nil { count += 1 }
    // `.`, `..` and the descriptor that reads the folder.
    return Double(max(0, count - 3))
  }

  static var descriptorLimit: Double? {
    var limit = rlimit()
    #if canImport(Glibc)
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
    #else
    guard getrlimit(RLIMIT_NOFILE, &limit) == 0 else { return nil }
    #endif
    return Double(limit.rlim_cur)
  }

  static var startSeconds: Double {
    var now = timespec()
    guard clock_gettime(CLOCK_REALTIME, &now) == 0 else { return 0 }
    return Double(now.tv_sec)
  }
}
