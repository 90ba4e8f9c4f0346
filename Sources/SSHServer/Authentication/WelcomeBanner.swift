import PlainText
import Policy
import Routing

/// The lines before SUCCESS: who is signed in, until when, and what they may publish; three lines at most.
struct WelcomeBanner {
  static let most = 3
  private static let namesShown = 5

  static func lines(_ publisher: Publisher, routes: [PublishableRoute], extra: [String]) -> [String] {
    let who = publisher.subject.displayName.printable(limit: 120)
    var lines = ["Signed in as \(who) until \(CalendarTime(publisher.subject.expiresAt))."]
    var names: [String] = []
    var seen: Set<String> = []
    for name in routes.lazy.flatMap(\.names) where seen.insert(name).inserted { names.append(name) }
    let shown = names.prefix(namesShown).joined(separator: ", ").printable(limit: 400)
    let more = names.count > namesShown ? " and \(names.count - namesShown) more" : ""
    if let only = unnamedChoice(publisher, routes: routes.map(\.route)) {
      lines.append("You may publish \(shown); -R 443:... means \(only.origin.url).")
    } else {
      lines.append("You may publish \(shown)\(more).")
    }
    lines += extra.map { $0.printable(limit: 200) }
    return Array(lines.prefix(most))
  }

  /// What a forward without a host would publish (security rule 4).
  static func unnamedChoice(_ publisher: Publisher, routes: [Route]) -> Route? {
    let routes = routes.filter(\.origin.scheme.isWeb)
    guard routes.count == 1, let only = routes.first, publisher.subject.serviceAccount == nil else { return nil }
    return only.isPublic || only.origin.host.isWildcard ? nil : only
  }
}
