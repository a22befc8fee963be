import Content
import Multiformats

/// Pages that the gateway makes itself: the list of a directory, and a block of data shown to people.
enum DirectoryPage {
  /// Names on one page; what is beyond is counted.
  static let maximumEntries = 20_000
  /// Changes when the page's form does, since it is part of the entity tag.
  static let version = "prsm-1"

  /// The page of a directory (`Index of`).
  static func list(_ path: ContentPath, _ cid: CID, _ entries: [DirectoryEntry]) -> [UInt8] {
    let here = path.prefix + path.tail
    let title = decoded(path)
    var page = begin("Index of \(title)")
    page += "<h1>Index of \(crumbs(path))</h1>\n<p class=\"cid\">\(cid)</p>\n<table>\n"
    if !path.segments.isEmpty {
      page += "<tr><td><a href=\"\(escape(here))/..\">..</a></td><td></td><td></td></tr>\n"
    }
    for entry in entries.prefix(maximumEntries) {
      let link = escape("\(here)/\(PercentCoding.encode(entry.name))")
      page += "<tr><td><a href=\"\(link)\">\(escape(entry.name))</a></td>"
      page += "<td>\(hashLink(path, entry))</td><td class=\"size\">\(size(entry.cumulativeSize))</td></tr>\n"
    }
    page += "</table>\n"
    if entries.count > maximumEntries {
      page += "<p>and \(entries.count - maximumEntries) more; ask for format=car to have all of them</p>\n"
    }
    return Array((page + end).utf8)
  }

  /// The page of a block of DAG-CBOR or DAG-JSON.
  static func data(_ path: ContentPath, _ cid: CID, _ text: String) -> [UInt8] {
    var page = begin("\(cid)")
    page += "<h1>\(crumbs(path))</h1>\n<p class=\"cid\">\(cid) (\(cid.codec))</p>\n"
    page += "<p><a href=\"?format=raw\">the block</a></p>\n<pre>\(escape(text))</pre>\n"
    return Array((page + end).utf8)
  }

  private static func begin(_ title: String) -> String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>\(escape(title))</title>
    <style>
    :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
    body { max-width: 64rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
    h1 { font-size: 1.1rem; } .cid, td:nth-child(2) { font: 0.8rem ui-monospace, monospace; opacity: 0.7; }
    table { width: 100%; border-collapse: collapse; } td { padding: 0.3rem 0.5rem 0.3rem 0; vertical-align: top; }
    tr { border-top: 1px solid color-mix(in srgb, currentColor 15%, transparent); }
    .size { text-align: right; white-space: nowrap; } pre { white-space: pre-wrap; }
    </style>
    </head>
    <body>

    """
  }

  private static let end = "</body>\n</html>\n"

  /// The path with a link for each segment, mounted where paths are: at the gateway's own host.
  private static func crumbs(_ path: ContentPath) -> String {
    let name = PercentCoding.encode(path.name)
    var link =
      switch path.mount {
      case .path: "/\(path.namespace.rawValue)/\(name)"
      case .subdomain(let host): "//\(host)/\(path.namespace.rawValue)/\(name)"
      case .domain: "//\(name)"
      }
    let first = path.mount == .domain ? link + "/" : link
    var text = "/\(path.namespace.rawValue)/<a href=\"\(escape(first))\">\(escape(path.name))</a>"
    for segment in path.segments {
      link += "/" + PercentCoding.encode(segment)
      text += "/<a href=\"\(escape(link))\">\(escape(segment))</a>"
    }
    return text
  }

  private static func hashLink(_ path: ContentPath, _ entry: DirectoryEntry) -> String {
    let filename = PercentCoding.encode(PercentCoding.encode(entry.name, keeping: "-_.~"), keeping: "-_.~")
    switch path.mount {
    case .path:
      return """
        <a class="ipfs-hash" translate="no" href="/ipfs/\(entry.cid)?filename=\(filename)">\(entry.cid)</a>
        """
    case .subdomain(let host):
      return """
        <a class="ipfs-hash" translate="no" href="//\(escape(host))/ipfs/\(entry.cid)?filename=\(filename)">\(entry.cid)</a>
        """
    case .domain:
      // A site's own domain has no paths to other content.
      return """
        <a class="ipfs-hash" translate="no" href="https://cid.ipfs.tech/#\(entry.cid)" target="_blank" \
        rel="noreferrer noopener">\(entry.cid)</a>
        """
    }
  }

  private static func decoded(_ path: ContentPath) -> String {
    "/\(path.namespace.rawValue)/\(path.name)" + path.segments.map { "/" + $0 }.joined()
  }

  private static func size(_ bytes: UInt64?) -> String {
    guard let bytes else { return "" }
    var value = Double(bytes)
    var unit = 0
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    while value >= 1_024, unit < units.count - 1 {
      value /= 1_024
      unit += 1
    }
    return unit == 0 ? "\(bytes) B" : "\((value * 10).rounded() / 10) \(units[unit])"
  }

  static func escape(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "'": escaped += "&#39;"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}
