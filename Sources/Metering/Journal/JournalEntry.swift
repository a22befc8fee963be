import ModelInterface

/// One thing that the journal says.
enum JournalEntry: Sendable {
  /// Something was set aside.
  case reservation(Reservation)
  /// A reservation turned into these events, which agree with it in everything that is not about the answer.
  case closing(UsageID, [UsageEvent])

  /// The entry as it is written: its length, a checksum, and the content, little-endian.
  var bytes: [UInt8] {
    var writer = JournalWriter()
    switch self {
    case .reservation(let reservation):
      writer.append(UInt8(1))
      writer.append(reservation.id.text)
      writer.append(reservation.owner)
      writer.append(reservation.time.microseconds)
      writer.append(reservation.requestID)
      writer.append(reservation.account.key)
      writer.append(reservation.account.user)
      writer.append(reservation.account.project)
      writer.append(reservation.account.organization)
      writer.append(reservation.model)
      writer.append(Int64(reservation.bound.promptTokens))
      writer.append(Int64(reservation.bound.completionTokens))
      writer.append(reservation.cost.pico)
    case .closing(let id, let events):
      writer.append(UInt8(2))
      writer.append(id.text)
      writer.append(UInt16(clamping: events.count))
      for event in events.prefix(Int(UInt16.max)) {
        writer.append(event.id.text)
        writer.append(event.model)
        writer.append(event.provider)
        writer.append(Int64(event.usage.promptTokens))
        writer.append(Int64(event.usage.cachedPromptTokens))
        writer.append(Int64(event.usage.completionTokens))
        writer.append(Int64(event.usage.reasoningTokens))
        writer.append(event.cost.pico)
        writer.append(event.outcome.rawValue)
        writer.append(event.latency)
        writer.append(UInt8((event.isCacheHit ? 1 : 0) | (event.isExact ? 2 : 0)))
      }
    }
    return writer.framed
  }

  /// Reads the content of an entry; nil where it is none.
  ///
  /// - Parameter reservations: those that were read before it.
  init?(_ content: ArraySlice<UInt8>, after reservations: [UsageID: Reservation]) {
    var reader = JournalReader(content)
    switch reader.integer() as UInt8? {
    case 1:
      guard let id = reader.text(), let owner = reader.text(), let time: Int64 = reader.integer(),
        let requestID = reader.text(), let key = reader.optionalText(), let user = reader.optionalText(),
        let project = reader.optionalText(), let organization = reader.optionalText(), let model = reader.text(),
        let prompt: Int64 = reader.integer(), let completion: Int64 = reader.integer(),
        let cost: Int128 = reader.integer()
      else { return nil }
      self = .reservation(
        Reservation(
          id: UsageID(text: id), owner: owner, time: UTCTime(microseconds: time), requestID: requestID,
          account: Account(key: key.text, user: user.text, project: project.text, organization: organization.text),
          model: model, bound: Usage(promptTokens: Int(prompt), completionTokens: Int(completion)),
          cost: Money(pico: cost)))
    case 2:
      guard let text = reader.text(), let reservation = reservations[UsageID(text: text)],
        let count: UInt16 = reader.integer()
      else { return nil }
      var events: [UsageEvent] = []
      for _ in 0..<count {
        guard let event = Self.event(&reader, of: reservation) else { return nil }
        events.append(event)
      }
      self = .closing(reservation.id, events)
    default: return nil
    }
  }

  private static func event(_ reader: inout JournalReader, of reservation: Reservation) -> UsageEvent? {
    guard let id = reader.text(), let model = reader.text(), let provider = reader.text(),
      let prompt: Int64 = reader.integer(), let cached: Int64 = reader.integer(),
      let completion: Int64 = reader.integer(), let reasoning: Int64 = reader.integer(),
      let cost: Int128 = reader.integer(), let outcome = reader.text().flatMap(UsageEvent.Outcome.init),
      let latency: Int64 = reader.integer(), let flags: UInt8 = reader.integer()
    else { return nil }
    return UsageEvent(
      id: UsageID(text: id), time: reservation.time, requestID: reservation.requestID, account: reservation.account,
      model: model, provider: provider,
      usage: Usage(
        promptTokens: Int(prompt), cachedPromptTokens: Int(cached), completionTokens: Int(completion),
        reasoningTokens: Int(reasoning)), cost: Money(pico: cost), outcome: outcome, latency: latency,
      isCacheHit: flags & 1 != 0, isExact: flags & 2 != 0)
  }
}

/// Appends values and texts to the bytes of an entry.
struct JournalWriter {
  private var bytes: [UInt8] = Array(repeating: 0, count: JournalFrame.headSize)

  init() {
    bytes.reserveCapacity(384)
  }

  mutating func append(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func append(_ text: String) {
    var text = text
    text.withUTF8 { utf8 in
      let kept = utf8.prefix(Int(UInt16.max))
      append(UInt16(kept.count))
      bytes.append(contentsOf: kept)
    }
  }

  mutating func append(_ text: String?) {
    append(UInt8(text == nil ? 0 : 1))
    if let text { append(text) }
  }

  /// With length and checksum in front.
  var framed: [UInt8] {
    var framed = bytes
    let content = framed[JournalFrame.headSize...]
    let head = [UInt32(content.count), JournalFrame.checksum(content)]
    for (position, value) in head.enumerated() {
      for shift in 0..<4 { framed[position * 4 + shift] = UInt8(truncatingIfNeeded: value >> UInt32(shift * 8)) }
    }
    return framed
  }
}

/// How an entry lies in the file.
enum JournalFrame {
  /// Length and checksum, four bytes each.
  static let headSize = 8
  /// An entry longer than this is none.
  static let maximumSize = 16 << 20

  /// FNV-1a, 64 bits folded to 32: it finds an entry that was cut off by a crash.
  static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return UInt32(truncatingIfNeeded: hash ^ (hash >> 32))
  }

  /// The contents of the whole entries of a file, up to the first that is cut off or altered.
  static func contents(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
    var found: [ArraySlice<UInt8>] = []
    var place = 0
    while bytes.count - place >= headSize {
      func value(_ offset: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[place + offset + $1]) << UInt32($1 * 8) }
      }
      let length = Int(value(0))
      guard length <= maximumSize, bytes.count - place - headSize >= length else { break }
      let content = bytes[(place + headSize)..<(place + headSize + length)]
      guard checksum(content) == value(4) else { break }
      found.append(content)
      place += headSize + length
    }
    return found
  }
}

/// Reads what a ``JournalWriter`` wrote; nil where it is not there.
struct JournalReader {
  private var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) {
    rest = bytes
  }

  /// A text that may be absent.
  struct OptionalText {
    var text: String?
  }

  mutating func integer<Value: FixedWidthInteger>() -> Value? {
    let size = MemoryLayout<Value>.size
    guard rest.count >= size else { return nil }
    var value: Value = 0
    for byte in rest.prefix(size).reversed() { value = (size > 1 ? value << 8 : 0) | Value(truncatingIfNeeded: byte) }
    rest = rest.dropFirst(size)
    return value
  }

  mutating func text() -> String? {
    guard let count: UInt16 = integer(), rest.count >= Int(count) else { return nil }
    defer { rest = rest.dropFirst(Int(count)) }
    return String(decoding: rest.prefix(Int(count)), as: UTF8.self)
  }

  mutating func optionalText() -> OptionalText? {
    switch integer() as UInt8? {
    case 0: return OptionalText(text: nil)
    case 1: return text().map { OptionalText(text: $0) }
    default: return nil
    }
  }
}
