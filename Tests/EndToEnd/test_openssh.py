"""Options of the OpenSSH client that people really use."""

import concurrent.futures
import hashlib
import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from kit.edge import route
from kit.people import ALICE, BOB, approve
from kit.processes import descriptors, run
from kit.service import blocks, checksum
from kit.visitor import Visitor
from kit.waiting import PATIENCE, until


def processes_naming(text):
    """Process ids whose command line contains `text`."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if text in (entry / "cmdline").read_bytes().decode(errors="replace"):
                    yield int(entry.name)
            except OSError:
                continue


def sign_in_once(edge, publisher, visitor, service):
    """Makes the publisher's key known, so that what follows needs no browser."""
    tunnel = publisher.forward(("app.localhost", service.port))
    approve(tunnel, visitor)
    tunnel.wait_published()
    tunnel.stop()


def test_background_with_exit_on_forward_failure(edge, publisher, visitor, service):
    sign_in_once(edge, publisher, visitor, service)
    command = publisher.command(
        "-f",
        "-N",
        "-o",
        "ExitOnForwardFailure=yes",
        "-E",
        publisher.directory / "f.log",
        "-R",
        f"app.localhost:443:127.0.0.1:{service.port}",
    )
    code, output = run(command)
    background = list(processes_naming(str(publisher.directory / "f.log")))
    try:
        assert code == 0, output + (publisher.directory / "f.log").read_text()
        assert len(background) == 1
        until(lambda: visitor.status(edge.url()) == 200, "the page through the background tunnel")
    finally:
        for pid in background:
            os.kill(pid, signal.SIGTERM)


@pytest.mark.parametrize("name", ["nobody.localhost", "other.localhost", "auth.localhost"])
def test_refused_forward_ends_ssh_that_asks_for_it(new_edge, new_publisher, visitor, service, name):
    """No such route, somebody else's route, the edge's own name: refused alike."""
    edge = new_edge()
    edge.start(
        edge.text(
            routes=route("app.localhost", edge.https_port)
            + route("other.localhost", edge.https_port, publisher=BOB.email)
        )
    )
    publisher = new_publisher(edge)
    sign_in_once(edge, publisher, visitor, service)
    code, output = run(
        publisher.command("-f", "-N", "-o", "ExitOnForwardFailure=yes", "-R", f"{name}:443:127.0.0.1:{service.port}")
    )
    assert code == 255, output
    assert "remote port forwarding failed for listen port 443" in output


def test_connection_with_nothing_to_do_is_told_why_and_ended(edge, publisher, visitor, service):
    sign_in_once(edge, publisher, visitor, service)
    tunnel = publisher.ssh("-N", "-R", f"nobody.localhost:443:127.0.0.1:{service.port}")
    tunnel.wait(within=20)
    assert "nobody.localhost" in tunnel.output and "not available to you" in tunnel.output


def test_keepalives_while_the_sign_in_waits(edge, publisher, visitor, service):
    """OpenSSH with ServerAliveInterval=1 gives up after two silent seconds, so the edge must not be silent."""
    patience = 30 if os.environ.get("TUNNEL_EDGE_TEST_FULL") else 8
    tunnel = publisher.forward(
        ("app.localhost", service.port), options=["-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=2"]
    )
    address = tunnel.sign_in_url()
    begun = time.monotonic()
    with pytest.raises(AssertionError):
        until(lambda: not tunnel.is_running, "the end of a patient ssh", within=patience / PATIENCE)
    assert time.monotonic() - begun > patience - 1
    assert tunnel.sign_in_url() == address
    approve(tunnel, visitor)
    tunnel.wait_published()
    with pytest.raises(AssertionError):
        until(lambda: not tunnel.is_running, "the end of an idle tunnel", within=4 / PATIENCE)
    assert visitor.status(edge.url()) == 200


def test_several_forwards_on_one_connection(new_edge, new_publisher, visitor, service):
    edge = new_edge()
    names = ["app.localhost", "api.localhost", "docs.localhost"]
    edge.start(edge.text(routes="".join(route(name, edge.https_port) for name in names)))
    tunnel = new_publisher(edge).forward(*[(name, service.port) for name in names])
    approve(tunnel, visitor)
    tunnel.wait_published(3)
    for name in names:
        assert visitor.get(edge.url(host=name)).text == "Hello world!\n"


