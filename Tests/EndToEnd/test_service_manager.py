"""Under a service manager: sockets that are handed over, and what is told through the notification socket."""

import concurrent.futures
import signal
import socket
import sys

import pytest
from kit.names import free_port
from kit.processes import Program
from kit.waiting import until

# What systemd does between fork and exec (sd_listen_fds(3)): the sockets become 3, 4, ..., and the environment says so.
HAND_OVER = """
import os, sys
descriptors, names, command = [int(n) for n in sys.argv[1].split(",")], sys.argv[2], sys.argv[3:]
high = [os.dup(os.dup2(d, 100 + i)) and 100 + i for i, d in enumerate(descriptors)]
for i, d in enumerate(high):
    os.dup2(d, 3 + i)
os.environ.update(LISTEN_FDS=str(len(descriptors)), LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES=names)
os.execv(command[0], command)
"""


def listening(port):
    holder = socket.create_server(("127.0.0.1", port), backlog=64)
    holder.set_inheritable(True)
    return holder


def start(edge, sockets, names, environment=()):
    """The edge as a service manager starts it, with sockets that listen already."""
    command = [edge.binary, "run", "--config", edge.configuration]
    descriptors = [holder.fileno() for holder in sockets]
    if sockets:
        command = [sys.executable, "-c", HAND_OVER, ",".join(map(str, descriptors)), names, *command]
    edge.program = Program(
        command,
        environment=edge.environment | dict(environment),
        directory=edge.directory,
        log=edge.directory / "edge.log",
        descriptors=descriptors,
    )
    return edge.program


def test_nobody_is_refused_while_the_edge_restarts(new_edge, visitor):
    """Both doors are sockets of the service manager; who comes while no edge runs is served by the next one."""
    edge = new_edge()
    edge.save(edge.text())
    with listening(edge.https_port) as https, listening(edge.ssh_port) as ssh:
        # One is known by its name, the other by its port.
        start(edge, [https, ssh], "https:tunnel-edge.socket").wait_for(r"edge is up", within=30)
        assert visitor.get(edge.url("/healthz", host="auth.localhost"), follow=False).status == 200
        with socket.create_connection(("127.0.0.1", edge.ssh_port), timeout=10) as publisher:
            assert publisher.recv(64).startswith(b"SSH-2.0-TunnelEdge")
        edge.program.signal(signal.SIGTERM)
        assert edge.program.wait(within=40) == 0

        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            early = pool.submit(visitor.get, edge.url("/healthz", host="auth.localhost"), follow=False)
            start(edge, [https, ssh], "https:ssh").wait_for(r"edge is up", within=30)
            assert early.result(timeout=20).status == 200


def test_a_socket_that_nobody_wants_is_told(new_edge):
    edge = new_edge()
    edge.save(edge.text())
    stray = free_port()
    with listening(stray) as holder:
        start(edge, [holder], "extra").wait_for(rf"handed over.*port {stray} .*extra", within=30)


def test_what_is_no_listening_socket_ends_the_start(new_edge):
    edge = new_edge()
    edge.save(edge.text())
    with socket.socket() as idle:
        idle.set_inheritable(True)
        program = start(edge, [idle], "https")
        assert program.wait(within=30) == 69
        assert 'descriptor 3 ("https") of LISTEN_FDS is no listening TCP socket' in program.output
        edge.stop()


@pytest.fixture
def notifications(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
        inbox.bind(str(tmp_path / "notify"))
        inbox.settimeout(20)
        yield inbox


def test_readiness_reload_watchdog_and_end_are_told(new_edge, notifications):
    edge = new_edge()
    edge.save(edge.text())
    told = []

    def hears(word):
        if told and word in told[-1]:
            return True
        told.append(notifications.recv(512).decode())
        return word in told[-1]

    path = notifications.getsockname()
    program = start(edge, [], "", {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "200000"})
    until(lambda: hears("READY=1"), "readiness", within=30)
    assert not any("WATCHDOG" in text for text in told)
    until(lambda: hears("WATCHDOG=1"), "the watchdog")
    program.signal(signal.SIGHUP)
    until(lambda: hears("RELOADING=1"), "the reload")
    until(lambda: hears("READY=1"), "readiness again")
    # A process that stands still says nothing.
    program.signal(signal.SIGSTOP)
    notifications.settimeout(1)
    with pytest.raises(TimeoutError):
        while True:
            notifications.recv(512)
    program.signal(signal.SIGCONT)
    notifications.settimeout(20)
    until(lambda: hears("WATCHDOG=1"), "the watchdog again")
    program.signal(signal.SIGTERM)
    until(lambda: hears("STOPPING=1"), "the end")
    assert program.wait(within=40) == 0
    edge.stop()
