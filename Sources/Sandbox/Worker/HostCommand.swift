import CSandbox
import Foundation

/// Runs a trusted program of the host, with a deadline and a bound on its output.
enum HostCommand {
  /// Its standard output and standard error together; nil when it cannot be started or does not end in time.
  static func output(_ arguments: [String], milliseconds: Int) -> String? {
    guard let null = try? Descriptor.null(), let pipe = try? Descriptor.pipe() else { return nil }
    let process = spawn(arguments, descriptors: [null, pipe.writing, pipe.writing])
    guard process > 0 else { return nil }
    let deadline = Deadline(milliseconds: milliseconds)
    var bytes: [UInt8] = []
    var reaped = false
    while !reaped, deadline.millisecondsLeft > 0 {
      var ready = [false]
      _ = prsm_sandbox_poll([pipe.reading.number], &ready, 1, min(deadline.millisecondsLeft, 10))
      _ = pipe.reading.drain(into: &bytes, upTo: 1 << 20)
      if bytes.count >= 1 << 20 { break }
      reaped = prsm_sandbox_reap(process) != 0
    }
    if !reaped {
      _ = prsm_sandbox_kill(process)
      reap(process, milliseconds: 1_000)
      return nil
    }
    _ = pipe.reading.drain(into: &bytes, upTo: 1 << 20)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Starts a program with these descriptors as its 0, 1, 2… and none besides.
  static func spawn(_ arguments: [String], descriptors: [Descriptor]) -> pid_t {
    var pointers: [UnsafePointer<CChar>?] = arguments.map { UnsafePointer(strdup($0)) }
    defer { for pointer in pointers { free(UnsafeMutableRawPointer(mutating: pointer)) } }
    guard !pointers.contains(nil) else { return -1 }
    pointers.append(nil)
    let numbers = descriptors.map(\.number)
    return withExtendedLifetime(descriptors) {
      prsm_sandbox_spawn(pointers, numbers, Int32(numbers.count))
    }
  }

  /// Collects a child that is about to end.
  @discardableResult
  static func reap(_ process: pid_t, milliseconds: Int) -> Bool {
    let deadline = Deadline(milliseconds: milliseconds)
    while prsm_sandbox_reap(process) == 0 {
      guard deadline.millisecondsLeft > 0 else { return false }
      usleep(500)
    }
    return true
  }

  /// The first of these that can be executed.
  static func firstExecutable(_ paths: [String]) -> String? {
    paths.first { access($0, X_OK) == 0 }
  }
}
