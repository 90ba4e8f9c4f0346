import Patterns
import Routing

extension Route {
  /// What the token of a program is good for, as people read it: the address and the paths of this route alone. Another
  /// destination (`to`) leaves it the same route.
  var audience: String {
    switch path {
    case .any: origin.url
    case .prefix(let prefix): "\(origin.url)\(prefix)…"
    case .exact(let path): origin.url + path
    case .pattern(let pattern, priority: _): "\(origin.url) ~ \(pattern.text)"
    }
  }
}
