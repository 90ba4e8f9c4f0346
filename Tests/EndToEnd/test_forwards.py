"""What `-R` may say, who gets what, and what visitors see when one of several tunnels goes."""

import asyncio
import concurrent.futures
import ipaddress
import json
import os
import signal
import threading
import time

import asyncssh
import paramiko
import pytest
from kit.edge import route
from kit.load import Load
from kit.people import ALICE, BOB, approve, browse
from kit.processes import Program, run
from kit.publisher import make_key
from kit.service import Service
from kit.visitor import Visitor
from kit.waiting import PATIENCE, WITHIN_A_SECOND, seconds_until, took, until

EVERYBODY = f"[{ALICE.email}, {BOB.email}]"


def both(text):
    """Alice and Bob may visit and publish."""
    return text.replace("is: alice@example.test", f"in: {EVERYBODY}")


def audit(edge, event):
    return [record for record in edge.log_records() if record.get("log") == "audit" and record.get("event") == event]


@pytest.fixture
def person(new_publisher, visitor, service):
    """Makes a publisher whose key is known already, so that every client can use it without a browser."""

    def make(edge, someone=ALICE, browser=visitor):
        publisher = new_publisher(edge)
        tunnel = publisher.ssh("-v", "-N", "-T")
        approve(tunnel, browser, someone)
        tunnel.wait_for(r"Authenticated to .* using \"keyboard-interactive\"")
        tunnel.stop()
        return publisher

    return make


@pytest.fixture
def services():
    """Local services that say who they are."""
    made = []

    def make():
        made.append(Service())
        return made[-1]

    yield make
    for one in made:
        one.stop()


def serves(visitor, url, status=200):
    until(lambda: visitor.status(url) == status, f"{status} at {url}")


# The tables of names


def test_openssh_spellings(edge, person, visitor, service):
    """A name in another case and with a dot, no name in all its forms; the client compares the bytes of every open."""
    publisher = person(edge)
    browse(visitor, edge.url())
    named = ["APP.LocalHost", "app.localhost.", "*", "0.0.0.0", "[::]", "127.0.0.1", ""]
    for number, name in enumerate(named):
        port = edge.https_port if number == 1 else 443
        prefix = f"{name}:" if name else ""
        tunnel = publisher.ssh("-v", "-N", "-T", "-R", f"{prefix}{port}:127.0.0.1:{service.port}")
        tunnel.wait_published()
        assert visitor.get(edge.url()).text == "Hello world!\n", name
        assert "WARNING" not in tunnel.output and "open failed" not in tunnel.output
        tunnel.stop()
    kinds = {record["url"] for record in edge.recorded("tunnel opened", count=len(named))}
    assert kinds == {f"https://app.localhost:{edge.https_port}"}


def test_dbclient_and_plink_without_a_name(edge, person, visitor, service):
    publisher = person(edge)
    browse(visitor, edge.url())
    forward = f"443:127.0.0.1:{service.port}"
    home = dict(os.environ, HOME=str(publisher.directory))
    (publisher.directory / ".ssh").mkdir(exist_ok=True)
    kind, blob, *_ = edge.host_public_keys()[0].read_text().split()
    (publisher.directory / ".ssh" / "known_hosts").write_text(f"127.0.0.1 {kind} {blob}\n")
    dropbear, putty = publisher.directory / "id_dropbear", publisher.directory / "id.ppk"
    for command in (
        ["dropbearconvert", "openssh", "dropbear", publisher.key, dropbear],
        ["puttygen", publisher.key, "-O", "private", "-o", putty, "--new-passphrase", "/dev/null"],
    ):
        code, output = run(command, environment=home)
        assert code == 0, output
    code, output = run(["ssh-keygen", "-l", "-f", edge.host_public_keys()[0]])
    fingerprint = output.split()[1]
    destination = "dev@127.0.0.1"
    dbclient = ["dbclient", "-p", edge.ssh_port, "-i", dropbear, "-N", "-T"]
    plink = ["plink", "-batch", "-P", edge.ssh_port, "-hostkey", fingerprint, "-i", putty, "-N", "-T"]
    for command in (
        [*dbclient, "-R", forward],
        [*dbclient, "-g", "-R", forward],
        [*dbclient, "-R", f"App.LocalHost:{forward}"],
        [*plink, "-R", forward],
        [*plink, "-R", f"App.LocalHost:{forward}"],
    ):
        with Program([*command, destination], environment=home) as client:
            serves(visitor, edge.url())
            assert visitor.get(edge.url("/echo")).status == 200, client.output
            client.process.kill()
        # It was lost without a word; the next one of the same person takes its place.


