/// How much of a head is read before it is refused.
package struct HeadLimits: Sendable, Equatable {
  /// The whole head. The authenticate host must bear 64 KiB of Cookie (security rule 19), so there is room beside it.
  package var headLength = 96 << 10
  /// The request target alone.
  package var targetLength = 16 << 10
  /// The reason phrase of a response.
  package var reasonLength = 1 << 10
  package var fieldCount = 128
  package var trailerLength = 8 << 10
  package var trailerCount = 32
  /// A chunk-size line with its extensions (RFC 9112 section 7.1.1).
  package var chunkLineLength = 256
  /// Chunk extensions of one body in all: an extension in every one-byte chunk would be work without end.
  package var chunkExtensionBytes = 16 << 10
  package var interimResponses = 8

  package init() {}
}
