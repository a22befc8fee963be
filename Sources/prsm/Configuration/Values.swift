import Foundation

/// Where to listen: a numeric address or host name, and a port (0 takes a free one).
struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
  let host: String
  let port: Int

  init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  /// Reads `127.0.0.1:8080`, `[::1]:8080`, `:8080` (every address) or `localhost:8080`.
  init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
    var host = String(text[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = String(host.dropFirst().dropLast())
      guard host.contains(":") else { return nil }
    } else if host.contains(":") {
      return nil
    }
    guard host.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || ".:-_%".contains($0)) }) else { return nil }
    self.host = host.isEmpty ? "0.0.0.0" : host
    self.port = Int(port)
  }

  /// Whether only programs on this machine can reach it.
  var isLoopback: Bool {
    host == "localhost" || host == "::1" || (host.hasPrefix("127.") && host.split(separator: ".").count == 4)
  }

  /// The host as a URL spells it.
  var urlHost: String { host.contains(":") ? "[\(host)]" : host }

  var description: String { "\(urlHost):\(port)" }
}

/// Something that must not be shown. It prints as where it comes from.
struct Secret: Sendable, Hashable, CustomStringConvertible {
  enum Source: Sendable, Hashable {
    case value(String)
    case environment(String)
    case file(String)
  }

  /// A secret file is a line, not a database.
  static let maximumFileSize = 64 << 10

  let source: Source

  init(_ source: Source) {
    self.source = source
  }

  var description: String {
    switch source {
    case .value: "‹secret›"
    case .environment(let name): "‹secret from \(name)›"
    case .file(let path): "‹secret from \(path)›"
    }
  }

  /// The secret itself, without blanks and line ends around it.
  ///
  /// - Throws: ``CommandFailure`` of status `usage` where the variable or file is missing, empty or too large.
  func reveal(environment: [String: String]) throws(CommandFailure) -> String {
    let text: String
    switch source {
    case .value(let value): text = value
    case .environment(let name):
      guard let value = environment[name] else {
        throw .usage("the environment variable \(name), which the configuration names for a secret, is not set")
      }
      text = value
    case .file(let path):
      guard let data = FileManager.default.contents(atPath: path) else {
        throw .usage("\(path), which the configuration names for a secret, cannot be read")
      }
      guard data.count <= Self.maximumFileSize else {
        throw .usage(
          "\(path), which the configuration names for a secret, is larger than \(Self.maximumFileSize) bytes")
      }
      text = String(decoding: data, as: UTF8.self)
    }
    let secret = text.trimmingCharacters(in: .whitespacesAndNewlines)
    guard !secret.isEmpty else { throw .usage("\(self) is empty") }
    return secret
  }
}

/// Numbers of bytes as people write them.
enum ByteCount {
  private static let units: [(String, Int)] = [
    ("kib", 1 << 10), ("mib", 1 << 20), ("gib", 1 << 30), ("tib", 1 << 40),
    ("kb", 1_000), ("mb", 1_000_000), ("gb", 1_000_000_000), ("tb", 1_000_000_000_000),
    ("k", 1 << 10), ("m", 1 << 20), ("g", 1 << 30), ("t", 1 << 40), ("b", 1), ("", 1),
  ]

  /// Reads `10 MiB`, `1.5GB` or `4096`.
  static func parse(_ text: String) -> Int? {
    let folded = text.lowercased().filter { !$0.isWhitespace && $0 != "_" }
    guard let (suffix, factor) = units.first(where: { folded.hasSuffix($0.0) }) else { return nil }
    let digits = folded.dropLast(suffix.count)
    guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }) else { return nil }
    if let whole = Int(digits) {
      let (product, overflow) = whole.multipliedReportingOverflow(by: factor)
      return overflow ? nil : product
    }
    return Double(digits).flatMap { Int(exactly: ($0 * Double(factor)).rounded()) }
  }

  /// With a binary unit and at most one decimal: `96.9 MiB`.
  static func text(_ bytes: Int) -> String {
    var value = Double(bytes)
    var unit = "B"
    for next in ["KiB", "MiB", "GiB", "TiB"] where value >= 1_024 {
      value /= 1_024
      unit = next
    }
    return "\(Decimals.text(value, value == value.rounded() || value >= 100 ? 0 : 1)) \(unit)"
  }
}

/// Lengths of time as people write them.
enum DurationText {
  private static let units: [(String, Double)] = [
    ("ms", 0.001), ("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400),
  ]

  /// Reads `250ms`, `30s`, `1.5m`, `2h` or `90d`.
  static func parse(_ text: String) -> Duration? {
    let folded = text.lowercased().filter { !$0.isWhitespace }
    guard let (suffix, factor) = units.first(where: { folded.hasSuffix($0.0) }) else { return nil }
    let digits = folded.dropLast(suffix.count)
    guard digits.first?.isNumber == true, digits.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }),
      let value = Double(digits), value * factor <= 1e12
    else { return nil }
    return .milliseconds((value * factor * 1_000).rounded())
  }

  static func text(_ duration: Duration) -> String {
    let seconds = Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
    switch seconds {
    case ..<1: return "\(Decimals.text(seconds * 1_000, 0))ms"
    case ..<60: return "\(Decimals.text(seconds, seconds == seconds.rounded() ? 0 : 1))s"
    case ..<3_600: return "\(Decimals.text(seconds / 60, seconds.truncatingRemainder(dividingBy: 60) == 0 ? 0 : 1))m"
    case ..<86_400:
      return "\(Decimals.text(seconds / 3_600, seconds.truncatingRemainder(dividingBy: 3_600) == 0 ? 0 : 1))h"
    default: return "\(Decimals.text(seconds / 86_400, seconds.truncatingRemainder(dividingBy: 86_400) == 0 ? 0 : 1))d"
    }
  }
}

/// Numbers with a fixed number of decimals, without a locale.
enum Decimals {
  /// Up to 9 decimals.
  static func text(_ value: Double, _ places: Int) -> String {
    guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
    var scale = 1
    for _ in 0..<max(0, min(9, places)) { scale *= 10 }
    let (whole, overflow) = Int(exactly: (abs(value) * Double(scale)).rounded()).map { ($0, false) } ?? (0, true)
    guard !overflow else { return "\(value)" }
    let sign = value < 0 && whole != 0 ? "-" : ""
    guard scale > 1 else { return "\(sign)\(whole)" }
    let fraction = String(whole % scale)
    return "\(sign)\(whole / scale)." + String(repeating: "0", count: places - fraction.count) + fraction
  }
}

/// Paths as people write them.
enum FilePath {
  /// The user's own folder: `HOME`, or else the system's own idea of it.
  static var home: String {
    ProcessInfo.processInfo.environment["HOME"].flatMap { $0.isEmpty ? nil : $0 }
      ?? FileManager.default.homeDirectoryForCurrentUser.path
  }

  /// Puts the user's own folder in the place of a leading `~`.
  static func expandingHome(_ path: String) -> String {
    if path == "~" { return home }
    return path.hasPrefix("~/") ? home + path.dropFirst(1) : path
  }

  /// The path with the user's own folder written as `~`.
  static func abbreviatingHome(_ path: String) -> String {
    let home = home
    return path == home ? "~" : path.hasPrefix(home + "/") ? "~" + path.dropFirst(home.count) : path
  }
}
