"""Many visitors who have asked once and stay connected: they hold little, and nobody waits for them."""

import contextlib
import os
import resource
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor

FULL = bool(os.environ.get("TUNNEL_EDGE_TEST_FULL"))
# Not more than both programs have descriptors for.
VISITORS = min(10_000 if FULL else 1_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] * 3 // 4 - 200)
# scripts/bench measures what it really is; this is for a mistake that keeps a buffer for each.
KILOBYTES_EACH = 40

ROUTE = """  - from: https://app.localhost:{port}
    to: http://127.0.0.1:{service}
    allow_public_unauthenticated_access: true
"""


def test_idle_visitors_are_cheap_and_in_nobodys_way(new_edge, authority, service):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    edge = new_edge()
    edge.start(
        edge.text(
            routes=ROUTE.format(port=edge.https_port, service=service.port), more="access_log_file: /dev/null\n"
        )
    )
    context = ssl.create_default_context(cafile=authority.certificate)
    request = f"GET / HTTP/1.1\r\nHost: app.localhost:{edge.https_port}\r\n\r\n".encode()

    def ask(link):
        begun = time.monotonic()
        link.sendall(request)
        answer = b""
        while not answer.endswith(b"Hello world!\n"):
            part = link.recv(65536)
            assert part, f"a visitor's connection ended after {answer!r}"
            answer += part
        assert answer.startswith(b"HTTP/1.1 200 ")
        return time.monotonic() - begun

    def come(_):
        plain = socket.create_connection(("127.0.0.1", edge.https_port), 30)
        link = context.wrap_socket(plain, server_hostname="app.localhost")
        ask(link)
        return link

    with contextlib.ExitStack() as ending:
        ending.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        with ThreadPoolExecutor(8) as threads:
            for link in threads.map(come, range(50)):
                ending.enter_context(link)
            before = edge.resident
            links = [ending.enter_context(link) for link in threads.map(come, range(VISITORS))]
        each = (edge.resident - before) / len(links)
        print(f"{len(links)} idle visitors, {each:.1f} KiB each")
        assert each < KILOBYTES_EACH
        fresh = ending.enter_context(come(0))
        times = sorted(ask(fresh) for _ in range(50))
        assert times[25] < 0.1, f"{times[25] * 1000:.1f} ms for a small page beside {len(links)} idle visitors"
        # Nobody was dropped.
        for link in links[::20]:
            ask(link)
