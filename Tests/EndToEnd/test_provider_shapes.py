"""Providers by name, each in front of a provider of that shape: what the name sets is what the provider needs."""

import re

import pytest
from kit.edge import Edge
from kit.shaped_provider import COGNITO, ENTRA, GITLAB, GOOGLE, TENANT, ShapedProvider
from kit.waiting import until

ROUTES = """\
  - from: https://app.localhost:{port}
    policy: [{{allow: {{or: [{rule}]}}}}]
    upstream_tunnel: {{ssh_policy: []}}
"""
BY_GROUP = "{groups: {has: acme/platform}}"
BY_EMAIL = "{email: alice@example.test}"
BY_USER = '{user: "4711"}'


@pytest.fixture
def start(request, binary, tmp_path, certificate, keys):
    """An edge that knows its provider by name only."""

    def start(shape, rule):
        provider = ShapedProvider(shape)
        request.addfinalizer(provider.stop)
        edge = Edge(binary, tmp_path / "edge", provider, certificate, keys=keys)
        request.addfinalizer(edge.stop)
        text = edge.text(routes=ROUTES.format(port=edge.https_port, rule=rule))
        text = re.sub(r"idp_provider: oidc", f"idp_provider: {shape.kind}", text)
        text = re.sub(r"idp_scopes:\n(?:  - \S+\n)+", "", text)
        return provider, edge.start(text)

    return start


# Signed in and let in: no tunnel is there. Signed in and not let in.
IN, OUT = 503, 403


@pytest.mark.parametrize(
    "shape, rule, answer",
    [(GOOGLE, BY_EMAIL, IN), (ENTRA, BY_EMAIL, OUT), (GITLAB, BY_GROUP, IN), (COGNITO, BY_GROUP, IN)],
    ids=lambda value: getattr(value, "kind", None),
)
def test_a_name_fits_its_provider(start, visitor, shape, rule, answer):
    provider, edge = start(shape, rule)
    page = visitor.get(edge.url())
    assert (page.host, page.status) == ("app.localhost", answer), repr(page)
    assert len(provider.asked) == 1
    asked = provider.asked[0]
    if shape is GOOGLE:
        assert asked["access_type"] == "offline" and set(asked["prompt"].split()) == {"consent", "select_account"}
    if shape is ENTRA:
        assert asked["prompt"] == "select_account"
        # Who it is counts; the address that anybody could have written there does not.
        edge.edit(r"or: \[.*\]}", f"or: [{BY_USER}]}}")
        edge.reload_by_signal()
        until(lambda: visitor.get(edge.url()).status == IN, "the changed policy")
        account = visitor.get(f"{edge.authenticate}/.pomerium/user", headers={"Accept": "application/json"})
        assert TENANT in account.text
    assert provider.gave_refresh_token == (shape is not COGNITO)
