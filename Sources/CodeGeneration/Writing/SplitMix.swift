/// SplitMix64 (Steele, Lea and Flood, 2014): the same numbers for the same seed, on every machine.
package struct SplitMix: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// Begins at a seed.
  package init(seed: UInt64) {
    state = seed
  }

  /// A source for one purpose among several with the same seed.
  init(seed: UInt64, stream: UInt64) {
    self.init(seed: seed ^ (stream &+ 1) &* 0xD1B5_4A32_D192_ED03)
    _ = next()
  }

  /// The next number.
  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// The next number in 0..<1.
  package mutating func uniform() -> Double {
    Double(next() >> 11) * 0x1p-53
  }
}
