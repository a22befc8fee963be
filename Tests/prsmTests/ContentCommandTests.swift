import Foundation
import ModelInterface
import Testing

@testable import prsm

/// `prsm content`, run as a shell would, in data folders of its own.
@Suite("Content command", .enabled(if: BuiltProgram.path != nil, "the program is not beside the tests"))
struct ContentCommandTests {
  private struct Outcome {
    var status: Int32
    var output: Data
    var errors: String
    var text: String { String(decoding: output, as: UTF8.self).trimmingCharacters(in: .newlines) }
  }

  private final class Workplace {
    let path = NSTemporaryDirectory() + "/prsm-content-command-" + UUID().uuidString

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ bytes: Data) throws -> String {
      let url = URL(fileURLWithPath: path + "/" + name)
      try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try bytes.write(to: url)
      return url.path
    }

    func run(_ words: String..., data: String = "data", input: Data = Data()) throws -> Outcome {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: try #require(BuiltProgram.path))
      process.arguments = ["content"] + words + ["--data-dir", path + "/" + data]
      process.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("PRSM_") }
      let source = path + "/input-" + UUID().uuidString
      try input.write(to: URL(fileURLWithPath: source))
      let output = Pipe(), errors = Pipe()
      process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: source))
      process.standardOutput = output
      process.standardError = errors
      try process.run()
      let text = try output.fileHandleForReading.readToEnd() ?? Data()
      let complaint = try errors.fileHandleForReading.readToEnd() ?? Data()
      process.waitUntilExit()
      return Outcome(
        status: process.terminationStatus, output: text, errors: String(decoding: complaint, as: UTF8.self))
    }
  }

  @Test("what is added is read back whole, in ranges, and as a folder")
  func addAndRead() throws {
    let place = try Workplace()
    let bytes = Data((0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 13 ^ $0 >> 7) })
    _ = try place.write("in/large.bin", bytes)
    _ = try place.write("in/sub/ä.txt", Data("umlaut".utf8))
    let added = try place.run("add", place.path + "/in", "--quiet")
    #expect(added.status == 0, "\(added.errors)")
    let cid = added.text
    #expect(cid.hasPrefix("bafy"))
    #expect(try place.run("add", place.path + "/in", "--quiet", "--only-hash").text == cid)
    #expect(try place.run("cat", "\(cid)/large.bin").output == bytes)
    #expect(
      try place.run("cat", "\(cid)/large.bin", "--offset", "1048000", "--length", "2000").output
        == bytes[1_048_000..<1_050_000])
    let list = try JSONValue.parse(try place.run("ls", cid, "--json").text)
    #expect(list.array?.compactMap { $0["name"]?.string } == ["large.bin", "sub"])
    #expect(try place.run("get", cid, "--output", place.path + "/out").status == 0)
    #expect(try Data(contentsOf: URL(fileURLWithPath: place.path + "/out/sub/ä.txt")) == Data("umlaut".utf8))
    #expect(try place.run("get", cid, "--output", place.path + "/out").status == 2)
    let input = try place.run("add", "-", "--quiet", input: bytes)
    #expect(try place.run("cat", input.text).output == bytes)
  }

  @Test("what is unpinned goes with the next collection, and why is told before and after")
  func keepAndCollect() throws {
    let place = try Workplace()
    let file = try place.write("a.txt", Data("kept".utf8))
    let cid = try place.run("add", file, "--quiet", "--pin-name", "mine").text
    #expect(try place.run("why", cid).text.contains("pinned (mine)"))
    #expect(try place.run("gc").text.hasPrefix("removed 0 blocks"))
    #expect(try place.run("unpin", cid).status == 0)
    #expect(try place.run("unpin", cid).status == 1)
    #expect(try place.run("gc").text.hasPrefix("removed 1 blocks"))
    let gone = try place.run("cat", cid)
    #expect(gone.status == 1)
    #expect(gone.errors.contains("not in this store"))
    #expect(try place.run("why", cid).status == 1)
    #expect(try place.run("verify").status == 0)
  }

  @Test("an archive goes from one store to another")
  func archives() throws {
    let place = try Workplace()
    _ = try place.write("in/a.txt", Data("a".utf8))
    _ = try place.write("in/b/c.txt", Data("c".utf8))
    let cid = try place.run("add", place.path + "/in", "--quiet").text
    #expect(try place.run("export", cid, "--output", place.path + "/all.car").status == 0)
    let imported = try place.run("import", place.path + "/all.car", data: "other")
    #expect(imported.text == cid)
    #expect(try place.run("cat", "\(cid)/b/c.txt", data: "other").text == "c")
    let piped = try place.run("import", "-", data: "third", input: try place.run("export", cid).output)
    #expect(piped.text == cid)
    let broken = try place.run("import", "-", data: "third", input: Data("no archive at all".utf8))
    #expect(broken.status == 1)
  }

  @Test("the record of somebody else's name is kept where it holds, and told where it does not")
  func namesOfOthers() throws {
    let place = try Workplace()
    let cid = try place.run("add", try place.write("a.txt", Data("named".utf8)), "--quiet").text
    let name = try JSONValue.parse(try place.run("publish-name", cid, "--json").text)["name"]?.string ?? ""
    let path = place.path + "/data/content/names/\(name).ipns-record"
    let record = try Data(contentsOf: URL(fileURLWithPath: path))
    let taken = try place.run("import-name", path, data: "other")
    #expect(taken.status == 0, "\(taken.errors)")
    #expect(taken.text == "/ipns/\(name) -> /ipfs/\(cid)")
    let again = try place.run("import-name", "-", "--name", name, "--json", data: "third", input: record)
    #expect(try JSONValue.parse(again.text)["value"]?.string == "/ipfs/\(cid)")
    #expect(try place.run("import-name", "-", data: "third", input: record).status == 2)
    var broken = record
    broken[record.count - 1] ^= 1
    #expect(try place.run("import-name", "-", "--name", name, data: "fourth", input: broken).status == 1)
    // A newer one stays.
    #expect(try place.run("publish-name", cid).status == 0)
    #expect(try place.run("import-name", "-", "--name", name, input: record).status == 1)
  }

  @Test("private content opens for its readers alone, and no longer for one who was taken off")
  func privateContent() throws {
    let place = try Workplace()
    let file = try place.write("secret.txt", Data(repeating: 7, count: 200_000))
    let reader = try JSONValue.parse(try place.run("identity", "--json", data: "friend").text)["reader"]?.string ?? ""
    #expect(reader.hasPrefix("z6LS"))
    let cid = try place.run("add", file, "--quiet", "--encrypt-for", reader).text
    #expect(try place.run("cat", cid).output == Data(repeating: 7, count: 200_000))
    #expect(try place.run("export", cid, "--output", place.path + "/sealed.car").status == 0)
    for data in ["friend", "stranger"] { _ = try place.run("import", place.path + "/sealed.car", data: data) }
    #expect(
      try place.run("cat", cid, "--offset", "100000", "--length", "5", data: "friend").output == Data([7, 7, 7, 7, 7]))
    let denied = try place.run("cat", cid, data: "stranger")
    #expect(denied.status == 1)
    #expect(denied.errors.contains("no key for this reader"))
    let rewrapped = try place.run("revoke", cid, "--reader", reader).text
    #expect(rewrapped.hasPrefix("bafy") && rewrapped != cid)
    #expect(try place.run("cat", rewrapped).status == 0)
    #expect(try place.run("export", rewrapped, "--output", place.path + "/again.car").status == 0)
    _ = try place.run("import", place.path + "/again.car", data: "friend")
    #expect(try place.run("cat", rewrapped, data: "friend").status == 1)
  }

  @Test("a data set's manifest says who signed it, and counts rows")
  func dataSets() throws {
    let place = try Workplace()
    let shard = try place.write("part-1.jsonl", Data("{\"text\":\"a\"}\n{\"text\":\"b\"}\n".utf8))
    let published = try place.run(
      "publish-data", "corpus", shard, "--format", "jsonl", "--column", "text:string", "--licence", "cc-by-4.0",
      "--json")
    let cid = try JSONValue.parse(published.text)["cid"]?.string ?? ""
    let manifest = try JSONValue.parse(try place.run("manifest", cid, "--json").text)
    #expect(manifest["files"]?.array?.first?["rows"]?.integer == 2)
    #expect(manifest["licence"]?.string == "cc-by-4.0")
    let identity = try JSONValue.parse(try place.run("identity", "--json").text)
    let publisher = try #require(manifest["publisher"]?.string)
    #expect(publisher == identity["peer"]?.string)
  }

  @Test("wrong words are answered with the right ones")
  func mistakes() throws {
    let place = try Workplace()
    let typo = try place.run("ad", "x")
    #expect(typo.status == 2)
    #expect(typo.errors.contains("did you mean `prsm content add`?"))
    let profile = try place.run("add", "-", "--profile", "unixfs-v1-205")
    #expect(profile.status == 2)
    #expect(profile.errors.contains("did you mean `unixfs-v1-2025`?"))
    #expect(try place.run("cat", "nonsense").status == 2)
    #expect(try place.run("add", "/there/is/nothing").status == 2)
    #expect(try place.run("add", "-", "--chunker", "rabin-1-2-3").status == 2)
    for command in ["add", "get", "cat", "ls", "stat", "pin", "unpin", "gc", "verify", "import", "export", "why"] {
      let help = try place.run(command, "--help")
      #expect(help.status == 0)
      #expect(help.text.contains("EXAMPLE"), "\(command)")
    }
  }
}
