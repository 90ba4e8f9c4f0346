import Policy
import Routing

/// What a status screen knows; everything that is drawn comes from here. Text in it is printable.
struct ScreenModel: Equatable {
  struct Tunnel: Equatable {
    enum State: Equatable {
      case published
      /// Visitors' requests come and the service behind the tunnel does not take them.
      case failing(String)
      /// In whole words.
      case detached(String)
    }

    let id: BindingID
    let url: String
    let state: State
    /// A forward for any destination whose client connects to one only.
    var hasFixedTarget = false

    var stateText: String {
      switch state {
      case .published: hasFixedTarget ? "published, one fixed local target" : "published"
      case .failing(let why): "published, but \(why)"
      case .detached(let why): why
      }
    }
  }

  var person = ""
  var until = UnixTime(seconds: 0)
  var now = UnixTime(seconds: 0)
  var tunnels: [Tunnel] = []
  var traffic = TrafficSnapshot(since: UnixTime(seconds: 0))
  /// What went wrong or is about to: shown until it is over.
  var notices: [String] = []
  /// What would make this better.
  var hints: [String] = []
  /// Other session channels of the connection.
  var otherSessions = 0

  /// The truth about `q`: what the edge can know of what the client does when this session ends.
  var quitText: String {
    if tunnels.isEmpty { return "q ends this session." }
    let (what, it) = tunnels.count == 1 ? ("the tunnel", "it") : ("the tunnels", "them")
    if otherSessions > 0 { return "q closes this screen; another session of this connection keeps \(what)." }
    return "q ends this session, and \(what) unless a ControlMaster keeps \(it)."
  }
}
