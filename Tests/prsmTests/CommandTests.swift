import Foundation
import Testing

@testable import prsm

/// The built program, run as a shell would.
@Suite("Command", .enabled(if: BuiltProgram.path != nil, "the program is not beside the tests"))
struct CommandTests {
  private struct Outcome {
    var status: Int32
    var output: String
    var errors: String
  }

  private func prsm(_ arguments: String..., input: String = "") throws -> Outcome {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try #require(BuiltProgram.path))
    process.arguments = arguments
    var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("PRSM_") }
    environment["PRSM_CACHE_DIR"] = "/nonexistent"
    process.environment = environment
    let output = Pipe(), errors = Pipe(), source = Pipe()
    process.standardOutput = output
    process.standardError = errors
    process.standardInput = source
    try process.run()
    try source.fileHandleForWriting.write(contentsOf: Data(input.utf8))
    try source.fileHandleForWriting.close()
    let text = try output.fileHandleForReading.readToEnd() ?? Data()
    let complaint = try errors.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return Outcome(
      status: process.terminationStatus, output: String(decoding: text, as: UTF8.self),
      errors: String(decoding: complaint, as: UTF8.self))
  }

  @Test(
    "help goes to standard output with an example and exits with 0", arguments: ["serve", "chat", "complete", "doctor"])
  func help(command: String) throws {
    let outcome = try prsm(command, "--help")
    #expect(outcome.status == 0)
    #expect(outcome.output.contains("EXAMPLE"))
    #expect(outcome.errors.isEmpty)
  }

  @Test("a typo in a command exits with 2 and suggests the nearest")
  func commandTypo() throws {
    let outcome = try prsm("modles", "list")
    #expect(outcome.status == 2)
    #expect(outcome.errors.hasPrefix("prsm: unknown command `prsm modles`; did you mean `prsm models`?"))
    #expect(outcome.output.isEmpty)
  }

  @Test("a typo in a flag exits with 2 and suggests the nearest")
  func flagTypo() throws {
    let outcome = try prsm("serve", "--listn", "127.0.0.1:0")
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("'--listen'"))
  }

  @Test("a port in use exits with 3 and says what to do")
  func portInUse() throws {
    let folder = try ScratchFolder()
    let (descriptor, port) = try #require(Self.takenPort())
    defer { close(descriptor) }
    let outcome = try prsm("serve", "--listen", "127.0.0.1:\(port)", "--data-dir", folder.path + "/data")
    #expect(outcome.status == 3)
    #expect(outcome.errors.contains("in use"))
  }

  @Test("a data folder that a node holds exits with 3 and names the process")
  func heldFolder() throws {
    let folder = try ScratchFolder()
    let data = DataFolder(path: folder.path)
    let lock = try data.hold()
    let outcome = try prsm("serve", "--listen", "127.0.0.1:0", "--data-dir", folder.path)
    #expect(outcome.status == 3)
    #expect(outcome.errors.contains("another node holds the data folder"))
    #expect(outcome.errors.contains("\(getpid())"))
    withExtendedLifetime(lock) {}
  }

  @Test("serving others without TLS or keys exits with 2")
  func exposure() throws {
    let folder = try ScratchFolder()
    let plain = try prsm("serve", "--listen", "0.0.0.0:0", "--data-dir", folder.path)
    #expect(plain.status == 2)
    #expect(plain.errors.contains("--insecure-allow-plaintext"))
    let keyless = try prsm("serve", "--listen", "0.0.0.0:0", "--insecure-allow-plaintext", "--data-dir", folder.path)
    #expect(keyless.status == 2)
    #expect(keyless.errors.contains("prsm keys create"))
  }

  @Test("a bad configuration file exits with 2 and tells all its problems")
  func badConfiguration() throws {
    let folder = try ScratchFolder()
    let path = folder.path + "/prsm.yaml"
    try Data("listn: x\nmodels:\n  parallel: no\n".utf8).write(to: URL(fileURLWithPath: path))
    let outcome = try prsm("serve", "--config", path, "--data-dir", folder.path)
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("\(path):1: unknown key `listn`; did you mean `listen`?"))
    #expect(outcome.errors.contains("\(path):3: `models.parallel`"))
  }

  @Test("a key is made, listed and revoked; its text is shown once")
  func keys() throws {
    let folder = try ScratchFolder()
    let data = folder.path + "/data"
    let made = try prsm("keys", "create", "laptop", "--quiet", "--data-dir", data)
    let key = made.output.trimmingCharacters(in: .newlines)
    #expect(made.status == 0)
    #expect(key.hasPrefix("prsm-") && key.count == 54)
    let listed = try prsm("keys", "list", "--json", "--data-dir", data)
    #expect(listed.output.contains("\"name\":\"laptop\"") && !listed.output.contains(key))
    #expect(try prsm("keys", "revoke", "laptop", "--data-dir", data).status == 0)
    #expect(try prsm("keys", "revoke", "nobody", "--data-dir", data).status == 1)
    #expect(try prsm("keys", "create", "x", "--scope", "inferense", "--data-dir", data).errors.contains("`inference`"))
    let attributes = try FileManager.default.attributesOfItem(atPath: data)
    #expect(attributes[.posixPermissions] as? Int == 0o700)
    let store = FileManager.default.contents(atPath: data + "/prsm.sqlite")
    #expect(try #require(store).firstRange(of: Data(key.utf8)) == nil)
  }

  @Test("a file that is no model is refused with 1, and not kept")
  func badModel() throws {
    let folder = try ScratchFolder()
    let path = folder.path + "/bad.gguf"
    try Data("GGUF nonsense".utf8).write(to: URL(fileURLWithPath: path))
    let outcome = try prsm("models", "add", path, "--data-dir", folder.path + "/data")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("bad.gguf"))
    let listed = try prsm("models", "list", "--json", "--data-dir", folder.path + "/data")
    #expect(listed.output == "[]\n")
  }

  @Test("without a model, complete exits with 3 and says how to get one")
  func noModel() throws {
    let folder = try ScratchFolder()
    let outcome = try prsm("complete", "x", "--data-dir", folder.path)
    #expect(outcome.status == 3)
    #expect(outcome.errors.contains("prsm models pull smollm2-135m-instruct"))
  }

  @Test("a node that was asked for and does not answer exits with 3")
  func unreachable() throws {
    let outcome = try prsm("chat", "--api", "http://127.0.0.1:1", input: "hi")
    #expect(outcome.status == 3)
    #expect(outcome.errors.contains("http://127.0.0.1:1"))
  }

  @Test("an empty question is wrong usage")
  func emptyQuestion() throws {
    #expect(try prsm("chat", input: " \n").status == 2)
    #expect(try prsm("complete", "x", "--temperature", "3").status == 2)
  }

  @Test("completion scripts come for each shell", arguments: ["bash", "zsh", "fish"])
  func completions(shell: String) throws {
    let outcome = try prsm("completions", shell)
    #expect(outcome.status == 0)
    #expect(outcome.output.contains("prsm"))
  }

  /// A socket that listens on a free port.
  private static func takenPort() -> (Int32, Int)? {
    #if canImport(Glibc)
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #else
    let descriptor = socket(AF_INET, SOCK_STREAM, 0)
    #endif
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isTaken = withUnsafeMutableBytes(of: &address) { bytes in
      guard let pointer = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return false }
      return bind(descriptor, pointer, length) == 0 && listen(descriptor, 1) == 0
        && getsockname(descriptor, pointer, &length) == 0
    }
    return isTaken ? (descriptor, Int(UInt16(bigEndian: address.sin_port))) : nil
  }
}

/// `prsm` beside the test bundle.
enum BuiltProgram {
  static let path: String? = {
    let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    let path = tests.deletingLastPathComponent().appending(path: "prsm").path
    return FileManager.default.isExecutableFile(atPath: path) ? path : nil
  }()
}
