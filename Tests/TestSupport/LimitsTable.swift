import Foundation

/// A table of limits in docs/operations.md: what each is, its value, its configuration key if it has one, and its name in the code.
package struct LimitsTable {
  package struct Row {
    package let value: String
    package let key: String
    package let name: String
  }

  package let rows: [Row]

  /// The rows of the section with this heading; none where there is no such section.
  package init(section heading: String) throws {
    let section = try Checkout.text("docs/operations.md").components(separatedBy: "\n## ").first {
      $0.hasPrefix(heading + "\n")
    }
    rows = (section ?? "").split(separator: "\n").compactMap { line in
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      guard cells.count == 4, cells[3].hasPrefix("`") else { return nil }
      return Row(value: cells[1], key: cells[2], name: cells[3].trimmingCharacters(in: ["`"]))
    }
  }

  /// A sentence for each limit that the page and the code do not tell alike.
  /// - Parameter code: name in the code to value, as the page writes it.
  package func differences(from code: [String: String]) -> [String] {
    let written = Dictionary(rows.map { ($0.name, $0.value) }, uniquingKeysWith: { "\($0), \($1)" })
    return Set(written.keys).union(code.keys).sorted().compactMap { name in
      switch (written[name], code[name]) {
      case (let page?, let value?) where page == value: nil
      case (let page?, let value?): "\(name) is \(value) in the code and \(page) on the page"
      case (nil, _): "\(name) is not on the page"
      case (_, nil): "\(name) is not a limit of the code any more"
      }
    }
  }

  /// The keys it names, each once, that docs/configuration.md does not tell of.
  package func unknownKeys() throws -> [String] {
    let page = try Checkout.text("docs/configuration.md")
    return Set(rows.map(\.key)).filter { !$0.isEmpty && !page.contains("| \($0) |") }.sorted()
  }

  /// A duration as the page writes it: in whole seconds where it is one.
  package static func time(milliseconds: Int64) -> String {
    milliseconds % 1000 == 0 ? "\(milliseconds / 1000) s" : "\(milliseconds) ms"
  }
}
