"""Many visitors at once through one ssh client, some of them slow, and a client with few descriptors."""

import http.client
import os
import socket
import threading
import time
from contextlib import contextmanager

import pytest
from kit.people import approve
from kit.service import checksum
from kit.transfers import download
from kit.waiting import until

FULL = bool(os.environ.get("TUNNEL_EDGE_TEST_FULL"))


@contextmanager
def published(edge, publisher, visitor, service, prefix=(), options=()):
    """A tunnel whose client runs under `prefix`, signed in."""
    forward = ["-v", "-N", "-T", *options, "-R", f"app.localhost:443:127.0.0.1:{service.port}"]
    tunnel = publisher.program([*prefix, *publisher.command(*forward)])
    try:
        approve(tunnel, visitor)
        tunnel.wait_published()
        assert visitor.get(edge.url()).text == "Hello world!\n"
        yield tunnel
    finally:
        tunnel.stop()


def at_once(count, action):
    """Runs `action` in as many threads; what each returned."""
    results = [None] * count
    gate = threading.Barrier(count)

    def run(index):
        gate.wait(30)
        try:
            results[index] = action(index)
        except (http.client.HTTPException, OSError) as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,), daemon=True) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


@pytest.mark.parametrize("descriptors", [64, 24, 1024] if FULL else [64])
def test_200_visitors_and_a_client_with_few_descriptors(edge, new_publisher, visitor, service, descriptors):
    """Nobody is refused while the queue has room, and the client is asked for no more than it has after the first time."""
    prefix = ["prlimit", f"--nofile={descriptors}"]
    with published(edge, new_publisher(edge), visitor, service, prefix) as tunnel:
        for _ in range(2):
            answers = at_once(200, lambda _: visitor.get(edge.url("/pause?ms=50")).status)
            assert answers == [200] * 200, {str(answer): answers.count(answer) for answer in answers}
        # A request that may not be sent twice waits as well as any other.
        headers = {"Origin": edge.url("").rstrip("/")}
        answers = at_once(80, lambda _: visitor.post(edge.url("/echo"), body=b"x" * 100, headers=headers).status)
        assert answers == [200] * 80, {str(answer): answers.count(answer) for answer in answers}
        assert tunnel.is_running


def test_streams_that_last_leave_room_for_pages(new_edge, new_publisher, visitor, service):
    edge = new_edge()
    edge.start(edge.text(more="ssh_max_channels: 12\n"))
    with published(edge, new_publisher(edge), visitor, service):
        events = {"Accept": "text/event-stream"}
        opened = []
        for _ in range(6):
            link, response = visitor.start("GET", edge.url("/events"), headers=events)
            assert response.status == 200
            opened.append((link, response))
        # One too many: it waits, and pages do not.
        late = []
        waiting = threading.Thread(target=lambda: late.append(visitor.request("GET", edge.url("/events"), headers=events)))
        begun = time.monotonic()
        waiting.start()
        for _ in range(20):
            assert visitor.get(edge.url()).status == 200
        assert at_once(12, lambda _: visitor.get(edge.url("/pause?ms=50")).status) == [200] * 12
        waiting.join(30)
        assert late and late[0].status == 503 and late[0].headers["Retry-After"]
        assert 9 < time.monotonic() - begun
        # A place that becomes free is given to who comes next.
        link, response = opened.pop()
        response.close()
        link.close()
        until(lambda: service.open_streams == 5, "the service to notice")
        link, response = visitor.start("GET", edge.url("/events"), headers=events)
        assert response.status == 200
        for link, response in [*opened, (link, response)]:
            response.close()
            link.close()


def reader(visitor, edge, path, rate=None):
    """A visitor who takes `rate` bytes a second of a download, or nothing after the first bytes."""
    link = visitor.connection(edge.url())
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    cookies = visitor.cookie_header("app.localhost")
    link.sendall(f"GET {path} HTTP/1.1\r\nHost: app.localhost:{edge.https_port}\r\nCookie: {cookies}\r\n\r\n".encode())
    assert link.recv(16).startswith(b"HTTP/1.1 200")
    over = threading.Event()

    def read():
        while not over.wait(0.05):
            link.recv(int(rate * 0.05))

    thread = threading.Thread(target=read, daemon=True)
    if rate:
        thread.start()

    def stop():
        over.set()
        if rate:
            thread.join(5)
        link.close()

    return stop


def test_slow_visitors_cost_the_others_nothing(edge, publish, visitor, service):
    publish()
    size = (64 if FULL else 32) << 20

    def rate():
        begun = time.monotonic()
        assert download(visitor, edge, size) == (200, checksum(size))
        return size / (time.monotonic() - begun)

    def latency():
        link = http.client.HTTPConnection("app.localhost", edge.https_port)
        link.sock = visitor.connection(edge.url())
        times = []
        for _ in range(50):
            begun = time.monotonic()
            link.request("GET", "/", headers=visitor.headers_for(edge.url(), {"Host": f"app.localhost:{edge.https_port}"}))
            assert link.getresponse().read() == b"Hello world!\n"
            times.append(time.monotonic() - begun)
        link.close()
        return sorted(times)[len(times) // 2]

    rate()
    alone, quick = max(rate(), rate()), latency()
    stops = [reader(visitor, edge, "/stream"), reader(visitor, edge, "/stream", rate=50_000)]
    until(lambda: service.open_streams == 2, "both slow downloads to begin")
    # Measured until it is seen once, since the machine has other things to do: a tunnel that stalls never shows it.
    until(lambda: rate() > alone / 2, f"half of the {alone / 1e6:.0f} MB/s alone beside slow visitors", within=30)
    until(lambda: latency() < quick * 3 + 0.01, f"pages about as quick as the {quick * 1e3:.1f} ms alone", within=20)
    bulk = reader(visitor, edge, "/stream", rate=20_000_000)
    until(lambda: service.open_streams == 3, "the bulk download to begin")
    until(lambda: latency() < 0.1, "quick pages beside a bulk download", within=20)
    for stop in [*stops, bulk]:
        stop()


def test_a_visitor_who_stops_reading_pins_less_than_a_megabyte(edge, publish, visitor, service):
    publish()
    assert download(visitor, edge, 16 << 20) == (200, checksum(16 << 20))
    stops = [reader(visitor, edge, "/stream") for _ in range(4)]
    until(lambda: service.open_streams == 4, "the first downloads to begin")
    settle(edge)
    before, count = edge.resident, 30
    stops += [reader(visitor, edge, "/stream") for _ in range(count)]
    until(lambda: service.open_streams == 4 + count, "the downloads to begin")
    settle(edge)
    grown = edge.resident - before
    assert grown / count < 1024, f"{grown / count:.0f} KB for each visitor who does not read"
    # They hold no more than they did, however long they wait, and others are served.
    assert visitor.get(edge.url()).status == 200
    for stop in stops:
        stop()
    until(lambda: service.open_streams == 0, "the service to see them go")


def settle(edge):
    """Until what the edge holds no longer grows."""
    last = [0, 0]

    def still():
        last.append(edge.resident)
        return last[-1] == last[-2] == last[-3]

    until(still, "the edge to come to rest", every=0.2)
