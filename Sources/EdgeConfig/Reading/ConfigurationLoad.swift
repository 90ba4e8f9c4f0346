internal import Policy

/// What came of reading a configuration.
package struct ConfigurationLoad: Sendable {
  /// `nil` when there is any error.
  package var configuration: EdgeConfiguration?
  /// Every error, warning and note, in the order of the file.
  package var diagnostics: [Diagnostic]
  /// Every file that was read or tried, the configuration first: also after an error, so that mending it is noticed.
  package var files: [WatchedFile]

  package var errors: [Diagnostic] { diagnostics.filter { $0.severity == .error } }
  package var warnings: [Diagnostic] { diagnostics.filter { $0.severity == .warning } }
}

extension EdgeConfiguration {
  /// Reads a file and everything it names. The environment beats the file.
  package static func load(
    path: String, environment: [String: String] = [:], files: FileReader = .system
  ) -> ConfigurationLoad {
    let context = ReadingContext(files: files)
    let configuration = read(path, environment, context)
    return ConfigurationLoad(
      configuration: context.findings.errorCount > 0 ? nil : configuration, diagnostics: context.findings.sorted,
      files: context.watchedFiles)
  }

  private static func read(
    _ path: String, _ environment: [String: String], _ context: ReadingContext
  ) -> EdgeConfiguration? {
    guard let section = globalSection(path, environment, context) else { return nil }
    return ConfigurationReader(path: path, section: section).read()
  }

  static func globalSection(_ path: String, _ environment: [String: String], _ context: ReadingContext) -> Section? {
    let start = Place(source: path, position: SourcePosition(line: 1, column: 1))
    let noPlace = Place(source: path, position: .none)
    if path.hasSuffix(".toml") {
      context.findings.error(noPlace, "TOML is not supported", "write it as YAML or JSON")
      return nil
    }
    let content: FileContent
    switch context.read(path) {
    case .failure(let failure):
      context.findings.error(noPlace, "cannot read the configuration: \(failure.words)")
      return nil
    case .success(let read): content = read
    }
    let document = YAMLDocument(parsing: content.bytes)
    for problem in document.problems {
      context.findings.error(
        Place(source: path, position: problem.position), problem.message, problem.suggestion)
    }
    guard let root = document.root, !root.isNull else {
      if document.problems.isEmpty { context.findings.error(start, "the file is empty") }
      return nil
    }
    guard let entries = root.mapping else {
      context.findings.error(start, "expected keys with values, not \(root.kind)", "begin with `address: :443`")
      return nil
    }
    let section = Section(.global, entries, at: start, context)
    section.readEnvironment(environment)
    return section
  }
}
