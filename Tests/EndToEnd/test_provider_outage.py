"""The provider hangs, is down, or forgeries make the edge ask it: others are served, and it ends with the cause.

Nothing here is a matter of time: the provider answers when the test says so, and until then what must work does.
"""

import base64
import json
import os
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest
from kit.edge import Edge
from kit.faulty_provider import USER, FaultyProvider
from kit.visitor import Visitor
from kit.waiting import until

CROWD = 500 if os.environ.get("TUNNEL_EDGE_TEST_FULL") else 120
DISCOVERY = "/.well-known/openid-configuration"
# As Sources/Identity/Fetch has it: exchanges at once with one server, and how long each may take. What is held here
# counts as asked at once for longer, so there may be as many again for each such time that a slow machine takes.
MOST_EXCHANGES = 64
SECONDS_EACH = 10

# Dialled, so that visits need no tunnel here; for Alice alone.
ROUTE = """\
  - from: https://app.localhost:{port}
    to: http://127.0.0.1:{service}
    policy:
      - allow:
          and:
            - email:
                is: alice@example.test
"""


@pytest.fixture
def provider():
    running = FaultyProvider()
    yield running
    running.stop()


@pytest.fixture
def edge(tmp_path, binary, provider, certificate, keys, service):
    made = Edge(binary, tmp_path / "outage", provider, certificate, keys=keys)
    made.start(made.text(routes=ROUTE.format(port=made.https_port, service=service.port)))
    yield made
    assert made.stop() == 0


def sign_in(visitor, edge):
    page = visitor.get(edge.url())
    if page.host == "127.0.0.1":
        page = visitor.submit(page, page.forms[0], {"sub": USER})
    return page


class Crowd:
    """Many connections with one request each, whose answers are read later."""

    def __init__(self, edge, authority):
        self.edge = edge
        self.visitor = Visitor(authority.certificate)
        self.links = []

    def ask(self, path, cookie=""):
        plain = socket.create_connection(("127.0.0.1", self.edge.https_port), 120)
        link = self.visitor.tls.wrap_socket(plain, server_hostname="auth.localhost")
        lines = [f"GET {path} HTTP/1.1", f"Host: auth.localhost:{self.edge.https_port}", "Accept: text/html"]
        lines += ["Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Connection: close"]
        lines += [f"Cookie: {cookie}"] if cookie else []
        link.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.links.append(link)
        return link

    @staticmethod
    def answer(link):
        with link:
            text = b""
            while piece := link.recv(65536):
                text += piece
        return text.decode("utf-8", "replace")

    def ask_all(self, requests):
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda request: self.ask(*request), requests))
        return self

    def answers(self):
        with ThreadPoolExecutor(8) as threads:
            return [int(answer.split(" ", 2)[1]) for answer in threads.map(self.answer, self.links)]

    def started(self, count):
        """So many sign-ins: the path of a callback, with the cookie that belongs to it."""

        def start(_):
            answer = self.answer(self.ask("/.pomerium/"))
            location = re.search(r"(?im)^location: (\S+)", answer)
            assert location, answer[:500]
            state = parse_qs(urlsplit(location.group(1)).query)["state"][0]
            cookie = re.search(r"(?im)^set-cookie: ([^;]*attempt[^;]*)", answer).group(1)
            return f"/oauth2/callback?code=forged&state={state}", cookie

        with ThreadPoolExecutor(8) as threads:
            started = list(threads.map(start, range(count)))
        self.links = []
        return started


def others_are_served(edge, visitor):
    assert visitor.get(edge.url()).text == "Hello world!\n"
    assert visitor.get(edge.authenticate + "/healthz").status == 200
    assert visitor.get(edge.authenticate + "/readyz").status == 200


def test_late_answers(edge, provider, visitor, authority):
    """Tokens late, then the keys late: whoever signs in waits, nobody else does."""
    other = Visitor(authority.certificate)
    provider.hold("/oauth2/token")
    provider.hold("/jwks")
    with ThreadPoolExecutor(1) as thread:
        page = thread.submit(sign_in, visitor, edge)
        for path in ("/oauth2/token", "/jwks"):
            until(lambda path=path: provider.counts[path].now > 0, f"a question to {path}")
            assert other.get(edge.authenticate + "/healthz").status == 200
            assert not page.done()
            provider.release(path)
        assert page.result().text == "Hello world!\n"


