import Synchronization

/// Names for requests and answers: short, unique in a node's life and unlikely to repeat in another's.
package enum RequestIdentifier {
  private static let salt = UInt64.random(in: .min ... .max)
  private static let next = Atomic<UInt64>(UInt64.random(in: .min ... .max))
  private static let digits: StaticString = "0123456789abcdefghijklmnopqrstuv"

  /// The client's own identifier where it is sane (1 to 128 letters, digits, `-`, `_`, `.`, `:`), or a new one.
  package static func accept(_ sent: String?) -> String {
    guard let sent, isSane(sent) else { return make("req_") }
    return sent
  }

  private static func isSane(_ text: String) -> Bool {
    guard (1...128).contains(text.utf8.count) else { return false }
    return text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
      case UInt8(ascii: "0")...UInt8(ascii: "9"): true
      case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: ":"): true
      default: false
      }
    }
  }

  /// A new identifier: the prefix and 24 letters and digits.
  package static func make(_ prefix: StaticString) -> String {
    let count = next.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
    var high = mix(count ^ salt)
    var low = mix(count &+ salt)
    let length = prefix.utf8CodeUnitCount
    return String(unsafeUninitializedCapacity: length + 24) { buffer in
      for index in 0..<length { buffer[index] = prefix.utf8Start[index] }
      for index in 0..<12 {
        buffer[length + index] = digits.utf8Start[Int(high & 31)]
        high >>= 5
        buffer[length + 12 + index] = digits.utf8Start[Int(low & 31)]
        low >>= 5
      }
      return length + 24
    }
  }

  /// The finaliser of SplitMix64, a permutation of 64-bit numbers (Steele, Lea and Flood 2014).
  private static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