def test_libraries_ask_and_are_told_in_their_own_ways(edge, person, visitor, service):
    """asyncssh and paramiko: host bytes come back, originators are addresses with a port, port 0 is told."""
    publisher = person(edge)
    browse(visitor, edge.url())
    opened = []

    async def use_asyncssh():
        async with asyncssh.connect(
            "127.0.0.1",
            edge.ssh_port,
            username="dev",
            known_hosts=str(publisher.known_hosts),
            client_keys=[str(publisher.key)],
            config=None,
        ) as connection:

            def forwarded(host, port):
                opened.append((host, port))
                return asyncssh.SSHPortForwarder(connection, None)

            # Nobody there: the page says that the service refuses, and the tunnel lives.
            refused = await connection.forward_remote_port("App.localhost", 443, "127.0.0.1", 1)
            assert refused.get_port() == 443
            status = await asyncio.to_thread(visitor.status, edge.url())
            assert status == 502
            refused.close()
            await refused.wait_closed()
            for host, port in (("app.localhost", 443), ("", 443), ("", 0)):
                listener = await connection.forward_remote_port(host, port, "127.0.0.1", service.port)
                assert (listener.get_port() >= 32768) if port == 0 else listener.get_port() == port
                page = await asyncio.to_thread(visitor.get, edge.url())
                assert page.text == "Hello world!\n", (host, port)
                listener.close()
                await listener.wait_closed()
            # The second request for the same bytes is refused, and so are Unix sockets; the connection goes on.
            listener = await connection.forward_remote_port("app.localhost", 443, "127.0.0.1", service.port)
            for again in ("app.localhost", "APP.localhost."):
                with pytest.raises(asyncssh.ChannelListenError):
                    await connection.forward_remote_port(again, 443, "127.0.0.1", service.port)
            with pytest.raises(asyncssh.ChannelListenError):
                await connection.forward_remote_path("/tmp/no.sock", "/tmp/none.sock")
            page = await asyncio.to_thread(visitor.get, edge.url())
            assert page.status == 200

    asyncio.run(use_asyncssh())

    client = paramiko.SSHClient()
    client.load_host_keys(str(publisher.known_hosts))
    client.connect(
        "127.0.0.1", edge.ssh_port, "dev", key_filename=str(publisher.key), look_for_keys=False, allow_agent=False
    )
    transport = client.get_transport()
    told = []

    def handler(channel, origin, server):
        told.append((origin, server))
        channel.recv(65536)
        channel.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc")
        channel.close()

    try:
        port = transport.request_port_forward("", 443, lambda *of: threading.Thread(target=handler, args=of).start())
        assert port == 443
        link, response = visitor.start("GET", edge.url())
        own = link.sock.getsockname()
        assert response.read() == b"abc"
        link.close()
        (origin, server) = told[0]
        assert ipaddress.ip_address(origin[0]).is_loopback and origin == own[:2]
        assert server == ("", 443)
        transport.cancel_port_forward("", 443)
        serves(visitor, edge.url(), 503)
    finally:
        client.close()


# What is refused, and how it is told


