import HTTPWire
import Testing

@Suite struct PathReadingTests {
  @Test(arguments: ["/", "/a/b", "/a.b/", "/a+b", "*", ""])
  func plainPathsReadAsTheyAreWritten(_ path: String) {
    #expect(PathReading.loose(path) == nil)
  }

  @Test(arguments: [
    ("/%61dmin", "/admin"), ("/admi%6E/", "/admin/"), ("//admin", "/admin"), ("/a///b//", "/a/b/"),
    ("/admin;x=1/y", "/admin/y"), ("/;x/admin", "/admin"), ("/a%3Bx/b", "/a/b"), ("/a%2Fb", "/a/b"),
    ("/a%20b", "/a b"), ("/a%2561", "/a%61"),
  ])
  func looseReadings(_ path: String, _ read: String) {
    #expect(PathReading.loose(path) == read)
  }

  @Test(arguments: ["/%", "/%4", "/%zz", "/a%"])
  func brokenEscapesStayAsTheyAre(_ path: String) {
    #expect(PathReading.loose(path) == nil)
  }
}
