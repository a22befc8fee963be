/// A small deterministic random generator: SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number
/// Generators", OOPSLA 2014).
///
/// Routing never draws from the system's source: whoever asks for a decision hands in a generator, and the same seed with
/// the same inputs gives the same decision.
package struct SeededGenerator: RandomNumberGenerator, Sendable, Codable, Equatable {
  private var state: UInt64

  /// A generator whose whole stream is fixed by `seed`.
  package init(seed: UInt64) {
    state = seed
  }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    return mixed(state)
  }

  /// A uniform number in `0 ..< 1` with 53 random bits.
  package mutating func unit() -> Double {
    Double(next() >> 11) * 0x1p-53
  }

  /// A uniform whole number in `0 ..< bound`; 0 when `bound` is not positive.
  package mutating func index(below bound: Int) -> Int {
    guard bound > 0 else { return 0 }
    return Int(next().multipliedFullWidth(by: UInt64(bound)).high)
  }
}

/// SplitMix64's finalizer: a bijection of 64 bits in which every input bit moves about half of the output bits.
func mixed(_ value: UInt64) -> UInt64 {
  var bits = value
  bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
  bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
  return bits ^ (bits >> 31)
}

/// FNV-1a over the UTF-8 of `text`; stable across processes and machines, unlike `Hasher`.
func stableHash(_ text: String) -> UInt64 {
  var hash: UInt64 = 0xCBF2_9CE4_8422_2325
  for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
  return hash
}