def test_refusals_are_told_where_their_person_looks(new_edge, person, visitor, service):
    edge = new_edge()
    edge.start(edge.text(routes="".join(route(f"{name}.localhost", edge.https_port) for name in ("app", "api"))))
    publisher = person(edge)
    target = f"127.0.0.1:{service.port}"
    authority, copy = make_key(publisher.directory / "authority"), publisher.directory / "copy.pub"
    copy.write_text(publisher.key.with_suffix(".pub").read_text())
    code, output = run(["ssh-keygen", "-q", "-s", authority, "-I", "x", "-n", "dev", "-O", "no-port-forwarding", copy])
    assert code == 0, output
    certificate = ["-o", f"CertificateFile={publisher.directory / 'copy-cert.pub'}"]
    # Nothing else to do: five seconds after the refusal they are told why, and ended.
    useless = [
        (publisher.ssh("-N", "-R", f"/tmp/te.sock:{target}"), "Unix sockets cannot be published; name a host"),
        (publisher.ssh("-N", "-R", f"443:{target}"), "name the host to publish, as in -R app.localhost:443:localhost"),
        (publisher.ssh("-N", "-R", f"other.localhost:22:{target}"), "other.localhost:22: not available to you."),
        (
            publisher.ssh("-N", *certificate, "-R", f"app.localhost:443:{target}"),
            "app.localhost:443: your certificate does not permit port forwarding",
        ),
    ]
    forwards = [f"nobody.localhost:443:{target}", f"app.localhost:443:{target}", f"/tmp/te.sock:{target}"]
    useful = publisher.ssh("-v", "-N", "-T", *[part for forward in forwards for part in ("-R", forward)])
    useful.wait_published()
    useful.wait_for(r"remote forward failure for: listen nobody\.localhost:443")
    page = browse(visitor, edge.authenticate + "/.pomerium/")
    assert "nobody.localhost:443: not available to you" in page.text
    assert "/tmp/te.sock: Unix sockets cannot be published" in page.text
    for tunnel, text in useless:
        assert tunnel.wait(within=15) == 255
        assert text in tunnel.output, tunnel.output
    reasons = sorted(record["reason"] for record in edge.recorded("forward refused", count=6))
    assert reasons == ["certificate-forbids", "needs-name", *["unix-socket"] * 2, *["unknown-name"] * 2]
    # Refused last, and ended last if it were to be: it stays for what it was granted.
    assert useful.is_running and browse(visitor, edge.url()).status == 200
    # Somebody with a session reads it there.
    both_forwards = ["-R", f"nobody.localhost:443:{target}", "-R", f"api.localhost:443:{target}"]
    session = publisher.ssh("-T", *both_forwards)
    session.wait_for(r"nobody\.localhost:443: not available to you")
    assert session.is_running


# Routes that nobody reaches yet


def test_ssh_and_tcp_routes_bind_and_say_that_nobody_reaches_them(new_edge, person, visitor, service, binary):
    edge = new_edge()
    tunnels = "".join(
        route("app.localhost", edge.https_port)
        .replace(f"https://app.localhost:{edge.https_port}", source)
        .replace("    to: http://non-existent-route\n", f"    to: {target}\n")
        for source, target in (
            ("ssh://web1", "ssh://127.0.0.1:22"),
            ("tcp+https://db.localhost:5432", "tcp://127.0.0.1:5432"),
        )
    )
    edge.start(edge.text(routes=route("app.localhost", edge.https_port) + tunnels))
    code, output = run([binary, "check", "--config", edge.configuration], environment=edge.environment)
    assert code == 0 and output.count("nobody reaches them") == 2, output
    publisher = person(edge)
    path = f"/tmp/te-forwards-{os.getpid()}.sock"
    target = f"127.0.0.1:{service.port}"
    master = publisher.ssh("-v", "-N", "-M", "-S", path, "-R", f"Web1:22:{target}", "-R", f"db.localhost:5432:{target}")
    master.wait_published(2)
    until(lambda: os.path.exists(path), "the control socket")

    def control(*arguments):
        return run(["ssh", "-F", "/dev/null", "-S", path, *arguments])

    def states():
        code, output = control("edge", "tunnels", "--json")
        assert code == 0, output
        listed = json.loads(output[output.index("[") :])
        return {tunnel["url"]: tunnel["state"] for tunnel in listed}

    not_yet = "bound, but not reachable: {} routes are not served yet"
    bound = {"ssh://web1": not_yet.format("ssh"), "tcp+https://db.localhost:5432": not_yet.format("TCP")}
    assert states() == bound
    page = browse(visitor, edge.authenticate + "/.pomerium/")
    assert "ssh://web1" in page.text and "ssh routes are not served yet" in page.text
    assert {record["url"] for record in edge.recorded("tunnel opened", count=2)} == set(bound)
    # Port 0 over the same connection takes what is left; its number comes back, and cancels it.
    code, output = control("-O", "forward", "-R", f"*:0:{target}", "edge")
    assert code == 0, output
    allocated = int(output.strip().splitlines()[-1])
    assert 32768 <= allocated < 65536
    serves(visitor, edge.url())
    assert states()[f"https://app.localhost:{edge.https_port}"] == "published"
    code, output = control("-O", "cancel", "-R", f"*:0:{target}", "edge")
    assert code == 0, output
    serves(visitor, edge.url(), 503)
    assert states() == bound
    control("-O", "exit", "edge")


# Port 0


