import Identity
import PlainText
import Policy

/// The page that asks whether an ssh key may be somebody: everything one needs to notice that the ssh command was not one's own.
struct VerifyPage {
  let pending: PendingSSHSignIn
  let session: Session
  let browserAddress: String
  let now: UnixTime
  /// `https://auth.example.com`
  let authenticateURL: String
  let hostKeys: [String]
  let token: String

  func response(requestID: String) -> OwnResponse {
    Page(title: "Verify sign-in", content: content, requestID: requestID, hasCountdown: true, hasForm: true).response()
  }

  private var content: HTML {
    """
    <p class="eyebrow">Sign-in with ssh</p>
    <h1>Is this you, at your terminal?</h1>
    <p class="lead">An ssh command is waiting. If \(whoDecides) it, its key \(allowed) as <strong>\(someone)</strong>.</p>
    \(warnings)
    <dl>
    <div><dt>It asks to</dt><dd>\(asked)</dd></div>
    <div><dt>From address</dt><dd><code>\(pending.sourceAddress)</code> \(addressTag)<small>This browser: \(browserAddress)</small></dd></div>
    <div><dt>Key</dt><dd>\(pending.keyType) \(keyTag)<br><code>\(pending.keyFingerprint)</code>\(keyHistory)</dd></div>
    <div><dt>Program</dt><dd><code>\(pending.clientVersion)</code></dd></div>
    <div><dt>Started</dt><dd>\(PageTime.element(pending.createdAt, now: now))</dd></div>
    <div><dt>You are</dt><dd>\(session.subject.displayName) \(nameOfPerson)<small><a href="\(url: otherAccount)">Not you?</a></small></dd></div>
    </dl>
    <div class="note"><p><strong>Authorize only what you started yourself, just now.</strong> If somebody sent you this link, deny it: \
    whoever holds that key would act under your name.</p></div>
    <form method="post" action="/.pomerium/sign_in?user_code=\(url: pending.code)">
    <input type="hidden" name="csrf" value="\(url: token)">
    \(memory)<div class="actions">
    <button class="grow danger" type="submit" name="confirm" value="false" data-expires>Deny</button>
    \(authorize)
    </div>
    </form>
    <p class="small timer" id="countdown" role="timer" data-seconds="\(secondsLeft)">Expires at \(PageTime.text(pending.expiresAt)), \
    in \(PageTime.duration(seconds: Int64(secondsLeft))).</p>
    \(edgeKeys)
    """
  }

  // MARK: What is asked

  private var allowed: HTML {
    pending.scope == .edge ? "may publish tunnels and use this edge" : "may log in to hosts behind this edge"
  }

  private var asked: HTML {
    switch pending.scope {
    case .edge:
      "Publish tunnels and use the edge itself<small>ssh user name: <code>\(pending.username)</code></small>"
    case .hosts:
      "Log in to hosts behind the edge<small>ssh user name: <code>\(pending.username)</code></small>"
    }
  }

  private var whoDecides: HTML { mayApprove ? "you authorize" : "whoever opened the link first authorizes" }
  private var someone: HTML { mayApprove ? "\(session.subject.displayName)" : "that person" }

  private var mayApprove: Bool { pending.mayApprove(session) }

  private var authorize: HTML {
    mayApprove
      ? "<button class=\"grow primary\" type=\"submit\" name=\"confirm\" value=\"true\" data-expires>Authorize</button>"
      : ""
  }

  /// What Authorize means for connections to come.
  private var memory: HTML {
    guard mayApprove else { return "" }
    let what: HTML = pending.scope == .edge ? "publish and use the edge" : "log in to hosts"
    return """
      <fieldset>
      <legend>Remember this key?</legend>
      <label><input type="radio" name="remember" value="session" checked><span>Until \(PageTime.text(session.expiresAt)), when your \
      session ends<small>New connections of this key may \(what) without asking again.</small></span></label>
      <label><input type="radio" name="remember" value="once"><span>No, only what waits now<small>The next connection asks \
      again.</small></span></label>
      </fieldset>

      """
  }

  private var secondsLeft: Int { Int(max(0, pending.expiresAt.seconds - now.seconds)) }

  private var otherAccount: String {
    "/.pomerium/sign_out?user_code=" + QueryString.percentEncode(pending.code)
  }

  private var nameOfPerson: HTML {
    guard let name = session.subject.name, name != session.subject.displayName else { return "" }
    return "<small>\(name)</small>"
  }

  // MARK: What is odd about it

  private var addressDiffers: Bool { pending.addressDiffers(from: browserAddress) }

  private var warnings: HTML {
    var notes: [HTML] = []
    if addressDiffers {
      notes.append(
        """
        <div class="note warn" role="alert"><p><strong>The ssh command runs somewhere else than this browser.</strong> It comes from \
        <code>\(pending.sourceAddress)</code>, this page from <code>\(browserAddress)</code>.</p>
        <p>That is right if you started it on another machine, and only then.</p></div>

        """)
    }
    if let other = pending.keyUsedByAnother(than: session) {
      notes.append(
        """
        <div class="note warn" role="alert"><p><strong>This key was last used by \(other).</strong> One key belongs to one person.</p></div>

        """)
    }
    if !mayApprove {
      notes.append(
        """
        <div class="note bad" role="alert"><p><strong>This link was opened in another browser first.</strong> It can be authorized \
        there only; here you can deny it.</p></div>

        """)
    }
    return notes.joined()
  }

  private var addressTag: HTML {
    addressDiffers
      ? "<span class=\"tag warn\">differs from this browser</span>" : "<span class=\"tag\">same as this browser</span>"
  }

  private var keyTag: HTML {
    knownSince == nil ? "<span class=\"tag warn\">first seen</span>" : "<span class=\"tag\">known</span>"
  }

  /// As this person's key: what somebody else approved is no reason to trust it.
  private var knownSince: UnixTime? { pending.keyKnownSince(to: session) }

  private var keyHistory: HTML {
    guard let since = knownSince else {
      return "<small>Compare: <code>ssh-keygen -lf ~/.ssh/id_….pub</code></small>"
    }
    return "<small>Known since \(PageTime.text(since))</small>"
  }

  private var edgeKeys: HTML {
    guard !hostKeys.isEmpty else { return "" }
    return """
      <details open>
      <summary>Does your ssh talk to the right edge?</summary>
      <p class="small">The first time, ssh shows a fingerprint and asks whether it is right. It must be one of these:</p>
      <ul class="small">\(hostKeys.map { "<li><code>\($0)</code></li>" as HTML })</ul>
      <p class="small">Or let ssh know them beforehand: <code>curl \(authenticateURL)/.well-known/pomerium/ssh_known_hosts \
      &gt;&gt; ~/.ssh/known_hosts</code></p>
      </details>
      """
  }
}
