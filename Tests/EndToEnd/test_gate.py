"""The gate before the ssh server: who may come in, who stands for whom, and what a flood leaves to others."""

import contextlib
import resource
import socket
import time

import pytest
from kit.announcing_proxy import AnnouncingProxy, binary, line
from kit.people import approve
from kit.raw_keys import ED25519Key
from kit.raw_ssh import USERAUTH_FAILURE, Gone, RawSSH
from kit.waiting import until
from kit.wire import boolean, string

# What happens on this machine itself counts, too, and nobody has to copy digits because of an announced address.
STRICT = "ssh_per_source_penalty_exempt_list: []\nssh_sign_in_check: page\n"
# However slow the machine is: the penalties of two failures are not over before the second.
TWO_FAILURES = 'ssh_per_source_penalties: "authfail:60s min:100s"\n'
# In seconds: long for a busy machine, and short beside the time that a login may take.
SOON = 10.0
NOT_ALLOWED = b"Not allowed at this time\r\n"
FULL_HOUSE = b"Too many connections, try again in a moment\r\n"


def said_at_the_door(port, source, data=b"SSH-2.0-Raw_1.0\r\n"):
    """Everything the server says to somebody who sends this and waits for the end; None: it does not end."""
    with socket.create_connection(("127.0.0.1", port), source_address=(source, 0)) as link:
        link.settimeout(SOON)
        said = b""
        try:
            link.sendall(data)
            while piece := link.recv(4096):
                said += piece
        except TimeoutError:
            return None
        except ConnectionError:
            pass
        return said


def first_word(port, source):
    """How the server begins: `SSH-` for somebody who is let in."""
    with socket.create_connection(("127.0.0.1", port), source_address=(source, 0)) as link:
        link.settimeout(SOON)
        with contextlib.suppress(ConnectionError):
            return link.recv(4)
        return b""


def let_in(port, source):
    """A connection that may sign in now, or nothing."""
    connection = RawSSH(port, source=source)
    try:
        return connection.connect().service()
    except (Gone, OSError):
        connection.close()
        return None


def records(edge, **wanted):
    return [
        record for record in edge.log_records() if all(str(record.get(name)) == value for name, value in wanted.items())
    ]


# PROXY protocol


@pytest.fixture
def behind_a_proxy(new_edge):
    edge = new_edge()
    more = STRICT + TWO_FAILURES + "ssh_use_proxy_protocol: true\ntrusted_proxies: [127.0.0.2, '10.0.0.0/8']\n"
    return edge.start(edge.text(more=more))


@pytest.mark.parametrize(
    "header",
    [line("198.51.100.7", 4711), binary("2001:db8::7", 4711, "2001:db8::1")],
    ids=["version 1", "version 2"],
)
def test_the_announced_address_is_the_source_of_everything(behind_a_proxy, new_publisher, visitor, service, header):
    edge = behind_a_proxy
    source = "2001:db8::7" if header.startswith(b"\r") else "198.51.100.7"
    proxy = AnnouncingProxy(edge.ssh_port, header)
    try:
        publisher = new_publisher(edge, port=proxy.port)
        tunnel = publisher.forward(("app.localhost", service.port))
        page = visitor.get(tunnel.sign_in_url())
        page = visitor.sign_in(page, "alice", "correct horse battery staple")
        assert source in page.text, page.text
        assert visitor.press(page, "Authorize").status == 200
        tunnel.wait_published()
        assert visitor.get(edge.url()).text == "Hello world!\n"
        proved = until(lambda: records(edge, message="ssh key proved"), "the log line")
        assert proved[0]["source-addr"].startswith(source) and proved[0]["proxy-addr"] == "127.0.0.2", proved
        for event in ("sign-in started", "sign-in approved", "tunnel opened"):
            assert [record["source"] for record in edge.recorded(event)] == [source], event
    finally:
        proxy.stop()


def test_nobody_else_speaks_for_others(behind_a_proxy, new_publisher, visitor, service):
    edge = behind_a_proxy
    for header in (line("198.51.100.7", 4711), binary("198.51.100.7", 4711)):
        said = said_at_the_door(edge.ssh_port, "127.0.0.3", header + b"SSH-2.0-Raw_1.0\r\n")
        assert b"Invalid SSH identification string" in said, said
    # Whoever is no proxy connects as before.
    tunnel = new_publisher(edge).forward(("app.localhost", service.port))
    approve(tunnel, visitor)
    tunnel.wait_published()
    assert edge.recorded("tunnel opened")[0]["source"] == "127.0.0.1"


