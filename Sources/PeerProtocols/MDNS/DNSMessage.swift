/// A DNS message as multicast DNS uses it (RFC 1035, section 4; RFC 6762, section 18): questions, and records of the kinds
/// that announce a service.
package struct DNSMessage: Equatable, Sendable {
  /// What is asked.
  package struct Question: Equatable, Sendable {
    package var name: [String]
    package var type: UInt16
    /// Whether the answer may come to the asker alone.
    package var wantsUnicast = false

    package init(name: [String], type: UInt16) {
      self.name = name
      self.type = type
    }
  }

  /// What a record holds.
  package enum Data: Equatable, Sendable {
    /// A name of the service.
    case pointer([String])
    /// Strings of at most 255 bytes.
    case text([[UInt8]])
    /// A host and port.
    case service(target: [String], port: UInt16)
    /// Four bytes, or sixteen.
    case address([UInt8])
  }

  /// A record.
  package struct Record: Equatable, Sendable {
    package var name: [String]
    /// Seconds; 0 says goodbye.
    package var lifetime: UInt32
    package var data: Data

    package init(name: [String], lifetime: UInt32, data: Data) {
      self.name = name
      self.lifetime = lifetime
      self.data = data
    }
  }

  package static let pointerType: UInt16 = 12
  package static let anyType: UInt16 = 255
  /// The longest message, in bytes (RFC 6762, section 17).
  package static let maximumSize = 9_000
  private static let maximumEntries = 256

  package var isResponse: Bool
  package var questions: [Question] = []
  package var answers: [Record] = []
  package var additional: [Record] = []

  package init(isResponse: Bool) { self.isResponse = isResponse }

  // MARK: Writing

  /// The message as it travels; names are written whole.
  package var bytes: [UInt8] {
    var bytes: [UInt8] = []
    func number(_ value: Int) {
      bytes.append(UInt8(truncatingIfNeeded: value >> 8))
      bytes.append(UInt8(truncatingIfNeeded: value))
    }
    func write(_ name: [String]) {
      for label in name {
        let text = label.utf8.prefix(63)
        bytes.append(UInt8(text.count))
        bytes.append(contentsOf: text)
      }
      bytes.append(0)
    }
    number(0)
    number(isResponse ? 0x8400 : 0)
    for count in [questions.count, answers.count, 0, additional.count] { number(count) }
    for question in questions {
      write(question.name)
      number(Int(question.type))
      number(question.wantsUnicast ? 0x8001 : 1)
    }
    for record in answers + additional {
      write(record.name)
      number(Int(record.type))
      // Records that are this node's alone flush what others have cached; a pointer is shared.
      number(record.type == Self.pointerType ? 1 : 0x8001)
      number(Int(record.lifetime >> 16))
      number(Int(record.lifetime & 0xffff))
      let length = bytes.count
      number(0)
      switch record.data {
      case .pointer(let name): write(name)
      case .text(let strings):
        for string in strings {
          bytes.append(UInt8(min(255, string.count)))
          bytes.append(contentsOf: string.prefix(255))
        }
        if strings.isEmpty { bytes.append(0) }
      case .service(let target, let port):
        number(0)
        number(0)
        number(Int(port))
        write(target)
      case .address(let address): bytes.append(contentsOf: address)
      }
      let size = bytes.count - length - 2
      bytes[length] = UInt8(truncatingIfNeeded: size >> 8)
      bytes[length + 1] = UInt8(truncatingIfNeeded: size)
    }
    return bytes
  }

  // MARK: Reading

  /// Reads a message. Records of other kinds are passed over.
  ///
  /// - Throws: `.malformed`, `.tooLarge`.
  package init(decoding bytes: [UInt8]) throws(PeerError) {
    guard bytes.count <= Self.maximumSize else {
      throw PeerError(.tooLarge, "DNS message of \(bytes.count) bytes, at most \(Self.maximumSize)")
    }
    var reader = Reader(bytes: bytes)
    _ = try reader.number()
    isResponse = try reader.number() & 0x8000 != 0
    var counts: [Int] = []
    for _ in 0..<4 { counts.append(Int(try reader.number())) }
    guard counts.reduce(0, +) <= Self.maximumEntries else {
      throw PeerError(.tooLarge, "DNS message of more than \(Self.maximumEntries) entries")
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
        if section == 1 { answers.append(record) } else if section == 3 { additional.append(record) }
      }
    }
  }

  private struct Reader {
    let bytes: [UInt8]
    var offset = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    private var fault: PeerError { PeerError(.malformed, "DNS message: ends or goes wrong at byte \(offset)") }

    mutating func number() throws(PeerError) -> UInt16 {
      guard bytes.count - offset >= 2 else { throw fault }
      defer { offset += 2 }
      return UInt16(bytes[offset]) << 8 | UInt16(bytes[offset + 1])
    }

    /// A name, which may go on elsewhere in the message (RFC 1035, section 4.1.4). Each jump must lead backwards, so that
    /// there are no circles.
    mutating func name() throws(PeerError) -> [String] {
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

    mutating func record() throws(PeerError) -> Record? {
      let name = try name()
      let type = try number()
      _ = try number()
      let lifetime = UInt32(try number()) << 16 | UInt32(try number())
      let length = Int(try number())
      let end = offset + length
      guard end <= bytes.count else { throw fault }
      defer { offset = end }
      switch type {
      case 12: return Record(name: name, lifetime: lifetime, data: .pointer(try self.name()))
      case 16:
        var strings: [[UInt8]] = []
        while offset < end {
          let size = Int(bytes[offset])
          guard offset + 1 + size <= end else { throw fault }
          if size > 0 { strings.append(Array(bytes[(offset + 1)..<(offset + 1 + size)])) }
          offset += 1 + size
        }
        return Record(name: name, lifetime: lifetime, data: .text(strings))
      case 33:
        _ = try number()
        _ = try number()
        let port = try number()
        return Record(name: name, lifetime: lifetime, data: .service(target: try self.name(), port: port))
      case 1 where length == 4, 28 where length == 16:
        return Record(name: name, lifetime: lifetime, data: .address(Array(bytes[offset..<end])))
      default: return nil
      }
    }
  }
}

extension DNSMessage.Record {
  /// The number of its kind (RFC 1035, RFC 2782, RFC 3596).
  package var type: UInt16 {
    switch data {
    case .pointer: 12
    case .text: 16
    case .service: 33
    case .address(let bytes): bytes.count == 4 ? 1 : 28
    }
  }
}
