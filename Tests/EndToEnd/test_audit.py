"""The audit log of a whole run: everybody's deeds are in it with who, what and from where; no secret is in any log."""

import os
import re
import sqlite3
import threading
import time
from urllib.parse import parse_qsl, urlsplit

import pytest
from kit.edge import Edge, route
from kit.faulty_provider import USER as ALICE
from kit.faulty_provider import FaultyProvider
from kit.names import free_port
from kit.publisher import Publisher
from kit.service import Service
from kit.visitor import Visitor
from kit.waiting import until

WHOLE = bool(os.environ.get("TUNNEL_EDGE_TEST_FULL"))
BOB = "bob@example.test"


class Attentive(Visitor):
    """A browser that remembers every secret it was ever given."""

    secrets = set()
    # Values of queries and forms that open something, or did.
    names = {"code", "state", "user_code", "csrf", "attempt", "logout_token", "onward", "sign_in", "signature"}

    def _keep_cookies(self, url, headers):
        super()._keep_cookies(url, headers)
        for line in headers.get_all("Set-Cookie") or []:
            self.secrets.add(line.split(";")[0].partition("=")[2])
        self.note(url)
        self.note(headers.get("Location") or "")

    def note(self, url):
        self.secrets.update(value for name, value in parse_qsl(urlsplit(url).query) if name in self.names)

    def request(self, *arguments, **more):
        page = super().request(*arguments, **more)
        for form in page.forms:
            self.secrets.update(value for name, value, kind in form.fields if kind == "hidden" and name in self.names)
        return page


class Telling(FaultyProvider):
    """A provider whose tokens and codes are known to the test."""

    def _change(self, answer):
        import flask

        if flask.request.path == "/oauth2/token" and answer.status_code == 200:
            told = answer.get_json()
            Attentive.secrets.update(
                told[name] for name in ("access_token", "refresh_token", "id_token") if name in told
            )
            Attentive.secrets.update(
                flask.request.form[n] for n in ("code", "code_verifier") if n in flask.request.form
            )
        return super()._change(answer)


@pytest.fixture(scope="module")
def stage(binary, certificate, keys, authority, tmp_path_factory):
    provider, service = Telling(), Service()
    edge = Edge(binary, tmp_path_factory.mktemp("audit"), provider, certificate, keys=keys)
    edge.https_port = free_port()
    edge.metrics_port = free_port()
    text = edge.text(
        routes=route("app.localhost", edge.https_port),
        more=f"log_level: debug\nmetrics_address: 127.0.0.1:{edge.metrics_port}\n",
    )
    edge.start(text)
    edge.alice, edge.bob = Attentive(authority.certificate), Attentive(authority.certificate)
    edge.publisher = Publisher(tmp_path_factory.mktemp("alice") / "key", edge.ssh_port, edge.host_public_keys())
    edge.service = service
    yield edge
    assert edge.stop() == 0
    service.stop()
    provider.stop()


def lines(edge, event, **fields):
    wanted = [r for r in edge.log_records() if r.get("log") == "audit" and r.get("event") == event]
    return [r for r in wanted if all(r.get(name.replace("_", "-")) == value for name, value in fields.items())]


def recorded(edge, event, **fields):
    return until(lambda: lines(edge, event, **fields), f"{event!r} with {fields} in the audit log")[-1]


def sign_in(visitor, edge, user, url=None):
    page = visitor.get(url or edge.authenticate + "/.pomerium/")
    if page.host == "127.0.0.1":
        page = visitor.submit(page, page.forms[0], {"sub": user})
    return page


