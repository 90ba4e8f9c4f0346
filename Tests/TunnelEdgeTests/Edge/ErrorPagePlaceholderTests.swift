import EdgeConfig
import Routing
import Testing

@Test func `what may stand in an error page is what is replaced there`() {
  #expect(EdgeConfiguration.errorPagePlaceholders == ErrorPage.Placeholder.allCases.map(\.rawValue))
}