def test_the_port_of_the_route_names_it_too(edge, publisher, visitor, service):
    tunnel = publisher.ssh("-v", "-N", "-R", f"app.localhost:{edge.https_port}:127.0.0.1:{service.port}")
    approve(tunnel, visitor)
    tunnel.wait_published()
    assert visitor.status(edge.url()) == 200


def test_localhost_means_the_only_route_one_may_publish(edge, publisher, visitor, service):
    tunnel = publisher.ssh("-v", "-N", "-R", f"localhost:443:127.0.0.1:{service.port}")
    approve(tunnel, visitor)
    tunnel.wait_published()
    until(lambda: visitor.status(edge.url()) == 200, "the page")
    tunnel.wait_for(r"app\.localhost")


def test_control_master(edge, publisher, visitor, service):
    sign_in_once(edge, publisher, visitor, service)
    path = f"/tmp/te-{os.getpid()}.sock"
    master = publisher.ssh("-v", "-N", "-M", "-S", path)
    until(lambda: os.path.exists(path), "the control socket")
    forward = f"app.localhost:443:127.0.0.1:{service.port}"

    def control(*arguments):
        return run(["ssh", "-F", "/dev/null", "-S", path, *arguments, "edge"])

    assert control("-O", "check")[0] == 0
    code, output = control("-O", "forward", "-R", forward)
    assert code == 0, output
    until(lambda: visitor.status(edge.url()) == 200, "the page through the added forward")
    code, output = control("-O", "cancel", "-R", forward)
    assert code == 0, output
    until(lambda: visitor.status(edge.url()) == 503, "the page without the forward")
    # Session channels share the connection, several at once.
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for code, output in pool.map(lambda _: control("-T"), range(3)):
            assert code in (0, 1) and "refused" not in output, output
    assert control("-O", "exit")[0] == 0
    master.wait()


def test_fifty_requests_at_once_on_one_tunnel(edge, publish, visitor, service):
    publish()
    assert visitor.status(edge.url()) == 200
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        answers = [pool.submit(visitor.get, edge.url("/slow"), follow=False) for _ in range(50)]
        until(lambda: sum(path == "/slow" for _, path in service.seen) == 50, "50 requests at the service at once")
        service.release.set()
        assert [answer.result().status for answer in answers] == [200] * 50


@pytest.mark.parametrize(
    "cipher", ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"]
)
def test_ciphers(edge, publish, visitor, service, cipher):
    tunnel = publish(options=["-o", f"Ciphers={cipher}"])
    assert f"cipher: {cipher}" in tunnel.output
    assert visitor.get(edge.url("/download?size=300000")).status == 200


@pytest.mark.parametrize("exchange", ["curve25519-sha256", "curve25519-sha256@libssh.org"])
def test_key_exchanges(edge, publish, visitor, exchange):
    tunnel = publish(options=["-o", f"KexAlgorithms={exchange}"])
    assert f"kex: algorithm: {exchange}" in tunnel.output
    assert visitor.status(edge.url()) == 200


