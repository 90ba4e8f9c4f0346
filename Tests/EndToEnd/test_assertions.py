"""What a service is told of its visitor, checked as a service would: by a library of others, with the published keys alone."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from kit.edge import Edge
from kit.people import ALICE, browse
from kit.service import Service
from kit.visitor import Visitor
from kit.waiting import until

HOSTS = ("app.localhost", "api.localhost")
WELL_KNOWN = "/.well-known/pomerium"


@pytest.fixture(scope="module")
def service():
    running = Service()
    yield running
    running.stop()


def text(edge, service, more=""):
    routes = "".join(
        f"  - from: https://{host}:{edge.https_port}\n    to: http://127.0.0.1:{service.port}\n"
        f"    policy: [{{allow: {{or: [{{email: {{is: {ALICE.email}}}}}]}}}}]\n    pass_identity_headers: true\n"
        for host in HOSTS
    )
    return edge.text(routes=routes, more=more)


@pytest.fixture(scope="module")
def edge(tmp_path_factory, binary, provider, certificate, keys, https_port, service):
    made = Edge(binary, tmp_path_factory.mktemp("assertions") / "edge", provider, certificate, https_port, keys=keys)
    made.start(text(made, service))
    yield made
    assert made.program.is_running, made.output[-3000:]
    made.stop()


@pytest.fixture(scope="module")
def alice(edge, authority):
    visitor = Visitor(authority.certificate)
    for host in HOSTS:
        assert browse(visitor, edge.url("/echo", host=host)).status == 200
    return visitor


def assertion(edge, visitor, host=HOSTS[0]):
    answer = visitor.get(edge.url("/echo", host=host), headers={"X-Pomerium-Jwt-Assertion": "mine"})
    (token,) = [value for name, value in answer.json()["headers"] if name.lower() == "x-pomerium-jwt-assertion"]
    return token


def key_set(edge, visitor, host=HOSTS[0]):
    """As a service finds it: through the document at the well-known place."""
    document = visitor.get(edge.url(WELL_KNOWN, host=host)).json()
    answer = visitor.get(document["jwks_uri"])
    assert answer.headers["Cache-Control"] == "max-age=60" and answer.headers["Access-Control-Allow-Origin"] == "*"
    assert all(not {"d", "p", "q"} & key.keys() for key in answer.json()["keys"])
    return document, KeySet.import_key_set(answer.json())


def claims(token, keys, host):
    decoded = jwt.decode(token, keys, algorithms=["ES256"])
    required = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": host},
        aud={"essential": True, "value": host},
        exp={"essential": True},
        iat={"essential": True},
    )
    required.validate(decoded.claims)
    return decoded.header, decoded.claims


def test_a_service_checks_who_visits(edge, alice):
    document, keys = key_set(edge, alice)
    tag = alice.get(document["jwks_uri"]).headers["ETag"]
    again = alice.get(document["jwks_uri"], headers={"If-None-Match": tag})
    assert again.status == 304 and not again.body
    assert document["issuer"] == edge.url()
    assert document["authentication_callback_endpoint"] == edge.authenticate + "/oauth2/callback"
    assert document["frontchannel_logout_uri"].startswith(edge.authenticate + "/.pomerium/")
    token = assertion(edge, alice)
    header, said = claims(token, keys, HOSTS[0])
    assert header["alg"] == "ES256" and header["typ"] == "JWT"
    assert said["email"] == ALICE.email and said["sub"] == said["user"] == ALICE.name
    assert said["name"] and said["sid"] and said["jti"] and isinstance(said["groups"], list)
    assert said["exp"] - said["iat"] == 300
    other = claims(assertion(edge, alice), keys, HOSTS[0])[1]
    assert other["jti"] != said["jti"] and other["sid"] == said["sid"]
    # For this host and no other, and no byte of it can be changed.
    with pytest.raises(JoseError):
        claims(token, keys, HOSTS[1])
    assert claims(assertion(edge, alice, HOSTS[1]), keys, HOSTS[1])[1]["aud"] == HOSTS[1]
    head, body, signature = token.split(".")
    said["email"] = "boss@example.test"
    forged = base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()
    for wrong in (f"{head}.{forged}.{signature}", f"{head}.{body}.{'A' * len(signature)}"):
        with pytest.raises(JoseError):
            claims(wrong, keys, HOSTS[0])
    # It says who somebody is, to a service; here it opens nothing.
    stranger = Visitor(alice.certificate_authority)
    for name, value in (("Authorization", f"Bearer {token}"), ("X-Pomerium-Authorization", token)):
        answer = stranger.get(edge.url("/echo"), headers={name: value, "Accept": "application/json"}, follow=False)
        assert answer.status == 401, name


def test_route_hosts_tell_scripts_nothing(edge, alice):
    """Their origin belongs to the publisher (security rule 15): what the reference shows there is not there."""
    for path in ("/.pomerium/jwt", "/.pomerium/user", "/.pomerium/api/v1/routes"):
        answer = alice.get(edge.url(path), follow=False)
        assert answer.status == 404 and ALICE.email not in answer.text, path
    for path in ("/.pomerium/", "/.pomerium/session_binding_info"):
        answer = alice.get(edge.url(path), follow=False)
        assert answer.status == 302 and answer.headers["Location"] == edge.authenticate + path
        assert not answer.headers.get("Access-Control-Allow-Origin")
    assert alice.get(edge.authenticate + "/.pomerium/user", headers={"Accept": "application/json"}).json()["user"]


def test_another_key(edge, alice, service):
    """`signing_key` is replaced: new assertions are under the new one, and those on their way are still good."""
    _, before = key_set(edge, alice)
    token = assertion(edge, alice)
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    edge.save(text(edge, service, more=f"signing_key: {base64.b64encode(pem).decode()}\n"))

    def changed():
        keys = key_set(edge, alice)[1]
        return keys if len(keys.keys) == 2 else None

    keys = until(changed, "the new key in the key set")
    fresh = assertion(edge, alice)
    assert claims(fresh, keys, HOSTS[0])[0]["kid"] != claims(token, keys, HOSTS[0])[0]["kid"]
    # Whoever knows the old set only must fetch the new one, as its library does when it meets an unknown key.
    with pytest.raises((JoseError, ValueError)):
        claims(fresh, before, HOSTS[0])
