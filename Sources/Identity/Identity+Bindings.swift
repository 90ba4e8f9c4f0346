import Logging
import Policy

/// The keys page.
extension Identity {
  /// Every live binding of this person, whichever session it came from.
  package func bindings(of session: Session) -> [KeyBinding] { bindingDirectory.bindings(of: session.subject) }

  /// Revokes one of one's own bindings. Somebody else's looks like one that does not exist.
  package func revoke(bindingID: String, by session: Session) async throws(IdentityError) {
    guard let own = sessions.session(session.id, at: clock()),
      let (binding, holder) = bindingDirectory.binding(id: bindingID),
      holder.subject.isSamePerson(as: own.subject)
    else { throw IdentityError(.forbidden, "You have no such key.") }
    bindingDirectory.remove(binding.id)
    observers.tell([.bindingRevoked(fingerprint: binding.fingerprint, sessionID: binding.sessionID)])
    events.tell([.keyRevoked(binding, by: own)])
    await delete(KeyBinding.kind, binding.id)
    logger.notice(
      "ssh key revoked", metadata: ["fingerprint": "\(binding.fingerprint)", "user": "\(binding.userName)"])
  }

  /// Bindings that are out of the directory already, by themselves or by another's hand.
  func finishEnding(_ ended: [KeyBinding], reason: String) async {
    guard !ended.isEmpty else { return }
    observers.tell(ended.map { .bindingRevoked(fingerprint: $0.fingerprint, sessionID: $0.sessionID) })
    events.tell(ended.map { .keyEnded($0, reason: reason) })
    for binding in ended where !bindingDirectory.contains(binding.id) { await delete(KeyBinding.kind, binding.id) }
  }
}
