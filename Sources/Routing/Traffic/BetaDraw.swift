import Glibc

extension SeededGenerator {
  /// A draw from the Beta distribution, for Thompson sampling (Thompson, Biometrika 25, 1933).
  ///
  /// From two Gamma draws; parameters below 10⁻³ count as that.
  mutating func beta(_ good: Double, _ bad: Double) -> Double {
    let left = gamma(max(1e-3, good))
    let right = gamma(max(1e-3, bad))
    return left + right > 0 ? left / (left + right) : 0.5
  }

  /// Marsaglia and Tsang, "A Simple Method for Generating Gamma Variables", ACM TOMS 26, 2000; `shape` must be positive.
  private mutating func gamma(_ shape: Double) -> Double {
    if shape < 1 {
      // Gamma(a) = Gamma(a + 1) · U^(1/a).
      return gamma(shape + 1) * pow(max(unit(), .leastNormalMagnitude), 1 / shape)
    }
    let offset = shape - 1.0 / 3
    let slope = 1 / (9 * offset).squareRoot()
    // Each round is accepted with probability above 0.95, so that 64 rounds fail once in 10^83 draws.
    for _ in 0..<64 {
      let normal = normal()
      let cube = 1 + slope * normal
      guard cube > 0 else { continue }
      let volume = cube * cube * cube
      let draw = max(unit(), .leastNormalMagnitude)
      if log(draw) < 0.5 * normal * normal + offset - offset * volume + offset * log(volume) { return offset * volume }
    }
    return offset
  }

  /// A standard normal draw, by Box and Muller.
  private mutating func normal() -> Double {
    let radius = (-2 * log(max(unit(), .leastNormalMagnitude))).squareRoot()
    return radius * cos(2 * Double.pi * unit())
  }
}
