"""One edge for all attacks, with a real tunnel that lives through them."""

import shutil

import pytest
from kit.attacked import Attacked
from kit.edge import Edge
from kit.people import approve
from kit.publisher import Publisher
from kit.raw_ssh import RawSSH
from kit.service import Service
from kit.slow_attacks import SlowAttacks
from kit.visitor import Visitor


@pytest.fixture(scope="package")
def attacked(tmp_path_factory, binary, provider, certificate, authority, keys, https_port, artifacts):
    directory = tmp_path_factory.mktemp("attacked")
    edge = Edge(binary, directory / "edge", provider, certificate, https_port=https_port, keys=keys)
    edge.start(Attacked.configuration(edge))
    service = Service()
    publisher = Publisher(directory / "publisher", edge.ssh_port, edge.host_public_keys())
    tunnel = publisher.forward(("app.localhost", service.port))
    try:
        visitor = Visitor(authority.certificate)
        approve(tunnel, visitor)
        tunnel.wait_published()
        everything = Attacked(edge, tunnel, visitor, Visitor(authority.certificate))
        everything.make_key_known()
        yield everything
    finally:
        tunnel.stop()
        service.stop()
        code = edge.stop()
        shutil.copy(directory / "edge" / "edge.log", artifacts / "ssh_attacks.edge.log")
    assert code == 0, f"the edge ended with {code}"


@pytest.fixture(scope="package")
def slow(attacked):
    """Attacks that take half a minute each; they run while the others do."""
    running = SlowAttacks(attacked)
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def nobody_notices(attacked, slow):
    """After each attack: the edge and the tunnel live, and the log has a few lines for each connection, not more."""
    lines, made = attacked.log_lines, RawSSH.made
    # Those of slow attacks may end just now.
    others = slow.connections_under_way
    yield
    attacked.check_alive()
    written = attacked.log_lines - lines
    made = others + RawSSH.made - made
    assert written <= 50 + 8 * made, f"{written} log lines for {made} connections"
