package import Multiformats

/// One message of bitswap 1.0, 1.1 or 1.2 (https://specs.ipfs.tech/bitswap-protocol/).
package struct BitswapMessage: Sendable {
  /// The versions spoken here, the newest first.
  package static let protocolNames = ["/ipfs/bitswap/1.2.0", "/ipfs/bitswap/1.1.0", "/ipfs/bitswap/1.0.0"]
  /// The most bytes of a message: 4 MiB, as the specification has it.
  package static let maximumSize = 4 << 20
  /// The most bytes of a block: 2 MiB.
  package static let maximumBlockSize = 2 << 20
  /// The most entries of one want list.
  package static let maximumEntries = 16_384

  /// One line of a want list.
  package struct Entry: Hashable, Sendable {
    package var cid: CID
    /// Higher is sooner.
    package var priority: Int32
    /// Takes the want back.
    package var isCancel: Bool
    /// Asks only whether the block is there.
    package var wantsHave: Bool
    /// Asks to be told if it is not.
    package var sendsDontHave: Bool

    package init(
      cid: CID, priority: Int32 = 1, isCancel: Bool = false, wantsHave: Bool = false, sendsDontHave: Bool = false
    ) {
      self.cid = cid
      self.priority = priority
      self.isCancel = isCancel
      self.wantsHave = wantsHave
      self.sendsDontHave = sendsDontHave
    }
  }

  /// A block as it travels: what its CID begins with, and its bytes. The digest is left out, so that the reader must hash.
  package struct Payload: Sendable {
    package var version: CID.Version
    package var codec: Multicodec
    package var function: Multihash.Function
    /// The digest's length in bytes; -1 for the function's own.
    package var digestLength: Int
    /// Shares the storage of the message.
    package var bytes: ArraySlice<UInt8>
    /// The same, where it has an array of its own.
    package var whole: [UInt8]?
  }

  package struct Presence: Hashable, Sendable {
    package var cid: CID
    package var isThere: Bool

    package init(cid: CID, isThere: Bool) {
      self.cid = cid
      self.isThere = isThere
    }
  }

  package var entries: [Entry] = []
  /// Whether ``entries`` replaces what was wanted before.
  package var isFull = false
  package var payloads: [Payload] = []
  package var presences: [Presence] = []
  /// Bytes that wait to be sent after this message.
  package var pendingBytes: Int32 = 0

  package init() {}

  package var isEmpty: Bool { entries.isEmpty && payloads.isEmpty && presences.isEmpty && !isFull }

  // MARK: Reading

  /// - Throws: `.malformed`, `.tooLarge`.
  package init(decoding bytes: [UInt8]) throws(PeerError) {
    var reader = ProtobufReader(bytes)
    while let field = try reader.next() {
      switch field.number {
      case 1: try readWantList(try field.message())
      case 2:
        // Version 1.0: bare bytes of SHA2-256 and DAG-PB.
        let block = try field.slice()
        try Self.check(block)
        payloads.append(Payload(version: .v0, codec: .dagPB, function: .sha256, digestLength: 32, bytes: block))
      case 3: payloads.append(try Self.payload(try field.message()))
      case 4:
        guard presences.count < Self.maximumEntries else { throw Self.tooMany }
        presences.append(try Self.presence(try field.message()))
      case 5: pendingBytes = Int32(truncatingIfNeeded: try field.signed())
      default: break
      }
    }
  }

  private static let tooMany = PeerError(.tooLarge, "bitswap: more than \(maximumEntries) entries in a message")

  private static func check(_ block: ArraySlice<UInt8>) throws(PeerError) {
    guard block.count <= maximumBlockSize else {
      throw PeerError(.tooLarge, "bitswap: a block of \(block.count) bytes, at most \(maximumBlockSize)")
    }
  }

  private mutating func readWantList(_ list: ProtobufReader) throws(PeerError) {
    var list = list
    while let field = try list.next() {
      switch field.number {
      case 1:
        guard entries.count < Self.maximumEntries else { throw Self.tooMany }
        if let entry = try Self.entry(try field.message()) { entries.append(entry) }
      case 2: isFull = try field.flag()
      default: break
      }
    }
  }

  private static func entry(_ message: ProtobufReader) throws(PeerError) -> Entry? {
    var message = message
    var cid: CID?
    var entry = Entry(cid: CID(codec: .raw, multihash: Multihash(sha256: [])))
    while let field = try message.next() {
      switch field.number {
      case 1: cid = try Self.cid(try field.bytes(maximum: 256))
      case 2: entry.priority = Int32(truncatingIfNeeded: try field.signed())
      case 3: entry.isCancel = try field.flag()
      case 4: entry.wantsHave = try field.varint() == 1
      case 5: entry.sendsDontHave = try field.flag()
      default: break
      }
    }
    guard let cid else { throw PeerError(.malformed, "bitswap: a want without a CID") }
    entry.cid = cid
    return entry
  }

  private static func cid(_ bytes: [UInt8]) throws(PeerError) -> CID {
    do { return try CID(bytes: bytes) } catch { throw PeerError(.malformed, "bitswap: \(error.detail)") }
  }

  private static func presence(_ message: ProtobufReader) throws(PeerError) -> Presence {
    var message = message
    var cid: CID?
    var kind: UInt64 = 0
    while let field = try message.next() {
      switch field.number {
      case 1: cid = try Self.cid(try field.bytes(maximum: 256))
      case 2: kind = try field.varint()
      default: break
      }
    }
    guard let cid, kind <= 1 else {
      throw PeerError(.malformed, "bitswap: a presence without a CID or of kind \(kind)")
    }
    return Presence(cid: cid, isThere: kind == 0)
  }

  /// A block whose message was read in two parts.
  ///
  /// - Parameters:
  ///   - head: its fields but for the bytes, or all of them where `bytes` is nil.
  ///   - bytes: the block.
  /// - Throws: `.malformed`, `.tooLarge`.
  package static func payload(prefixedBy head: [UInt8], _ bytes: [UInt8]?) throws(PeerError) -> Payload {
    var read = try payload(ProtobufReader(head), bytes?[...])
    read.whole = bytes
    return read
  }

  private static func payload(
    _ message: ProtobufReader, _ separate: ArraySlice<UInt8>? = nil
  ) throws(PeerError) -> Payload {
    var message = message
    var prefix: [UInt8]?
    var data: ArraySlice<UInt8> = separate ?? []
    while let field = try message.next() {
      switch field.number {
      case 1: prefix = try field.bytes(maximum: 64)
      case 2 where separate == nil: data = try field.slice()
      default: break
      }
    }
    guard let prefix else { throw PeerError(.malformed, "bitswap: a block without a CID prefix") }
    try check(data)
    do throws(MultiformatError) {
      let span = prefix.span.bytes
      var offset = 0
      let version = try Varint.decode(span, at: &offset)
      let codec = try Varint.decode(span, at: &offset)
      let function = try Varint.decode(span, at: &offset)
      // Some write -1, "the whole digest", as the 64-bit number that it is not allowed to be.
      let length = (try? Varint.decode(span, at: &offset)).map { Int(clamping: $0) } ?? -1
      guard version <= 1 else { throw MultiformatError(.unknown, "CID version \(version)") }
      return Payload(
        version: version == 0 ? .v0 : .v1, codec: Multicodec(rawValue: codec),
        function: Multihash.Function(rawValue: function), digestLength: length, bytes: data)
    } catch {
      throw PeerError(.malformed, "bitswap: a block's CID prefix: \(error.detail)")
    }
  }

  // MARK: Writing

  /// What stands in front of a block's bytes in a message, as version 1.1 and later have it.
  package static func head(of cid: CID, count: Int) -> [UInt8] {
    let prefix = prefix(of: cid)
    let length =
      1 + Varint.length(of: UInt64(prefix.count)) + prefix.count + 1 + Varint.length(of: UInt64(count)) + count
    var writer = ProtobufWriter()
    writer.begin(3, length: length)
    writer.bytes(1, prefix)
    writer.begin(2, length: count)
    return writer.bytes
  }

  /// Appends a block as version 1.1 and later have it.
  package static func append(_ cid: CID, _ block: [UInt8], to writer: inout ProtobufWriter) {
    writer.raw(head(of: cid, count: block.count))
    writer.raw(block)
  }

  /// Version, codec, hash function and digest length of a CID.
  package static func prefix(of cid: CID) -> [UInt8] {
    Varint.encode(UInt64(cid.version.rawValue)) + Varint.encode(cid.codec.rawValue)
      + Varint.encode(cid.multihash.function.rawValue) + Varint.encode(UInt64(cid.multihash.digest.count))
  }

  /// Appends the want list and the presences.
  package func append(to writer: inout ProtobufWriter) {
    if !entries.isEmpty || isFull {
      writer.message(1) { list in
        for entry in entries {
          list.message(1) { one in
            one.bytes(1, entry.cid.bytes)
            if entry.priority != 0 { one.signed(2, Int64(entry.priority)) }
            if entry.isCancel { one.flag(3, true) }
            if entry.wantsHave { one.varint(4, 1) }
            if entry.sendsDontHave { one.flag(5, true) }
          }
        }
        if isFull { list.flag(2, true) }
      }
    }
    for presence in presences {
      writer.message(4) { one in
        one.bytes(1, presence.cid.bytes)
        if !presence.isThere { one.varint(2, 1) }
      }
    }
    if pendingBytes != 0 { writer.signed(5, Int64(pendingBytes)) }
  }

  /// The message without blocks, as it travels.
  package var bytes: [UInt8] {
    var writer = ProtobufWriter()
    append(to: &writer)
    return writer.bytes
  }
}
