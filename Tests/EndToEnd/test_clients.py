"""Every client: shows the sign-in to its user, is let in when they approve, and serves 20 MB each way."""

import pytest
from kit.clients import EVERY_CLIENT
from kit.edge import Edge, route
from kit.people import approve
from kit.service import Service, checksum
from kit.transfers import download, upload
from kit.visitor import Visitor
from kit.waiting import until

SIZE = 20 << 20


def host_of(client):
    return f"{client.name}.localhost"


@pytest.fixture(scope="module")
def shared_service():
    running = Service()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def shared_edge(binary, tmp_path_factory, provider, authority, keys, https_port):
    """One edge with a route for each client."""
    names = [host_of(client) for client in EVERY_CLIENT]
    certificate = authority.issue("clients", ["auth.localhost", *names])
    edge = Edge(
        binary, tmp_path_factory.mktemp("clients") / "edge", provider, certificate, https_port=https_port, keys=keys
    )
    # No client says goodbye when it is told to end; without grace their names are free at once.
    edge.start(edge.text(routes="".join(route(name, https_port) for name in names), more="reconnect_grace: 0s"))
    yield edge
    edge.stop()


@pytest.fixture(scope="module")
def browser(authority):
    """Alice's, for all clients: signed in once, she only has to authorize."""
    return Visitor(authority.certificate)


@pytest.fixture(scope="module")
def waiting(request, shared_edge, shared_service, tmp_path_factory):
    """All clients that are tested, started at once: each waits for the browser while others are served."""
    directory = tmp_path_factory.mktemp("people")
    chosen = {item.callspec.params["kind"] for item in request.session.items if item.module is request.module}
    clients = [kind(directory / kind.name, shared_edge) for kind in EVERY_CLIENT if kind in chosen]
    tunnels = {type(client): client.publish(host_of(client), shared_service.port) for client in clients}
    yield tunnels
    for tunnel in tunnels.values():
        tunnel.stop()


@pytest.mark.parametrize("kind", EVERY_CLIENT, ids=lambda kind: kind.name)
def test_signs_in_and_serves(waiting, shared_edge, browser, kind):
    tunnel, host = waiting[kind], host_of(kind)
    try:
        approve(tunnel, browser)
        page = shared_edge.url(host=host)
        until(lambda: browser.status(page) == 200, f"the page that {kind.name} publishes")
        assert browser.get(page).text == "Hello world!\n"
        assert download(browser, shared_edge, SIZE, host) == (200, checksum(SIZE))
        assert upload(browser, shared_edge, SIZE, host=host) == (200, {"size": SIZE, "sha256": checksum(SIZE)})
        tunnel.stop()
        until(lambda: browser.status(page) == 503, f"the end of what {kind.name} published")
    except BaseException:
        print(f"--- {' '.join(tunnel.arguments)}\n{tunnel.output[-3000:]}")
        raise
