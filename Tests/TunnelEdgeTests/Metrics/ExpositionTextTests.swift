import Testing

@testable import TunnelEdge

@Suite struct ExpositionTextTests {
  @Test func aFamilyIsHelpTypeAndSamples() {
    var text = ExpositionText()
    text.write(
      MetricFamily("a_total", .counter, ["x", "y"], "First line\nsecond \\ \"quoted\"."),
      [(["1", "q\"b\\n\n"], .whole(UInt64.max)), (["ü", ""], .real(0.5))])
    #expect(
      text.text == """
        # HELP a_total First line\\nsecond \\\\ "quoted".
        # TYPE a_total counter
        a_total{x="1",y="q\\"b\\\\n\\n"} 18446744073709551615
        a_total{x="ü",y=""} 0.5

        """)
  }

  @Test func aFamilyWithoutSamplesIsLeftOut() {
    var text = ExpositionText()
    text.write(MetricFamily("a", .gauge, ["x"], "-"), [])
    #expect(text.text.isEmpty)
  }

  @Test func numbersThatAreNone() {
    var text = ExpositionText()
    for number in [Double.nan, .infinity, -.infinity, 1e21] {
      text.write(MetricFamily("a", .gauge, "-"), .real(number))
    }
    let values = text.text.split(separator: "\n").filter { !$0.hasPrefix("#") }
    #expect(values == ["a NaN", "a +Inf", "a -Inf", "a 1e+21"])
  }

  @Test func bucketsOfAHistogramAreSums() {
    var text = ExpositionText()
    text.writeHistogram(MetricFamily("h", .histogram, "-"), bounds: [0.005, 1], counts: [2, 0, 3], sum: 40.25)
    #expect(
      text.text == """
        # HELP h -
        # TYPE h histogram
        h_bucket{le="0.005"} 2
        h_bucket{le="1.0"} 2
        h_bucket{le="+Inf"} 5
        h_sum 40.25
        h_count 5

        """)
  }
}
