"""Signing in with GitHub: who somebody is, their teams, what becomes of them, and a client of a route's own.

The server is a stand-in of an Enterprise Server's documented endpoints.
"""

import pytest
from kit.clock import MovedClock
from kit.edge import Edge
from kit.github import GitHub
from kit.publisher import Publisher
from kit.visitor import Visitor
from kit.waiting import until

# The edge asks again after eight minutes.
AGAIN = 490

SETTINGS = """\
# as in the tutorial for ssh hosts
idp_provider: github
idp_provider_url: {issuer}
idp_client_id: {client_id}
idp_client_secret: {client_secret}
"""

ROUTES = """\
  - from: https://team.localhost:{port}
    policy: [{{allow: {{or: [{{groups: {{has: acme/platform}}}}]}}}}]
    upstream_tunnel: {{ssh_policy: [{{allow: {{or: [{{user: "583231"}}]}}}}]}}
  - from: https://mail.localhost:{port}
    policy: [{{allow: {{or: [{{email: alice@example.test}}]}}}}]
    upstream_tunnel: {{ssh_policy: [{{allow: {{or: [{{email: alice@example.test}}]}}}}]}}
  - from: https://second.localhost:{port}
    idp_client_id: second
    idp_client_secret: secret of the second app
    policy: [{{allow: {{or: [{{authenticated_user: true}}]}}}}]
    upstream_tunnel: {{ssh_policy: []}}
"""


@pytest.fixture(scope="module")
def github():
    server = GitHub()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def clock(tmp_path_factory):
    return MovedClock(tmp_path_factory.mktemp("clock"))


@pytest.fixture(scope="module")
def edge(github, clock, tmp_path_factory, binary, authority, keys):
    certificate = authority.issue("github", [f"{name}.localhost" for name in ("auth", "team", "mail", "second")])
    edge = Edge(binary, tmp_path_factory.mktemp("github"), github, certificate, keys=keys)
    edge.more_environment = clock.environment
    text = edge.text(routes=ROUTES.format(port=edge.https_port))
    before, _, rest = text.partition("idp_provider: oidc")
    _, _, after = rest.partition("# SSH proxy settings")
    values = {"issuer": github.issuer, "client_id": github.client_id, "client_secret": github.client_secret}
    edge.start(before + SETTINGS.format(**values) + "# SSH proxy settings" + after)
    yield edge
    assert edge.stop() == 0


@pytest.fixture(autouse=True)
def healthy(github):
    github.fault = github.callback = None
    yield
    github.fault = github.callback = None


def go(visitor, page, login="octocat", press="Authorize"):
    """Through the stand-in's pages, as far as they are shown."""
    if page.title == "Sign in to GitHub":
        page = visitor.submit(page, page.forms[0], {"login": login})
    if page.title == "Authorize application":
        page = visitor.press(page, press)
    return page


def fault(path, status, body, **headers):
    return path, status, {name.replace("_", "-"): value for name, value in headers.items()}, body


def test_a_person_publishes_and_visits_by_team(edge, github, clock, authority, visitor, service, tmp_path):
    """Alice is in the team that the second page of her teams names; her address is private. Then, one after the other:
    the limit of requests is reached, the team changes, and she takes the app's access away."""
    tunnel = Publisher(tmp_path / "alice", edge.ssh_port, edge.host_public_keys()).forward(
        ("team.localhost", service.port), ("mail.localhost", service.port)
    )
    try:
        page = visitor.get(tunnel.sign_in_url())
        assert "Please sign in with github to continue" in tunnel.output
        page = go(visitor, page)
        assert page.host == "auth.localhost" and page.status == 200, repr(page)
        assert visitor.press(page, "Authorize").status == 200
        tunnel.wait_published(2)
        for host in ("team.localhost", "mail.localhost"):
            assert visitor.get(edge.url(host=host)).status == 200
        # As documented: PKCE, and an agent's name.
        authorize = next(path for _, path, _ in github.requests if path.startswith("/login/oauth/authorize"))
        assert "code_challenge_method=S256" in authorize and "scope=user%3Aemail%20read%3Aorg" in authorize
        assert all("User-Agent" in headers for _, path, headers in github.requests if path.startswith("/api"))
        pages = {path for _, path, _ in github.requests if path.startswith("/api/v3/user/teams")}
        assert pages == {f"/api/v3/user/teams?per_page=100&page={number}" for number in (1, 2)}

        asked = len(github.asked("/api/v3/user"))
        limit = {"message": "API rate limit exceeded for user ID 583231.", "documentation_url": ""}
        github.fault = fault("/api/v3/user", 403, limit, Retry_After="1", X_RateLimit_Remaining="0")
        clock.move(AGAIN)
        until(lambda: len(github.asked("/api/v3/user")) > asked, "the edge to ask again")
        assert visitor.get(edge.url(host="team.localhost")).status == 200
        assert tunnel.is_running

        github.fault = None
        github.people["octocat"].teams = ["acme/docs"]
        clock.move(AGAIN)
        until(lambda: visitor.get(edge.url(host="team.localhost")).status == 403, "the team to count no more")
        assert visitor.get(edge.url(host="mail.localhost")).status == 200

        github.revoke("octocat")
        clock.move(AGAIN)
        until(lambda: visitor.status(edge.url(host="mail.localhost")) == 302, "the session to end")
        until(lambda: not tunnel.is_running, "the publisher to be sent away")
    finally:
        tunnel.stop()


