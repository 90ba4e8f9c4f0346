"""What visitors cost who are connected and idle, and those who come for one request."""

import contextlib
import socket
import ssl
import time

import load
from accounting import Meter, memory_of
from tunnels import quiet

# Long enough for a loop's slow timer to pass a few times.
IDLE_SECONDS = 5


class _Visitors(contextlib.ExitStack):
    """Keep-alive connections from one process; each has asked once."""

    def __init__(self, stack):
        super().__init__()
        self.stack = stack
        self.context = ssl.create_default_context(cafile=str(stack.authority))
        self.context.set_alpn_protocols(["http/1.1"])
        self.head = f"GET /1k HTTP/1.1\r\nHost: {stack.host}:{stack.port}\r\nCookie: {stack.cookie}\r\n\r\n".encode()
        self.links = []

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", self.stack.port), 30)
        link = self.enter_context(self.context.wrap_socket(plain, server_hostname=self.stack.host))
        self.ask(link)
        self.links.append(link)

    def ask(self, link):
        link.sendall(self.head)
        answer = b""
        while b"\r\n\r\n" not in answer or len(answer.partition(b"\r\n\r\n")[2]) < 1024:
            part = link.recv(65536)
            assert part, f"{self.stack.name} ended a visitor's connection after {answer[:200]!r}"
            answer += part
        assert answer.startswith(b"HTTP/1.1 200"), answer[:200]


def measure_visitors(stack, count):
    """Memory of each idle visitor, what they cost while they say nothing, and what they do to others' requests."""
    quiet(stack.pids)
    with _Visitors(stack) as visitors:
        # The pool to the service, caches and the allocator's first steps are not these visitors' memory.
        for _ in range(20):
            visitors.connect()
        quiet(stack.pids)
        before = memory_of(stack.pids)
        with Meter(stack.pids) as coming:
            for _ in range(count):
                visitors.connect()
        quiet(stack.pids)
        after = memory_of(stack.pids)
        with Meter(stack.pids) as idle:
            time.sleep(IDLE_SECONDS)
        _, p99 = load.paced(stack, 200, 2)
        for link in visitors.links[:: max(1, count // 50)]:
            visitors.ask(link)
    return {
        "visitor_memory": (after - before) / count,
        "visitor_setup": coming.cpu / count * 1000,
        "visitor_idle": idle.cpu / idle.wall * 1000 * 1000 / count,
        "beside_p99": p99,
    }


def measure_connections(stack, seconds):
    with Meter(stack.pids) as meter:
        requests = load.wrk(stack, seconds, connections=32, more=("-H", "Connection: close"))
    return {"connection_cpu": meter.cpu / requests * 1e4, "connection_rate": requests / meter.wall}


def measure_get2(stack, seconds):
    with Meter(stack.pids) as meter:
        requests = load.streams(stack, 16, 4, seconds)
    return {"get2_cpu": meter.cpu / requests * 1e4, "get2_rate": requests / meter.wall}


def measure_upload2(stack, times):
    figures = {}
    for name, protocol in (("upload1", ["--h1"]), ("upload2", [])):
        with Meter(stack.pids) as meter:
            size, own = load.uploads(stack, times, *protocol)
        figures |= {
            f"{name}_cpu": meter.cpu / size * 1e9,
            f"{name}_rate": size / meter.wall / 1e6,
            f"{name}_load": own / size * 1e9,
        }
    return figures