def test_what_people_do_is_told_and_no_secret_is(stage):
    edge, alice, bob = stage, stage.alice, stage.bob
    secrets = Attentive.secrets
    secrets.update([edge.provider.client_secret, *edge._secrets.values()])
    # A key that is denied, then one that is approved.
    denied = edge.publisher.forward(("app.localhost", edge.service.port))
    started = recorded(edge, "sign-in started", source="127.0.0.1")
    alice.note(denied.sign_in_url())
    page = sign_in(alice, edge, ALICE, denied.sign_in_url())
    begun = recorded(edge, "signed in", user=ALICE)
    assert begun["issuer"] == edge.provider.issuer and begun["email"] == ALICE and begun["source"] == "127.0.0.1"
    assert begun["request-id"] and recorded(edge, "browser sign-in started")["request-id"]
    alice.press(page, "Deny")
    who = recorded(edge, "key denied", user=ALICE, key=started["key"])
    assert who["session"] == begun["session"]
    recorded(edge, "sign-in denied", connection=started["connection"])
    denied.wait()
    tunnel = edge.publisher.forward(("app.localhost", edge.service.port))
    alice.note(tunnel.sign_in_url())
    alice.press(alice.get(tunnel.sign_in_url()), "Authorize")
    tunnel.wait_published()
    bound = recorded(edge, "key bound", user=ALICE)
    assert bound["approved-from"] == "127.0.0.1" and bound["scope"] == "edge" and bound["request-id"]
    opened = recorded(edge, "tunnel opened", name="app.localhost")
    assert opened["connection"] == recorded(edge, "sign-in approved", user=ALICE)["connection"]

    # Visits, and refused ones: with the rule, the criterion and the value.
    assert alice.get(edge.url("/echo?token=in-a-query-7f3a")).status == 200
    secrets.add("in-a-query-7f3a")
    assert sign_in(bob, edge, BOB, edge.url("/secret-door?key=in-a-query-91bc")).status == 403
    secrets.add("in-a-query-91bc")
    refused = recorded(edge, "visit refused", user=BOB)
    assert refused["reason"] == "policy_denied" and refused["route"] and refused["method"] == "GET"
    assert refused["url"] == edge.url("/secret-door") and refused["source"] == "127.0.0.1"
    assert refused["decision"] == "No rule allows it."
    [because] = refused["because"]
    assert re.match(r'rule 1, allow and: email is "alice@example.test"; it is "bob@example.test" \(email-unau', because)
    access = until(
        lambda: [r for r in edge.log_records() if r.get("request-id") == refused["request-id"] and "duration" in r],
        "the same request in the access log",
    )
    assert access[0]["response-code"] == 403
    for _ in range(20):
        assert bob.get(edge.url("/again")).status == 403
    seen = "the last of them in the access log, which is written after it was answered"
    until(lambda: sum(r.get("path") == "/again" and "duration" in r for r in edge.log_records()) == 20, seen)
    assert len(lines(edge, "visit refused", user=BOB)) == 5

    # A name that is not theirs, a cancelled sign-in, a forged logout.
    stranger = edge.publisher.forward(("other.localhost", edge.service.port))
    assert recorded(edge, "forward refused", user=ALICE, name="other.localhost:443")["reason"] == "unknown-name"
    stranger.stop()
    page = Attentive(alice.certificate_authority)
    started = page.get(edge.authenticate + "/.pomerium/")
    query = dict(parse_qsl(urlsplit(started.history[-1][1]).query)) | dict(parse_qsl(urlsplit(started.url).query))
    answer = page.get(f"{edge.authenticate}/oauth2/callback?error=access_denied&state={query['state']}")
    assert answer.status >= 400
    assert recorded(edge, "browser sign-in failed")["reason"]

    # Rights end: by the configuration, by the key's owner, by signing out.
    edge.edit(r"^( {18}is: .*)$", r"\1.typo")
    detached = recorded(edge, "tunnel detached", name="app.localhost")
    assert detached["reason"] == "its owner may no longer publish it" and "email is" in detached["because"][0]
    edge.edit(r"^( {18}is: .*)\.typo$", r"\1")
    recorded(edge, "tunnel attached", name="app.localhost")
    alice.press(alice.get(edge.authenticate + "/.pomerium/session_binding_info"), "Revoke")
    revoked = recorded(edge, "key revoked", user=ALICE)
    assert revoked["key"] == bound["key"] and revoked["request-id"]
    closed = recorded(edge, "tunnel closed", tunnel=opened["tunnel"])
    assert closed["bytes-from-publisher"] > 0 and closed["bytes-to-publisher"] > 0 and closed["streams"] > 0
    tunnel.wait()
    token = edge.provider.logout_token(sub=BOB)
    secrets.add(token)
    alice.post(f"{edge.authenticate}/.pomerium/backchannel_logout", {"logout_token": token})
    ended = recorded(edge, "session ended", user=BOB)
    assert ended["reason"] == "signed out at the identity provider" and ended["source"] == "127.0.0.1"
    alice.press(alice.get(edge.authenticate + "/.pomerium/sign_out"), "Sign out everywhere")
    assert recorded(edge, "session ended", user=ALICE)["reason"] == "signed out"

    # And nothing that opens anything was written, in none of the logs.
    secrets.discard("")
    known = {secret for secret in secrets if len(secret) >= 8}
    assert len(known) > 20
    output = edge.output
    found = sorted(secret for secret in known if secret in output)
    assert not found, f"in the logs: {[secret[:12] for secret in found]} of {len(known)} secrets"


