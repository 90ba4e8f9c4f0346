"""A provider that misbehaves: a clear page for the person, a reason in the log, and nobody signed in."""

import json
import urllib.request

import pytest
from kit.edge import Edge
from kit.faulty_provider import ANSWER_FAULTS, FAULTS, USER, FaultyProvider
from kit.names import free_port


@pytest.fixture(scope="module")
def faulty():
    provider = FaultyProvider()
    yield provider
    provider.stop()


@pytest.fixture(scope="module")
def faulty_edge(faulty, tmp_path_factory, binary, certificate, keys):
    edge = Edge(binary, tmp_path_factory.mktemp("faulty"), faulty, certificate, keys=keys)
    edge.start()
    yield edge
    code = edge.stop()
    assert code == 0


def attempt(edge, provider, visitor, fault):
    """One sign-in with this fault in force; the page it ends on."""
    provider.fault = None
    page = visitor.get(edge.url())
    if page.host != "127.0.0.1":
        return page
    provider.fault = fault
    form = page.forms[0]
    return visitor.submit(page, form, {"sub": USER})


def test_it_works_without_a_fault(faulty_edge, faulty, visitor):
    page = attempt(faulty_edge, faulty, visitor, None)
    assert page.status == 503 and page.host == "app.localhost", repr(page)  # signed in; no tunnel is connected


@pytest.mark.parametrize("fault", [*FAULTS, "token answer is no JSON", "token answer of 64 MiB"])
def test_a_fault_signs_nobody_in(faulty_edge, faulty, visitor, fault):
    try:
        page = attempt(faulty_edge, faulty, visitor, fault)
        assert page.host == "auth.localhost" and page.status in (400, 403, 502, 503), repr(page)
        assert "text/html" in page.headers["Content-Type"]
        assert visitor.status(faulty_edge.url()) == 302
        assert not any("pomerium" in name and "nonce" not in name for name in visitor.jar.get("app.localhost", {}))
        # The page says what went wrong in words, and shows no token, claim or address of the provider's.
        assert "eyJ" not in page.text
    finally:
        faulty.fault = None
    assert faulty_edge.program.is_running


@pytest.mark.parametrize("fault", ["key set is no JSON", "key set with status 500", "discovery names another issuer"])
def test_a_fault_in_the_providers_documents(faulty, new_edge, visitor, fault):
    """A fresh edge, which has read neither discovery nor keys yet, beside a provider that is broken from the start."""
    assert fault in ANSWER_FAULTS
    edge = new_edge(with_provider=faulty)
    edge.https_port = free_port()
    faulty.fault = fault
    try:
        edge.start()
        page = visitor.get(edge.url())
        if page.host == "127.0.0.1":
            page = visitor.submit(page, page.forms[0], {"sub": USER})
        assert page.host == "auth.localhost" and page.status in (502, 503), repr(page)
        # The provider is mended: the next try works, without a restart.
        faulty.fault = None
        assert attempt(edge, faulty, visitor, None).host == "app.localhost"
    finally:
        faulty.fault = None


def test_a_provider_that_is_down_at_the_start(new_edge, visitor):
    provider = FaultyProvider()
    provider.stop()
    edge = new_edge(with_provider=provider)
    edge.start()
    page = visitor.get(edge.url())
    assert page.status == 503 and page.host == "auth.localhost", repr(page)


def test_the_person_says_no_at_the_provider(faulty_edge, faulty, visitor):
    page = visitor.get(faulty_edge.url())
    denied = visitor.press(page, "Deny")
    assert denied.host == "auth.localhost" and denied.status in (400, 403), repr(denied)
    assert visitor.status(faulty_edge.url()) == 302


def test_an_unverified_address_matches_no_policy(new_edge, visitor):
    """`email_verified: false` at the provider: signed in, but no policy on email takes the address for true."""
    provider = FaultyProvider()
    request = urllib.request.Request(
        f"{provider.issuer}/users/{USER}",
        method="PUT",
        headers={"Content-Type": "application/json"},
        data=json.dumps({"email": USER, "email_verified": False}).encode(),
    )
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).close()
    edge = new_edge(with_provider=provider)
    edge.start()
    page = attempt(edge, provider, visitor, None)
    assert page.host == "app.localhost" and page.status == 403, repr(page)
    provider.stop()


def test_whoever_signs_out_at_the_provider_is_out_everywhere(faulty, new_edge, new_publisher, visitor, service):
    """Back-channel logout: the page, the ssh connection and its tunnel end; what is no such token ends nothing."""
    edge = new_edge(faulty)
    edge.start(edge.text(more="signout_redirect_url: https://example.test/bye\n"))
    tunnel = new_publisher(edge).forward(("app.localhost", service.port))
    page = visitor.get(tunnel.sign_in_url())
    page = visitor.submit(page, page.forms[0], {"sub": USER})
    assert visitor.press(page, "Authorize").status == 200
    tunnel.wait_published()
    assert visitor.get(edge.url()).status == 200

    place = f"{edge.authenticate}/.pomerium/backchannel_logout"
    for token in ("", "a.b.c", faulty.logout_token(aud="another"), faulty.logout_token(events={})):
        assert visitor.post(place, {"logout_token": token}).status == 400
    assert visitor.get(edge.url()).status == 200 and tunnel.is_running

    token = faulty.logout_token()
    assert visitor.post(place, {"logout_token": token}).status == 200
    assert tunnel.wait(within=3) == 255
    assert "Your session has ended" in tunnel.output
    assert visitor.status(edge.url()) == 302
    assert visitor.post(place, {"logout_token": token}).status == 400
    assert "signed out at the identity provider" in edge.output

    signed_out = visitor.get(f"{edge.authenticate}/.pomerium/signed_out")
    assert signed_out.headers["Refresh"] == "0; url=https://example.test/bye"
