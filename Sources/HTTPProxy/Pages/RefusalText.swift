import Routing

/// What a refusal says: one place for the words of the page, of the JSON form and for Retry-After.
struct RefusalText {
  var title: String
  /// What happened, in a sentence.
  var happened: String
  /// What the reader can do; may be empty.
  var advice: String = ""
  /// Seconds after which trying again makes sense.
  var retryAfter: Int?
  /// Where on its way the request stopped, where that helps.
  var stop: RequestPath.Stop?

  init(_ refusal: VisitorRefusal, host: String) {
    switch refusal {
    case .badRequest(let why):
      title = "The request cannot be understood"
      happened = why.isEmpty ? "It can be read in more than one way, so the edge reads it in none." : why
    case .forbidden:
      title = "You are not allowed to open this page"
      happened = "You are signed in, but the rules of \(host) do not let you in."
    case .crossSite:
      title = "The request came from another site"
      happened = "A page of another site tried to use your sign-in at \(host). The edge did not pass it on."
      advice = "If you meant to do this, open \(host) itself and do it there."
    case .unknownHost:
      title = "There is nothing at this address"
      happened = "The edge serves no page under the name \(host)."
      advice = "Check the address for typing errors."
    case .noSuchPath:
      title = "There is nothing at this path"
      happened = "\(host) is served here, but no route has this path."
      advice = "Check the address for typing errors."
    case .methodNotAllowed:
      title = "This cannot be done here"
      happened = "The page exists, but not for this kind of request."
    case .requestTimedOut:
      title = "The request took too long to arrive"
      happened = "The edge gave up waiting for the rest of it."
      advice = "Check your connection and try again."
    case .bodyTooLarge:
      title = "The request is too large"
      happened = "This page of the edge takes small forms only."
    case .requestTooLarge(_, let limit):
      title = "The request is too large"
      happened = "\(host) takes requests of up to \(limit) bytes."
      advice = "Send less at a time, or ask whoever looks after this edge for a larger limit."
    case .targetTooLong:
      title = "The address is too long"
      happened = "The edge does not read addresses of this length."
    case .expectationFailed:
      title = "The request expects something unknown"
      happened = "The edge knows no expectation but 100-continue."
    case .misdirected:
      title = "Wrong connection for this name"
      happened = "The connection was made for another name than \(host)."
      advice = "Reload the page; if that does not help, close the browser and open it again."
    case .tooManyRequests(_, let seconds):
      title = "Too many requests"
      happened = "Your requests come faster than \(host) takes them."
      advice = "Wait a moment, then go on more slowly."
      retryAfter = seconds
    case .tooManyAtOnce:
      title = "Too many requests at once"
      happened = "You have as many requests under way as \(host) takes of one visitor."
      advice = "Wait until some of them are answered."
      retryAfter = 1
    case .tooManyConnections:
      title = "Too many connections"
      happened = "Your address has as many connections open as the edge takes of one."
      advice = "Close some of them, or try again in a few seconds."
      retryAfter = 10
    case .headTooLarge:
      title = "The request carries too much"
      happened = "Its headers are larger than the edge reads, most often because of too many cookies."
      advice = "Delete the cookies of \(host) in your browser and try again."
    case .notImplemented:
      title = "The request uses an unknown coding"
      happened = "The edge knows no transfer coding but chunked."
    case .versionNotSupported:
      title = "The request uses an unknown protocol version"
      happened = "The edge speaks HTTP/1.1 and HTTP/2."
    case .noTunnel(let route):
      if route.tunnel == nil {
        title = "The service is not there"
        happened = "The edge has no way to the service behind \(host)."
        retryAfter = 30
        stop = RequestPath.Stop(.service, "Not reachable")
      } else {
        title = "No tunnel is connected"
        happened = "\(host) is published from somebody's computer, and that computer is not connected now."
        advice = "If you publish this page, start your tunnel again. Otherwise wait, or ask whoever publishes it."
        retryAfter = 30
        stop = RequestPath.Stop(.tunnel, "Not connected")
      }
    case .tunnelReconnecting:
      title = "The tunnel is reconnecting"
      happened = "The computer that publishes \(host) lost its connection a moment ago."
      advice = "It usually comes back by itself. Try again in a few seconds."
      retryAfter = 5
      stop = RequestPath.Stop(.tunnel, "Reconnecting")
    case .ownerMayNotPublish:
      title = "This page may not be published now"
      happened = "A tunnel for \(host) is connected, but its owner is no longer allowed to publish it."
      advice = "Waiting does not help: the rules have to change. Ask whoever looks after this edge."
      stop = RequestPath.Stop(.tunnel, "Not permitted")
    case .serviceRefused:
      title = "The service does not answer"
      happened = "The tunnel is connected, but the service behind it refused the connection."
      advice = "If you publish this page: is your service running, and on the port that the ssh command names?"
      retryAfter = 10
      stop = RequestPath.Stop(.service, "Refused")
    case .serviceBroke(_, let how):
      title = "The service broke off"
      happened = how.isEmpty ? "The service behind \(host) ended the connection before its answer was complete." : how
      advice = "Try again; if it stays like this, tell whoever publishes the page."
      stop = RequestPath.Stop(.service, "Broke off")
    case .serviceOutOfResources:
      title = "The tunnel is full"
      happened = "The computer that publishes \(host) cannot take more connections at the moment."
      advice = "Try again in a few seconds."
      retryAfter = 5
      stop = RequestPath.Stop(.tunnel, "Full")
    case .timedOut:
      title = "The service took too long"
      happened = "The service behind \(host) is connected, but did not answer in time."
      advice = "Try again; if it stays like this, tell whoever publishes the page."
      stop = RequestPath.Stop(.service, "No answer")
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
