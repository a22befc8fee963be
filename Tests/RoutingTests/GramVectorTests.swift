import Foundation
import Testing

@testable import Routing

@Suite struct GramVectorTests {
  /// The n-grams of a text, straight from the definition.
  private static func expected(_ text: String) -> GramVector {
    var counts: [UInt16: Int] = [:]
    var order: [UInt16] = []
    for word in text.split(separator: " ") {
      let token = Array(" \(word) ".utf8)
      for first in 0..<(token.count - 1) {
        for size in 1...4 where first + size <= token.count {
          let gram = token[first..<first + size].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
          let bucket = UInt16(((gram | UInt64(size) << 32) &* 0x9E37_79B9_7F4A_7C15) >> 50)
          if counts[bucket] == nil { order.append(bucket) }
          counts[bucket, default: 0] += 1
        }
      }
    }
    return GramVector(indices: order, values: order.map { 1 + Float(log(Double(min(255, counts[$0] ?? 0)))) })
  }

  @Test func theShapeOfATextForgetsWhatItNames() {
    func shape(_ text: String) -> [UInt16: Float] {
      let grams = PromptFeatures(text).grams
      #expect(grams.indices[..<grams.shapeStart].allSatisfy { Int($0) < GramVector.letterBuckets })
      return Dictionary(
        uniqueKeysWithValues: zip(grams.indices[grams.shapeStart...], grams.values[grams.shapeStart...]))
    }
    let apples = shape("Ann has 12 apples and Bob has 7 more. How many do they have?")
    #expect(apples == shape("Tom HAS 1,250 pencils and Eve has 0.5 more. How many do they have?"))
    #expect(apples != shape("Ann has 12 apples and Bob has 7 less. How many do they have?"))
    #expect(apples != shape("Ann has 12 apples, and Bob has 7 more. How many do they have?"))
    func bucket(_ forms: [UInt8]) -> UInt16 {
      let sequence = forms.reduce(UInt64(0)) { $0 << 8 | UInt64($1) } | UInt64(forms.count) << 24
      return UInt16(GramVector.letterBuckets + ShapeCounter.bucket(sequence))
    }
    let has = ShapeCounter.firstWord + UInt8(ShapeCounter.words.firstIndex(of: "has") ?? 0)
    #expect(apples[bucket([has])] == 1 + Float(log(2.0)))
    #expect(apples[bucket([ShapeCounter.otherWord, has, ShapeCounter.number])] == 1 + Float(log(2.0)))
    #expect(apples[bucket([ShapeCounter.number, ShapeCounter.otherWord])] == 1)
    #expect(shape("").isEmpty)
    #expect(shape("7") == [bucket([ShapeCounter.number]): 1])
  }

  @Test func nGramsAreCountedAsTheyAreDefined() {
    var generator = SeededGenerator(seed: 5)
    var texts = [" a ", " ab ", " abc d ", " " + String(repeating: "aaaa ", count: 300)]
    let letters = Array("abcdefgh?1")
    for _ in 0..<50 {
      var text = " "
      for _ in 0...generator.index(below: 200) {
        for _ in 0...generator.index(below: 9) { text.append(letters[generator.index(below: letters.count)]) }
        text += " "
      }
      texts.append(text)
    }
    for text in texts {
      let count = text.utf8.count
      var bytes = Array(text.utf8) + [UInt8](repeating: 0, count: 8)
      let found = bytes.withUnsafeMutableBufferPointer { GramCounter.count($0, count: count) }
      #expect(found == Self.expected(text))
    }
  }
}
