package import Multiformats

/// A signed, expiring statement of where a name points (https://specs.ipfs.tech/ipns/ipns-record/).
package struct IPNSRecord: Hashable, Sendable {
  /// The most bytes of a record.
  package static let maximumSize = 10 << 10
  private static let signaturePrefix = Array("ipns-signature:".utf8)

  /// The path that the name points to, such as `/ipfs/bafy…`.
  package let value: String
  /// When the record ends, as RFC 3339 writes it, in UTC.
  package let validity: String
  package let sequence: UInt64
  /// How long it may be cached, in nanoseconds.
  package let ttl: UInt64
  /// The record as it travels.
  package let bytes: [UInt8]

  private struct Fields {
    var value: [UInt8]?
    var validityType: UInt64?
    var validity: [UInt8]?
    var sequence: UInt64?
    var ttl: UInt64?
    var publicKey: [UInt8]?
    var signature: [UInt8]?
    var data: [UInt8]?
  }

  /// Reads a record and verifies it against the name that it was found under.
  ///
  /// The signature of version 2 must be there and hold; the one of version 1 is not looked at, but fields of version 1 must
  /// agree with the signed ones. Expiry is not judged here: see ``isValid(at:)``.
  ///
  /// - Throws: `.malformed`, `.corrupt` where the signature fails, `.unsupported` for key types not verified here.
  package init(verifying bytes: [UInt8], name: PeerID) throws(ContentError) {
    guard bytes.count <= Self.maximumSize else {
      throw ContentError(.tooLarge, "IPNS record of \(bytes.count) bytes, at most \(Self.maximumSize)")
    }
    let fields = try Self.fields(bytes)
    guard let signature = fields.signature, let data = fields.data, !signature.isEmpty, !data.isEmpty else {
      throw ContentError(.malformed, "IPNS record of \(name): no version 2 signature; its publisher must renew it")
    }
    let key = try Self.key(fields, name)
    guard try PublicKeyVerifier.verify(signature, of: Self.signaturePrefix + data, by: key) else {
      throw ContentError(.corrupt, "IPNS record of \(name): the signature does not hold")
    }
    guard let document = try? DagCBOR.decode(data), case .map = document,
      let value = document["Value"]?.bytesValue, let validity = document["Validity"]?.bytesValue,
      let sequence = document["Sequence"]?.unsignedValue, let validityType = document["ValidityType"]?.unsignedValue,
      validityType == 0, let text = String(validating: value, as: UTF8.self),
      let until = String(validating: validity, as: UTF8.self)
    else { throw ContentError(.malformed, "IPNS record of \(name): the signed document lacks fields") }
    let ttl = document["TTL"]?.unsignedValue ?? 0
    // Those who read version 1 alone must not be told otherwise.
    guard fields.value ?? value == value, fields.validity ?? validity == validity,
      fields.sequence ?? sequence == sequence, fields.ttl ?? ttl == ttl, fields.validityType ?? 0 == 0
    else { throw ContentError(.corrupt, "IPNS record of \(name): unsigned fields differ from the signed ones") }
    self.value = text
    self.validity = until
    self.sequence = sequence
    self.ttl = ttl
    self.bytes = bytes
  }

  private static func fields(_ bytes: [UInt8]) throws(ContentError) -> Fields {
    let span = bytes.span.bytes
    var offset = 0
    var fields = Fields()
    while offset < bytes.count {
      switch try DagPB.varint(span, &offset) {
      case 0x0a: fields.value = try DagPB.take(span, &offset)
      case 0x12: _ = try DagPB.take(span, &offset)
      case 0x18: fields.validityType = try DagPB.varint(span, &offset)
      case 0x22: fields.validity = try DagPB.take(span, &offset)
      case 0x28: fields.sequence = try DagPB.varint(span, &offset)
      case 0x30: fields.ttl = try DagPB.varint(span, &offset)
      case 0x3a: fields.publicKey = try DagPB.take(span, &offset)
      case 0x42: fields.signature = try DagPB.take(span, &offset)
      case 0x4a: fields.data = try DagPB.take(span, &offset)
      case let tag: try UnixFSEntry.skip(tag, span, &offset)
      }
    }
    return fields
  }

  private static func key(_ fields: Fields, _ name: PeerID) throws(ContentError) -> PeerPublicKey {
    if let inline = name.publicKey { return inline }
    guard let message = fields.publicKey, !message.isEmpty else {
      throw ContentError(.malformed, "IPNS record of \(name): neither name nor record holds the public key")
    }
    return try parsing { () throws(MultiformatError) in
      let key = try PeerPublicKey(bytes: message)
      guard try PeerID(publicKey: key, sha256: { Digest.sha256($0) }) == name else {
        throw MultiformatError(.malformed, "IPNS record of \(name): the key in it is another's")
      }
      return key
    }
  }

  /// Whether the record still holds at `now`, seconds since 1970. A validity that cannot be read holds never.
  package func isValid(at now: Int64) -> Bool {
    Timestamp.seconds(ofRFC3339: validity).map { $0 > now } ?? false
  }

  /// Makes a record, signed with an Ed25519 key, that readers of both versions understand.
  ///
  /// - Parameters:
  ///   - secret: the key's 32-byte seed.
  ///   - validUntil: seconds since 1970.
  ///   - ttl: nanoseconds.
  package static func make(
    value: String, sequence: UInt64, validUntil: Int64, ttl: UInt64 = 300_000_000_000, secret: [UInt8]
  ) throws(ContentError) -> (name: PeerID, record: IPNSRecord) {
    let validity = Array(Timestamp.rfc3339(validUntil).utf8)
    let document = try DagCBOR.encode(
      .map([
        "Value": .bytes(Array(value.utf8)), "Validity": .bytes(validity), "ValidityType": .unsigned(0),
        "Sequence": .unsigned(sequence), "TTL": .unsigned(ttl),
      ]))
    let signer = try Ed25519Signer(secret: secret)
    let first = try signer.sign(Array(value.utf8) + validity + Array("0".utf8))
    let second = try signer.sign(signaturePrefix + document)
    var bytes: [UInt8] = []
    func field(_ tag: UInt8, _ value: [UInt8]) {
      bytes.append(tag)
      Varint.append(UInt64(value.count), to: &bytes)
      bytes += value
    }
    field(0x0a, Array(value.utf8))
    field(0x12, first)
    bytes += [0x18, 0x00]
    field(0x22, validity)
    bytes += [0x28] + Varint.encode(sequence) + [0x30] + Varint.encode(ttl)
    field(0x42, second)
    field(0x4a, document)
    let name = try signer.peer
    return (name, try IPNSRecord(verifying: bytes, name: name))
  }
}

