"""Networks as they are: far away, lossy, forgetful, cut, or silent. Only the publisher comes through the relay."""

import signal
import socket
import time

import pytest
from kit.clients import AutoSSH
from kit.people import approve
from kit.relay import Relay
from kit.service import checksum
from kit.transfers import download, upload
from kit.waiting import seconds_until, took, until

SIZE = 20 << 20
FIRST_WINDOW = 256 << 10

# Silence is noticed after three seconds and not after 45, and a lost tunnel waited for as long as tests can wait.
IMPATIENT = "ssh_keepalive_interval: 1s\nreconnect_grace: 20s"


@pytest.fixture
def edge(request, new_edge):
    made = new_edge()
    return made.start(made.text(more=getattr(request, "param", IMPATIENT)))


@pytest.fixture
def new_relay(edge):
    made = []

    def make(**nature):
        made.append(Relay(edge.ssh_port, **nature))
        return made[-1]

    yield make
    for relay in made:
        relay.stop()


@pytest.fixture
def publish_through(edge, new_publisher, visitor, service):
    """Signs a publisher in through the relay and opens the page once."""

    def open_tunnel(relay, options=()):
        publisher = new_publisher(edge, port=relay.port)
        tunnel = publisher.forward(("app.localhost", service.port), options=options)
        approve(tunnel, visitor)
        tunnel.wait_published()
        assert visitor.get(edge.url()).text == "Hello world!\n"
        return publisher, tunnel

    return open_tunnel


def test_far_away_the_windows_grow(edge, new_relay, publish_through, visitor):
    """With 100 ms there and back the first window alone would let 2.5 MB through in a second."""
    round_trip = 0.1
    publish_through(new_relay(round_trip=round_trip))
    begun = time.time()
    assert download(visitor, edge, SIZE) == (200, checksum(SIZE))
    seconds = took(begun, time.time())
    assert seconds < 0.75 * SIZE / FIRST_WINDOW * round_trip, f"{SIZE / seconds / 1e6:.1f} MB/s"
    assert upload(visitor, edge, SIZE) == (200, {"size": SIZE, "sha256": checksum(SIZE)})


def test_a_lossy_and_jittery_way(edge, new_relay, publish_through, visitor):
    """Pieces come late and in bursts, and now and then nothing comes for as long as TCP takes to send again."""
    publish_through(new_relay(round_trip=0.04, jitter=0.03, loss=0.01))
    assert download(visitor, edge, SIZE) == (200, checksum(SIZE))
    assert upload(visitor, edge, SIZE) == (200, {"size": SIZE, "sha256": checksum(SIZE)})


def tunnels_closed(edge):
    return sum(record.get("event") == "tunnel closed" for record in edge.log_records())


def test_a_frozen_client_is_noticed(edge, new_relay, publish_through):
    """It holds its connection, and answers nothing."""
    _, tunnel = publish_through(new_relay())
    tunnel.signal(signal.SIGSTOP)
    try:
        assert seconds_until(lambda: tunnels_closed(edge), "the edge to notice that ssh is frozen", within=10) > 1
    finally:
        tunnel.signal(signal.SIGCONT)
    tunnel.wait()


def test_a_client_that_vanished_is_noticed_on_both_sides(edge, new_relay, publish_through):
    relay = new_relay()
    _, tunnel = publish_through(relay, ["-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=2"])
    relay.swallow()
    until(lambda: tunnels_closed(edge), "the edge to notice that nobody is there", within=10)
    assert tunnel.wait() == 255
    assert "not responding" in tunnel.output


@pytest.mark.parametrize("edge", ["reconnect_grace: 20s"], indirect=True, ids=["patient"])
def test_who_comes_back_is_served_before_the_old_connection_is_missed(
    edge, new_relay, publish_through, visitor, service
):
    """The edge would believe in the old connection for 45 seconds; the new one serves at once all the same."""
    relay = new_relay()
    publisher, old = publish_through(relay)
    relay.swallow()
    publisher.port = edge.ssh_port
    publisher.known_hosts.write_text(publisher.known_hosts.read_text().replace(str(relay.port), str(edge.ssh_port)))
    publisher.forward(("app.localhost", service.port)).wait_published()
    assert visitor.status(edge.url()) == 200
    until(lambda: tunnels_closed(edge) == 1, "the end of the old connection's binding", within=10)
    old.stop()


def test_a_cut_is_hidden_from_visitors(edge, new_relay, visitor, service, tmp_path):
    """autossh comes back by itself, with the same name; a request that came in between waits for it."""
    relay = new_relay()
    client = AutoSSH(tmp_path / "autossh", edge, port=relay.port)
    tunnel = client.publish("app.localhost", service.port)
    try:
        approve(tunnel, visitor)
        until(lambda: visitor.status(edge.url()) == 200, "the page")
        for lost in (1, 2):
            relay.cut()
            until(lambda lost=lost: tunnels_closed(edge) == lost, "the edge to notice the cut")
            assert visitor.status(edge.url()) == 200
    finally:
        tunnel.stop()


def forgotten(relay):
    """A connection of its own that says nothing, until the relay has forgotten it."""
    with socket.create_connection(("127.0.0.1", relay.port)) as link:
        link.settimeout(30)
        try:
            while link.recv(4096):
                pass
        except ConnectionResetError:
            pass


def test_a_sign_in_outlives_a_forgetful_network(edge, new_relay, new_publisher, visitor, service):
    """Boxes on the way forget connections on which nothing moves; a waiting sign-in always moves a little."""
    relay = new_relay(idle_limit=4)
    tunnel = new_publisher(edge, port=relay.port).forward(("app.localhost", service.port))
    address = tunnel.sign_in_url()
    for _ in range(2):
        forgotten(relay)
    approve(tunnel, visitor)
    tunnel.wait_published()
    assert tunnel.sign_in_url() == address
    # An idle tunnel has its keepalives.
    forgotten(relay)
    assert tunnel.is_running and visitor.status(edge.url()) == 200
