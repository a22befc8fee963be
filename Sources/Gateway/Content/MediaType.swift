/// What a file's bytes are, by its name where that tells, by its beginning otherwise.
enum MediaType {
  /// The most bytes looked at.
  static let sniffed = 3_072

  private static let byExtension: [String: String] = [
    "html": "text/html; charset=utf-8", "htm": "text/html; charset=utf-8", "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8", "mjs": "text/javascript; charset=utf-8", "json": "application/json",
    "jsonl": "application/jsonl", "map": "application/json", "xml": "text/xml; charset=utf-8",
    "svg": "image/svg+xml", "txt": "text/plain; charset=utf-8", "md": "text/markdown; charset=utf-8",
    "csv": "text/csv; charset=utf-8", "tsv": "text/tab-separated-values; charset=utf-8",
    "yaml": "application/yaml", "yml": "application/yaml", "toml": "application/toml",
    "log": "text/plain; charset=utf-8", "py": "text/x-python; charset=utf-8", "swift": "text/plain; charset=utf-8",
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
    "avif": "image/avif", "ico": "image/vnd.microsoft.icon", "bmp": "image/bmp", "tif": "image/tiff",
    "tiff": "image/tiff", "mp3": "audio/mpeg", "ogg": "audio/ogg", "oga": "audio/ogg", "wav": "audio/wav",
    "flac": "audio/flac", "m4a": "audio/mp4", "mp4": "video/mp4", "m4v": "video/mp4", "webm": "video/webm",
    "mov": "video/quicktime", "mkv": "video/x-matroska", "pdf": "application/pdf", "zip": "application/zip",
    "gz": "application/gzip", "tar": "application/x-tar", "xz": "application/x-xz", "zst": "application/zstd",
    "7z": "application/x-7z-compressed", "wasm": "application/wasm", "woff": "font/woff", "woff2": "font/woff2",
    "ttf": "font/ttf", "otf": "font/otf", "epub": "application/epub+zip", "cbor": "application/cbor",
    "car": "application/vnd.ipld.car", "gguf": "application/octet-stream",
    "safetensors": "application/octet-stream", "parquet": "application/vnd.apache.parquet",
    "webmanifest": "application/manifest+json",
  ]

  private static let marks: [(offset: Int, mark: [UInt8], type: String)] = [
    (0, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], "image/png"), (0, [0xff, 0xd8, 0xff], "image/jpeg"),
    (0, Array("GIF8".utf8), "image/gif"), (8, Array("WEBP".utf8), "image/webp"), (8, Array("WAVE".utf8), "audio/wav"),
    (0, Array("%PDF-".utf8), "application/pdf"), (0, [0x50, 0x4b, 0x03, 0x04], "application/zip"),
    (0, [0x1f, 0x8b], "application/gzip"), (0, [0x28, 0xb5, 0x2f, 0xfd], "application/zstd"),
    (0, [0, 0x61, 0x73, 0x6d], "application/wasm"), (4, Array("ftyp".utf8), "video/mp4"),
    (0, Array("OggS".utf8), "audio/ogg"), (0, [0x1a, 0x45, 0xdf, 0xa3], "video/webm"),
    (0, Array("fLaC".utf8), "audio/flac"), (0, Array("ID3".utf8), "audio/mpeg"),
    (0, Array("wOF2".utf8), "font/woff2"), (0, Array("wOFF".utf8), "font/woff"), (0, Array("BM".utf8), "image/bmp"),
    (257, Array("ustar".utf8), "application/x-tar"),
  ]

  /// The type that a file's name tells; nil where it tells none.
  static func named(_ name: String) -> String? {
    guard let dot = name.lastIndex(of: "."), dot > name.startIndex else { return nil }
    return byExtension[name[name.index(after: dot)...].lowercased()]
  }

  /// The type that a file's beginning tells.
  ///
  /// - Parameters:
  ///   - bytes: ``sniffed`` of them are enough.
  ///   - isWhole: whether they are the whole file.
  static func sniff(_ bytes: [UInt8], isWhole: Bool) -> String {
    let bytes = Array(bytes.prefix(sniffed))
    if bytes.isEmpty { return "text/plain; charset=utf-8" }
    for (offset, mark, type) in marks where bytes.dropFirst(offset).starts(with: mark) { return type }
    guard let text = text(bytes, isWhole: isWhole) else { return "application/octet-stream" }
    let start = text.drop { $0.isWhitespace || $0 == "\u{feff}" }
    let lowered = start.prefix(64).lowercased()
    for mark in ["<!doctype html", "<html", "<head", "<body", "<script", "<h1", "<div"] where lowered.hasPrefix(mark) {
      return "text/html; charset=utf-8"
    }
    if lowered.hasPrefix("<?xml") { return text.contains("<svg") ? "image/svg+xml" : "text/xml; charset=utf-8" }
    if lowered.hasPrefix("<svg") { return "image/svg+xml" }
    if let first = start.utf8.first, first == UInt8(ascii: "{") || first == UInt8(ascii: "["),
      looksLikeJSON(start.utf8, isWhole: isWhole)
    {
      return "application/json"
    }
    return "text/plain; charset=utf-8"
  }

  /// The bytes as text, where they are; a character that the beginning cuts through is left out.
  private static func text(_ bytes: [UInt8], isWhole: Bool) -> String? {
    guard !bytes.contains(where: { $0 < 0x09 || (0x0e...0x1a).contains($0) || (0x1c...0x1f).contains($0) }) else {
      return nil
    }
    for cut in 0..<(isWhole ? 1 : 4) {
      if let text = String(validating: bytes.dropLast(cut), as: UTF8.self) { return text }
    }
    return nil
  }

  /// A scan for balanced brackets and closed strings, which is enough to tell JSON from prose.
  private static func looksLikeJSON(_ bytes: Substring.UTF8View, isWhole: Bool) -> Bool {
    var open: [UInt8] = []
    var inString = false
    var isEscaped = false
    var ended = false
    for byte in bytes {
      if inString {
        if isEscaped {
          isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
          isEscaped = true
        } else if byte == UInt8(ascii: "\"") {
          inString = false
        }
        continue
      }
      if ended, !" \t\r\n".utf8.contains(byte) { return false }
      switch byte {
      case UInt8(ascii: "\""): inString = true
      case UInt8(ascii: "{"): open.append(UInt8(ascii: "}"))
      case UInt8(ascii: "["): open.append(UInt8(ascii: "]"))
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        guard open.popLast() == byte else { return false }
        ended = open.isEmpty
      case _ where " \t\r\n,:-+.eE0123456789truefalsn".utf8.contains(byte): continue
      default: return false
      }
    }
    return isWhole ? ended && !inString : true
  }
}
