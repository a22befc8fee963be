import ArgumentParser
import Content
import Foundation
import ModelInterface
import Multiformats

/// `prsm content pin`.
struct ContentPin: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pin",
    abstract: "Keep content, fetching what is missing; without a CID, list the pins.",
    discussion: """
      What is pinned for good stays until it is unpinned. What is pinned while it is worth it makes room when the store's \
      quota is reached: what was used least, judged worst, and not touched for longest goes first.

      EXAMPLES
        prsm content pin
        prsm content pin bafy… --name corpus
        prsm content pin bafy… --while-worth-it --quality 0.8
      """
  )

  @Argument(help: "The CIDs to keep.")
  var cids: [String] = []

  @Option(help: "What to call the pin.")
  var name = ""

  @Flag(help: "Keep the block alone, without what it links to.")
  var direct = false

  @Flag(help: "Keep it only until the room is needed for something that is worth more.")
  var whileWorthIt = false

  @Option(help: "What it is worth, 0 to 1, for --while-worth-it.")
  var quality = 0.5

  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func validate() throws {
    guard (0...1).contains(quality) else { throw ValidationError("--quality: expected 0 to 1, found \(quality)") }
  }

  func run() async throws {
    let wanted = try cids.map { try ContentAddress.cid($0) }
    let place = try await ContentAddress.place(node)
    defer { place.close() }
    if wanted.isEmpty {
      show(try await place.pins())
      return
    }
    for cid in wanted {
      let pin = Pin(
        cid, reach: direct ? .direct : .recursive, name: name, term: whileWorthIt ? .whileWorthIt : .always)
      let progress = Progress("pinning \(cid)")
      progress.update("")
      defer { progress.finish() }
      let answer = try await place.pin(pin, quality: quality)
      progress.finish()
      if output.isJSON {
        Output.line(answer.text)
      } else {
        let fetched = answer["fetched_blocks"]?.integer ?? 0
        Output.line("pinned \(cid)" + (fetched > 0 ? ", \(fetched) blocks fetched" : ""))
      }
    }
  }

  private func show(_ pins: JSONValue) {
    if output.isJSON {
      Output.line(pins.text)
      return
    }
    let rows = pins.array ?? []
    guard !rows.isEmpty else {
      Output.line("Nothing is pinned. `prsm content add FILE` adds and pins.")
      return
    }
    var table = Table(["CID", "REACH", "TERM", "NAME"])
    for row in rows {
      table.add(["cid", "reach", "term", "name"].map { row[$0]?.string ?? "" })
    }
    Output.write(table.text(Style(descriptor: STDOUT_FILENO, environment: ProcessInfo.processInfo.environment)))
  }
}

/// `prsm content unpin`.
struct ContentUnpin: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unpin",
    abstract: "Give content free; the next collection removes it.",
    discussion: """
      EXAMPLE
        prsm content unpin bafy…
      """
  )

  @Argument(help: "The CIDs to give free.")
  var cids: [String]

  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    let wanted = try cids.map { try ContentAddress.cid($0) }
    let place = try await ContentAddress.place(node)
    defer { place.close() }
    for cid in wanted {
      try await place.unpin(cid)
      Output.line("unpinned \(cid)")
    }
  }
}

/// `prsm content why`.
struct ContentWhy: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "why",
    abstract: "Say why content is kept, or what becomes of it.",
    discussion: """
      EXAMPLE
        prsm content why bafy…
      """
  )

  @Argument(help: "The CID.")
  var cid: String

  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    let wanted = try ContentAddress.cid(cid)
    let place = try await ContentAddress.place(node)
    defer { place.close() }
    let answer = try await place.why(wanted)
    if output.isJSON {
      Output.line(answer.text)
    } else {
      Output.line(answer["why"]?.string ?? "")
      for decision in answer["decisions"]?.array ?? [] {
        Output.line("  \(decision["cid"]?.string ?? "")  \(decision["reason"]?.string ?? "")")
      }
    }
    guard answer["here"]?.bool == true else { throw ExitStatus.no }
  }
}

/// `prsm content gc`.
struct ContentGC: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gc",
    abstract: "Remove what no pin reaches, and what the quota gives up; say why.",
    discussion: """
      EXAMPLE
        prsm content gc
      """,
    aliases: ["collect"]
  )

  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    let place = try await ContentAddress.place(node)
    defer { place.close() }
    let answer = try await place.collect()
    if output.isJSON {
      Output.line(answer.text)
      return
    }
    for decision in answer["given_up"]?.array ?? [] {
      Output.line("\(decision["cid"]?.string ?? "")  \(decision["reason"]?.string ?? "")")
    }
    let bytes = answer["removed_bytes"]?.integer ?? 0
    let freed = answer["freed_bytes"]?.integer ?? 0
    Output.line(
      "removed \(answer["removed_blocks"]?.integer ?? 0) blocks of \(ByteCount.text(bytes)); "
        + "\(ByteCount.text(freed)) given back to the disk")
    for cid in answer["missing"]?.array ?? [] {
      Output.note("prsm: \(cid.string ?? "") is pinned and not here; `prsm content pin` fetches it")
    }
  }
}

/// `prsm content verify`.
struct ContentVerify: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Check every block against its name, and repair what can be fetched.",
    discussion: """
      Damaged blocks are fetched from the gateways of `content.gateways`. The exit code is 1 where some stay damaged.

      EXAMPLE
        prsm content verify
      """
  )

  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    let place = try await ContentAddress.place(node)
    defer { place.close() }
    let progress = Progress("checking")
    progress.update("")
    defer { progress.finish() }
    let answer = try await place.verify()
    progress.finish()
    let damaged = answer["damaged"]?.array ?? []
    let unnamed = answer["unnamed"]?.integer ?? 0
    if output.isJSON {
      Output.line(answer.text)
    } else {
      Output.line(
        "checked \(answer["checked"]?.integer ?? 0) blocks: \(answer["repaired"]?.array?.count ?? 0) repaired, "
          + "\(damaged.count + unnamed) damaged")
      for hash in damaged { Output.line("damaged  \(hash.string ?? "")") }
      for file in answer["mended_files"]?.array ?? [] { Output.line("written anew  \(file.string ?? "")") }
      if unnamed > 0 {
        Output.line("damaged beyond telling which: \(unnamed); what pins miss shows with `prsm content gc`")
      }
    }
    guard damaged.isEmpty, unnamed == 0 else { throw ExitStatus.no }
  }
}
