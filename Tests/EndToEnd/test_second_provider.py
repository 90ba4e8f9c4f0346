"""Glewlwyd, the second provider that this project did not write: its quirks, its groups, and what their loss ends.

Its ID tokens name `azp` and an `auth_time` of 0, its callbacks `iss` and `session_state`. It answers a refresh without
an ID token, and one whose grant was taken away with a bare 400; a refresh token is good once; userinfo leaves `groups`
out when there are none; a bad code is 403. People and keys change while it runs.
"""

import re
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

import pytest
from kit.clock import MovedClock
from kit.edge import Edge
from kit.glewlwyd import Glewlwyd
from kit.names import free_port
from kit.opened import open_http
from kit.people import ALICE, BOB
from kit.visitor import Visitor
from kit.waiting import until

# Who publishes and who visits is a matter of groups alone.
ROUTE = """\
  - from: https://app.localhost:{port}
    to: http://non-existent-route
    policy:
      - allow:
          and:
            - groups:
                has: readers
    upstream_tunnel:
      ssh_policy:
        - allow:
            and:
              - groups:
                  has: publishers
"""
# The provider is asked again after eight minutes.
UNTIL_REFRESH = 500


@pytest.fixture(scope="module")
def port():
    return free_port()


@pytest.fixture(scope="module")
def glewlwyd(tmp_path_factory, port):
    people = [(ALICE, ["publishers", "readers"]), (BOB, ["readers"])]
    back = f"https://auth.localhost:{port}/oauth2/callback"
    running = Glewlwyd(tmp_path_factory.mktemp("second") / "glewlwyd", people, [back])
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def clock(tmp_path_factory):
    return MovedClock(tmp_path_factory.mktemp("clock"))


@pytest.fixture(scope="module")
def edge(tmp_path_factory, binary, glewlwyd, certificate, keys, port, clock):
    made = Edge(binary, tmp_path_factory.mktemp("edge"), glewlwyd, certificate, https_port=port, keys=keys)
    made.more_environment = clock.environment
    made.start(made.text(routes=ROUTE.format(port=port)))
    yield made
    assert made.stop() == 0


@pytest.fixture
def provider(glewlwyd):
    """Everybody has again afterwards what they had before."""
    yield glewlwyd
    glewlwyd.set_person(ALICE, ["publishers", "readers"])
    glewlwyd.set_person(BOB, ["readers"])


@pytest.fixture
def tunnel(edge, provider, authority, new_publisher, service):
    """Alice's, with her browser as `tunnel.browser`."""
    opened = new_publisher(edge).forward(("app.localhost", service.port))
    opened.browser = Visitor(authority.certificate)
    page = provider.browse(opened.browser, opened.sign_in_url(), ALICE)
    assert page.host == "auth.localhost" and page.status == 200, repr(page)
    assert opened.browser.press(page, "Authorize").status == 200
    return opened.wait_published()


def refreshed(edge, clock, what):
    """Lets the time for a refresh come, and waits for what it brings about."""
    begin = len(edge.output)
    clock.move(UNTIL_REFRESH)
    return until(lambda: what(edge.output[begin:]), "what a refresh brings about", within=20)


def test_groups_decide_who_publishes_and_who_visits(edge, provider, tunnel, visitor, new_publisher, service):
    assert provider.browse(visitor, edge.url(), BOB).text == "Hello world!\n"
    refused = new_publisher(edge).forward(("app.localhost", service.port))
    page = provider.browse(visitor, refused.sign_in_url(), BOB)
    visitor.press(page, "Authorize")
    assert refused.wait() == 255 and not refused.refused, "Bob, who may publish nothing, was let in"
    assert tunnel.is_running


def test_a_visitor_leaves_the_group(edge, provider, clock, tunnel, visitor):
    assert provider.browse(visitor, edge.url(), BOB).status == 200
    tunnel.browser.get(edge.url())
    his, hers = open_http("/events")(visitor, edge), open_http("/events")(tunnel.browser, edge)
    provider.set_person(BOB, [])
    refreshed(edge, clock, lambda _: his.ended.is_set())
    assert visitor.get(edge.url()).status == 403
    before = hers.received
    until(lambda: hers.received > before, "more of Alice's stream, which is no concern of his")
    hers.close()
    provider.set_person(BOB, ["readers", "new"])
    refreshed(edge, clock, lambda _: visitor.status(edge.url()) == 200)


def test_a_publisher_leaves_the_group(edge, provider, clock, tunnel, visitor):
    assert provider.browse(visitor, edge.url(), BOB).status == 200
    opened = open_http("/events")(visitor, edge)
    provider.set_person(ALICE, ["readers"])
    refreshed(edge, clock, lambda _: opened.ended.is_set())
    until(lambda: visitor.status(edge.url()) == 503, "the page without a tunnel")
    provider.set_person(ALICE, ["readers", "publishers"])


def test_a_grant_is_taken_away(edge, provider, clock, tunnel):
    """Alice ends the edge's access at Glewlwyd: the refresh is refused, and session, tunnel and key end."""
    assert provider.take_grants_away(ALICE)
    refreshed(edge, clock, lambda _: not tunnel.is_running)
    tunnel.wait_for("Your session has ended")
    assert tunnel.browser.status(edge.url()) == 302


def test_sessions_outlive_a_provider_that_is_down(edge, provider, clock, tunnel, visitor):
    assert provider.browse(visitor, edge.url(), BOB).status == 200
    provider.stop()
    try:
        refreshed(edge, clock, lambda told: told.count("refresh failed") >= 2)
        assert tunnel.is_running and visitor.get(edge.url()).text == "Hello world!\n"
    finally:
        provider.start()
    provider.set_person(BOB, [])
    refreshed(edge, clock, lambda _: visitor.status(edge.url()) == 403)
    assert tunnel.is_running


def test_keys_change_while_somebody_signs_in(edge, provider, tunnel, visitor, authority):
    """Also to another kind of key: what was fetched before does not know it."""
    assert provider.browse(visitor, edge.url(), BOB).status == 200
    for kind in ("ES256", "RS256"):
        browser = Visitor(authority.certificate)
        page = browser.get(edge.url())
        provider.rotate_keys(kind)
        assert provider.sign_in(browser, page, BOB).text == "Hello world!\n"


def test_a_code_of_another_session(edge, provider, visitor, authority):
    """Glewlwyd checks what was promised by PKCE: the code is worth nothing in another browser's callback."""
    other = Visitor(authority.certificate)
    mine, theirs = (
        provider.sign_in(browser, browser.get(edge.url()), BOB, follow=False) for browser in (visitor, other)
    )
    code = parse_qs(urlsplit(theirs).query)["code"][0]
    page = visitor.get(re.sub(r"([?&]code=)[^&]*", lambda found: found.group(1) + quote(code, safe=""), mine))
    assert page.host == "auth.localhost" and page.status in (400, 403, 502), repr(page)
    assert visitor.status(edge.url()) == 302


def test_sign_out(edge, provider, tunnel):
    page = tunnel.browser.get(edge.authenticate + "/.pomerium/sign_out")
    tunnel.browser.press(page, "Sign out everywhere")
    assert tunnel.wait() == 255
    assert tunnel.browser.status(edge.url()) == 302
    # And out of Glewlwyd, which knows its own ID token again and asks what to do with the session that it names.
    asked = tunnel.browser.get(edge.authenticate + "/.pomerium/provider_sign_out")
    question = dict(parse_qsl(urlsplit(asked.url).query))
    assert question["prompt"] == "end_session" and question["sid"], asked.url
    provider.end_session(tunnel.browser, question["sid"])
