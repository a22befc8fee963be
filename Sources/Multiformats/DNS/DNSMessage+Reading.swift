extension DNSMessage {
  /// Reads a message. Records of other kinds are passed over.
  ///
  /// - Parameter limit: bytes of message that are accepted.
  /// - Throws: `.malformed`, `.tooLarge`.
  package init(decoding bytes: [UInt8], limit: Int = DNSMessage.maximumSize) throws(MultiformatError) {
    guard bytes.count <= limit else {
      throw MultiformatError(.tooLarge, "DNS message of \(bytes.count) bytes, at most \(limit)")
    }
    var reader = Reader(bytes: bytes)
    identifier = try reader.number()
    let flags = try reader.number()
    isResponse = flags & 0x8000 != 0
    isTruncated = flags & 0x0200 != 0
    wantsRecursion = flags & 0x0100 != 0
    outcome = UInt8(flags & 0xf)
    var counts: [Int] = []
    for _ in 0..<4 { counts.append(Int(try reader.number())) }
    guard counts.reduce(0, +) <= Self.maximumEntries else {
      throw MultiformatError(.tooLarge, "DNS message of more than \(Self.maximumEntries) entries")
    }
    for _ in 0..<counts[0] {
      let name = try reader.name()
      let type = try reader.number()
      let kind = try reader.number()
      var question = Question(name: name, type: type)
      question.wantsUnicast = kind & 0x8000 != 0
      questions.append(question)
    }
    for section in 1...3 {
      for _ in 0..<counts[section] {
        guard let record = try reader.record() else { continue }
        switch section {
        case 1: answers.append(record)
        case 2: authority.append(record)
        default: additional.append(record)
        }
      }
    }
    payloadSize = reader.payloadSize
  }

  private struct Reader {
    let bytes: [UInt8]
    var offset = 0
    var payloadSize: UInt16?

    init(bytes: [UInt8]) { self.bytes = bytes }

    private var fault: MultiformatError {
      MultiformatError(.malformed, "DNS message: ends or goes wrong at byte \(offset)")
    }

    mutating func number() throws(MultiformatError) -> UInt16 {
      guard bytes.count - offset >= 2 else { throw fault }
      defer { offset += 2 }
      return UInt16(bytes[offset]) << 8 | UInt16(bytes[offset + 1])
    }

    mutating func long() throws(MultiformatError) -> UInt32 {
      let high = UInt32(try number())
      return high << 16 | UInt32(try number())
    }

    /// A name, which may go on elsewhere in the message (RFC 1035, section 4.1.4). Each jump must lead backwards, so that
    /// there are no circles.
    mutating func name() throws(MultiformatError) -> [String] {
      var labels: [String] = []
      var position = offset
      var end: Int?
      var length = 0
      while true {
        guard position < bytes.count else { throw fault }
        let size = Int(bytes[position])
        if size & 0xc0 == 0xc0 {
          guard position + 1 < bytes.count else { throw fault }
          let target = (size & 0x3f) << 8 | Int(bytes[position + 1])
          guard target < position else { throw fault }
          end = end ?? position + 2
          position = target
          continue
        }
        guard size < 64, position + 1 + size <= bytes.count else { throw fault }
        if size == 0 {
          offset = end ?? position + 1
          return labels
        }
        length += size + 1
        guard length <= 255, labels.count < 64,
          let label = String(validating: bytes[(position + 1)..<(position + 1 + size)], as: UTF8.self)
        else { throw fault }
        labels.append(label)
        position += 1 + size
      }
    }

    mutating func record() throws(MultiformatError) -> Record? {
      let name = try name()
      let type = try number()
      let kind = try number()
      let lifetime = try long()
      let length = Int(try number())
      let end = offset + length
      guard end <= bytes.count else { throw fault }
      defer { offset = end }
      switch type {
      case 5: return Record(name: name, lifetime: lifetime, data: .alias(try self.name()))
      case 6:
        _ = try self.name()
        _ = try self.name()
        for _ in 0..<4 { _ = try long() }
        return Record(name: name, lifetime: lifetime, data: .zone(absence: try long()))
      case 12: return Record(name: name, lifetime: lifetime, data: .pointer(try self.name()))
      case 16: return Record(name: name, lifetime: lifetime, data: .text(try strings(until: end)))
      case 33:
        _ = try number()
        _ = try number()
        let port = try number()
        return Record(name: name, lifetime: lifetime, data: .service(target: try self.name(), port: port))
      case 41:
        payloadSize = kind
        return nil
      case 1 where length == 4, 28 where length == 16:
        return Record(name: name, lifetime: lifetime, data: .address(Array(bytes[offset..<end])))
      default: return nil
      }
    }

    private mutating func strings(until end: Int) throws(MultiformatError) -> [[UInt8]] {
      var strings: [[UInt8]] = []
      while offset < end {
        let size = Int(bytes[offset])
        guard offset + 1 + size <= end else { throw fault }
        if size > 0 { strings.append(Array(bytes[(offset + 1)..<(offset + 1 + size)])) }
        offset += 1 + size
      }
      return strings
    }
  }
}
