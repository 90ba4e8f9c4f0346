/// A key that was pressed, or text that was pasted.
enum Key: Equatable {
  case character(Unicode.Scalar)
  /// With Ctrl: `C` for Ctrl-C.
  case control(Character)
  case enter
  case tab
  case backTab
  case backspace
  case escape
  case up
  case down
  case left
  case right
  case pageUp
  case pageDown
  case home
  case end
  case pasted(String)
}
