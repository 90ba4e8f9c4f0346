import NIOCore
import SSHProtocol

/// How a shell looks: a screen or lines. Lives on the connection's loop.
protocol SessionFace: AnyObject {
  func start()
  func receive(_ bytes: ByteBuffer)
  func resize(_ size: TerminalSize)
  /// Something of what is shown may be different.
  func changed()
  /// The client has probably written on its terminal itself.
  func repaint()
  /// A tunnel is not what it was.
  func bindingChanged(_ bound: Forward.Bound)
  /// A forward was not granted.
  func refused(_ what: String)
  func announce(_ text: String)
  func timerFired()
  /// What is written last, before the session or the connection ends; the text is why, if that is to be told.
  func farewell(_ text: String?) -> ByteBuffer
}
