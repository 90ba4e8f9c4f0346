import Policy
import Routing

/// What a refusal says: one place for the words of the page, of the JSON form and for Retry-After.
struct RefusalText {
  /// Who can help where the reader cannot.
  enum Helper: Sendable, Equatable {
    /// Nobody has to.
    case nobody
    case administrator
    /// Whoever publishes the page.
    case publisher
  }

  var title: String
  /// What happened, and why, in a sentence or two.
  var happened: String
  /// What the reader can do; may be empty.
  var advice: String = ""
  /// For those who look after things: what exactly was wrong.
  var detail: String?
  /// Seconds after which trying again makes sense.
  var retryAfter: Int?
  /// Where on its way the request stopped, where that helps.
  var stop: RequestPath.Stop?
  var helper = Helper.nobody

  init(_ refusal: VisitorRefusal, host: String) {
    let hasTunnel = refusal.route?.tunnel != nil
    switch refusal {
    case .badRequest(let why):
      title = "This request cannot be understood"
      happened = "Something in it is missing, wrong or ambiguous, so the edge did not act on it."
      advice = "If you followed a link or typed the address, check it. A program that sent this has a fault."
      detail = why
    case .invalidToken(_, let why):
      title = "This token is not accepted"
      happened = "The token that came with the request is not good for \(host)."
      advice = "Sign in again for a new one: tunnel-edge login https://\(host)"
      detail = why
    case .forbidden:
      title = "You are not allowed to open this page"
      happened = "You are signed in, but the rules for \(host) do not let you in."
      helper = hasTunnel ? .publisher : .administrator
    case .crossSite:
      title = "This request came from another site"
      happened = "A page of another site tried to use your sign-in at \(host). Nothing was done."
      advice = "If you meant to do this, open \(host) itself and do it there."
      helper = .administrator
    case .unknownHost:
      title = "There is nothing at this address"
      happened = host.isEmpty ? "The edge serves no page here." : "No page is served under the name \(host)."
      advice = "Check the address for typing errors. A page that was here may have been taken down."
    case .noSuchPath:
      title = "There is nothing at this path"
      happened = "\(host) is served here, but nothing is published under this path."
      advice = "Check the address for typing errors."
    case .methodNotAllowed:
      title = "This cannot be done here"
      happened = "The page exists, but not for this kind of request."
      advice = "Open it from a link or from the address bar."
    case .requestTimedOut:
      title = "The request took too long to arrive"
      happened = "The edge stopped waiting for the rest of it."
      advice = "Check your connection and send it again."
      retryAfter = 1
    case .bodyTooLarge:
      title = "That is too much for this form"
      happened = "This page of the edge takes small forms only. Nothing was done."
      advice = "Go back and send it again with less in it."
    case .requestTooLarge(_, let limit):
      title = "That is too large to send here"
      happened = "\(host) takes up to \(ByteText.size(limit)) in one request."
      advice = "Send less at a time, or ask for a larger limit."
      helper = .administrator
    case .targetTooLong:
      title = "This address is too long"
      happened = "The edge does not read addresses of this length."
      advice = "Open the page from its start and go on from there."
    case .expectationFailed:
      title = "This request expects something unknown"
      happened = "It asks for an expectation other than 100-continue, and the edge knows no other."
      advice = "A program that sent this has to leave its Expect header out."
    case .misdirected:
      title = "This connection was made for another name"
      happened = "Your browser asked for \(host) on a connection that it had opened for another host."
      advice = "Reload the page. If that does not help, close the browser and open it again."
    case .certificate(_, .required):
      title = "A certificate is needed"
      happened = "\(host) serves only devices that show a certificate, and yours showed none."
      advice = "Install the certificate you were given, close the browser and open the page again."
      helper = .administrator
    case .certificate(_, .invalid):
      title = "Your certificate is not accepted"
      happened = "Your device showed a certificate that \(host) does not trust, or that has expired or was revoked."
      advice = "Choose another one: close the browser and open the page again. Otherwise ask whoever gave it to you."
      helper = .administrator
    case .tooManyRequests(_, let seconds):
      title = "That was too fast"
      happened = "Your requests come faster than \(host) takes them."
      advice = "Wait a moment, then go on more slowly."
      retryAfter = seconds
    case .tooManyAtOnce:
      title = "Too many requests at once"
      happened = "You have as many requests under way as \(host) takes from one visitor."
      advice = "Wait until some of them are answered, or close tabs that still load."
      retryAfter = 1
    case .tooManyConnections:
      title = "Too many connections"
      happened = "Your network address has as many connections open as the edge takes from one."
      advice = "Close some of them, or try again in a few seconds. Others may share your address."
      retryAfter = 10
    case .headTooLarge:
      title = "This request carries too much"
      happened = "Its headers are larger than the edge reads, most often because of too many cookies."
      advice = "Delete the cookies of this site in your browser, then try again."
    case .notImplemented:
      title = "This request uses an unknown coding"
      happened = "The edge knows no transfer coding but chunked."
      advice = "A program that sent this has to use another."
    case .versionNotSupported:
      title = "This request uses an unknown version of HTTP"
      happened = "The edge speaks HTTP/1.1 and HTTP/2."
    case .noTunnel where hasTunnel:
      title = "No tunnel is connected"
      happened = "\(host) is published from somebody's computer, and that computer is not connected at the moment."
      advice = "If you publish this page, start your ssh command again. Otherwise it may come back by itself."
      retryAfter = 30
      stop = RequestPath.Stop(.tunnel, "Not connected")
      helper = .publisher
    case .noTunnel:
      title = "The service is not there"
      happened = "The edge has no way to the service behind \(host)."
      advice = "Try again in a moment."
      retryAfter = 30
      stop = RequestPath.Stop(.service, "Not reachable")
      helper = .administrator
    case .tunnelReconnecting:
      title = "The tunnel is reconnecting"
      happened = "The computer that publishes \(host) lost its connection a moment ago."
      advice = "It usually comes back by itself. Try again in a few seconds."
      retryAfter = 5
      stop = RequestPath.Stop(.tunnel, "Reconnecting")
      helper = .publisher
    case .ownerMayNotPublish:
      title = "This page may not be published now"
      happened = "A tunnel for \(host) is connected, but the person who opened it may no longer publish here."
      advice = "Waiting does not help: the rules have to change first."
      stop = RequestPath.Stop(.tunnel, "Not permitted")
      helper = .administrator
    case .serviceRefused where hasTunnel:
      title = "The service is not running"
      happened =
        "The tunnel for \(host) is connected, but nothing answers at its other end: the connection was refused."
      advice = "If you publish this page: is your service running, and on the port that your ssh command names?"
      retryAfter = 10
      stop = RequestPath.Stop(.service, "Refused")
      helper = .publisher
    case .serviceRefused:
      title = "The service does not answer"
      happened = "The edge could not connect to the service behind \(host)."
      advice = "Try again in a moment."
      retryAfter = 10
      stop = RequestPath.Stop(.service, "Refused")
      helper = .administrator
    case .serviceBroke(_, let how):
      title = "The service's answer cannot be used"
      happened = "The service behind \(host) broke off, or answered in a way that cannot be passed on."
      advice = "Try again in a moment."
      detail = how
      stop = RequestPath.Stop(.service, "Broke off")
      helper = hasTunnel ? .publisher : .administrator
    case .serviceUnhealthy:
      title = "The service is not healthy"
      happened = "The edge asks the service behind \(host) regularly how it is, and it does not answer as it should."
      advice = "Try again in a moment. If you look after the service, its log says why it fails."
      retryAfter = 10
      stop = RequestPath.Stop(.service, "Unhealthy")
      helper = hasTunnel ? .publisher : .administrator
    case .serviceOutOfResources:
      title = "The tunnel is full"
      happened = "The computer that publishes \(host) takes no more connections at the moment."
      advice = "Try again in a few seconds."
      retryAfter = 5
      stop = RequestPath.Stop(.tunnel, "Full")
      helper = .publisher
    case .timedOut:
      title = "The service took too long"
      happened =
        "\(hasTunnel ? "The tunnel is connected, but the" : "The") service behind \(host) did not answer in time."
      advice = "Try again in a moment. What you sent may have arrived all the same."
      stop = RequestPath.Stop(.service, "No answer")
      helper = hasTunnel ? .publisher : .administrator
    case .tooBusy:
      title = "Too many are waiting"
      happened = "More requests wait for \(host) than the edge keeps."
      advice = "Try again in a few seconds."
      retryAfter = 5
    case .routeIsBusy(_, let seconds):
      title = "Too many visitors"
      happened = "More is asked of \(host) at the moment than it takes."
      advice = "Try again in a few seconds."
      retryAfter = seconds
    case .storeLost:
      title = "Sign-ins cannot be checked"
      happened = "This edge cannot read at the moment who is still signed in."
      advice = "Try again in a minute. What is open already goes on."
      retryAfter = 30
    case .edgeIsFull:
      title = "The edge is full"
      happened = "It has as many connections open as it takes."
      advice = "Try again in a few seconds."
      retryAfter = 10
    case .drainingDown:
      title = "The edge is restarting"
      happened = "It finishes what it has begun and takes nothing new."
      advice = "Try again in a few seconds."
      retryAfter = 5
    }
  }
}

/// Sizes as people read them.
enum ByteText {
  /// `10 MiB`, `1.5 KiB`, `700 bytes`.
  static func size(_ bytes: UInt64) -> String {
    for (unit, shift) in [("GiB", UInt64(30)), ("MiB", 20), ("KiB", 10)] where bytes >> shift > 0 {
      let tenths = ((bytes >> (shift - 10)) * 10) >> 10
      return tenths % 10 == 0 ? "\(tenths / 10) \(unit)" : "\(tenths / 10).\(tenths % 10) \(unit)"
    }
    return "\(bytes) bytes"
  }
}