def test_a_proxy_that_does_not_announce_is_told_so(behind_a_proxy):
    edge = behind_a_proxy
    for _ in range(50):
        said = said_at_the_door(edge.ssh_port, "127.0.0.2")
        # Neither greeted nor let in; what is wrong is told both sides.
        assert said == b"PROXY protocol header expected\r\n", said
    told = until(
        lambda: records(edge, message="ssh connection of a trusted proxy without a PROXY header"), "the warning"
    )
    assert len(told) == 1 and told[0]["source-addr"] == "127.0.0.2"


def test_an_announced_source_is_penalised_and_its_proxy_is_not(behind_a_proxy):
    edge = behind_a_proxy
    bad, good = (AnnouncingProxy(edge.ssh_port, line(f"198.51.100.{number}", 4711)) for number in (66, 67))
    try:
        for _ in range(2):
            fail_to_log_in(bad.port)
        until(lambda: said_at_the_door(bad.port, "127.0.0.1") == NOT_ALLOWED, "the penalty")
        with RawSSH(good.port, source="127.0.0.1") as other:
            other.connect().service()
    finally:
        bad.stop()
        good.stop()


# Penalties


def fail_to_log_in(port, source="127.0.0.1"):
    with RawSSH(port, source=source) as connection:
        connection.connect().service()
        connection.send(connection.request("root", "password", boolean(False) + string("root")))
        connection.expect(USERAUTH_FAILURE)


def test_a_source_that_fails_again_and_again_is_turned_away(new_edge, new_publisher, visitor, service):
    edge = new_edge()
    edge.start(edge.text(more=STRICT + TWO_FAILURES))
    for _ in range(2):
        assert first_word(edge.ssh_port, "127.66.0.1") == b"SSH-"
        fail_to_log_in(edge.ssh_port, "127.66.0.1")
    until(lambda: said_at_the_door(edge.ssh_port, "127.66.0.1") == NOT_ALLOWED, "the penalty")
    began = edge.recorded("ssh source penalised")
    assert [(record["source"], record["reason"]) for record in began] == [("127.66.0.1", "authfail")], began
    # Others notice nothing, also not from the next address.
    tunnel = new_publisher(edge).forward(("app.localhost", service.port))
    approve(tunnel, visitor)
    tunnel.wait_published()
    with RawSSH(edge.ssh_port, source="127.66.0.2") as connection:
        connection.connect().service()
    # A hundred more are a line or two in the log.
    before = edge.output.count("\n")
    for _ in range(100):
        assert said_at_the_door(edge.ssh_port, "127.66.0.1") == NOT_ALLOWED
    assert edge.output.count("\n") - before < 10
    # A reload is enough to forgive.
    edge.edit(r"^ssh_per_source_penalties: .*$", "ssh_per_source_penalties: no")
    until(lambda: first_word(edge.ssh_port, "127.66.0.1") == b"SSH-", "the gate to open again")


def test_one_illegal_message_is_enough_and_a_sign_in_makes_good(new_edge, new_publisher, visitor, service):
    edge = new_edge().start()
    edge.edit(r"^routes:", STRICT + "routes:")
    until(lambda: records(edge, message="configuration applied"), "the edited configuration")

    def attack(source):
        """Opens a channel before any login (CVE-2025-32433)."""
        with RawSSH(edge.ssh_port, source=source) as connection:
            connection.connect().service()
            connection.send(bytes([90]) + string("session") + bytes(4) + bytes([0, 1, 0, 0]) * 2)
            connection.ending()

    attack("127.66.0.9")
    until(lambda: said_at_the_door(edge.ssh_port, "127.66.0.9") == NOT_ALLOWED, "the penalty")
    # Somebody else behind the address from which a tunnel is open: they do not shut it out.
    publisher = new_publisher(edge)
    tunnel = publisher.forward(("app.localhost", service.port))
    approve(tunnel, visitor)
    tunnel.wait_published()
    attack("127.0.0.1")
    edge.recorded("ssh source penalised", source="127.0.0.1")
    outcomes = [first_word(edge.ssh_port, "127.0.0.1") for _ in range(60)]
    assert outcomes.count(NOT_ALLOWED[:4]) > 5, "no share was turned away"
    assert outcomes.count(b"SSH-") > 5, "nobody got in any more"
    assert visitor.get(edge.url()).text == "Hello world!\n"


def test_a_sign_in_that_waits_holds_no_place(new_edge):
    edge = new_edge()
    edge.start(edge.text(more='ssh_max_startups: "1:100:1"\n'))
    # Whoever looked whether the edge listens may still hold the one place.
    with until(lambda: let_in(edge.ssh_port, "127.66.0.8"), "the one place") as waiting:
        assert said_at_the_door(edge.ssh_port, "127.66.0.7") == FULL_HOUSE
        assert waiting.prove(ED25519Key())[0] == USERAUTH_FAILURE
        waiting.ask_to_sign_in()
        until(lambda: let_in(edge.ssh_port, "127.66.0.7"), "the place to be free").close()


