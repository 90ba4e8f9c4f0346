import CYAML
internal import Policy

/// Hands the events of a YAML stream to `handle`, in order. The only user of libyaml.
func readYAMLEvents(
  _ bytes: [UInt8], _ handle: (PlacedYAMLEvent) throws(YAMLProblem) -> Void
) throws(YAMLProblem) {
  // The parser keeps pointers to itself and to its input: both must stay where they are until it is deleted.
  let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
  defer { unsafe parser.deallocate() }
  unsafe parser.initialize(to: yaml_parser_t())
  guard unsafe yaml_parser_initialize(parser) == 1 else { throw YAMLProblem("out of memory", at: .none) }
  defer { unsafe yaml_parser_delete(parser) }

  let input = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(bytes.count, 1))
  defer { unsafe input.deallocate() }
  _ = unsafe input.update(fromContentsOf: bytes)
  unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
  unsafe yaml_parser_set_input_string(parser, input.baseAddress, bytes.count)

  var event = unsafe yaml_event_t()
  while true {
    guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw unsafe problem(of: parser.pointee) }
    defer { unsafe yaml_event_delete(&event) }
    if unsafe event.type == YAML_STREAM_END_EVENT { return }
    if let placed = unsafe placed(event) { try handle(placed) }
  }
}

private func placed(_ event: yaml_event_t) -> PlacedYAMLEvent? {
  let position = unsafe position(event.start_mark)
  guard let event = unsafe converted(event) else { return nil }
  return PlacedYAMLEvent(event: event, position: position)
}

private func converted(_ event: yaml_event_t) -> YAMLEvent? {
  switch unsafe event.type {
  case YAML_DOCUMENT_START_EVENT:
    return .documentStart
  case YAML_SCALAR_EVENT:
    let scalar = unsafe event.data.scalar
    let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
    return .scalar(
      text: unsafe String(decoding: bytes, as: UTF8.self), isPlain: unsafe scalar.style == YAML_PLAIN_SCALAR_STYLE,
      anchor: unsafe text(scalar.anchor), tag: unsafe text(scalar.tag))
  case YAML_ALIAS_EVENT:
    return .alias(unsafe text(event.data.alias.anchor) ?? "")
  case YAML_SEQUENCE_START_EVENT:
    return .sequenceStart(
      anchor: unsafe text(event.data.sequence_start.anchor), tag: unsafe text(event.data.sequence_start.tag))
  case YAML_SEQUENCE_END_EVENT:
    return .sequenceEnd
  case YAML_MAPPING_START_EVENT:
    return .mappingStart(
      anchor: unsafe text(event.data.mapping_start.anchor), tag: unsafe text(event.data.mapping_start.tag))
  case YAML_MAPPING_END_EVENT:
    return .mappingEnd
  default:
    return nil
  }
}

private func text(_ bytes: UnsafeMutablePointer<yaml_char_t>?) -> String? {
  guard let bytes = unsafe bytes else { return nil }
  return unsafe String(cString: bytes)
}

private func position(_ mark: yaml_mark_t) -> SourcePosition {
  SourcePosition(line: mark.line + 1, column: mark.column + 1)
}

/// What libyaml says is terse; what to do about the commonest mistakes is added.
private func problem(of parser: yaml_parser_t) -> YAMLProblem {
  let words = unsafe parser.problem.map { unsafe String(cString: $0) } ?? "not YAML"
  let place: SourcePosition
  if unsafe parser.error == YAML_READER_ERROR {
    place = SourcePosition(line: 1, column: 1)
  } else {
    place = unsafe position(parser.problem_mark)
  }
  var message = "not valid YAML: \(words)"
  if unsafe parser.error == YAML_READER_ERROR { message += unsafe " (at byte \(parser.problem_offset))" }
  if let context = unsafe parser.context.map({ unsafe String(cString: $0) }) { message += " \(context)" }
  let suggestion: String? =
    if words.contains("start any token") {
      "a tab cannot indent, and `@`, `` ` ``, `%` cannot begin a value without quotes"
    } else if words.contains("mapping values are not allowed") {
      "put a value that contains `: ` in quotes, and check the indentation"
    } else if words.contains("did not find expected") || words.contains("could not find expected") {
      "check the indentation of this line and the one above"
    } else {
      nil
    }
  return YAMLProblem(message, at: place, suggestion: suggestion)
}
