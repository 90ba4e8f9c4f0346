"""A provider that misbehaves: a clear page for the person, a reason in the log, and nobody signed in.

Every row of the negative list for relying parties (OpenID conformance suite, RFC 9700, faults seen) has a case. Here:

    nonce, aud, azp, iss, exp, iat, sub, at_hash wrong or missing;      test_a_fault_signs_nobody_in, for each of FAULTS
    another key, an unknown kid, alg none, HMAC with the public key,
    a key in the header, a signature cut short, no ID token
    token answer no JSON, a redirect, of 64 MiB                         the same, for each of ANSWERS
    key set: status 500, no JSON, of 20 000 keys, a redirect;           test_a_fault_in_the_providers_documents
    discovery: of another issuer, a redirect
    keys of unknown kinds; two keys without kid                         test_what_is_strange_and_right
    callback: no state, unknown, used, another browser's; error         test_callbacks_that_are_refused
    without state; parameters twice; a code of another session;
    iss of another provider
    e-mail in other case or other Unicode form; unverified              test_an_address_that_is_not_quite_the_same,
                                                                        test_an_unverified_address_matches_no_policy
    very long e-mail and groups                                         test_long_claims
    the login page twice at once                                        test_two_tabs
    open redirect by the return address                                 test_return_addresses
    provider down at the start                                          test_a_provider_that_is_down_at_the_start
    back-channel logout tokens                                          test_whoever_signs_out_at_the_provider_…

In test_provider_outage: slow (a document or the tokens late), down at the callback, forged logout tokens, a flood of
either. In test_second_provider: keys rotated between authorize and signing, a code of another session (PKCE), down at
refresh, refresh refused. In IdentityTests/OIDC, where a clock stands still and each refusal is checked for its reason:
TokenFaultTests (all of FAULTS and more, clocks ±60 s), ProviderFaultTests, SignInFlowTests (callbacks, `iss`),
RefreshTests (wrong iss, aud, azp, sub in a refreshed ID token), LogoutTests (alg none, aud, iss, events, nonce, jti),
HostileKeysTests (keys, signatures, JSON), ProviderOutageTests.
"""

from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from kit.edge import Edge
from kit.faulty_provider import ANSWER_FAULTS, FAULTS, USER, FaultyProvider
from kit.names import free_port
from kit.visitor import Visitor
from kit.waiting import until

ANSWERS = ["token answer is no JSON", "token answer is a redirect", "token answer of 64 MiB"]
DOCUMENTS = [
    "key set is no JSON",
    "key set with status 500",
    "key set is a redirect",
    "key set of 20 000 keys",
    "discovery names another issuer",
    "discovery is a redirect",
]
STRANGE = ["key set with keys of unknown kinds", "key set with two keys without an id"]


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


@pytest.mark.parametrize("fault", [*FAULTS, *ANSWERS])
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


def test_every_fault_has_a_case():
    assert set(ANSWER_FAULTS) == {*ANSWERS, *DOCUMENTS, *STRANGE}


@pytest.fixture
def fresh_edge(faulty, new_edge):
    """Has read neither discovery nor keys yet when the fault begins."""

    def start(fault):
        edge = new_edge(with_provider=faulty)
        edge.https_port = free_port()
        faulty.fault = fault
        return edge.start()

    yield start
    faulty.fault = None


@pytest.mark.parametrize("fault", DOCUMENTS)
def test_a_fault_in_the_providers_documents(faulty, fresh_edge, visitor, fault):
    edge = fresh_edge(fault)
    page = visitor.get(edge.url())
    if page.host == "127.0.0.1":
        page = visitor.submit(page, page.forms[0], {"sub": USER})
    assert page.host == "auth.localhost" and page.status in (502, 503), repr(page)
    if fault == DOCUMENTS[0]:
        # The provider is mended: soon a try works, without a restart.
        faulty.fault = None
        until(lambda: attempt(edge, faulty, visitor, None).host == "app.localhost", "a sign-in that works again")


@pytest.mark.parametrize("fault", STRANGE)
def test_what_is_strange_and_right(faulty, fresh_edge, visitor, fault):
    edge = fresh_edge(fault)
    page = visitor.get(edge.url())
    assert visitor.submit(page, page.forms[0], {"sub": USER}).host == "app.localhost"


class Callback:
    """A sign-in that has come back from the provider: the address of the callback, before the browser opens it."""

    def __init__(self, edge, visitor):
        page = visitor.get(edge.url())
        self.url = visitor.submit(page, page.forms[0], {"sub": USER}, follow=False).headers["Location"]
        self.query = dict(parse_qsl(urlsplit(self.url).query))

    def changed(self, *pairs, **query):
        """The same with other parameters; those that are None are left out."""
        kept = {name: value for name, value in (self.query | query).items() if value is not None}
        return self.url.split("?")[0] + "?" + urlencode([*kept.items(), *pairs])


CALLBACKS = {
    "nothing": lambda mine, _: mine.changed(state=None, code=None),
    "no state": lambda mine, _: mine.changed(state=None),
    "unknown state": lambda mine, _: mine.changed(state="AAAAAAAAAAAAAAAAAAAAAA"),
    "another browser's state": lambda _, theirs: theirs.url,
    "another session's code": lambda mine, theirs: mine.changed(code=theirs.query["code"]),
    "error without state": lambda mine, _: mine.changed(state=None, code=None, error="access_denied"),
    "error and code": lambda mine, _: mine.changed(error="server_error"),
    "state twice": lambda mine, _: mine.changed(("state", mine.query["state"])),
    "code twice": lambda mine, _: mine.changed(("code", mine.query["code"])),
    "iss of another provider": lambda mine, _: mine.changed(iss="http://127.0.0.1:1"),
    "iss twice": lambda mine, _: mine.changed(("iss", "http://127.0.0.1:1"), iss="http://127.0.0.1:1"),
    "no code": lambda mine, _: mine.changed(code=None),
    "a very long code": lambda mine, _: mine.changed(code="a" * 9000),
}


