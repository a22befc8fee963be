import Access
import ArgumentParser
import Content
import Foundation
import Gateway
import ModelInterface
import Multiformats

/// `prsm content cat`.
struct ContentCat: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cat",
    abstract: "Write a file's bytes, or a range of them, to standard output.",
    discussion: """
      Only the blocks that hold the range are read. Private content is opened where this data folder's key is among its \
      readers.

      EXAMPLES
        prsm content cat bafy…/readme.txt
        prsm content cat bafy… --offset 1048576 --length 4096
        prsm content cat ipns://k51…/latest.json
      """
  )

  @Argument(help: "A CID, with a path below it or without.")
  var path: String

  @Option(help: "Where to begin, in bytes.")
  var offset: UInt64 = 0

  @Option(help: "How many bytes at most (default: to the end).")
  var length: UInt64?

  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    let place = try await ContentAddress.place(node)
    defer { place.close() }
    let cid = try await place.resolve(path)
    let end = length.map { offset.addingReportingOverflow($0) }.map { $0.overflow ? .max : $0.partialValue } ?? .max
    let range = offset..<max(offset, end)
    let source = place.blocks
    let readsAll = offset == 0 && length == nil
    let secret = try await OpenedContent.secret(cid, source, node)
    try await content { () async throws(ContentError) in
      try await OpenedContent.read(cid, range: readsAll ? nil : range, secret: secret, from: source) {
        (bytes) throws(ContentError) in try OutputFile.standard.write(bytes)
      }
    }
  }
}

/// `prsm content ls`.
struct ContentLs: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ls",
    abstract: "List a directory.",
    discussion: """
      EXAMPLES
        prsm content ls bafy…
        prsm content ls bafy…/data --json
      """
  )

  @Argument(help: "A CID, with a path below it or without.")
  var path: String

  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    let place = try await ContentAddress.place(node)
    defer { place.close() }
    let cid = try await place.resolve(path)
    let source = place.blocks
    let entries = try await content { () async throws(ContentError) in try await DirectoryReader.list(cid, from: source)
    }
    if output.isJSON {
      Output.line(JSONValue.array(entries.map { ContentAPI.json($0) }).text)
      return
    }
    var table = Table(["CID", "SIZE", "NAME"], rightAligned: [1])
    for entry in entries {
      table.add(["\(entry.cid)", entry.cumulativeSize.map { ByteCount.text(Int(clamping: $0)) } ?? "", entry.name])
    }
    Output.write(table.text(Style(descriptor: STDOUT_FILENO, environment: ProcessInfo.processInfo.environment)))
  }
}

/// `prsm content stat`.
struct ContentStatCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stat",
    abstract: "Say what lies at a path; without one, what the store holds.",
    discussion: """
      EXAMPLES
        prsm content stat
        prsm content stat bafy…/data
      """
  )

  @Argument(help: "A CID, with a path below it or without.")
  var path: String?

  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    let place = try await ContentAddress.place(node)
    defer { place.close() }
    let facts: JSONValue
    if let path {
      let cid = try await place.resolve(path)
      let source = place.blocks
      facts = ContentAPI.json(
        try await content { () async throws(ContentError) in try await ContentStat.of(cid, from: source) })
    } else {
      facts = try await place.usage()
    }
    if output.isJSON {
      Output.line(facts.text)
      return
    }
    var table = Table(["WHAT", "VALUE"])
    for (name, value) in facts.object?.members ?? [] {
      table.add([name.replacing("_", with: " "), value.string ?? value.text])
    }
    Output.write(table.text(Style(descriptor: STDOUT_FILENO, environment: ProcessInfo.processInfo.environment)))
  }
}

/// `prsm content get`.
struct ContentGet: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "get",
    abstract: "Write a file or folder to the disk.",
    discussion: """
      It is written beside, and takes its name when it is whole. Nothing that is there is written over. Private content is \
      opened where this data folder's key is among its readers.

      EXAMPLES
        prsm content get bafy… --output model.gguf
        prsm content get bafy…/data
      """
  )

  @Argument(help: "A CID, with a path below it or without.")
  var path: String

  @Option(name: .shortAndLong, help: ArgumentHelp("What to call it (default: after the path).", valueName: "path"))
  var output: String?

  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    let target = FilePath.expandingHome(
      output ?? path.split(separator: "/").last.map { String($0) } ?? "content")
    guard !FileManager.default.fileExists(atPath: target) else {
      throw CommandFailure.usage("\(target) is there already; give another name with --output")
    }
    let place = try await ContentAddress.place(node)
    defer { place.close() }
    let cid = try await place.resolve(path)
    let source = place.blocks
    let secret = try await OpenedContent.secret(cid, source, node)
    let progress = Progress("getting \(target)")
    defer { progress.finish() }
    let stat = try await content { () async throws(ContentError) in try await ContentStat.of(cid, from: source) }
    let total = stat.kind == .file ? Int(clamping: stat.size) : Int(clamping: stat.cumulativeSize)
    let done = ByteCounter()
    let told: @Sendable (Int) -> Void = { count in
      progress.update(bytes: done.add(count), of: secret == nil ? total : nil)
    }
    let written = try await content { () async throws(ContentError) in
      guard secret != nil else { return try await PathExport.write(cid, to: target, from: source, progress: told) }
      return try await OpenedContent.write(cid, secret: secret, to: target, from: source, progress: told)
    }
    progress.finish()
    Output.line(
      "\(target)  \(ByteCount.text(Int(clamping: written.bytes)))  \(written.files) \(written.files == 1 ? "file" : "files")"
    )
  }
}

/// Reads content, sealed or not.
enum OpenedContent {
  /// The reader's secret, where sealed content lies at `cid`; nil where anything else does.
  static func secret(
    _ cid: CID, _ source: any BlockSource, _ node: NodeOptions
  ) async throws(CommandFailure) -> [UInt8]? {
    let envelope = try await content { () async throws(ContentError) in
      try await PrivateContent.envelope(cid, from: source)
    }
    guard envelope != nil else { return nil }
    return ReaderKey.secret(of: try NodeIdentity.of(node))
  }

  static func read(
    _ cid: CID, range: Range<UInt64>?, secret: [UInt8]?, from source: any BlockSource,
    _ write: ([UInt8]) throws(ContentError) -> Void
  ) async throws(ContentError) {
    if let secret, let envelope = try await PrivateContent.envelope(cid, from: source) {
      let opened = try await OpenedBytes(
        envelope.content, key: envelope.key(secret: secret), range: range, from: source)
      var iterator = opened.makeAsyncIterator()
      while let bytes = try await iterator.next(isolation: nil) { try write(bytes) }
      return
    }
    var iterator = FileBytes(cid, range: range, from: source).makeAsyncIterator()
    while let bytes = try await iterator.next(isolation: nil) { try write(bytes) }
  }

  static func write(
    _ cid: CID, secret: [UInt8]?, to target: String, from source: any BlockSource, progress: @Sendable (Int) -> Void
  ) async throws(ContentError) -> PathExport.Written {
    let file = try OutputFile(creating: target + ".partial")
    var total: UInt64 = 0
    do throws(ContentError) {
      try await read(cid, range: nil, secret: secret, from: source) { (bytes) throws(ContentError) in
        try file.write(bytes)
        total += UInt64(bytes.count)
        progress(bytes.count)
      }
      try file.finish(as: target)
    } catch {
      file.remove()
      throw error
    }
    return PathExport.Written(files: 1, bytes: total)
  }
}