@pytest.mark.parametrize("host_key", ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"])
def test_host_keys(edge, publish, host_key):
    tunnel = publish(options=["-o", f"HostKeyAlgorithms={host_key}"])
    assert f"host key algorithm: {host_key}" in tunnel.output


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_other_kinds_of_client_keys(edge, new_publisher, visitor, service, kind):
    tunnel = new_publisher(edge, key_kind=kind).forward(("app.localhost", service.port))
    approve(tunnel, visitor)
    tunnel.wait_published()


def test_a_key_that_cannot_sign_is_nobody(edge, publisher, new_publisher, visitor, service):
    """Mallory offers Alice's public key, which is known, and then proves only a key of their own."""
    sign_in_once(edge, publisher, visitor, service)
    mallory = new_publisher(edge)
    stolen = mallory.directory / "stolen"
    stolen.with_suffix(".pub").write_text(publisher.key.with_suffix(".pub").read_text())
    tunnel = mallory.ssh(
        "-v", "-N", "-o", "IdentityFile=" + str(stolen), "-R", f"app.localhost:443:127.0.0.1:{service.port}"
    )
    assert tunnel.sign_in_url()
    only_stolen = mallory.ssh("-v", "-N", "-T", "-o", "IdentityFile=none")
    code, output = run(["ssh", *[part for part in mallory.options(key=False)], "-i", stolen, "-N", "dev@127.0.0.1"])
    assert code == 255 and "Permission denied" in output, output
    only_stolen.stop()


def test_no_key_at_all(edge, publisher):
    code, output = run(["ssh", *publisher.options(key=False), "-o", "PubkeyAuthentication=no", "-N", "dev@127.0.0.1"])
    assert code == 255 and "Permission denied (publickey" in output, output


def test_two_waiting_connections_share_one_code(edge, publisher, visitor, service):
    first = publisher.forward(("app.localhost", service.port))
    address = first.sign_in_url()
    second = publisher.ssh("-v", "-N", "-T")
    assert second.sign_in_url() == address
    approve(first, visitor)
    first.wait_published()
    second.wait_for(r"Authenticated to .* using \"keyboard-interactive\"")


def test_another_person_cannot_take_the_route(new_edge, new_publisher, visitor, authority, service):
    """A route is leased to one person while their tunnel backs it, whatever the policy says of the other."""
    edge = new_edge()
    edge.start(
        edge.text(
            routes=route("app.localhost", edge.https_port).replace(
                "                  is: alice@example.test", f"                  in: [{ALICE.email}, {BOB.email}]"
            )
        )
    )
    tunnel = new_publisher(edge).forward(("app.localhost", service.port))
    approve(tunnel, visitor)
    tunnel.wait_published()
    rival = new_publisher(edge).forward(("app.localhost", service.port))
    approve(rival, Visitor(authority.certificate), BOB)
    rival.wait_for(r"remote forward failure")
    assert visitor.status(edge.url()) == 200


def test_session_without_a_terminal(edge, publisher, visitor, service):
    """Somebody who forgets -N gets words, not a hang."""
    sign_in_once(edge, publisher, visitor, service)
    code, output = run(publisher.command("-T"), within=20)
    assert output.strip(), code


def test_disconnect_ends_the_binding_at_once(edge, publish, visitor):
    tunnel = publish()
    assert visitor.status(edge.url()) == 200
    tunnel.stop()
    until(lambda: visitor.status(edge.url()) == 503, "503 after ssh has gone")


def test_reconnect_within_the_grace_serves_waiting_visitors(edge, publish, publisher, visitor, service):
    """A connection that is lost, not closed: the visitor's request waits for the next one."""
    tunnel = publish()
    tunnel.signal(signal.SIGKILL)
    tunnel.wait()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(visitor.get, edge.url(), follow=False)
        publisher.forward(("app.localhost", service.port)).wait_published()
        assert waiting.result().status == 200


@pytest.mark.timeout(900)
def test_rekeying_during_500_megabytes_each_way(edge, publish, visitor):
    megabytes = 500
    size = megabytes << 20
    tunnel = publish(options=["-o", "RekeyLimit=1M"])
    expected = checksum(size)
    link, response = visitor.start("GET", edge.url(f"/download?size={size}"))
    digest, received = hashlib.sha256(), 0
    while piece := response.read(1 << 20):
        digest.update(piece)
        received += len(piece)
    link.close()
    assert (received, digest.hexdigest()) == (size, expected)
    link, response = visitor.start(
        "POST", edge.url("/upload"), blocks(size), {"Content-Length": str(size), "Origin": edge.url("")}
    )
    assert response.status == 200
    assert json.loads(response.read()) == {"size": size, "sha256": expected}
    link.close()
    exchanges = tunnel.output.count("SSH2_MSG_KEXINIT sent")
    assert exchanges > megabytes / 4, f"only {exchanges} key exchanges in {2 * megabytes} MB"


def test_no_descriptors_are_left_behind(edge, publish, publisher, visitor, service):
    publish()
    assert visitor.status(edge.url()) == 200
    before = descriptors(edge.program.pid)
    barrier = threading.Barrier(8)

    def one():
        barrier.wait()
        return visitor.get(edge.url("/echo")).status

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            assert all(status.result() == 200 for status in [pool.submit(one) for _ in range(8)])
    until(lambda: descriptors(edge.program.pid) <= before + 2, "closed connections to give back their descriptors")


def test_a_revoked_key_loses_its_connections(edge, publish, publisher, visitor):
    """Revoking a key on the keys page ends what it opened, and the key has to sign in again."""
    tunnel = publish()
    page = visitor.get(edge.authenticate + "/.pomerium/session_binding_info")
    assert "SHA256:" in page.text
    assert visitor.press(page, "Revoke").status == 200
    tunnel.wait()
    assert publisher.ssh("-v", "-N", "-T").sign_in_url()