def test_port_zero_follows_policy_and_configuration(new_edge, person, visitor, services):
    """`ssh -R 0`: every route one may publish, each asked for its own destination, as the file changes."""
    edge, app, api = new_edge(), services(), services()

    def routes(*names):
        ports = {"app": app.port, "api": api.port, "docs": app.port}
        return "".join(
            route(f"{name}.localhost", edge.https_port).replace("non-existent-route", f"127.0.0.1:{ports[name]}")
            for name in names
        )

    edge.start(edge.text(routes=routes("app", "api")))
    publisher = person(edge)
    tunnel = publisher.ssh("-v", "-N", "-T", "-R", "0")
    tunnel.wait_for(r"Allocated port \d+")
    for host, one in (("app.localhost", app), ("api.localhost", api)):
        browse(visitor, edge.url(host=host))
        one.seen.clear()
        assert visitor.get(edge.url(host=host)).text == "Hello world!\n"
        assert one.seen == [("GET", "/")]
    edge.save(edge.text(routes=routes("app") + routes("api").replace(f"is: {ALICE.email}\n", f"is: {BOB.email}\n")))
    serves(visitor, edge.url(host="api.localhost"), 403)
    edge.save(edge.text(routes=routes("app", "api", "docs")))
    serves(visitor, edge.url(host="api.localhost"))
    browse(visitor, edge.url(host="docs.localhost"))
    serves(visitor, edge.url(host="docs.localhost"))
    edge.save(edge.text(routes=routes("api")))
    serves(visitor, edge.url(host="api.localhost"))
    until(lambda: len(audit(edge, "tunnel closed")) == 2, "the routes that are gone")
    assert tunnel.is_running


def test_port_zero_with_a_fixed_destination(edge, person, visitor, service):
    """The service waits for a whole line and does not answer a SOCKS greeting: it is no SOCKS, and the page comes."""
    tunnel = person(edge).ssh("-v", "-N", "-T", "-R", f"0:127.0.0.1:{service.port}")
    tunnel.wait_for(r"Allocated port \d+")
    assert browse(visitor, edge.url()).text == "Hello world!\n"
    begun = time.time()
    assert visitor.get(edge.url()).status == 200
    assert took(begun, time.time()) < WITHIN_A_SECOND


# Several publishers


def take_turns(visitor, url, *behind):
    """Waits until all these services are asked: a tunnel whose owner opened another is first asked whether it lives."""
    for one in behind:
        one.seen.clear()
    until(lambda: visitor.status(url) == 200 and all(one.seen for one in behind), "requests at every service")
    for one in behind:
        one.seen.clear()


def test_visitors_do_not_notice_that_a_publisher_goes(edge, person, visitor, services):
    """Three tunnels of one person under load: one killed, one ended in order. No request fails whose answer had not begun."""
    publisher, behind = person(edge), [services() for _ in range(3)]
    tunnels = [publisher.forward(("app.localhost", one.port)).wait_published() for one in behind]
    browse(visitor, edge.url())
    with Load(visitor, edge.url()) as load:
        until(lambda: all(len(one.seen) > 5 for one in behind), "requests at all three services")
        tunnels[0].signal(signal.SIGKILL)
        load.more(40)
        tunnels[1].signal(signal.SIGINT)
        load.more(40)
    assert set(load.statuses) == {200}, [status for status in load.statuses if status != 200]
    assert load.cut <= 2 * load.workers, "each visitor had one request under way when each of the two went"
    # A request that waits at a service when its tunnel is killed is asked again elsewhere, because it may be.
    again = publisher.forward(("app.localhost", behind[0].port)).wait_published()
    take_turns(visitor, edge.url(), behind[0], behind[2])
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(visitor.get, edge.url("/slow"), follow=False) for _ in range(2)]
        until(lambda: all(("GET", "/slow") in one.seen for one in (behind[0], behind[2])), "a request at each service")
        again.signal(signal.SIGKILL)
        until(lambda: behind[2].seen.count(("GET", "/slow")) == 2, "the request at the other service")
        behind[2].release.set()
        assert [answer.result().status for answer in waiting] == [200, 200]