def readiness(edge, visitor):
    page = visitor.get(edge.authenticate + "/readyz")
    return page.status, page.text


def metric(edge, visitor, name):
    page = visitor.get(f"http://127.0.0.1:{edge.metrics_port}/metrics").text
    return float(re.search(rf"^{name} (\S+)$", page, re.MULTILINE).group(1))


def test_a_store_that_another_program_keeps_locked(stage, authority):
    """Who signs in waits, who is signed in does not notice; it ends with the lock."""
    edge, alice = stage, stage.alice
    tunnel = edge.publisher.forward(("app.localhost", edge.service.port))
    alice.press(sign_in(alice, edge, ALICE, tunnel.sign_in_url()), "Authorize")
    tunnel.wait_published()
    assert sign_in(alice, edge, ALICE, edge.url()).status == 200
    assert metric(edge, alice, "tunnel_edge_store_up") == 1
    store = sqlite3.connect(edge.directory / "state" / "records.sqlite", isolation_level=None, timeout=10)
    store.execute("BEGIN IMMEDIATE")
    begun = time.monotonic()
    carol, done = Visitor(authority.certificate), []
    waiting = threading.Thread(target=lambda: done.append(sign_in(carol, edge, "carol@example.test")), daemon=True)
    waiting.start()
    assert "held by another process" in recorded(edge, "store failing")["reason"]
    told = (200, "OK\nthe store fails\n")
    until(lambda: readiness(edge, alice) == told or time.monotonic() - begun > 9, "the readiness to tell")
    assert metric(edge, alice, "tunnel_edge_store_up") == 0
    assert alice.get(edge.url()).status == 200
    if WHOLE:
        recorded(edge, "store closed to sign-ins")
        assert sign_in(Visitor(authority.certificate), edge, BOB).status == 503
        until(lambda: lines(edge, "store lost"), "the store to be lost", within=90)
        until(lambda: alice.get(edge.url()).status == 503, "503 for who is signed in")
        assert readiness(edge, alice)[0] == 503 and tunnel.is_running
    store.execute("ROLLBACK")
    assert recorded(edge, "store recovered")["seconds"] >= 0
    until(lambda: metric(edge, alice, "tunnel_edge_store_up") == 1, "the metric to tell")
    until(lambda: readiness(edge, alice) == (200, "OK\n"), "the readiness")
    until(lambda: alice.get(edge.url()).status == 200, "the page")
    waiting.join(30)
    # Whoever waited is signed in, unless the machine was so slow that ten seconds passed.
    assert done and (done[0].status == 200 or time.monotonic() - begun > 9)
    assert tunnel.is_running
    tunnel.stop()
