import CSandbox
import Foundation

/// Everything that starting a worker needs, found once.
struct SandboxSetup: Sendable {
  let configuration: SandboxConfiguration
  let interpreter: PythonInterpreter
  let bubblewrap: String
  /// `setpriv`, when this process is root and an unprivileged user can run the interpreter: the sandbox then runs as
  /// that user, so that even a flaw in the kernel's namespaces would not give away root.
  let dropPrivileges: String?
  let filter: [UInt8]

  init(configuration: SandboxConfiguration) throws(SandboxError) {
    self.configuration = configuration
    guard
      let bubblewrap = HostCommand.firstExecutable(
        configuration.bubblewrap.map { [$0] } ?? ["/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap"])
    else {
      throw SandboxError(
        .cannotIsolate,
        "programs run only in a sandbox, and that needs bubblewrap, which is not installed. "
          + "Install it (Debian: apt install bubblewrap), or name it in the configuration (sandbox.bubblewrap).")
    }
    self.bubblewrap = bubblewrap
    filter = try Self.makeFilter()
    interpreter = try PythonInterpreter.find(configuration.interpreter)
    dropPrivileges = Self.findDropPrivileges(interpreter)
    ControlGroup.sweep()
  }

  private static func makeFilter() throws(SandboxError) -> [UInt8] {
    let pipe = try Descriptor.pipe()
    var culprit: UnsafePointer<CChar>?
    guard prsm_sandbox_write_filter(pipe.writing.number, &culprit) == 0 else {
      let name = culprit.map { String(cString: $0) } ?? "unknown"
      throw SandboxError(
        .cannotIsolate,
        "the seccomp filter could not be made (\(name): \(String(cString: strerror(errno)))); "
          + "expected Linux with libseccomp 2.5 or later.")
    }
    var bytes: [UInt8] = []
    _ = pipe.reading.drain(into: &bytes, upTo: 64 << 10)
    return bytes
  }

  private static func findDropPrivileges(_ interpreter: PythonInterpreter) -> String? {
    guard geteuid() == 0, let setpriv = HostCommand.firstExecutable(["/usr/bin/setpriv", "/bin/setpriv"]) else {
      return nil
    }
    let trial = [
      setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", "--", interpreter.executable, "-I", "-S", "-c",
      "import os, ctypes; print(os.getuid())",
    ]
    return HostCommand.output(trial, milliseconds: 10_000)?.hasPrefix("65534") == true ? setpriv : nil
  }
}
