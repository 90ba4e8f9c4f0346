import Foundation

/// The browser of whoever sits here, where there is one.
enum SystemBrowser {
  /// The program that opens an address; `nil`: nobody sits at a screen.
  static func opener(environment: [String: String]) -> [String]? {
    if let chosen = environment["BROWSER"], !chosen.isEmpty, !chosen.contains("%"), !chosen.contains(":") {
      return [chosen]
    }
    #if os(macOS)
      return ["open"]
    #else
      let hasScreen = ["DISPLAY", "WAYLAND_DISPLAY"].contains { environment[$0]?.isEmpty == false }
      return hasScreen ? ["xdg-open"] : nil
    #endif
  }

  /// Whether something was started; the address is printed in any case.
  static func open(_ url: String, environment: [String: String]) -> Bool {
    guard let opener = opener(environment: environment) else { return false }
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = opener + [url]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    return (try? process.run()) != nil
  }
}
