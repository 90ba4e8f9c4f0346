/// Fields whose value is a comma-separated list (RFC 9110 section 5.6.1).
extension HeaderList {
  /// The elements of every field of this kind, in order, lower case and without the blanks around them.
  package func listElements(_ kind: KnownField) -> [String] {
    var elements: [String] = []
    for field in fields where field.kind == kind {
      for part in bytes[field.valueRange].split(separator: 0x2C) {
        let trimmed = part.trimmingBlanks()
        if !trimmed.isEmpty { elements.append(String(decoding: trimmed, as: UTF8.self).lowercased()) }
      }
    }
    return elements
  }

  /// Whether a list field has this element, compared without case.
  package func listContains(_ kind: KnownField, _ element: String) -> Bool {
    guard let field = firstField(kind) else { return false }
    if count(kind) == 1, Int(field.valueLength) == element.utf8.count {
      return String(decoding: bytes[field.valueRange], as: UTF8.self).lowercased() == element
    }
    return listElements(kind).contains(element)
  }

  /// Whether a field's name reads the same as one of `names` once case and `_`/`-` are folded. The names are folded already.
  package func foldedName(_ field: Field, isOneOf names: [[UInt8]]) -> Bool {
    names.contains { foldedName(field, equals: $0) }
  }

  package func foldedName(_ field: Field, equals name: [UInt8]) -> Bool {
    name.count == Int(field.nameLength) && foldedName(field, hasPrefix: name)
  }

  package func foldedName(_ field: Field, hasPrefix prefix: [UInt8]) -> Bool {
    guard prefix.count <= Int(field.nameLength) else { return false }
    var index = Int(field.nameStart)
    for byte in prefix {
      guard ByteClass.folded(bytes[index]) == byte else { return false }
      index += 1
    }
    return true
  }
}

extension ArraySlice<UInt8> {
  package func trimmingBlanks() -> ArraySlice<UInt8> {
    var slice = self
    while let first = slice.first, first == ByteClass.space || first == ByteClass.tab { slice.removeFirst() }
    while let last = slice.last, last == ByteClass.space || last == ByteClass.tab { slice.removeLast() }
    return slice
  }
}
