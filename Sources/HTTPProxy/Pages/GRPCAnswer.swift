import HTTPWire

/// What the edge itself says to a gRPC client: a status in the head and no body ("Trailers-Only", gRPC over HTTP2), since
/// such a client shows its user nothing of any other answer.
enum GRPCAnswer {
  private static let mediaType = "application/grpc"

  /// Whether a request is a gRPC call, by its media type. gRPC-Web is not: browsers' scripts read HTTP statuses.
  static func isWanted(by headers: HeaderList) -> Bool {
    guard let field = headers.firstField(.contentType) else { return false }
    let value = headers.valueBytes(field)
    guard value.count >= mediaType.utf8.count,
      value.prefix(mediaType.utf8.count).elementsEqual(mediaType.utf8, by: { ByteClass.lowercased($0) == $1 })
    else { return false }
    guard let next = value.dropFirst(mediaType.utf8.count).first else { return true }
    return next == 0x2B || next == 0x3B || next == ByteClass.space  // + ; or a blank before it
  }

  /// The answer that stands for an HTTP status.
  static func response(status: Int, message: String) -> OwnResponse {
    var response = OwnResponse(status: 200)
    response.headers.add("Content-Type", mediaType)
    response.headers.add("Grpc-Status", String(code(of: status)))
    response.headers.add("Grpc-Message", escaped(message))
    response.headers.addOwnMarks()
    return response
  }

  /// gRPC's "HTTP to gRPC Status Code Mapping".
  static func code(of status: Int) -> Int {
    switch status {
    case 400, 414, 431: 13  // INTERNAL
    case 401: 16  // UNAUTHENTICATED
    case 403: 7  // PERMISSION_DENIED
    case 404: 12  // UNIMPLEMENTED
    case 413: 8  // RESOURCE_EXHAUSTED
    case 429, 502, 503, 504: 14  // UNAVAILABLE
    default: 2  // UNKNOWN
    }
  }

  /// Percent-Encoded as gRPC over HTTP2 says: everything but printable ASCII, and the percent sign.
  private static func escaped(_ text: String) -> String {
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      if byte >= 0x20, byte < 0x7F, byte != 0x25 {
        bytes.append(byte)
      } else {
        bytes += [0x25, digit(byte >> 4), digit(byte & 15)]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x37 + value }
}
