import Logging
import Store

/// What becomes of the store, told in both logs.
struct StoreNews: Sendable {
  let audit: AuditLog
  let logger: Logger

  func tell(_ event: StoreEvent) {
    audit.record(.store(event))
    switch event {
    case .failing(let problem):
      logger.error(
        "the store fails; it is tried every second, and what it lacks is kept in memory",
        metadata: ["problem": "\(problem)"])
    case .closedToSignIns(let problem):
      logger.error("the store fails; nobody new is signed in until it works", metadata: ["problem": "\(problem)"])
    case .lost(let problem):
      logger.critical(
        "the store has failed for a minute; requests of people who are signed in get 503, what is open goes on",
        metadata: ["problem": "\(problem)"])
    case .recovered(let seconds):
      logger.notice("the store works again", metadata: ["after-seconds": "\(seconds)"])
    }
  }
}
