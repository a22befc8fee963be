extension DNSMessage {
  /// The message as it travels; names are written whole.
  package var bytes: [UInt8] {
    var writer = Writer()
    writer.number(identifier)
    var flags: UInt16 = UInt16(outcome & 0xf)
    // Whoever answers in multicast DNS speaks for itself.
    if isResponse { flags |= wantsRecursion ? 0x8080 : 0x8400 }
    if isTruncated { flags |= 0x0200 }
    if wantsRecursion { flags |= 0x0100 }
    writer.number(flags)
    for count in [questions.count, answers.count, authority.count, additional.count + (payloadSize == nil ? 0 : 1)] {
      writer.number(UInt16(clamping: count))
    }
    for question in questions {
      writer.name(question.name)
      writer.number(question.type)
      writer.number(question.wantsUnicast ? 0x8001 : 1)
    }
    for record in answers + authority + additional { writer.record(record, isMulticast: !wantsRecursion) }
    if let payloadSize {
      writer.bytes.append(0)
      writer.number(41)
      writer.number(payloadSize)
      for _ in 0..<3 { writer.number(0) }
    }
    return writer.bytes
  }

  private struct Writer {
    var bytes: [UInt8] = []

    mutating func number(_ value: UInt16) {
      bytes.append(UInt8(truncatingIfNeeded: value >> 8))
      bytes.append(UInt8(truncatingIfNeeded: value))
    }

    mutating func long(_ value: UInt32) {
      number(UInt16(truncatingIfNeeded: value >> 16))
      number(UInt16(truncatingIfNeeded: value))
    }

    mutating func name(_ name: [String]) {
      for label in name {
        let text = label.utf8.prefix(63)
        bytes.append(UInt8(text.count))
        bytes.append(contentsOf: text)
      }
      bytes.append(0)
    }

    mutating func record(_ record: Record, isMulticast: Bool) {
      name(record.name)
      number(record.type)
      // Records that are this node's alone flush what others have cached; a pointer is shared (RFC 6762, section 10.2).
      number(isMulticast && record.type != DNSMessage.pointerType ? 0x8001 : 1)
      long(record.lifetime)
      let length = bytes.count
      number(0)
      switch record.data {
      case .pointer(let target), .alias(let target): name(target)
      case .text(let strings):
        for string in strings {
          bytes.append(UInt8(min(255, string.count)))
          bytes.append(contentsOf: string.prefix(255))
        }
        if strings.isEmpty { bytes.append(0) }
      case .service(let target, let port):
        number(0)
        number(0)
        number(port)
        name(target)
      case .address(let address): bytes.append(contentsOf: address)
      case .zone(let absence):
        name([])
        name([])
        for _ in 0..<4 { long(0) }
        long(absence)
      }
      let size = bytes.count - length - 2
      bytes[length] = UInt8(truncatingIfNeeded: size >> 8)
      bytes[length + 1] = UInt8(truncatingIfNeeded: size)
    }
  }
}
