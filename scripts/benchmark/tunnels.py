"""What idle tunnels cost, what a visitor pins who does not read, and what a flood of key exchanges spoils."""

import contextlib
import re
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import load
from accounting import Meter, cpu_of, memory_of
from kit.processes import Program

CLIENT = Path(__file__).with_name("light_client.py")
FLOOD = "diffie-hellman-group16-sha512"
FLOOD_AT_ONCE = 16
# Long enough for every tunnel's keepalive to pass once.
IDLE_SECONDS = 16


def quiet(pids, within=60):
    """Waits until the processes have used no CPU for half a second."""
    last, since, deadline = cpu_of(pids), time.monotonic(), time.monotonic() + within
    while time.monotonic() < deadline:
        time.sleep(0.1)
        now = cpu_of(pids)
        if now - last >= 0.02:
            last, since = now, time.monotonic()
        elif time.monotonic() - since > 0.5:
            return


@contextlib.contextmanager
def light_client(*arguments, ready, within=300):
    """The light client, until the block ends; it ends with its standard input."""
    command = [sys.executable, CLIENT, *map(str, arguments)]
    with Program(command, stdin=subprocess.PIPE) as client:
        client.wait_for(ready, within)
        try:
            yield client
        finally:
            client.process.stdin.close()
            client.wait(30)


def many_tunnels(stack, count, *more):
    arguments = ["--port", stack.publisher.port, "--user", stack.publisher.user, "--key", stack.publisher.key]
    arguments += ["--count", count, "--listen", stack.listen, *more]
    return light_client(*arguments, ready=rf"^ready {count}\b")


def measure_tunnels(stack, counts):
    """First some of OpenSSH's own clients, then many light ones beside them: the figures should agree."""
    real, light = counts
    quiet(stack.pids)
    with contextlib.ExitStack() as ending:
        before = memory_of(stack.pids)
        with Meter(stack.pids) as by_real:
            real_clients(stack, real, ending)
        quiet(stack.pids)
        between = memory_of(stack.pids)
        with Meter(stack.pids) as by_light:
            client = ending.enter_context(many_tunnels(stack, light))
        quiet(stack.pids)
        after = memory_of(stack.pids)
        with Meter(stack.pids) as idle:
            time.sleep(IDLE_SECONDS)
    assert "lost 0" in client.output, f"{stack.name} lost tunnels: {client.output[-400:]}"
    return {
        "tunnel_memory": (after - between) / light,
        "tunnel_setup": by_light.cpu / light * 1000,
        "real_memory": (between - before) / real,
        "real_setup": by_real.cpu / real * 1000,
        "tunnel_idle": idle.cpu / idle.wall * 1000 * 1000 / (real + light),
    }


def real_clients(stack, count, ending):
    """As many processes of the machine's own ssh, eight at a time."""
    for start in range(0, count, 8):
        batch = []
        for index in range(start, min(start + 8, count)):
            host, _, port = stack.listen.format(f"r{index}").rpartition(":")
            forward = f"{host}:{port}:127.0.0.1:{stack.service_port}"
            batch.append(ending.enter_context(stack.publisher.ssh("-v", "-N", "-T", "-R", forward)))
        for client in batch:
            client.wait_for(r"remote forward success|Allocated port", 60)


def _stalled(stack, path):
    """A visitor who asks for a large body and reads only its beginning."""
    context = ssl.create_default_context(cafile=str(stack.authority))
    plain = socket.create_connection(("127.0.0.1", stack.port), 30)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    visitor = context.wrap_socket(plain, server_hostname=stack.host)
    head = f"GET {path} HTTP/1.1\r\nHost: {stack.host}:{stack.port}\r\nCookie: {stack.cookie}\r\n\r\n"
    visitor.sendall(head.encode())
    start = visitor.recv(4096)
    assert b" 200 " in start.split(b"\r\n")[0], start[:200]
    return visitor


def measure_slow(stack, count):
    quiet(stack.pids)
    before = memory_of(stack.pids)
    with contextlib.ExitStack() as ending:
        for _ in range(count):
            ending.enter_context(_stalled(stack, "/100m"))
        quiet(stack.pids)
        return {"slow_memory": (memory_of(stack.pids) - before) / count}


def measure_flood(stack, seconds):
    """The tail of a calm load, alone and beside the flood."""
    _, alone = load.paced(stack, 200, seconds)
    flood = ["--port", stack.publisher.port, "--flood", FLOOD, "--at-once", FLOOD_AT_ONCE]
    with light_client(*flood, ready="^ready") as client:
        _, beside = load.paced(stack, 200, seconds)
    answered, wall = re.search(r"answered (\d+) in ([\d.]+) s", client.output).groups()
    return {"calm_p99": alone, "flood_p99": beside, "flood_rate": int(answered) / float(wall)}
