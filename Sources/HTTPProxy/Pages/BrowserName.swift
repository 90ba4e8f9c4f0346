/// What a browser calls itself, as people say it: `Firefox on Windows`. A hint for its person, nothing to rely on.
enum BrowserName {
  static func text(_ agent: String) -> String {
    let browser = first(of: browsers, in: agent)
    let system = first(of: systems, in: agent)
    switch (browser, system) {
    case (let browser?, let system?): return "\(browser) on \(system)"
    case (let one?, nil), (nil, let one?): return one
    case (nil, nil):
      // Programs name themselves first: `curl/8.5.0`.
      let word = agent.prefix { $0 != " " }
      return word.isEmpty ? "A browser without a name" : String(word.prefix(40))
    }
  }

  private static func first(of names: [(mark: String, name: String)], in agent: String) -> String? {
    names.first { agent.contains($0.mark) }?.name
  }

  /// The first that fits: most name others, too.
  private static let browsers = [
    ("Edg/", "Edge"), ("EdgA/", "Edge"), ("EdgiOS/", "Edge"), ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"), ("Firefox/", "Firefox"), ("CriOS/", "Chrome"), ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"), ("Safari/", "Safari"),
  ]
  private static let systems = [
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"), ("Linux", "Linux"), ("BSD", "BSD"),
  ]
}
