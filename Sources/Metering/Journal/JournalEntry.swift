import ModelInterface

/// One thing that the journal says.
enum JournalEntry: Sendable {
  /// Something was set aside.
  case reservation(Reservation)
  /// A reservation turned into these events, which agree with it in everything that is not about the answer.
  case closing(UsageID, [UsageEvent])

  /// The most bytes that a reservation takes.
  static func maximumSize(of reservation: Reservation) -> Int {
    let account = reservation.account
    return JournalFrame.headSize + 96 + reservation.id.size + reservation.owner.utf8.count
      + reservation.requestID.utf8.count + (account.key?.utf8.count ?? 0) + (account.user?.utf8.count ?? 0)
      + (account.project?.utf8.count ?? 0) + (account.organization?.utf8.count ?? 0) + reservation.model.utf8.count
  }

  /// Writes a reservation, little-endian.
  static func write(_ reservation: Reservation, _ writer: inout JournalWriter) {
    writer.append(UInt8(1))
    writer.append(reservation.id)
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
  }

  /// The most bytes that these events take.
  static func maximumSize(of id: UsageID, _ events: [UsageEvent]) -> Int {
    events.reduce(JournalFrame.headSize + 16 + id.size) { size, event in
      size + 96 + event.id.size + event.model.utf8.count + event.provider.utf8.count
    }
  }

  /// Writes what a reservation turned into, little-endian.
  static func write(_ id: UsageID, _ events: [UsageEvent], _ writer: inout JournalWriter) {
    writer.append(UInt8(2))
    writer.append(id)
    writer.append(UInt16(clamping: events.count))
    for event in events.prefix(Int(UInt16.max)) {
      writer.append(event.id)
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

/// Writes the values and texts of one entry into room that was measured for it.
struct JournalWriter {
  private let room: UnsafeMutableRawBufferPointer
  private var size = JournalFrame.headSize

  init(_ room: UnsafeMutableRawBufferPointer) {
    self.room = room
  }

  mutating func append(_ value: some FixedWidthInteger & BitwiseCopyable) {
    room.storeBytes(of: value.littleEndian, toByteOffset: size, as: type(of: value))
    size += MemoryLayout.size(ofValue: value)
  }

  mutating func append(_ text: String) {
    let kept = min(text.utf8.count, Int(UInt16.max))
    append(UInt16(kept))
    copy(text, kept)
  }

  private mutating func copy(_ text: String, _ count: Int) {
    let target = UnsafeMutableRawBufferPointer(rebasing: room[size..<(size + count)])
    let isCopied: Void? = text.utf8.withContiguousStorageIfAvailable { utf8 in
      target.copyMemory(from: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(utf8)[..<count]))
    }
    if isCopied == nil { target.copyBytes(from: text.utf8.prefix(count)) }
    size += count
  }

  mutating func append(_ text: String?) {
    append(UInt8(text == nil ? 0 : 1))
    if let text { append(text) }
  }

  mutating func append(_ id: UsageID) {
    append(UInt16(clamping: id.size))
    size += id.write(UnsafeMutableRawBufferPointer(rebasing: room[size...]))
    copy(id.suffix, min(id.suffix.utf8.count, Int(UInt16.max) - 64))
  }

  /// Writes length and checksum in front.
  ///
  /// - Returns: how many bytes the entry takes.
  func finish() -> Int {
    let content = UnsafeRawBufferPointer(rebasing: room[JournalFrame.headSize..<size])
    room.storeBytes(of: UInt32(content.count).littleEndian, as: UInt32.self)
    room.storeBytes(of: JournalFrame.checksum(content).littleEndian, toByteOffset: 4, as: UInt32.self)
    return size
  }
}

/// How an entry lies in the file.
enum JournalFrame {
  /// Length and checksum, four bytes each.
  static let headSize = 8
  /// An entry longer than this is none.
  static let maximumSize = 16 << 20

  /// FNV-1a, 64 bits folded to 32: it finds an entry that was cut off by a crash.
  static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
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
