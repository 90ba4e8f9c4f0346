/// Where we and swift-nio-http2 differ, and why.
extension HTTP2Situation {
  /// `nil` when both take the frame, both refuse it, or the difference has a reason. Which of both errors it is, of the stream
  /// or of the connection, RFC 9113 section 5.4 leaves to each.
  package func unexplained(_ ours: HTTP2Oracle.Verdict, _ theirs: HTTP2Oracle.Verdict) -> String? {
    guard (ours == .accepted) != (theirs == .accepted) else { return nil }
    if ours == .accepted ? weMayTakeIt : weMayRefuse(ours) { return nil }
    return "\(self): the edge \(ours), NIOHTTP2 \(theirs)"
  }

  private var weMayTakeIt: Bool {
    // GOAWAY names the last stream of ours that the client knows. We begin none, so the number says nothing; NIOHTTP2
    // holds it against the streams it has begun.
    frame.type == 7
  }

  private func weMayRefuse(_ verdict: HTTP2Oracle.Verdict) -> Bool {
    switch frame.type {
    case 1:
      // Whether the stream may begin is looked at with the first frame of a section, and not with the last.
      if frame.flags & 4 == 0 { return true }
      // A request must name a host, a path and a scheme that we could serve. NIOHTTP2 leaves that to its user.
      return verdict == .stream(1)
    case 5:
      // PUSH_PROMISE is a server's. NIOHTTP2 reads it to its end before it looks who sent it.
      return true
    case 0x10:
      // PRIORITY_UPDATE (RFC 9218): a type that NIOHTTP2 does not know.
      return true
    case 4:
      // The same of SETTINGS_NO_RFC7540_PRIORITIES.
      return stride(from: 0, to: frame.payload.count - 5, by: 6).contains {
        frame.payload[$0] == 0 && frame.payload[$0 + 1] == 9
      }
    default: return false
    }
  }
}
