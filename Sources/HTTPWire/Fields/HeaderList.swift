import NIOCore

/// The fields of a head or a trailer section, in order. Names compare without case.
///
/// A parsed list keeps one copy of the head's bytes and where each field lies in it; Strings are made only for those who ask.
/// Whatever is added lies behind the parsed bytes in the same form, `Name: value` CRLF, so that a run of fields is written
/// with one copy.
package struct HeaderList: Sendable {
  package struct Field: Sendable {
    var nameStart: UInt32
    var nameLength: UInt32
    var valueStart: UInt32
    var valueLength: UInt32
    package var kind: KnownField
    /// Whether the bytes from the name on read exactly `Name: value` CRLF.
    var isCanonical: Bool

    var nameRange: Range<Int> { Int(nameStart)..<Int(nameStart) + Int(nameLength) }
    var valueRange: Range<Int> { Int(valueStart)..<Int(valueStart) + Int(valueLength) }
    /// The whole line, where canonical.
    var lineRange: Range<Int> { Int(nameStart)..<Int(valueStart) + Int(valueLength) + 2 }
  }

  package private(set) var fields: [Field]
  var bytes: [UInt8]

  package init() {
    fields = []
    bytes = []
  }

  package init(_ pairs: [(String, String)]) {
    self.init()
    for (name, value) in pairs { add(name, value) }
  }

  init(bytes: [UInt8], fields: [Field]) {
    self.bytes = bytes
    self.fields = fields
  }

  package var isEmpty: Bool { fields.isEmpty }
  package var count: Int { fields.count }

  // MARK: Changing

  /// Appends a field. A byte that may not stand in a value becomes a blank, so that no value can end its line.
  package mutating func add(_ name: String, _ value: String) {
    let nameStart = bytes.count
    var packed = PackedName()
    for byte in name.utf8 {
      bytes.append(ByteClass.isToken(byte) ? byte : 0x2D)
      packed.append(lowercased: ByteClass.lowercased(byte))
    }
    let nameLength = bytes.count - nameStart
    bytes.append(ByteClass.colon)
    bytes.append(ByteClass.space)
    let valueStart = bytes.count
    for byte in value.utf8 { bytes.append(ByteClass.isFieldValue(byte) ? byte : ByteClass.space) }
    let valueLength = bytes.count - valueStart
    bytes.append(ByteClass.carriageReturn)
    bytes.append(ByteClass.lineFeed)
    let kind = KnownField.matching(packed, in: bytes.span, at: nameStart)
    fields.append(
      Field(
        nameStart: UInt32(clamping: nameStart), nameLength: UInt32(clamping: nameLength),
        valueStart: UInt32(clamping: valueStart), valueLength: UInt32(clamping: valueLength), kind: kind,
        isCanonical: true))
  }

  /// Appends a field whose name is a token and whose value may stand in a line, as they are.
  mutating func append(name: ArraySlice<UInt8>, value: ArraySlice<UInt8>, _ kind: KnownField) {
    let nameStart = bytes.count
    bytes += name
    bytes.append(ByteClass.colon)
    bytes.append(ByteClass.space)
    let valueStart = bytes.count
    bytes += value
    bytes.append(ByteClass.carriageReturn)
    bytes.append(ByteClass.lineFeed)
    fields.append(
      Field(
        nameStart: UInt32(clamping: nameStart), nameLength: UInt32(clamping: name.count),
        valueStart: UInt32(clamping: valueStart), valueLength: UInt32(clamping: value.count), kind: kind,
        isCanonical: true))
  }

  /// Leaves exactly one field of this name.
  package mutating func set(_ name: String, _ value: String) {
    remove(name)
    add(name, value)
  }

  package mutating func remove(_ name: String) {
    let list = self
    fields.removeAll { list.nameEquals($0, name) }
  }

  package mutating func remove(where drop: (Field) -> Bool) {
    fields.removeAll(where: drop)
  }

  // MARK: Asking by name

  package func contains(_ name: String) -> Bool { fields.contains { nameEquals($0, name) } }

  /// The first value of this name.
  package func first(_ name: String) -> String? {
    for field in fields where nameEquals(field, name) { return value(field) }
    return nil
  }

  package func values(_ name: String) -> [String] {
    fields.filter { nameEquals($0, name) }.map { value($0) }
  }

  // MARK: Asking by kind, without comparing names

  package func contains(_ kind: KnownField) -> Bool {
    for field in fields where field.kind == kind { return true }
    return false
  }

  package func first(_ kind: KnownField) -> String? {
    for field in fields where field.kind == kind { return value(field) }
    return nil
  }

  package func firstField(_ kind: KnownField) -> Field? {
    for field in fields where field.kind == kind { return field }
    return nil
  }

  package func count(_ kind: KnownField) -> Int {
    var count = 0
    for field in fields where field.kind == kind { count += 1 }
    return count
  }

  // MARK: One field

  package func name(_ field: Field) -> String { String(decoding: bytes[field.nameRange], as: UTF8.self) }
  package func value(_ field: Field) -> String { String(decoding: bytes[field.valueRange], as: UTF8.self) }
  package func valueBytes(_ field: Field) -> ArraySlice<UInt8> { bytes[field.valueRange] }
  /// The first letter of the name, in lower case.
  package func firstNameByte(_ field: Field) -> UInt8 { ByteClass.lowercased(bytes[Int(field.nameStart)]) }
  package func nameBytes(_ field: Field) -> ArraySlice<UInt8> { bytes[field.nameRange] }

  /// Whether the value is this text, compared without case.
  package func valueEquals(_ field: Field, _ text: String) -> Bool {
    text.utf8.count == Int(field.valueLength) && matches(text, at: Int(field.valueStart))
  }

  func nameEquals(_ field: Field, _ name: String) -> Bool {
    name.utf8.count == Int(field.nameLength) && matches(name, at: Int(field.nameStart))
  }

  private func matches(_ text: String, at start: Int) -> Bool {
    var index = start
    for byte in text.utf8 {
      guard ByteClass.lowercased(bytes[index]) == ByteClass.lowercased(byte) else { return false }
      index += 1
    }
    return true
  }
}

extension HeaderList: Sequence {
  package struct Iterator: IteratorProtocol {
    let list: HeaderList
    var index = 0

    package mutating func next() -> (name: String, value: String)? {
      guard index < list.fields.count else { return nil }
      defer { index += 1 }
      return (list.name(list.fields[index]), list.value(list.fields[index]))
    }
  }

  package func makeIterator() -> Iterator { Iterator(list: self) }
}

extension HeaderList: Equatable {
  package static func == (left: Self, right: Self) -> Bool {
    left.elementsEqual(right) { $0.name.lowercased() == $1.name.lowercased() && $0.value == $1.value }
  }
}

extension HeaderList: CustomStringConvertible {
  package var description: String { map { "\($0.name): \($0.value)" }.joined(separator: "\n") }
}
