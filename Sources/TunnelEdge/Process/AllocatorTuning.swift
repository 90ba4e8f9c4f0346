import CMalloc

/// glibc gives memory back to the system as soon as 128 KiB at the end of an arena are free, and takes it again a moment later:
/// for a relay, whose buffers of 64 KiB come and go with every read, those page faults were a quarter of the CPU of a download.
enum AllocatorTuning {
  /// What an arena may keep: far more than one loop's buffers, far less than anybody misses.
  private static let kept: Int32 = 16 << 20
  /// How much more than asked for an arena takes at once.
  private static let grown: Int32 = 1 << 20
  /// From here on memory is mapped by itself and given back at once.
  private static let mapped: Int32 = 1 << 20

  /// To be called once, before there are threads.
  static func apply() {
    mallopt(M_TRIM_THRESHOLD, kept)
    mallopt(M_TOP_PAD, grown)
    mallopt(M_MMAP_THRESHOLD, mapped)
  }
}
