import PlainText
import Routing

/// The way of a request from the visitor to the service, and where it stopped, as a small picture that reads as a list.
struct RequestPath {
  enum Station: Int, Sendable { case visitor, edge, tunnel, service }

  struct Stop: Sendable, Equatable {
    var station: Station
    var word: String

    init(_ station: Station, _ word: String) {
      self.station = station
      self.word = word
    }
  }

  let stop: Stop
  let hasTunnel: Bool

  var html: HTML {
    var stations: [(Station, String, String)] = [(.visitor, "You", "Working"), (.edge, "The edge", "Working")]
    if hasTunnel { stations.append((.tunnel, "The tunnel", "Connected")) }
    stations.append((.service, "The service", ""))
    let items = stations.map { station, name, word -> HTML in
      if station.rawValue < stop.station.rawValue { return Self.item("ok", name, word) }
      if station == stop.station { return Self.item("bad", name, stop.word) }
      return Self.item("idle", name, "Not reached")
    }
    return "<ol class=\"path\" aria-label=\"The way of your request\">\(items)</ol>"
  }

  private static func item(_ state: String, _ name: String, _ word: String) -> HTML {
    "<li class=\"\(state)\"><i aria-hidden=\"true\"></i><strong>\(name)</strong><span>\(word)</span></li>"
  }
}