def test_an_address_that_is_not_verified_opens_nothing(edge, visitor):
    """Hubot's primary address is Alice's, and not verified."""
    page = go(visitor, visitor.get(edge.url(host="mail.localhost")), "hubot")
    assert page.host == "mail.localhost" and page.status == 403, repr(page)
    assert visitor.get(edge.url(host="team.localhost")).status == 403  # another organization's team of that name


def test_without_any_verified_address_github_itself_refuses(edge, visitor):
    page = go(visitor, visitor.get(edge.url(host="mail.localhost")), "ghost")
    assert page.host == "auth.localhost" and page.status == 403, repr(page)
    assert "no verified address" in page.text


def test_the_person_says_no(edge, visitor, github):
    github.revoke("hubot")
    page = go(visitor, visitor.get(edge.url(host="mail.localhost")), "hubot", press="Cancel")
    assert page.host == "auth.localhost" and page.status == 403, repr(page)
    assert "cancelled or denied" in page.text


REFUSALS = {
    "bad_verification_code": (400, "took too long"),
    "incorrect_client_credentials": (502, "look at its log"),
    "redirect_uri_mismatch": (502, "look at its log"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_the_token_endpoint_refuses(edge, visitor, github, name):
    """With status 200, as GitHub does."""
    status, words = REFUSALS[name]
    github.fault = fault("/login/oauth/access_token", 200, {"error": name, "error_description": "in words"})
    page = go(visitor, visitor.get(edge.url(host="mail.localhost")), "hubot")
    assert (page.host, page.status) == ("auth.localhost", status), repr(page)
    assert words in page.text and github.client_secret not in page.text
    edge.says(name)


def test_the_callback_is_not_the_one_that_is_registered(edge, visitor, github):
    github.callback = f"{edge.authenticate}/oauth2/callback?"
    page = go(visitor, visitor.get(edge.url(host="mail.localhost")), "hubot")
    assert (page.host, page.status) == ("auth.localhost", 502), repr(page)
    edge.says("authenticate_service_url")


def test_too_many_requests_at_sign_in_say_when_to_come_back(edge, visitor, github):
    github.fault = fault("/api/v3/user", 429, {"message": "secondary rate limit"}, Retry_After="77")
    page = go(visitor, visitor.get(edge.url(host="mail.localhost")), "hubot")
    assert (page.host, page.status) == ("auth.localhost", 503), repr(page)
    assert page.headers["Retry-After"] == "77"


def test_a_route_with_a_client_of_its_own(edge, visitor, authority, github):
    """Both sessions live side by side in one browser; signing out ends both."""
    page = go(visitor, visitor.get(edge.url(host="mail.localhost")), "hubot")
    assert page.status == 403, repr(page)
    before = len(github.requests)
    page = go(visitor, visitor.get(edge.url(host="second.localhost")), "hubot")
    assert page.host == "second.localhost" and page.status == 503, repr(page)  # nobody publishes it
    asked = [path for _, path, _ in github.requests[before:] if path.startswith("/login/oauth/authorize")]
    assert asked and all("client_id=second&" in path for path in asked)
    # The first session is still there, and neither opens the other's route.
    assert visitor.get(edge.url(host="mail.localhost")).status == 403
    own, other = visitor.jar["mail.localhost"], visitor.jar["second.localhost"]
    name = "__Host-_pomerium"
    assert own[name] != other[name]
    names = [held for held in visitor.jar["auth.localhost"] if held == name or "_client_" in held]
    assert len(names) == 2
    # On the authenticate host, too, the second client's session is nobody's account.
    swapped = Visitor(authority.certificate)
    value = next(visitor.jar["auth.localhost"][held] for held in names if "_client_" in held)
    swapped.jar["auth.localhost"] = {name: value}
    assert swapped.get(f"{edge.authenticate}/.pomerium/", follow=False).status == 302

    page = visitor.get(
        f"{edge.authenticate}/.pomerium/sign_out?pomerium_redirect_uri={edge.url(host='mail.localhost')}"
    )
    visitor.press(page, "Sign out everywhere")
    assert visitor.status(edge.url(host="mail.localhost")) == 302
    assert visitor.status(edge.url(host="second.localhost")) == 302
    # Whoever came to be somebody else is not signed in again without being asked.
    page = visitor.get(edge.url(host="mail.localhost"))
    assert page.title == "Sign in to GitHub", repr(page)


def test_a_removed_account_is_out(edge, github, clock, visitor):
    page = go(visitor, visitor.get(edge.url(host="second.localhost")), "hubot")
    assert page.status == 503, repr(page)
    github.remove("hubot")
    clock.move(AGAIN)
    until(lambda: visitor.status(edge.url(host="second.localhost")) == 302, "the session to end")
