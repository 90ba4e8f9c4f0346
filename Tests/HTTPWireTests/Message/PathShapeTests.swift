import HTTPWire
import Testing

@Suite struct PathShapeTests {
  private func shape(_ path: String) -> PathShape { PathShape(of: Array(path.utf8)[...]) }

  @Test(arguments: [
    "/%2epomerium/", "/.pomerium%2f", "/%2Epomerium/sign_in", "//.pomerium/", "/./.pomerium/", "/x/../.pomerium/x",
    "/%252epomerium/", "/.%70omerium", "/\\.pomerium/", "/%5c.pomerium/", "/.pomerium;a/x", "/.pomerium%00/",
    "/.well-known//pomerium", "/.well-known/%70omerium/jwks.json", "/.pomerium/../x", "/.pomerium/%2e%2e/x",
  ])
  func disguisedFormsOfOurPathsAreFound(_ path: String) {
    #expect(shape(path).contains(.decodesToOwn))
  }

  @Test(arguments: [
    "/", "/a/b", "/.pomerium/", "/.pomerium", "/.well-known/pomerium/jwks.json", "/.pomeriums", "/a.b/c",
  ])
  func plainPathsAreJustThat(_ path: String) {
    #expect(shape(path).isEmpty)
  }

  @Test func ambiguousPathsAreNamed() {
    #expect(shape("/a/../b").contains(.dotSegments))
    #expect(shape("/a/%2e%2E/b").contains(.dotSegments))
    #expect(shape("/a/..;/b").contains(.dotSegments))
    #expect(shape("/a/%2e.;x=1/b").contains(.dotSegments))
    #expect(shape("/a/...;/b").isDisjoint(with: .dotSegments))
    #expect(shape("/a/%252e%252e/b").isAmbiguous)
    #expect(shape("/a%2fb").contains(.hiddenSeparators))
    #expect(shape("/a\\b").contains(.hiddenSeparators))
    #expect(shape("/a%00b").contains(.hiddenControls))
    #expect(shape("/a%zz").contains(.brokenEscapes))
    #expect(shape("/a%").contains(.brokenEscapes))
    #expect(!shape("/a%20b//c").isAmbiguous)
  }
}
