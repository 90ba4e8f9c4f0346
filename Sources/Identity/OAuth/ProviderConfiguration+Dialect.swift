extension ProviderConfiguration {
  enum Dialect: Sendable { case openIDConnect, gitHub }

  var dialect: Dialect { name == "github" ? .gitHub : .openIDConnect }

  /// Adds the parameters of the configuration to ours, which stand. `word`: what `prompt` must say besides, for a person who
  /// wants another account.
  func add(to parameters: inout [(String, String)], choosing word: String?) {
    let ours = Set(parameters.map(\.0))
    parameters += requestParameters.filter { !ours.contains($0.0) && !(word != nil && $0.0 == "prompt") }
    guard let word else { return }
    let written = requestParameters.last { $0.0 == "prompt" }?.1 ?? ""
    // `none` goes with no other word.
    var words = written.split(separator: " ").map(String.init).filter { $0 != "none" }
    if !words.contains(word) { words.append(word) }
    parameters.append(("prompt", words.joined(separator: " ")))
  }
}

extension IdentityError {
  /// Of an exchange with the provider that brought no answer.
  init(fetching error: FetchError) {
    self.init(
      error.kind == .tooLarge ? .providerMisbehaved : .providerUnreachable,
      "The identity provider cannot be reached at the moment. Please try again.", diagnostics: "\(error)")
  }
}
