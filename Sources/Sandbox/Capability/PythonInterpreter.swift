import Foundation

/// A Python found on the host, and the files that it needs.
package struct PythonInterpreter: Sendable, Hashable {
  /// The executable, symbolic links resolved.
  package var executable: String
  /// Such as "3.11.2".
  package var version: String
  /// The folders of its standard library.
  var libraries: [String]
  /// Folders within those that hold what others have installed; they are kept out of sight.
  var hidden: [String]
  /// Shared objects: where the loader looks for each, and where it is.
  var objects: [SharedObject]

  struct SharedObject: Sendable, Hashable, Codable {
    var name: String
    var file: String
  }

  /// Finds an interpreter of version 3.9 or later that has `ctypes`.
  ///
  /// System-wide ones come first: an unprivileged user must be able to read all of it. Takes some 100 ms each.
  package static func find(_ preferred: String?) throws(SandboxError) -> PythonInterpreter {
    var found: [String] = []
    for candidate in preferred.map({ [$0] }) ?? candidates {
      guard access(candidate, X_OK) == 0 else {
        found.append("\(candidate): not there, or not executable")
        continue
      }
      guard let text = HostCommand.output([candidate, "-I", "-W", "ignore", "-c", survey], milliseconds: 15_000),
        let last = text.split(separator: "\n").last,
        let answer = try? JSONDecoder().decode(Survey.self, from: Data(last.utf8))
      else {
        found.append("\(candidate): did not answer what it is")
        continue
      }
      guard answer.version.count >= 2, (answer.version[0], answer.version[1]) >= (3, 9) else {
        found.append("\(candidate): version \(answer.version.map(String.init).joined(separator: "."))")
        continue
      }
      guard answer.ctypes else {
        found.append("\(candidate): without ctypes")
        continue
      }
      return PythonInterpreter(
        executable: answer.executable, version: answer.version.map(String.init).joined(separator: "."),
        libraries: answer.libraries, hidden: answer.hidden,
        objects: answer.objects.map { SharedObject(name: $0[0], file: $0[1]) })
    }
    throw SandboxError(
      .noInterpreter,
      "running Python needs a python3 of version 3.9 or later with ctypes; found "
        + (found.isEmpty ? "none" : found.joined(separator: "; "))
        + ". Install one (Debian: apt install python3), or name one in the configuration (sandbox.interpreter).")
  }

  private static var candidates: [String] {
    ["/usr/bin/python3", "/usr/local/bin/python3", "/opt/homebrew/bin/python3"]
      + (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/python3" }
  }

  private struct Survey: Decodable {
    var executable: String
    var version: [Int]
    var ctypes: Bool
    var libraries: [String]
    var hidden: [String]
    var objects: [[String]]
  }

  /// Tells where an interpreter's files are: the loader's list of shared objects after importing every extension that the
  /// template preloads, the ELF interpreter, and the standard library.
  private static let survey = #"""
    import json, os, struct, sys, sysconfig
    objects = {}
    try:
        import ctypes
    except Exception:
        ctypes = None
    for folder in {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}:
        dynamic = os.path.join(folder, "lib-dynload")
        for name in sorted(os.listdir(dynamic)) if os.path.isdir(dynamic) else ():
            name = name.split(".")[0]
            if "test" in name or name in ("_tkinter", "readline", "_curses", "_curses_panel", "_dbm", "_gdbm", "nis",
                                        "_ssl", "ossaudiodev"):
                continue
            try:
                __import__(name)
            except BaseException:
                pass
    if ctypes is not None:
        class Entry(ctypes.Structure):
            _fields_ = [("address", ctypes.c_void_p), ("name", ctypes.c_char_p)]
        @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Entry), ctypes.c_size_t, ctypes.c_void_p)
        def visit(entry, size, data):
            name = os.fsdecode(entry.contents.name or b"")
            if name.startswith("/"):
                objects[name] = os.path.realpath(name)
            return 0
        try:
            ctypes.CDLL(None).dl_iterate_phdr(visit, None)
        except Exception:
            ctypes = None
    executable = os.path.realpath(sys.executable)
    with open(executable, "rb") as file:
        head = file.read(4096)
        if head[:5] == b"\x7fELF\x02":
            offset, = struct.unpack_from("<Q", head, 32)
            size, count = struct.unpack_from("<HH", head, 54)
            for index in range(count):
                file.seek(offset + index * size)
                header = file.read(size)
                if struct.unpack_from("<I", header)[0] == 3:
                    start, = struct.unpack_from("<Q", header, 8)
                    length, = struct.unpack_from("<Q", header, 32)
                    file.seek(start)
                    loader = os.fsdecode(file.read(length).rstrip(b"\0"))
                    objects[loader] = os.path.realpath(loader)
    libraries = sorted({os.path.realpath(sysconfig.get_path(kind)) for kind in ("stdlib", "platstdlib")})
    hidden = [os.path.join(folder, name) for folder in libraries for name in ("site-packages", "dist-packages", "test")
              if os.path.isdir(os.path.join(folder, name))]
    objects = {name: file for name, file in objects.items()
               if not any(file.startswith(folder + "/") for folder in libraries)}
    print(json.dumps({"executable": executable, "version": list(sys.version_info[:3]), "ctypes": ctypes is not None,
                      "libraries": libraries, "hidden": hidden, "objects": sorted(objects.items())}))
    """#
}
