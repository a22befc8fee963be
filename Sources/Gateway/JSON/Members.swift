package import ModelInterface

/// The members of an object in a request, read with checks whose errors name the member by its path.
package struct Members: Sendable {
  /// The object.
  package let object: JSONObject
  /// Where it stands in the request; empty at the root.
  package let path: String

  /// The members of the object at a path.
  package init(_ object: JSONObject, path: String = "") {
    self.object = object
    self.path = path
  }

  /// The members of a value at a path.
  ///
  /// - Throws: ``APIError`` where it is not an object.
  package init(_ value: JSONValue, path: String = "") throws(APIError) {
    guard case .object(let object) = value else {
      throw path.isEmpty
        ? .invalid(nil, "The body has to be a JSON object; found \(value.kind).")
        : .wrongType(path, expected: "an object", found: value)
    }
    self.init(object, path: path)
  }

  /// A member's path.
  package func path(to name: String) -> String {
    path.isEmpty ? name : "\(path).\(name)"
  }

  /// A member's value; nil where it is absent or null, which mean the same to OpenAI.
  package subscript(name: String) -> JSONValue? {
    guard let value = object[name], !value.isNull else { return nil }
    return value
  }

  /// A text.
  package func string(_ name: String) throws(APIError) -> String? {
    guard let value = self[name] else { return nil }
    guard case .string(let text) = value else { throw .wrongType(path(to: name), expected: "a string", found: value) }
    return text
  }

  /// A text that has to be there.
  package func requiredString(_ name: String) throws(APIError) -> String {
    guard let text = try string(name) else { throw .missing(path(to: name)) }
    return text
  }

  /// A text out of a few.
  package func word(_ name: String, of words: [String]) throws(APIError) -> String? {
    guard let text = try string(name) else { return nil }
    guard words.contains(text) else {
      let list = words.map { "'\($0)'" }.joined(separator: ", ")
      throw .invalid(
        path(to: name), "Invalid value: '\(text.prefix(64))'. Supported values are: \(list).", code: "invalid_value")
    }
    return text
  }

  /// A truth value.
  package func bool(_ name: String) throws(APIError) -> Bool? {
    guard let value = self[name] else { return nil }
    guard case .bool(let truth) = value else { throw .wrongType(path(to: name), expected: "a boolean", found: value) }
    return truth
  }

  /// An integer in a range.
  package func integer(_ name: String, in range: ClosedRange<Int>) throws(APIError) -> Int? {
    guard let value = self[name] else { return nil }
    guard case .number(let number) = value else {
      throw .wrongType(path(to: name), expected: "an integer", found: value)
    }
    guard let integer = number.integer else {
      throw number.double.rounded() == number.double
        ? .outOfRange(path(to: name), number.literal, range.lowerBound, range.upperBound)
        : .wrongType(path(to: name), expected: "an integer", found: value)
    }
    guard range.contains(integer) else {
      throw .outOfRange(path(to: name), number.literal, range.lowerBound, range.upperBound)
    }
    return integer
  }

  /// A number in a range.
  package func number(_ name: String, in range: ClosedRange<Double>) throws(APIError) -> Double? {
    guard let value = self[name] else { return nil }
    guard case .number(let number) = value else {
      throw .wrongType(path(to: name), expected: "a number", found: value)
    }
    guard range.contains(number.double) else {
      throw .outOfRange(path(to: name), number.literal, range.lowerBound, range.upperBound)
    }
    return number.double
  }

  /// An array.
  package func array(_ name: String, count: ClosedRange<Int>) throws(APIError) -> [JSONValue]? {
    guard let value = self[name] else { return nil }
    guard case .array(let elements) = value else {
      throw .wrongType(path(to: name), expected: "an array", found: value)
    }
    guard count.contains(elements.count) else {
      let problem = elements.count < count.lowerBound ? "too short" : "too long"
      throw .invalid(
        path(to: name),
        "Invalid '\(path(to: name))': array \(problem). Expected \(count.lowerBound) to \(count.upperBound) elements, "
          + "found \(elements.count).",
        code: elements.isEmpty ? "empty_array" : "array_length")
    }
    return elements
  }

  /// An object.
  package func members(_ name: String) throws(APIError) -> Members? {
    guard let value = self[name] else { return nil }
    return try Members(value, path: path(to: name))
  }

  /// Refuses members that nobody knows, so that a misspelt one is noticed. Null asks for nothing, whatever its name.
  package func refuseUnknown(besides known: Set<String>) throws(APIError) {
    for (name, value) in object.members where !known.contains(name) && !value.isNull {
      throw .invalid(
        path(to: name), "Unrecognized request argument supplied: \(path(to: String(name.prefix(100))))",
        code: "unknown_parameter")
    }
  }
}

extension APIError {
  static func missing(_ path: String) -> APIError {
    invalid(path, "Missing required parameter: '\(path)'.", code: "missing_required_parameter")
  }

  static func wrongType(_ path: String, expected: String, found: JSONValue) -> APIError {
    invalid(
      path, "Invalid type for '\(path)': expected \(expected), but got \(found.kind) instead.", code: "invalid_type")
  }

  static func outOfRange(_ path: String, _ found: String, _ low: some Numeric, _ high: some Numeric) -> APIError {
    invalid(
      path, "Invalid '\(path)': \(found.prefix(40)) is out of range; expected a value from \(low) to \(high).",
      code: "out_of_range")
  }
}
