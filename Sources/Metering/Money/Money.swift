/// An amount of money, exact: a whole number of pico-units, 10^12 to one unit of the configured currency.
///
/// A price in micro-units per million tokens makes every single token cost a whole number of pico-units, so that no amount
/// is ever rounded, however small. Sums are checked against the range of 128 bits, which 10^26 units do not exhaust.
package struct Money: Sendable, Hashable, Comparable, AdditiveArithmetic {
  /// Pico-units; negative in corrections only.
  package var pico: Int128

  /// That many pico-units.
  package init(pico: Int128) {
    self.pico = pico
  }

  /// That many micro-units (10^-6), as prices and limits are given.
  package init(micro: Int64) {
    pico = Int128(micro) * 1_000_000
  }

  /// Nothing.
  package static let zero = Money(pico: 0)

  /// The sum; at the end of the range it stays there.
  package static func + (left: Money, right: Money) -> Money {
    let (sum, overflow) = left.pico.addingReportingOverflow(right.pico)
    return Money(pico: overflow ? (right.pico < 0 ? .min : .max) : sum)
  }

  /// The difference; at the end of the range it stays there.
  package static func - (left: Money, right: Money) -> Money {
    let (difference, overflow) = left.pico.subtractingReportingOverflow(right.pico)
    return Money(pico: overflow ? (right.pico < 0 ? .max : .min) : difference)
  }

  /// In order of size.
  package static func < (left: Money, right: Money) -> Bool { left.pico < right.pico }

  /// The amount for statistics, which may be rounded; never for accounts.
  package var approximate: Double { Double(pico) / 1e12 }

  /// The amount in units with as many decimals as it needs, at least two: `0.0000125`, `12.50`.
  package var text: String {
    let magnitude = pico.magnitude
    let whole = magnitude / 1_000_000_000_000
    var decimals = String(magnitude % 1_000_000_000_000)
    decimals = String(repeating: "0", count: 12 - decimals.count) + decimals
    while decimals.count > 2, decimals.hasSuffix("0") { decimals.removeLast() }
    return (pico < 0 ? "-" : "") + "\(whole).\(decimals)"
  }

  /// An amount as people write it: digits, and after a point at most six more. nil for anything else, and for more than
  /// 10^12 units.
  package init?(_ text: some StringProtocol) {
    let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), let whole = parts.first, (1...12).contains(whole.count) else { return nil }
    let decimals = parts.count == 2 ? Array(parts[1]) : []
    guard parts.count == 1 || (1...6).contains(decimals.count) else { return nil }
    var micro: Int64 = 0
    let padded = Array(whole) + decimals + Array(repeating: UInt8(ascii: "0"), count: 6 - decimals.count)
    for byte in padded {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
      micro = micro * 10 + Int64(byte - UInt8(ascii: "0"))
    }
    self.init(micro: micro)
  }
}
