package import Multiformats

/// DAG-PB (https://ipld.io/specs/codecs/dag-pb/spec/): a protobuf message of bytes and named links.
package struct DagPB: Hashable, Sendable {
  /// One named edge of the graph.
  package struct Link: Hashable, Sendable {
    package var cid: CID
    /// Nil where the field is absent, which differs from empty.
    package var name: String?
    /// Bytes of all blocks below, this one's included; a hint that nobody verifies.
    package var tsize: UInt64?

    package init(cid: CID, name: String? = nil, tsize: UInt64? = nil) {
      self.cid = cid
      self.name = name
      self.tsize = tsize
    }
  }

  package var data: [UInt8]?
  package var links: [Link]

  package init(data: [UInt8]? = nil, links: [Link] = []) {
    self.data = data
    self.links = links
  }

  /// Reads the bytes of one block. Fields out of order, doubled, unknown or of another wire type are refused; links may
  /// come in any order, as old writers left them.
  package init(decoding bytes: [UInt8]) throws(ContentError) {
    let span = bytes.span.bytes
    var offset = 0
    var links: [Link] = []
    var data: [UInt8]?
    var linksEnded = false
    while offset < bytes.count {
      switch try Self.varint(span, &offset) {
      case 0x12:
        guard !linksEnded else { throw ContentError(.malformed, "dag-pb: links on both sides of the data") }
        let end = try Self.end(span, &offset)
        links.append(try Self.link(span, &offset, end))
        if data != nil { linksEnded = true }
        guard links.count <= CodecLimits.items else { throw ContentError(.tooLarge, "dag-pb: too many links") }
      case 0x0a:
        guard data == nil else { throw ContentError(.malformed, "dag-pb: Data is there twice") }
        if !links.isEmpty { linksEnded = true }
        data = try Self.take(span, &offset)
      case let tag: throw ContentError(.malformed, "dag-pb: field tag \(tag), expected Data (10) or Links (18)")
      }
    }
    self.init(data: data, links: links)
  }

  private static func link(_ span: RawSpan, _ offset: inout Int, _ end: Int) throws(ContentError) -> Link {
    var cid: CID?
    var name: String?
    var tsize: UInt64?
    while offset < end {
      switch try varint(span, &offset) {
      case 0x0a:
        guard cid == nil, name == nil, tsize == nil else {
          throw ContentError(.malformed, "dag-pb link: Hash misplaced")
        }
        let bytes = try take(span, &offset)
        cid = try parsing { () throws(MultiformatError) in try CID(bytes: bytes) }
      case 0x12:
        guard name == nil, tsize == nil else { throw ContentError(.malformed, "dag-pb link: Name misplaced") }
        guard let text = String(validating: try take(span, &offset), as: UTF8.self) else {
          throw ContentError(.malformed, "dag-pb link: Name is not UTF-8")
        }
        name = text
      case 0x18:
        guard tsize == nil else { throw ContentError(.malformed, "dag-pb link: Tsize is there twice") }
        tsize = try varint(span, &offset)
      case let tag: throw ContentError(.malformed, "dag-pb link: field tag \(tag) is not known")
      }
    }
    guard offset == end, let cid else {
      throw ContentError(.malformed, "dag-pb link: \(offset == end ? "no Hash" : "a field crosses its end")")
    }
    return Link(cid: cid, name: name, tsize: tsize)
  }

  /// A protobuf varint: up to ten bytes, as protobuf has it.
  static func varint(_ span: RawSpan, _ offset: inout Int) throws(ContentError) -> UInt64 {
    var value: UInt64 = 0
    for index in 0..<10 {
      guard offset < span.byteCount else { throw ContentError(.malformed, "protobuf: the bytes end inside a number") }
      let byte = span.byte(at: offset)
      offset += 1
      if index == 9, byte > 1 { break }
      value |= UInt64(byte & 0x7f) << UInt64(7 * index)
      if byte & 0x80 == 0 { return value }
    }
    throw ContentError(.malformed, "protobuf: a number exceeds 64 bits")
  }

  /// Reads a length and gives where that many bytes end.
  static func end(_ span: RawSpan, _ offset: inout Int) throws(ContentError) -> Int {
    let length = try varint(span, &offset)
    guard length <= UInt64(span.byteCount - offset) else {
      throw ContentError(.malformed, "protobuf: \(length) bytes announced, \(span.byteCount - offset) left")
    }
    return offset + Int(length)
  }

  /// Reads a length and that many bytes.
  static func take(_ span: RawSpan, _ offset: inout Int) throws(ContentError) -> [UInt8] {
    let end = try end(span, &offset)
    defer { offset = end }
    return span.copy(from: offset, count: end - offset) ?? []
  }

  /// The canonical bytes: links sorted by name (stable, by bytes), then data.
  package func encode() -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(encodedLength)
    for link in sortedLinks {
      bytes.append(0x12)
      Varint.append(UInt64(Self.length(of: link)), to: &bytes)
      bytes.append(0x0a)
      Varint.append(UInt64(link.cid.byteCount), to: &bytes)
      bytes.append(contentsOf: link.cid.bytes)
      if let name = link.name {
        bytes.append(0x12)
        Varint.append(UInt64(name.utf8.count), to: &bytes)
        bytes.append(contentsOf: name.utf8)
      }
      if let tsize = link.tsize {
        bytes.append(0x18)
        Varint.append(tsize, to: &bytes)
      }
    }
    if let data {
      bytes.append(0x0a)
      Varint.append(UInt64(data.count), to: &bytes)
      bytes.append(contentsOf: data)
    }
    return bytes
  }

  private var sortedLinks: [Link] {
    let sorted = zip(links, links.dropFirst()).allSatisfy { left, right in
      !(right.name ?? "").utf8.lexicographicallyPrecedes((left.name ?? "").utf8)
    }
    if sorted { return links }
    return links.enumerated().sorted { left, right in
      let (a, b) = ((left.element.name ?? "").utf8, (right.element.name ?? "").utf8)
      return a.lexicographicallyPrecedes(b) || (!b.lexicographicallyPrecedes(a) && left.offset < right.offset)
    }.map(\.element)
  }

  private static func length(of link: Link) -> Int {
    let cid = link.cid.byteCount
    var length = 1 + Varint.length(of: UInt64(cid)) + cid
    if let name = link.name { length += 1 + Varint.length(of: UInt64(name.utf8.count)) + name.utf8.count }
    if let tsize = link.tsize { length += 1 + Varint.length(of: tsize) }
    return length
  }

  /// Bytes that one link takes in the encoding of its node.
  package static func encodedLength(of link: Link) -> Int {
    let length = length(of: link)
    return 1 + Varint.length(of: UInt64(length)) + length
  }

  /// How many bytes ``encode()`` gives.
  package var encodedLength: Int {
    var total = data.map { 1 + Varint.length(of: UInt64($0.count)) + $0.count } ?? 0
    for link in links { total += Self.encodedLength(of: link) }
    return total
  }

  /// The value in the data model: `{Data?, Links: [{Hash, Name?, Tsize?}]}`.
  package var node: Node {
    var entries: [String: Node] = [
      "Links": .list(
        links.map { link in
          var fields: [String: Node] = ["Hash": .link(link.cid)]
          if let name = link.name { fields["Name"] = .string(name) }
          if let tsize = link.tsize { fields["Tsize"] = .unsigned(tsize) }
          return .map(fields)
        })
    ]
    if let data { entries["Data"] = .bytes(data) }
    return .map(entries)
  }

  /// Reads the form that ``node`` gives.
  package init(_ node: Node) throws(ContentError) {
    let fault = ContentError(.malformed, "dag-pb: the value is not of the form {Data?, Links: [{Hash, Name?, Tsize?}]}")
    guard case .map(let entries) = node, case .list(let list)? = entries["Links"],
      entries.keys.allSatisfy({ $0 == "Data" || $0 == "Links" })
    else { throw fault }
    var links: [Link] = []
    for element in list {
      guard case .map(let fields) = element, case .link(let cid)? = fields["Hash"],
        fields.keys.allSatisfy({ ["Hash", "Name", "Tsize"].contains($0) })
      else { throw fault }
      if let name = fields["Name"], name.stringValue == nil { throw fault }
      if let tsize = fields["Tsize"], tsize.unsignedValue == nil { throw fault }
      links.append(Link(cid: cid, name: fields["Name"]?.stringValue, tsize: fields["Tsize"]?.unsignedValue))
    }
    if let data = entries["Data"], data.bytesValue == nil { throw fault }
    self.init(data: entries["Data"]?.bytesValue, links: links)
  }
}
