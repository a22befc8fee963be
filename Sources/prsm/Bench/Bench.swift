import ArgumentParser
import Foundation
import ModelInterface

struct Bench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure this node, beside its peers and on the same work.",
    discussion: """
      Ours and the peer run in turn, and each ratio is ours over the peer's. `make bench-peers` fetches the peers; a bench \
      whose peer is missing says so and shows the figures that it has.

      EXAMPLES
        prsm bench inference
        prsm bench gateway --json > gateway.json
        prsm bench gateway --quick
      """,
    subcommands: [InferenceBench.self, GatewayBench.self, ContentBench.self, PeersBench.self, CodeBench.self])
}

/// What every benchmark takes.
struct BenchOptions: ParsableArguments {
  @Flag(help: "A smoke test: every part once and briefly. Its figures mean nothing.")
  var quick = false

  @Option(help: "How often each measurement is repeated.")
  var runs = 5

  @OptionGroup var output: OutputOptions

  /// Repetitions, at least one.
  var repetitions: Int { quick ? 1 : max(1, runs) }

  func print(_ report: BenchReport) {
    Swift.print(output.isJSON ? report.json.text : report.table)
  }

  /// A line of progress, where somebody is looking.
  func note(_ text: String) {
    guard isatty(STDERR_FILENO) == 1 else { return }
    FileHandle.standardError.write(Data("  \(text)\n".utf8))
  }
}

/// The programs that benchmarks compare with, as `make bench-peers` leaves them.
enum BenchPeers {
  /// `$XDG_CACHE_HOME/prsm/bench-peers`.
  static var folder: URL {
    let environment = ProcessInfo.processInfo.environment
    let cache = environment["XDG_CACHE_HOME"] ?? (environment["HOME"] ?? "") + "/.cache"
    return URL(fileURLWithPath: cache).appending(path: "prsm/bench-peers")
  }

  /// The program's path, or nil where it was not fetched.
  static func program(_ path: String) -> String? {
    let url = folder.appending(path: path)
    return FileManager.default.isExecutableFile(atPath: url.path) ? url.path : nil
  }

  /// A TCP port that is free now.
  static func freePort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        bind(descriptor, generic, length) == 0 && getsockname(descriptor, generic, &length) == 0
      }
    }
    guard isBound else { throw BenchProcess.Failure(description: "no TCP port is free on 127.0.0.1") }
    return Int(UInt16(bigEndian: address.sin_port))
  }

  /// A folder for logs and data of one run.
  static func workFolder(_ bench: String) throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "prsm-bench-\(bench)-\(ProcessInfo.processInfo.processIdentifier)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
  }
}
