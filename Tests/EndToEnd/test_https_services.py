"""Services that speak TLS themselves, through a tunnel and at an address: checked, or not reached."""

import hashlib
import json
import re

import pytest
from kit.certificates import CertificateAuthority
from kit.edge import route
from kit.people import approve
from kit.service import Service, checksum
from kit.waiting import until

NAME = "service.localhost"
PUBLIC = """
  - from: https://{host}:{port}
    to: {to}
    allow_public_unauthenticated_access: true
"""


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    return CertificateAuthority(tmp_path_factory.mktemp("strangers"))


@pytest.fixture
def serve():
    made = []

    def make(*arguments):
        made.append(Service(*arguments))
        return made[-1]

    yield make
    for service in made:
        service.stop()


def test_through_a_tunnel(new_edge, new_publisher, visitor, authority, serve):
    service = serve(authority.issue("service", [NAME]))
    edge = new_edge()
    text = route("app.localhost", edge.https_port, extra=f"tls_custom_ca_file: {authority.certificate}")
    edge.start(edge.text(routes=re.sub(r"to: http://\S+", f"to: https://{NAME}", text)))
    tunnel = new_publisher(edge).forward(("app.localhost", service.port))
    approve(tunnel, visitor)
    tunnel.wait_published()
    assert visitor.get(edge.url()).text == "Hello world!\n"
    down = visitor.get(edge.url("/download?size=20971520"))
    assert hashlib.sha256(down.body).hexdigest() == checksum(20971520)
    body = bytes(range(256)) * (20 << 12)
    up = visitor.request("POST", edge.url("/upload"), body, {"Origin": edge.url("").rstrip("/")})
    assert up.json() == {"size": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    told = visitor.get(edge.url("/echo")).json()
    assert {name.lower(): value for name, value in told["headers"]}["host"] == NAME


def routes(edge, *written):
    text = ""
    for number, (to, extra) in enumerate(written):
        host = ["app", "api", "docs", "other"][number]
        text += PUBLIC.format(host=f"{host}.localhost", port=edge.https_port, to=to)
        text += "".join(f"    {line}\n" for line in extra)
    return text


def test_at_an_address(new_edge, visitor, authority, strangers, serve):
    """The same service: trusted, not trusted, under another name, and not checked."""
    service = serve(authority.issue("direct", ["localhost", NAME]))
    edge = new_edge()
    to = f"https://localhost:{service.port}"
    trusted = f"tls_custom_ca_file: {authority.certificate}"
    edge.start(
        edge.text(
            routes=routes(
                edge,
                (to, [trusted]),
                (to, [f"tls_custom_ca_file: {strangers.certificate}"]),
                (to, [trusted, "tls_upstream_server_name: elsewhere.localhost"]),
                (to, ["tls_skip_verify: true"]),
            )
        )
    )
    assert visitor.get(edge.url()).text == "Hello world!\n"
    for host in ("api.localhost", "docs.localhost"):
        refused = visitor.get(edge.url(host=host), headers={"Accept": "application/json"})
        assert refused.status == 502, repr(refused)
    assert visitor.get(edge.url(host="other.localhost")).text == "Hello world!\n"

    def refusals():
        return [record for record in edge.log_records() if record.get("response-code") == 502]

    until(lambda: len(refusals()) == 2, "both refusals in the access log")


def test_a_service_that_asks_for_a_certificate(new_edge, visitor, authority, serve):
    certificate, key = authority.issue("client", ["edge.localhost"], usage="clientAuth")
    service = serve(authority.issue("strict", ["localhost"]), authority.certificate)
    edge = new_edge()
    to = f"https://localhost:{service.port}"
    trusted = f"tls_custom_ca_file: {authority.certificate}"
    shown = [trusted, f"tls_client_cert_file: {certificate}", f"tls_client_key_file: {key}"]
    edge.start(edge.text(routes=routes(edge, (to, shown), (to, [trusted]))))
    assert visitor.get(edge.url()).text == "Hello world!\n"
    assert visitor.get(edge.url(host="api.localhost")).status == 502


def test_a_plain_service_is_told_from_one_with_tls(new_edge, visitor, service):
    edge = new_edge()
    edge.start(edge.text(routes=routes(edge, (f"https://127.0.0.1:{service.port}", ["tls_skip_verify: true"]))))
    refused = visitor.get(edge.url(), headers={"Accept": "application/json"})
    assert refused.status == 502 and json.loads(refused.body)


def test_a_connection_made_without_checking_is_not_used_once_checking_is_on(new_edge, visitor, authority, serve):
    service = serve(authority.issue("unchecked", ["localhost"]))
    edge = new_edge()
    edge.start(edge.text(routes=routes(edge, (f"https://localhost:{service.port}", ["tls_skip_verify: true"]))))
    assert visitor.get(edge.url()).status == 200
    edge.edit("tls_skip_verify: true", "tls_skip_verify: false")
    # Often enough that a kept connection would never grow old.
    until(lambda: visitor.get(edge.url()).status == 502, "the service to be checked")