/// Times as RFC 3339 writes them.
enum Timestamp {
  /// Days since 1970 of a date of the Gregorian calendar (Hinnant's days_from_civil).
  private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let y = month <= 2 ? year - 1 : year
    let era = (y >= 0 ? y : y - 399) / 400
    let yearOfEra = y - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  /// Seconds since 1970, fractions cut off; nil where the text is not of the form `2023-05-02T13:43:41.26Z`.
  static func seconds(ofRFC3339 text: String) -> Int64? {
    let bytes = Array(text.utf8)
    guard bytes.count >= 20, bytes.count <= 40, bytes.last == UInt8(ascii: "Z") else { return nil }
    func number(_ start: Int, _ count: Int) -> Int64? {
      var value: Int64 = 0
      for byte in bytes[start..<(start + count)] {
        guard (0x30...0x39).contains(byte) else { return nil }
        value = value * 10 + Int64(byte - 0x30)
      }
      return value
    }
    guard let year = number(0, 4), let month = number(5, 2), let day = number(8, 2), let hour = number(11, 2),
      let minute = number(14, 2), let second = number(17, 2), (1...12).contains(month), (1...31).contains(day),
      hour < 24, minute < 60, second <= 60
    else { return nil }
    return days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second
  }

  static func rfc3339(_ seconds: Int64) -> String {
    let bounded = max(0, min(seconds, 253_402_300_799))
    let day = bounded / 86_400 + 719_468
    let era = day / 146_097
    let dayOfEra = day - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    func pad(_ value: Int64, _ width: Int) -> String {
      let text = String(value)
      return String(repeating: "0", count: max(0, width - text.count)) + text
    }
    let rest = bounded % 86_400
    let date = "\(pad(year, 4))-\(pad(month, 2))-\(pad(dayOfYear - (153 * shifted + 2) / 5 + 1, 2))"
    return "\(date)T\(pad(rest / 3_600, 2)):\(pad(rest / 60 % 60, 2)):\(pad(rest % 60, 2)).000000000Z"
  }
}
