"""Fixtures. What is started here is stopped here, by its own process id."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from kit.canaille import Canaille
from kit.certificates import CertificateAuthority
from kit.edge import HOST_KEYS, Edge
from kit.names import free_port
from kit.people import ALICE, BOB, approve
from kit.publisher import Publisher, make_key
from kit.service import Service
from kit.visitor import Visitor

ROOT = Path(__file__).resolve().parents[2]
HOSTS = ["auth.localhost", "app.localhost", "api.localhost", "docs.localhost", "other.localhost"]

# A shell's background job ignores it, and so would every ssh that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    """A skipped test proves nothing: it fails the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == 0 and reporter and reporter.stats.get("skipped"):
        session.exitstatus = 1


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    setattr(item, f"report_{call.when}", outcome.get_result())


@pytest.fixture(scope="session")
def artifacts():
    directory = Path(os.environ.get("TUNNEL_EDGE_TEST_ARTIFACTS", ROOT / ".build" / "end-to-end"))
    directory.mkdir(parents=True, exist_ok=True)
    return directory


@pytest.fixture(scope="session")
def binary():
    """The release program."""
    given = os.environ.get("TUNNEL_EDGE_BINARY")
    if not given:
        told = subprocess.run(
            ["swift", "build", "-c", "release", "--show-bin-path"], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout
        given = Path(told.strip()) / "tunnel-edge"
    path = Path(given).resolve()
    assert path.is_file(), f"{path} is not there: build it with scripts/test or swift build -c release"
    return path


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return CertificateAuthority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def certificate(authority):
    return authority.issue("edge", HOSTS)


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    """The edge's keys, made by ssh-keygen under the tutorial's names."""
    directory = tmp_path_factory.mktemp("keys")
    make_key(directory / "pomerium_user_ca_key")
    for kind in HOST_KEYS:
        make_key(directory / f"pomerium_ssh_host_{kind}_key", kind, bits="2048" if kind == "rsa" else None)
    return directory


@pytest.fixture(scope="session")
def https_port():
    """One port for every edge of the run: the provider's client names its redirect address."""
    return free_port()


@pytest.fixture(scope="session")
def provider(tmp_path_factory, https_port):
    canaille = Canaille(
        tmp_path_factory.mktemp("provider") / "canaille",
        [ALICE, BOB],
        [f"https://auth.localhost:{https_port}/oauth2/callback"],
    )
    canaille.start()
    yield canaille
    canaille.stop()


@pytest.fixture
def service():
    running = Service()
    yield running
    running.stop()


@pytest.fixture
def new_edge(request, tmp_path, binary, provider, certificate, keys, https_port, artifacts):
    """Makes an edge that is not started yet. Its log is kept when the test fails."""
    made = []

    def make(with_provider=None):
        edge = Edge(
            binary,
            tmp_path / f"edge{len(made) or ''}",
            with_provider or provider,
            certificate,
            https_port=https_port,
            keys=keys,
        )
        made.append(edge)
        return edge

    yield make
    report = getattr(request.node, "report_call", None)
    crashed = []
    for number, edge in enumerate(made):
        if edge.program and not edge.program.is_running:
            crashed.append(edge.program.process.returncode)
        edge.stop()
        if report and report.failed:
            name = request.node.name.replace("/", "_")[:80]
            for log in [edge.directory / "edge.log", edge.configuration]:
                if log.exists():
                    shutil.copy(log, artifacts / f"{name}.{number}.{log.name}")
    assert not crashed, f"the edge ended by itself with {crashed}"


@pytest.fixture
def edge(new_edge):
    """A running edge with the tutorial's configuration."""
    return new_edge().start()


@pytest.fixture
def visitor(authority):
    return Visitor(authority.certificate)


@pytest.fixture
def new_publisher(request, tmp_path):
    """Makes people with an ssh key each; their tunnels end with the test."""
    made = []

    class Kept(Publisher):
        def ssh(self, *arguments, **more):
            tunnel = super().ssh(*arguments, **more)
            made.append(tunnel)
            return tunnel

    count = [0]

    def make(edge, port=None, **more):
        """`port`: of a relay that leads to the edge."""
        count[0] += 1
        directory = tmp_path / f"publisher{count[0]}"
        return Kept(directory, port or edge.ssh_port, edge.host_public_keys(), **more)

    yield make
    report = getattr(request.node, "report_call", None)
    for tunnel in made:
        tunnel.stop()
        if report and report.failed:
            print(f"--- {' '.join(tunnel.arguments)}\n{tunnel.output[-3000:]}")


@pytest.fixture
def publisher(new_publisher, edge):
    return new_publisher(edge)


@pytest.fixture
def publish(edge, publisher, visitor, service):
    """Opens a tunnel, signs Alice in for it and visits the page once, the way a person does; the tunnel."""

    def open_tunnel(options=()):
        tunnel = publisher.forward(("app.localhost", service.port), options=options)
        approve(tunnel, visitor)
        tunnel.wait_published()
        page = visitor.get(edge.url())
        assert page.text == "Hello world!\n", repr(page)
        return tunnel

    return open_tunnel