@pytest.mark.parametrize("kind", CALLBACKS)
def test_callbacks_that_are_refused(faulty_edge, authority, visitor, kind):
    other = Visitor(authority.certificate)
    mine, theirs = Callback(faulty_edge, visitor), Callback(faulty_edge, other)
    page = visitor.get(CALLBACKS[kind](mine, theirs))
    assert page.host == "auth.localhost" and page.status in (400, 403, 502, 503), repr(page)
    assert not page.headers.get_all("Set-Cookie"), "a browser that is refused is given no session"
    assert visitor.status(faulty_edge.url()) == 302
    if kind != "another session's code":
        # Who was attacked so is not kept from finishing: nothing of theirs was used up.
        assert other.get(theirs.url).host == "app.localhost"


def test_a_callback_that_was_used(faulty_edge, visitor):
    """Also by the browser that it belongs to, with the cookie it had."""
    mine = Callback(faulty_edge, visitor)
    jar = {name: dict(values) for name, values in visitor.jar.items()}
    assert visitor.get(mine.url).host == "app.localhost"
    visitor.jar = jar
    page = visitor.get(mine.url)
    assert page.status == 400 and page.host == "auth.localhost", repr(page)


def test_two_tabs(faulty_edge, visitor):
    """Both login pages are open before either is filled in."""
    first, second = Callback(faulty_edge, visitor), Callback(faulty_edge, visitor)
    assert visitor.get(second.url).host == "app.localhost"
    assert visitor.get(first.url).host == "app.localhost"


RETURNS = [
    "https://evil.example/",
    "//evil.example/",
    "https://app.localhost@evil.example/",
    "https://app.localhost.evil.example/",
    "https://auth.localhost/",
    "http://app.localhost/",
    "javascript:alert(1)",
    "https://app.localhost\\@evil.example/",
]


def test_return_addresses(faulty_edge, visitor):
    """Where a sign-in leads to is signed: whatever else is written there leads nowhere."""
    start = visitor.get(faulty_edge.url(), follow=False).headers["Location"]
    where = urlsplit(start)
    query = dict(parse_qsl(where.query))
    name = next(name for name, value in query.items() if value.startswith("https://app.localhost"))
    for address in RETURNS:
        page = visitor.get(f"{start.split('?')[0]}?{urlencode(query | {name: address})}")
        assert page.host == "auth.localhost" and page.status == 400, f"{address}: {page!r}"
        unsigned = visitor.get(f"{start.split('?')[0]}?{name}={quote(address, safe='')}")
        assert unsigned.host == "auth.localhost" and unsigned.status == 400, f"{address}: {unsigned!r}"


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


@pytest.fixture
def person(faulty):
    yield faulty.set_person
    faulty.set_person(email=USER, email_verified=True, name="Alice Example")


@pytest.mark.parametrize(
    "email",
    [
        "Alice@example.test",
        "alice@EXAMPLE.TEST",
        "alice@example.test ",
        "ali\u0441e@example.test",
        "alice@ex\u00adample.test",
    ],
)
def test_an_address_that_is_not_quite_the_same(faulty_edge, faulty, person, visitor, email):
    """The policy says `email: is`; another case or Unicode form is another address."""
    person(email=email, email_verified=True)
    page = attempt(faulty_edge, faulty, visitor, None)
    assert page.host == "app.localhost" and page.status == 403, repr(page)


def test_long_claims(faulty_edge, faulty, person, visitor, authority):
    """Nobody can make the edge, or a service behind it, choke on who they are."""
    person(email=USER, email_verified=True, name="n" * 20_000, groups=[f"group-{number}" for number in range(1000)])
    page = attempt(faulty_edge, faulty, visitor, None)
    assert page.host == "app.localhost" and page.status == 503, repr(page)
    assert visitor.get(faulty_edge.authenticate + "/.pomerium/").status == 200
    person(email="a" * 50_000 + "@example.test", email_verified=True)
    other = Visitor(authority.certificate)
    page = attempt(faulty_edge, faulty, other, None)
    assert page.host == "app.localhost" and page.status == 403, repr(page)
    assert other.get(faulty_edge.authenticate + "/.pomerium/").status == 200
    # More than an ID token may be.
    person(email=USER, email_verified=True, name="n" * 300_000)
    page = attempt(faulty_edge, faulty, Visitor(authority.certificate), None)
    assert page.host == "auth.localhost" and page.status == 502, repr(page)


def test_an_unverified_address_matches_no_policy(new_edge, visitor):
    """`email_verified: false` at the provider: signed in, but no policy on email takes the address for true."""
    provider = FaultyProvider()
    provider.set_person(email=USER, email_verified=False)
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
    assert tunnel.wait() == 255
    assert "Your session has ended" in tunnel.output
    assert visitor.status(edge.url()) == 302
    assert visitor.post(place, {"logout_token": token}).status == 400
    edge.says("signed out at the identity provider")

    signed_out = visitor.get(f"{edge.authenticate}/.pomerium/signed_out")
    assert signed_out.headers["Refresh"] == "0; url=https://example.test/bye"