def test_one_person_has_as_many_connections_as_allowed(new_edge, new_publisher, visitor, service):
    edge = new_edge()
    edge.start(edge.text(more="ssh_max_connections_per_user: 2\n"))
    publisher = new_publisher(edge)
    first = publisher.forward(("app.localhost", service.port))
    approve(first, visitor)
    first.wait_published()
    second = publisher.ssh("-v", "-N", "-R", f"app.localhost:443:127.0.0.1:{service.port}").wait_published()
    third = publisher.ssh("-v", "-N", "-T")
    third.wait()
    assert "2 connections already" in third.output, third.output
    second.stop()
    edge.recorded("tunnel closed")
    publisher.ssh("-v", "-N", "-R", f"app.localhost:443:127.0.0.1:{service.port}").wait_published()
    assert visitor.status(edge.url()) == 200


# Floods


def flood(port, number, data):
    """Half-open connections, each from an address of its own."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    links = []
    for count in range(number):
        link = socket.socket()
        link.settimeout(5)
        link.bind((f"127.{100 + count // 60000}.{count // 250 % 240}.{1 + count % 250}", 0))
        with contextlib.suppress(OSError):
            link.connect(("127.0.0.1", port))
            link.sendall(data)
        links.append(link)
    return links


def are_in(links):
    """How many were greeted by ssh and not by a line of refusal."""
    count = 0
    for link in links:
        with contextlib.suppress(OSError):
            count += link.recv(4, socket.MSG_PEEK) == b"SSH-"
    return count


def close(links):
    for link in links:
        link.close()


# Identification and the beginning of a packet of the greatest length that is legal before sign-in.
HALF_OPEN = b"SSH-2.0-Idle_1.0\r\n" + (34_996).to_bytes(4, "big") + b"\x10\x14"


def test_a_flood_from_everywhere_leaves_room_for_people(new_edge, new_publisher, visitor, service):
    edge = new_edge()
    edge.start(edge.text(more=STRICT))
    publisher = new_publisher(edge)
    tunnel = publisher.forward(("app.localhost", service.port))
    approve(tunnel, visitor)
    tunnel.wait_published()
    before = edge.resident
    links = flood(edge.ssh_port, 1500, HALF_OPEN)
    try:
        within = are_in(links)
        print(f"of 1500 half-open connections {within} are in; the edge grew by {edge.resident - before} KiB")
        assert within <= 200
        assert edge.resident - before < 16 * 1024
        # Whoever comes from where somebody signed in lately gets in at once, at the first try.
        known = publisher.ssh("-v", "-N", "-R", f"app.localhost:443:127.0.0.1:{service.port}")
        known.wait_published()
        assert visitor.get(edge.url()).text == "Hello world!\n"

        # Strangers wait until the idlers have had their time: then these make room, one for one.
        begun = time.monotonic()
        until(lambda: let_in(edge.ssh_port, "127.200.0.1"), "a place for a stranger", within=20, every=0.2).close()
        print(f"a stranger got in after {time.monotonic() - begun:.1f} s")
    finally:
        close(links)
    assert tunnel.is_running


def test_half_open_connections_are_small(new_edge):
    """Nothing is allocated by a length field, and a client that says little costs little."""
    edge = new_edge()
    edge.start(edge.text(more=STRICT + 'ssh_max_startups: "2000:100:2000"\n'))
    number = 1500
    costs = {}
    sent = {"said nothing": b"", "said a length": HALF_OPEN, "sent 16 KiB of it": HALF_OPEN + bytes(16384)}
    for name, data in sent.items():
        before = edge.resident
        links = flood(edge.ssh_port, number, data)
        try:
            assert are_in(links) == number
            costs[name] = (edge.resident - before) / number
            # There is still room for a real login.
            with RawSSH(edge.ssh_port, source="127.200.0.2") as stranger:
                stranger.connect().service()
        finally:
            close(links)
    print("KiB a half-open connection: " + ", ".join(f"{name} {cost:.1f}" for name, cost in costs.items()))
    assert costs["said a length"] < 24
    # What was really sent may be held, up to the 35,000 bytes of the longest packet before sign-in.
    assert costs["sent 16 KiB of it"] < 24 + 2 * 35


def test_one_source_fills_its_share_and_no_more(new_edge):
    edge = new_edge()
    edge.start(edge.text(more=STRICT))
    links = []
    try:
        for _ in range(40):
            link = socket.create_connection(("127.0.0.1", edge.ssh_port), source_address=("127.66.0.5", 0))
            link.settimeout(5)
            links.append(link)
        assert are_in(links) == 20
        with RawSSH(edge.ssh_port, source="127.66.0.6") as neighbour:
            neighbour.connect().service()
    finally:
        close(links)
