/// A JSON value (RFC 8259) that keeps what a client wrote: the order of an object's members, and the digits of a number.
///
/// Tool arguments and JSON schemas pass through PRSM on their way to a model, so nothing about them may be lost: an
/// object's member order decides the order in which a grammar lets a model write it, and a 64-bit identifier must not
/// be rounded to a `Double`.
public indirect enum JSONValue: Sendable, Hashable {
  case null
  case bool(Bool)
  case number(JSONNumber)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)
}

/// A JSON number by its literal, so that re-encoding yields the digits that were read.
public struct JSONNumber: Sendable, Hashable {
  /// The literal as RFC 8259 section 6 spells it.
  public let literal: String

  /// A number whose literal has already been checked against the grammar.
  init(unchecked literal: String) {
    self.literal = literal
  }

  /// The nearest `Double`; overflowing literals become infinite.
  public var double: Double { Double(literal) ?? .nan }

  /// The exact integer, or nil where the literal has a fraction, an exponent that does not cancel it, or is out of range.
  public var integer: Int? {
    if let exact = Int(literal) { return exact }
    return Int(exactly: double)
  }
}

/// The members of a JSON object in the order in which they were written. The last of several equal names wins.
public struct JSONObject: Sendable, Hashable, ExpressibleByDictionaryLiteral {
  /// The members in order.
  public private(set) var members: [(name: String, value: JSONValue)]

  /// An object of the given members; a repeated name replaces the earlier value in its place.
  public init(_ members: [(String, JSONValue)] = []) {
    self.members = []
    self.members.reserveCapacity(members.count)
    for (name, value) in members { self[name] = value }
  }

  /// An object from a literal.
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self.init(elements)
  }

  /// Members that are known to have distinct names.
  init(distinct members: [(name: String, value: JSONValue)]) {
    self.members = members
  }

  /// The member of that name; setting nil removes it.
  public subscript(name: String) -> JSONValue? {
    get { members.first { $0.name == name }?.value }
    set {
      let index = members.firstIndex { $0.name == name }
      switch (index, newValue) {
      case (let index?, let value?): members[index].value = value
      case (let index?, nil): members.remove(at: index)
      case (nil, let value?): members.append((name, value))
      case (nil, nil): break
      }
    }
  }

  /// Whether it has no members.
  public var isEmpty: Bool { members.isEmpty }

  /// Equal when the same members stand in any order (RFC 8259 section 4).
  public static func == (left: JSONObject, right: JSONObject) -> Bool {
    left.members.count == right.members.count && left.members.allSatisfy { right[$0.name] == $0.value }
  }

  /// Independent of member order.
  public func hash(into hasher: inout Hasher) {
    var combined = 0
    for member in members {
      var each = Hasher()
      each.combine(member.name)
      each.combine(member.value)
      combined ^= each.finalize()
    }
    hasher.combine(combined)
  }
}

extension JSONValue {
  /// The text, or nil where this is not a string.
  public var string: String? { if case .string(let value) = self { value } else { nil } }
  /// The truth value, or nil where this is not one.
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  /// The number, or nil where this is not one.
  public var number: JSONNumber? { if case .number(let value) = self { value } else { nil } }
  /// The exact integer, or nil.
  public var integer: Int? { number?.integer }
  /// The number as a `Double`, or nil.
  public var double: Double? { number?.double }
  /// The elements, or nil where this is not an array.
  public var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
  /// The members, or nil where this is not an object.
  public var object: JSONObject? { if case .object(let value) = self { value } else { nil } }
  /// Whether this is JSON's `null`.
  public var isNull: Bool { if case .null = self { true } else { false } }

  /// The member of that name, or nil where there is none or this is not an object.
  public subscript(name: String) -> JSONValue? { object?[name] }

  /// The word for its kind, for error messages.
  public var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .number(let number): number.integer == nil ? "a number" : "an integer"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
  /// A string.
  public init(stringLiteral value: String) { self = .string(value) }
  /// A truth value.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// An integer.
  public init(integerLiteral value: Int) { self = .integer(value) }
  /// A number.
  public init(floatLiteral value: Double) { self = .double(value) }
  /// An array.
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  /// An object, its members in order.
  public init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(JSONObject(elements)) }
  /// Null.
  public init(nilLiteral: ()) { self = .null }

  /// An integer.
  public static func integer(_ value: some BinaryInteger) -> JSONValue {
    .number(JSONNumber(unchecked: String(value)))
  }

  /// A floating-point number in its shortest form that reads back exactly; a non-finite one becomes `null`, as JSON has none.
  public static func double(_ value: Double) -> JSONValue {
    value.isFinite ? .number(JSONNumber(unchecked: "\(value)")) : .null
  }
}
