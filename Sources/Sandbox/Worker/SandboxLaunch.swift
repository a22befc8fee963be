import Foundation

/// The command line that puts an interpreter into a sandbox.
struct SandboxLaunch: Sendable {
  let arguments: [String]

  /// Descriptor 3 of the started process is the control socket, 4 the place where bubblewrap tells the process number.
  init(bubblewrap: String, dropPrivileges: String?, interpreter: PythonInterpreter, workFolderBytes: Int) {
    var arguments: [String] = []
    if let dropPrivileges {
      arguments += [dropPrivileges, "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
    }
    arguments += [
      bubblewrap, "--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts",
      "--unshare-cgroup-try", "--die-with-parent", "--new-session", "--as-pid-1", "--uid", "1000", "--gid", "1000",
      "--hostname", "sandbox", "--cap-drop", "ALL", "--clearenv", "--info-fd", "4",
    ]
    for folder in interpreter.libraries {
      arguments += ["--ro-bind", folder, folder]
    }
    for folder in interpreter.hidden {
      arguments += ["--size", "4096", "--tmpfs", folder, "--remount-ro", folder]
    }
    for object in interpreter.objects {
      arguments += ["--ro-bind", object.file, object.name]
    }
    arguments += ["--ro-bind", interpreter.executable, interpreter.executable]
    for device in ["null", "zero", "random", "urandom"] {
      arguments += ["--dev-bind", "/dev/\(device)", "/dev/\(device)"]
    }
    let folders = Set(interpreter.objects.map { ($0.name as NSString).deletingLastPathComponent }).sorted()
    arguments += [
      "--size", String(workFolderBytes), "--tmpfs", "/tmp", "--remount-ro", "/", "--chdir", "/tmp",
      "--setenv", "LD_LIBRARY_PATH", folders.joined(separator: ":"),
      "--setenv", "PRSM_PYTHON", interpreter.executable,
      "--setenv", "PYTHONDONTWRITEBYTECODE", "1",
      "--", interpreter.executable, "-s", "-S", "-c", PythonTemplate.enter,
    ]
    self.arguments = arguments
  }
}
