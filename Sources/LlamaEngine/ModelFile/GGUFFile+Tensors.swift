extension GGUFFile {
  /// The tensors as the header announces them.
  static func tensors(_ cursor: inout GGUFCursor, count: Int) throws(GGUFError) -> [GGUFTensor] {
    var tensors: [GGUFTensor] = []
    var names: Set<String> = []
    tensors.reserveCapacity(count)
    for index in 0..<count {
      let name = try cursor.text(limit: Limit.tensorNameLength, "the name of tensor \(index)")
      guard !name.isEmpty, !name.utf8.contains(0) else {
        throw cursor.failure(.badTensor, "the name of tensor \(index)", expected: "a name", found: "none")
      }
      guard names.insert(name).inserted else {
        throw cursor.failure(.badTensor, "tensor `\(name)`", expected: "each name once", found: "it twice")
      }
      tensors.append(try tensor(&cursor, name: name))
    }
    return tensors
  }

  private static func tensor(_ cursor: inout GGUFCursor, name: String) throws(GGUFError) -> GGUFTensor {
    let subject = "tensor `\(name)`"
    let count = try cursor.integer(UInt32.self, "the dimensions of \(subject)")
    guard (1...4).contains(count) else {
      throw cursor.failure(.badTensor, subject, expected: "1 to 4 dimensions", found: "\(count)")
    }
    var dimensions: [UInt64] = []
    for _ in 0..<count { dimensions.append(try cursor.integer(UInt64.self, "the dimensions of \(subject)")) }
    let code = try cursor.integer(UInt32.self, "the type of \(subject)")
    guard let type = GGUFTensorType(code: code) else {
      throw cursor.failure(
        .badTensor, subject, expected: "a storage type that llama.cpp \(LlamaArchitectures.build) knows",
        found: "type number \(code)",
        advice:
          "The file is newer or older than this llama.cpp, or damaged; get the model in a common type, say Q4_K_M.")
    }
    let offset = try cursor.integer(UInt64.self, "the offset of \(subject)")
    let size = try size(of: dimensions, type: type, subject: subject, cursor)
    return GGUFTensor(
      name: name, dimensions: dimensions, type: type, offset: offset, elements: size.elements, byteCount: size.bytes)
  }

  private static func size(
    of dimensions: [UInt64], type: GGUFTensorType, subject: String, _ cursor: borrowing GGUFCursor
  ) throws(GGUFError) -> (elements: UInt64, bytes: UInt64) {
    let shape = dimensions.map(String.init).joined(separator: "×")
    var elements: UInt64 = 1
    for dimension in dimensions {
      let product = elements.multipliedReportingOverflow(by: dimension)
      guard dimension > 0, !product.overflow, product.partialValue <= UInt64(Int64.max) / type.blockBytes else {
        throw cursor.failure(.badTensor, subject, expected: "a shape that a file can hold", found: shape)
      }
      elements = product.partialValue
    }
    guard dimensions[0] % type.blockElements == 0 else {
      throw cursor.failure(
        .badTensor, subject, expected: "rows of a multiple of \(type.blockElements) numbers for \(type.name)",
        found: shape)
    }
    return (elements, elements / type.blockElements * type.blockBytes)
  }

  /// Tensor data must lie in the order of the header, aligned, without gap or overlap, and within the file; llama.cpp
  /// computes each place itself and refuses a file that differs.
  static func checkPlaces(
    _ tensors: [GGUFTensor], dataOffset: UInt64, alignment: UInt64, _ cursor: borrowing GGUFCursor
  ) throws(GGUFError) {
    var next: UInt64 = 0
    var end: UInt64 = 0
    for tensor in tensors {
      guard tensor.offset == next else {
        let fault =
          tensor.offset % alignment != 0
          ? "not aligned to \(alignment)" : tensor.offset < next ? "overlapping the tensor before" : "leaving a gap"
        throw cursor.failure(
          .badTensor, "the data of tensor `\(tensor.name)`", expected: "offset \(next)",
          found: "offset \(tensor.offset), \(fault)")
      }
      let sum = tensor.offset.addingReportingOverflow(tensor.byteCount)
      guard !sum.overflow, sum.partialValue <= UInt64(Int64.max) - dataOffset - alignment else {
        throw cursor.failure(
          .badTensor, "the data of tensor `\(tensor.name)`", expected: "a place that a file can hold",
          found: "offset \(tensor.offset) with \(tensor.byteCount) bytes")
      }
      end = sum.partialValue
      next = aligned(end, to: alignment)
    }
    let needed = tensors.isEmpty ? 0 : dataOffset + end
    guard needed <= cursor.source.size else {
      throw cursor.failure(
        .truncated, "the tensor data", expected: "a file of \(needed) bytes",
        found: "\(cursor.source.size), so \(needed - cursor.source.size) bytes are missing")
    }
  }
}