def test_callbacks_while_the_token_endpoint_hangs(edge, provider, visitor, authority):
    assert sign_in(visitor, edge).text == "Hello world!\n"
    crowd = Crowd(edge, authority)
    callbacks = crowd.started(CROWD)
    before = edge.resident
    held = time.monotonic()
    provider.hold("/oauth2/token")
    crowd.ask_all(callbacks)
    until(lambda: provider.counts["/oauth2/token"].now > 0, "the first exchange")
    others_are_served(edge, visitor)
    assert Crowd(edge, authority).started(1), "signing in cannot be begun"
    waves = 1 + int((time.monotonic() - held) / SECONDS_EACH)
    assert provider.counts["/oauth2/token"].most <= MOST_EXCHANGES * waves
    provider.release("/oauth2/token")
    statuses = crowd.answers()
    assert len(statuses) == CROWD and set(statuses) <= {400, 403, 429, 502, 503}, set(statuses)
    assert edge.resident - before < 64 * 1024
    until(lambda: sign_in(Visitor(authority.certificate), edge).text == "Hello world!\n", "a sign-in that works again")


def test_sign_ins_while_discovery_hangs(edge, provider, authority, visitor):
    """What the edge asks at its start hangs already; all who come share one question."""
    crowd = Crowd(edge, authority)
    edge.stop()
    provider.hold(DISCOVERY)
    held = time.monotonic()
    edge.start()
    crowd.ask_all([("/.pomerium/",)] * CROWD)
    until(lambda: provider.counts[DISCOVERY].now > 0, "the question")
    assert visitor.get(edge.authenticate + "/healthz").status == 200
    assert provider.counts[DISCOVERY].most <= 1 + int((time.monotonic() - held) / SECONDS_EACH)
    provider.release(DISCOVERY)
    # On a slow machine the question may have run into its time limit meanwhile: those who waited for it read so.
    assert set(crowd.answers()) <= {302, 503}
    until(lambda: sign_in(visitor, edge).text == "Hello world!\n", "a sign-in that works again")


def test_down_at_the_callback(edge, provider, visitor):
    """Between the login page and the exchange of the code."""
    page = visitor.get(edge.url())
    answer = visitor.submit(page, page.forms[0], {"sub": USER}, follow=False)
    provider.stop()
    try:
        page = visitor.get(answer.headers["Location"])
        assert page.status == 503 and page.host == "auth.localhost", repr(page)
        assert visitor.status(edge.authenticate + "/healthz") == 200
    finally:
        provider.start()
    until(lambda: sign_in(visitor, edge).text == "Hello world!\n", "a sign-in that works again")


def forged(edge, number):
    """A logout token of the right form that somebody else has signed."""

    def part(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    header = {"alg": "RS256", "typ": "logout+jwt", "kid": f"forged-{number}"}
    event = {"http://schemas.openid.net/event/backchannel-logout": {}}
    claims = {"iss": edge.provider.issuer, "aud": edge.provider.client_id, "iat": int(time.time()), "sub": USER}
    claims |= {"jti": str(number), "events": event}
    return ".".join([part(json.dumps(header).encode()), part(json.dumps(claims).encode()), part(bytes(256))])


def test_forged_logout_tokens(edge, provider, visitor):
    """They come from anybody: each must not be a question to the provider and a line in the log."""
    place = f"{edge.authenticate}/.pomerium/backchannel_logout"
    provider.fault = "key set with status 500"
    try:
        begun = time.monotonic()
        for number in range(60):
            assert visitor.post(place, {"logout_token": forged(edge, number)}).status in (400, 429, 503)
        seconds = time.monotonic() - begun
    finally:
        provider.fault = None
    assert provider.counts["/jwks"].all <= 2 + seconds / 2
    refused = edge.output.count("back-channel logout refused")
    assert 0 < refused <= 21 + seconds
    if refused < 60:
        until(lambda: "more back-channel logouts refused than the log shows" in edge.output, "their number in the log")
    until(lambda: sign_in(visitor, edge).text == "Hello world!\n", "a sign-in that works again")
    # With keys at hand: a few questions for those that name unknown ones, and none that is lost to people who sign in.
    before = provider.counts["/jwks"].all
    begun = time.monotonic()
    for number in range(20):
        assert visitor.post(place, {"logout_token": forged(edge, number)}).status == 400
    assert provider.counts["/jwks"].all - before <= 5 * (1 + (time.monotonic() - begun) / 30)
    assert visitor.get(edge.url()).text == "Hello world!\n"
    assert visitor.post(place, {"logout_token": provider.logout_token()}).status == 200
    assert visitor.status(edge.url()) == 302
