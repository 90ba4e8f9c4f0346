import Routing

/// How somebody looks at the model: which panel, which requests, which tunnel.
struct ScreenView: Equatable {
  enum Panel: Equatable {
    case requests
    case code
    case help
  }

  var panel = Panel.requests
  /// Which tunnel the QR code is of.
  var chosenTunnel = 0
  /// The request in the first row; `nil` follows the newest.
  var top: UInt64?
  /// Requests up to this one were cleared away.
  var clearedThrough: UInt64 = 0
  /// While paused: the traffic as it was then.
  var paused: TrafficSnapshot?
  var filter = ""
  var isEditingFilter = false
  /// The QR code light on dark.
  var isCodeInverted = false

  /// The requests to choose from, newest first.
  func requests(in model: ScreenModel) -> [TrafficRecord] {
    let words = filter.lowercased().split(separator: " ").prefix(Self.mostWords).map { Array($0.utf8) }
    return (paused ?? model.traffic).requests.filter { record in
      record.id > clearedThrough && (words.isEmpty || Self.matches(record, words))
    }
  }

  /// Of a filter; more are not looked for.
  private static let mostWords = 8

  /// Compares bytes, which takes a twentieth of the time of characters.
  private static func matches(_ record: TrafficRecord, _ words: [[UInt8]]) -> Bool {
    let fields = "\(record.path)\n\(record.visitor)\n\(record.method)\n\(record.host)\n\(record.progress.status)"
    let text = Array(fields.lowercased().utf8)
    return words.allSatisfy { word in
      guard let first = word.first, word.count <= text.count else { return false }
      return (0...text.count - word.count).contains { start in
        text[start] == first && text[start..<start + word.count].elementsEqual(word)
      }
    }
  }

  /// Which of `requests` is in the first row, when `rows` are shown.
  func first(of requests: [TrafficRecord], rows: Int) -> Int {
    guard let top else { return 0 }
    let index = requests.firstIndex { $0.id <= top } ?? 0
    return max(0, min(index, requests.count - rows))
  }
}
