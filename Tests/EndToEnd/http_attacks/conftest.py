"""One edge and one tunnel for all attacks: a plain route and one to a service with TLS, both for everybody."""

import shutil

import pytest
from kit.edge import Edge, route
from kit.hostile_http2 import HostileHTTP2
from kit.people import approve
from kit.publisher import Publisher
from kit.service import Service
from kit.static_site import StaticSite
from kit.strict_origin import StrictOrigin
from kit.visitor import Visitor

from .front import SETTINGS, Front

NAME = "service.localhost"


@pytest.fixture(scope="package")
def front(tmp_path_factory, binary, provider, certificate, authority, keys, https_port, artifacts):
    directory = tmp_path_factory.mktemp("front")
    plain, secure = StrictOrigin(), StrictOrigin(authority.issue("strict-origin", [NAME]))
    hostile = HostileHTTP2()
    site, service = StaticSite(directory / "site"), Service()
    edge = Edge(binary, directory / "edge", provider, certificate, https_port=https_port, keys=keys)
    public = "allow_public_unauthenticated_access: true\nset_request_headers:\n  X-Set-By-Edge: edge"
    routes = route("app.localhost", https_port, extra=public)
    tls = f"{public}\ntls_custom_ca_file: {authority.certificate}"
    routes += route("api.localhost", https_port, extra=tls).replace("http://non-existent-route", f"https://{NAME}")
    routes += f"""\
  - from: https://other.localhost:{https_port}
    prefix: /h2c/
    to: h2c://127.0.0.1:{hostile.port}
    allow_public_unauthenticated_access: true
"""
    routes += route("docs.localhost", https_port, extra=public) + route("other.localhost", https_port, extra=public)
    edge.start(edge.text(routes=Front.without_visitors(routes), more=SETTINGS))
    publisher = Publisher(directory / "publisher", edge.ssh_port, edge.host_public_keys())
    ports = {
        "app.localhost": plain.port,
        "api.localhost": secure.port,
        "docs.localhost": site.port,
        "other.localhost": service.port,
    }
    tunnel = publisher.forward(*ports.items())
    try:
        visitor = Visitor(authority.certificate)
        approve(tunnel, visitor)
        tunnel.wait_published(4)
        yield Front(edge, tunnel, visitor, {"app.localhost": plain, "api.localhost": secure}, ports, hostile)
    finally:
        tunnel.stop()
        plain.stop()
        secure.stop()
        site.stop()
        service.stop()
        hostile.stop()
        code = edge.stop()
        shutil.copy(directory / "edge" / "edge.log", artifacts / "http_attacks.edge.log")
    assert code == 0, f"the edge ended with {code}"


@pytest.fixture(autouse=True)
def origin_has_no_complaint(front):
    """After each attack: everything lives, and no byte has come to a service that may not."""
    yield
    assert front.edge.program.is_running, "the edge has ended"
    assert front.tunnel.is_running, f"the tunnel was dropped:\n{front.tunnel.output[-2000:]}"
    for origin in front.origins.values():
        faults, origin.faults = origin.faults, []
        assert not faults, f"the origin was sent {faults}"