@pytest.mark.parametrize("balance", ["round_robin", "least_request", "failover"])
def test_balance(new_edge, person, visitor, services, balance):
    edge, behind = new_edge(), [services() for _ in range(2)]
    edge.start(edge.text(more=f"tunnel_balance: {balance}\n"))
    publisher = person(edge)
    for one in behind:
        publisher.forward(("app.localhost", one.port)).wait_published()
    browse(visitor, edge.url())
    take_turns(visitor, edge.url(), *behind[: 1 if balance == "failover" else 2])
    if balance != "least_request":
        for _ in range(6):
            assert visitor.get(edge.url()).status == 200
        assert [len(one.seen) for one in behind] == ([3, 3] if balance == "round_robin" else [6, 0])
        return
    # A request that takes long keeps others away from where it is.
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(visitor.get, edge.url("/slow"), follow=False)
        busy = until(lambda: next((one for one in behind if one.seen), None), "the slow request")
        for _ in range(6):
            assert visitor.get(edge.url()).status == 200
        for one in behind:
            one.release.set()
        assert slow.result().status == 200
    assert len(busy.seen) == 1


def test_a_second_tunnel_replaces_one_that_does_not_answer(edge, person, visitor, service):
    """A laptop that fell asleep: its owner publishes from elsewhere, and visitors go there at once."""
    publisher = person(edge)
    frozen = publisher.forward(("app.localhost", service.port)).wait_published()
    browse(visitor, edge.url())
    frozen.signal(signal.SIGSTOP)
    try:
        publisher.forward(("app.localhost", service.port)).wait_published()
        begun = time.time()
        assert all(visitor.status(edge.url()) == 200 for _ in range(5))
        assert took(begun, time.time()) < WITHIN_A_SECOND
        assert len(edge.recorded("tunnel closed")) == 1
    finally:
        frozen.signal(signal.SIGCONT)


def test_a_frozen_publisher_does_not_keep_visitors(edge, person, visitor, services):
    """One of two tunnels stops answering under load: what was to open there is taken to the other."""
    publisher, behind = person(edge), [services() for _ in range(2)]
    tunnels = [publisher.forward(("app.localhost", one.port)).wait_published() for one in behind]
    browse(visitor, edge.url())
    tunnels[0].signal(signal.SIGSTOP)
    try:
        begun = time.time()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            pages = list(pool.map(lambda _: visitor.get(edge.url(), follow=False).status, range(8)))
        assert set(pages) == {200} and took(begun, time.time()) < 9 * PATIENCE
    finally:
        tunnels[0].signal(signal.SIGCONT)


# Several people


def test_shared_routes_and_names_that_become_free(new_edge, person, visitor, authority, services):
    """`tunnel_sharing: allowed` lets two people publish one route, and a visitor stays with one of them; elsewhere the
    second one waits, and gets the name as soon as the first lets go."""
    edge, behind = new_edge(), [services() for _ in range(2)]
    shared = both(route("api.localhost", edge.https_port, extra="tunnel_sharing: allowed"))
    edge.start(edge.text(routes=shared + both(route("app.localhost", edge.https_port))))
    bobs_browser = Visitor(authority.certificate)
    alice, bob = person(edge), person(edge, BOB, bobs_browser)
    names = [("api.localhost", behind[0].port), ("app.localhost", behind[0].port)]
    alices = alice.forward(*names).wait_published(2)
    bobs = bob.ssh("-v", "-N", "-T", "-R", f"*:0:127.0.0.1:{behind[1].port}")
    bobs.wait_for(r"Allocated port \d+")

    opened = [(record["email"], record["name"]) for record in edge.recorded("tunnel opened", count=3)]
    assert sorted(opened) == [
        (ALICE.email, "api.localhost"), (ALICE.email, "app.localhost"), (BOB.email, "api.localhost"),
    ]  # fmt: skip
    for someone, browser in ((ALICE, visitor), (BOB, bobs_browser)):
        browse(browser, edge.url(host="api.localhost"), someone)
        for one in behind:
            one.seen.clear()
        assert all(browser.status(edge.url(host="api.localhost")) == 200 for _ in range(5))
        assert sorted(len(one.seen) for one in behind) == [0, 5]
    # No polling: the name that Alice gives back is Bob's before the next look of any timer.
    alices.signal(signal.SIGINT)
    alices.wait()
    bobs_name = ("app.localhost", BOB.email)

    def is_bobs():
        return bobs_name in [(record["name"], record["email"]) for record in audit(edge, "tunnel opened")]

    assert seconds_until(is_bobs, "Bob's tunnel for the name") < 1.5 * PATIENCE
    for host in ("api.localhost", "app.localhost"):
        browse(visitor, edge.url(host=host))
        serves(visitor, edge.url(host=host))
