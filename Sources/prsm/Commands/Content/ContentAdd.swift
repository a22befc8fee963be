import Access
import ArgumentParser
import Content
import Foundation
import Gateway
import ModelInterface
import Synchronization

/// `prsm content add`.
struct ContentAdd: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "add",
    abstract: "Add files, folders, or standard input, and print what they are called.",
    discussion: """
      The profile decides the CID: unixfs-v1-2025 (CIDv1, 1 MiB), unixfs-v0-2015 (what Kubo adds by default), or \
      deduplicating (content-defined cuts, so that similar files share blocks). What is added is pinned.

      EXAMPLES
        prsm content add model.gguf data/
        prsm content add --only-hash --profile unixfs-v0-2015 paper.pdf
        tar c private | prsm content add - --encrypt-for z6LS…
        cid=$(prsm content add --quiet results.csv)
      """
  )

  @Argument(help: "Files and folders; `-` is standard input.", completion: .file())
  var paths: [String]

  @Option(
    help: ArgumentHelp("How content is cut and named (default: unixfs-v1-2025).", valueName: "name"),
    completion: .list(ImportProfile.named.map(\.name)))
  var profile = "unixfs-v1-2025"

  @Option(
    help: ArgumentHelp("Another way to cut: size-N, buzhash, rabin, rabin-AVG or rabin-MIN-AVG-MAX.", valueName: "way"))
  var chunker: String?

  @Flag(help: "Only say what it would be called; nothing is kept.")
  var onlyHash = false

  @Flag(help: "Print the root's CID alone.")
  var quiet = false

  @Flag(help: "Add names that begin with a dot, too.")
  var hidden = false

  @Flag(help: "Keep permission bits; this changes the CID.")
  var preserveMode = false

  @Flag(help: "Keep modification times; this changes the CID.")
  var preserveMtime = false

  @Flag(help: "Do not pin; a collection removes it again.")
  var noPin = false

  @Option(help: ArgumentHelp("What to call the pin (default: after the file).", valueName: "name"))
  var pinName: String?

  @Option(
    help: ArgumentHelp(
      "Seal it for this reader (see `prsm content identity`), and for yourself; may be given again.", valueName: "key"))
  var encryptFor: [String] = []

  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func validate() throws {
    if onlyHash, !encryptFor.isEmpty {
      throw ValidationError(
        "--only-hash and --encrypt-for contradict each other: each sealing has a key, and a CID, of its own")
    }
    if (pinName?.utf8.count ?? 0) > 256 { throw ValidationError("--pin-name: at most 256 bytes") }
  }

  func run() async throws {
    let profile = try importProfile()
    let readers = try readerKeys()
    for path in paths where path != "-" {
      guard FileManager.default.fileExists(atPath: FilePath.expandingHome(path)) else {
        throw CommandFailure.usage("there is nothing at \(path); give files, folders, or `-` for standard input")
      }
    }
    let place: (any ContentPlace)? = onlyHash ? nil : try await ContentAddress.place(node)
    defer { place?.close() }
    var rows: [JSONValue] = []
    for path in paths {
      let entry = try await add(path, profile, readers, place)
      if quiet {
        Output.line("\(entry.cid)")
      } else if output.isJSON {
        var object = ContentAPI.json(entry).object ?? [:]
        object["path"] = .string(path)
        rows.append(.object(object))
      } else {
        Output.line("\(entry.cid)  \(ByteCount.text(Int(clamping: entry.fileSize)))  \(path)")
      }
    }
    if output.isJSON, !quiet { Output.line(JSONValue.array(rows).text) }
  }

  private func importProfile() throws(CommandFailure) -> ImportProfile {
    guard var profile = ImportProfile.named.first(where: { $0.name == self.profile })?.profile else {
      let names = ImportProfile.named.map(\.name)
      throw .usage(
        "--profile: expected \(names.joined(separator: ", ")), found `\(profile)`"
          + NearestName.suggestion(for: profile, among: names))
    }
    if let chunker {
      do throws(ContentError) {
        profile.chunking = try ImportProfile.Chunking(chunker)
      } catch {
        throw .usage("--\(error.detail)")
      }
    }
    profile.includesHidden = hidden
    profile.keepsMode = preserveMode
    profile.keepsTime = preserveMtime
    return profile
  }

  private func readerKeys() throws(CommandFailure) -> [ReaderKey] {
    guard !encryptFor.isEmpty else { return [] }
    var readers = [try NodeIdentity.of(node).reader]
    for text in encryptFor {
      let reader = try ReaderKey(text)
      if !readers.contains(reader) { readers.append(reader) }
    }
    return readers
  }

  private func add(
    _ path: String, _ profile: ImportProfile, _ readers: [ReaderKey], _ place: (any ContentPlace)?
  ) async throws(CommandFailure) -> AddedEntry {
    let full = FilePath.expandingHome(path)
    let name = path == "-" ? "standard input" : URL(fileURLWithPath: full).lastPathComponent
    var info = stat()
    let isThere = path != "-" && lstat(full, &info) == 0
    let isFolder = isThere && info.st_mode & S_IFMT == S_IFDIR
    guard !isFolder || readers.isEmpty else {
      throw .usage("--encrypt-for seals files; pack the folder: tar c \(path) | prsm content add - --encrypt-for …")
    }
    let total = isFolder || !isThere ? nil : Int(info.st_size)
    let progress = Progress("adding \(name)")
    defer { progress.finish() }
    let done = ByteCounter()
    let told: @Sendable (Int) -> Void = { count in progress.update(bytes: done.add(count), of: total) }
    let isPlain = path != "-" && readers.isEmpty
    let work: @Sendable (any BlockSink, @escaping @Sendable (Int) -> Void) throws(ContentError) -> AddedEntry = {
      (sink, told) throws(ContentError) in
      if isPlain { return try PathImport.add(full, profile: profile, to: sink, progress: told) }
      let input = try InputFile(path == "-" ? nil : full)
      let read: @Sendable (UnsafeMutableRawBufferPointer) throws(ContentError) -> Int = {
        (buffer) throws(ContentError) in try input.read(into: buffer)
      }
      if readers.isEmpty { return try FileImport.add(profile: profile, to: sink, progress: told, read: read) }
      return try PrivateContent.add(readers: readers, profile: profile, to: sink, progress: told, read: read)
    }
    guard let place else {
      return try await content { () async throws(ContentError) in
        try await BlockingWork.run { () throws(ContentError) in try work(DiscardingSink(), told) }
      }
    }
    let pin = noPin ? nil : pinName ?? String(decoding: name.utf8.prefix(256), as: UTF8.self)
    if isThere {
      let expected = try await content { () throws(ContentError) in try PathImport.size(of: full, profile: profile) }
      try await place.checkRoom(for: expected) { (sink) throws(ContentError) in _ = try work(sink, { _ in }) }
    }
    return try await place.adding(pin: pin, isWhole: true, roots: { [$0.cid] }) { (sink) throws(ContentError) in
      try work(sink, told)
    }
  }
}

/// Bytes counted from several threads.
final class ByteCounter: Sendable {
  private let total = Mutex(0)

  /// Adds, and gives the sum.
  func add(_ count: Int) -> Int {
    total.withLock { total in
      total += count
      return total
    }
  }
}

/// A file, or standard input, read from its beginning to its end.
final class InputFile: Sendable {
  private let descriptor: Int32
  private let name: String

  /// - Parameter path: nil for standard input.
  init(_ path: String?) throws(ContentError) {
    name = path ?? "standard input"
    descriptor = path.map { open($0, O_RDONLY | O_CLOEXEC) } ?? dup(STDIN_FILENO)
    guard descriptor >= 0 else {
      throw ContentError(.storage, "cannot open \(path ?? "standard input"): \(String(cString: strerror(errno)))")
    }
  }

  deinit { close(descriptor) }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(ContentError) -> Int {
    while true {
      let count = Foundation.read(descriptor, buffer.baseAddress, buffer.count)
      if count >= 0 { return count }
      guard errno == EINTR else {
        throw ContentError(.storage, "cannot read \(name): \(String(cString: strerror(errno)))")
      }
    }
  }
}
