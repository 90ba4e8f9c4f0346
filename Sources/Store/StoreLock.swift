import Glibc

/// One edge at a time uses a directory. Held by the process, so that it is free when the process is gone; other programs
/// that only read or change records do not ask for it.
@safe
final class StoreLock {
  private let descriptor: Int32

  init(_ path: String, directory: String) throws(StoreError) {
    descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw StoreError(
        .inaccessible,
        "cannot open \(path): \(unsafe String(cString: strerror(errno))); the user that runs the edge must own this directory"
      )
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      throw StoreError(
        .inUse, "\(directory) is in use by another edge; one edge at a time may use a store directory")
    }
  }

  deinit { close(descriptor) }
}
