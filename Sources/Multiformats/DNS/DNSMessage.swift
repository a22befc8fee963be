/// A DNS message (RFC 1035, section 4), for multicast DNS (RFC 6762) as for questions to a name server: questions, and
/// records of the kinds that are used here.
package struct DNSMessage: Equatable, Sendable {
  /// What is asked.
  package struct Question: Equatable, Sendable {
    package var name: [String]
    package var type: UInt16
    /// Whether the answer may come to the asker alone (RFC 6762, section 5.4).
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
    /// The name that this one stands for.
    case alias([String])
    /// Strings of at most 255 bytes.
    case text([[UInt8]])
    /// A host and port.
    case service(target: [String], port: UInt16)
    /// Four bytes, or sixteen.
    case address([UInt8])
    /// The start of a zone: how long it may be remembered that a name is not there, in seconds (RFC 2308, section 4).
    case zone(absence: UInt32)
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
  package static let textType: UInt16 = 16
  package static let anyType: UInt16 = 255
  /// The longest message of multicast DNS, in bytes (RFC 6762, section 17).
  package static let maximumSize = 9_000
  /// The longest message over TCP, in bytes.
  package static let maximumStreamSize = 65_535
  static let maximumEntries = 256

  /// Which question an answer belongs to; 0 in multicast DNS.
  package var identifier: UInt16 = 0
  package var isResponse: Bool
  /// Whether the answer was cut off and is to be asked for over TCP.
  package var isTruncated = false
  /// Whether the server is to ask on for us.
  package var wantsRecursion = false
  /// How the question went: 0 well, 2 the server failed, 3 there is no such name, 5 refused.
  package var outcome: UInt8 = 0
  /// The longest datagram that the asker takes, in bytes, told by EDNS (RFC 6891); nil for the 512 of old.
  package var payloadSize: UInt16?
  package var questions: [Question] = []
  package var answers: [Record] = []
  package var authority: [Record] = []
  package var additional: [Record] = []

  package init(isResponse: Bool) { self.isResponse = isResponse }

  /// A question for a name server, which is to ask on.
  package init(asking name: [String], type: UInt16, identifier: UInt16) {
    isResponse = false
    self.identifier = identifier
    wantsRecursion = true
    // What passes the links of the internet whole, as the DNS Flag Day of 2020 has it.
    payloadSize = 1_232
    questions = [Question(name: name, type: type)]
  }

  /// The labels of a name as it is written; nil where it is none: letters, digits, hyphens and underscores, labels of 1 to
  /// 63 bytes, 253 bytes in all. One point at the end is let pass.
  package static func labels(of name: String) -> [String]? {
    var name = name[...]
    if name.hasSuffix(".") { name = name.dropLast() }
    guard !name.isEmpty, name.utf8.count <= 253 else { return nil }
    let labels = name.split(separator: ".", omittingEmptySubsequences: false).map { String($0) }
    let isGood = labels.allSatisfy { label in
      (1...63).contains(label.utf8.count)
        && label.utf8.allSatisfy { byte in
          (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte) || byte == 0x2d
            || byte == 0x5f
        }
    }
    return isGood ? labels : nil
  }
}

extension DNSMessage.Record {
  /// The number of its kind (RFC 1035, RFC 2782, RFC 3596).
  package var type: UInt16 {
    switch data {
    case .pointer: DNSMessage.pointerType
    case .alias: 5
    case .text: DNSMessage.textType
    case .service: 33
    case .address(let bytes): bytes.count == 4 ? 1 : 28
    case .zone: 6
    }
  }
}
