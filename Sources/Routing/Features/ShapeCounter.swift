import Glibc

/// The shape of a text: what is left of it when all that it names is taken away.
///
/// Function words and marks stay as they are; every other word is the same, and so is every number. How a question is put
/// says how many steps it takes, whatever it is about, and it takes few examples to learn that. (Function words and
/// structure are what authors are told apart by: Mosteller and Wallace, "Inference and Disputed Authorship", 1964.)
enum ShapeCounter {
  /// Buckets that sequences are hashed into, behind those of n-grams of letters.
  static let bucketCount = 1 << 12
  /// A word that names something.
  static let otherWord: UInt8 = 0
  static let number: UInt8 = 1
  /// What function words begin with; all before are numbers and marks.
  static let firstWord: UInt8 = 16

  /// Each has a form of its own. Their order is part of the predictor's format.
  static let words =
    """
    a an the of to in on at for and or but if then than as is are was were be has have had do does did will would can \
    could should he she they it his her their its this that these those each every all both other another more less \
    fewer many much how what when which who after before with without by from into over under up down out per not no \
    only also so some any same
    """.split(separator: " ").map(String.init)

  /// The form of a byte that is neither letter, digit nor space.
  @inline(__always)
  static func form(ofMark mark: UInt8) -> UInt8 {
    switch mark {
    case UInt8(ascii: "."): 3
    case UInt8(ascii: ","): 4
    case UInt8(ascii: "?"): 5
    case UInt8(ascii: "!"): 6
    case UInt8(ascii: "$"): 7
    case UInt8(ascii: "%"): 8
    case UInt8(ascii: "-"): 9
    case UInt8(ascii: "'"): 10
    case UInt8(ascii: ":"): 11
    case UInt8(ascii: ";"): 12
    default: 2
    }
  }

  /// Counts the sequences of one, two and three of `forms`, in the buckets behind those of n-grams of letters.
  static func count(_ forms: UnsafeBufferPointer<UInt8>, into buckets: inout BucketCounts) {
    var recent: UInt64 = 0
    for position in 0..<forms.count {
      recent = (recent << 8 | UInt64(forms[position])) & 0xFF_FFFF
      buckets.note(GramVector.letterBuckets &+ bucket(recent & 0xFF | 1 << 24))
      if position >= 1 { buckets.note(GramVector.letterBuckets &+ bucket(recent & 0xFFFF | 2 << 24)) }
      if position >= 2 { buckets.note(GramVector.letterBuckets &+ bucket(recent | 3 << 24)) }
    }
  }

  /// The bucket of a sequence, the last of whose up to three forms is lowest, with their number above them.
  @inline(__always)
  static func bucket(_ sequence: UInt64) -> Int {
    Int(truncatingIfNeeded: (sequence &* 0x9E37_79B9_7F4A_7C15) >> 52)
  }
}
