import HTTPWire

/// Methods that a request names beside its own. Frameworks take one of these fields for the method, so a rule about methods
/// must hold for what it says too.
enum MethodOverride {
  private static let names = ["x-http-method-override", "x-http-method", "x-method-override"].map { Array($0.utf8) }

  static func methods(in head: RequestHead) -> [RequestMethod] {
    var found: [RequestMethod] = []
    for field in head.headers.fields
    where field.kind == .other && head.headers.firstNameByte(field) == 0x78
      && head.headers.foldedName(field, isOneOf: names)
    {
      found.append(RequestMethod(head.headers.value(field).uppercased()))
    }
    return found
  }
}
