"""Slow, greedy and hostile visitors: each gets its answer or its end, and nobody else waits for them."""

import asyncio
import contextlib
import http.client
import json
import os
import socket
import threading
import time

import pytest
import websockets.asyncio.client
import websockets.asyncio.server
import websockets.exceptions
from kit import websocket
from kit.announcing_proxy import line
from kit.http2 import HTTP2Visitor
from kit.people import approve
from kit.waiting import took, until

FULL = bool(os.environ.get("TUNNEL_EDGE_TEST_FULL"))
PUBLIC = """  - from: https://app.localhost:{port}
    to: http://127.0.0.1:{service}
    allow_public_unauthenticated_access: true
{extra}"""


def public(edge, service, extra=""):
    lines = "".join(f"    {text}\n" for text in extra.splitlines())
    return PUBLIC.format(port=edge.https_port, service=service.port, extra=lines)


class Trickle(threading.Thread):
    """Sends a request piece by piece, and keeps what comes back."""

    def __init__(self, visitor, edge, beginning, piece):
        super().__init__(daemon=True)
        self.link = visitor.connection(edge.url())
        self.beginning, self.piece = beginning, piece
        self.received = None
        self.start()

    def run(self):
        self.link.settimeout(0.25)
        with contextlib.suppress(OSError):
            self.link.sendall(self.beginning)
            while True:
                with contextlib.suppress(TimeoutError):
                    self.received = self.link.recv(65536)
                    return
                self.link.sendall(self.piece)
        self.received = self.received or b""


def test_slow_visitors_keep_nobody_waiting(new_edge, visitor, service):
    edge = new_edge()
    edge.start(edge.text(routes=public(edge, service), more="timeout_read: 2s\ntimeout_write: 2s"))
    host = f"Host: app.localhost:{edge.https_port}\r\n".encode()
    head = b"GET / HTTP/1.1\r\n" + host + b"X-Slow: "
    upload = b"POST /upload HTTP/1.1\r\n" + host + b"Content-Length: 1000\r\n\r\nbegin"
    number = 250 if FULL else 25
    began = time.monotonic()
    slow = [Trickle(visitor, edge, head, b"x") for _ in range(number)]
    # Silent within their bodies.
    slow += [Trickle(visitor, edge, upload, b"") for _ in range(number)]
    # Who reads nothing of an answer without end, on both protocols.
    readers = []
    for _ in range(5):
        link = visitor.connection(edge.url())
        link.sendall(b"GET /stream HTTP/1.1\r\n" + host + b"\r\n")
        readers.append(link)
    stalled = HTTP2Visitor(visitor, edge.url(), reads=False, window=1000)
    stream = stalled.begin("GET", "/stream")
    until(lambda: service.open_streams == 6, "the streams to begin")
    longest = 0
    while not all(one.received is not None for one in slow):
        assert time.monotonic() - began < 60
        asked = time.time()
        assert visitor.get(edge.url()).text == "Hello world!\n"
        longest = max(longest, took(asked, time.time()))
    assert longest < 2, f"a healthy visitor waited {longest:.1f} s"
    assert all(one.received.startswith(b"HTTP/1.1 408 ") for one in slow)
    assert stalled.wait(stream).reset is not None
    until(lambda: service.open_streams == 0, "the end of streams that nobody reads")
    for link in readers:
        link.close()
    stalled.close()


def test_limits_of_a_route_and_of_an_address(new_edge, visitor, service):
    edge = new_edge()
    limits = "max_request_bytes: 1000\nper_visitor_max_request_rate: 3/h\nper_route_max_requests: 1"
    more = "trusted_proxies: [127.0.0.0/8]\nuse_proxy_protocol: true\nper_source_max_connections: 5"
    edge.start(edge.text(routes=public(edge, service, limits), more=more))

    def connect(source):
        plain = socket.create_connection(("127.0.0.1", edge.https_port), 10)
        destination = "2001:db8:ffff::1" if ":" in source else "203.0.113.100"
        plain.sendall(line(source, 40000, destination))
        return visitor.tls.wrap_socket(plain, server_hostname="app.localhost")

    def ask(source, method="GET", path="/", body=None, link=None):
        client = http.client.HTTPConnection("app.localhost", edge.https_port, timeout=10)
        client.sock = link or connect(source)
        client.request(method, path, body, {"Accept": "application/json"})
        answer = client.getresponse()
        text = answer.read()
        if not link:
            client.close()
        return answer.status, answer.headers, text

    assert ask("203.0.113.1", "POST", "/echo", b"x" * 1000)[0] == 200
    status, _, text = ask("203.0.113.1", "POST", "/echo", b"x" * 1001)
    assert status == 413 and json.loads(text)["error"] == "request_payload_too_large"
    # What was too large was not counted; an IPv6 customer is one visitor.
    assert [ask("203.0.113.1")[0] for _ in range(3)] == [200, 200, 429]
    assert [ask(f"2001:db8::{number}")[0] for number in range(4)] == [200, 200, 200, 429]
    status, headers, text = ask("203.0.113.1")
    assert status == 429 and 1000 < int(headers["Retry-After"]) <= 1201
    assert json.loads(text)["error"] == "request_rate_limited"
    # One at a time, whoever it is.
    with connect("203.0.113.2") as slow:
        slow.sendall(f"GET /slow HTTP/1.1\r\nHost: app.localhost:{edge.https_port}\r\n\r\n".encode())
        until(lambda: any(path == "/slow" for _, path in service.seen), "the slow request at the service")
        status, headers, _ = ask("203.0.113.3")
        assert status == 503 and headers["Retry-After"] == "1"
        service.release.set()
        assert slow.recv(65536).startswith(b"HTTP/1.1 200 ")
    # The sixth connection of an address is told so, and the others are served.
    links = [connect("203.0.113.4") for _ in range(5)]
    status, headers, text = ask("203.0.113.4")
    assert status == 429 and json.loads(text)["error"] == "too_many_connections" and headers["Connection"] == "close"
    assert ask("203.0.113.5")[0] == 200
    for link in links[:2]:
        link.close()
    until(lambda: ask("203.0.113.4")[0] == 200, "room after others have left")
    for link in links:
        link.close()


async def echo(websocket):
    async for message in websocket:
        await websocket.send(message)


class EchoService:
    """WebSockets on one thread: a thread for each of a thousand would be the bottleneck."""

    def __init__(self):
        self.ready = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.serve()), daemon=True)
        self.thread.start()
        assert self.ready.wait(10)

    async def serve(self):
        self.loop, self.over = asyncio.get_running_loop(), asyncio.Event()
        async with websockets.asyncio.server.serve(
            echo, "127.0.0.1", 0, compression=None, backlog=1024, ping_interval=None
        ) as server:
            self.port = server.sockets[0].getsockname()[1]
            self.ready.set()
            await self.over.wait()

    def stop(self):
        self.loop.call_soon_threadsafe(self.over.set)
        self.thread.join(20)


@pytest.fixture
def echoes():
    service = EchoService()
    yield service
    service.stop()


def test_many_websockets_on_one_tunnel(new_edge, new_publisher, visitor, echoes):
    """Each echo comes soon, while one visitor floods and another reads nothing."""
    count = 1000 if FULL else 100
    edge = new_edge()
    edge.start(edge.text(more=f"ssh_max_channels: {count + 50}"))
    publisher = new_publisher(edge)
    forward = ["-v", "-N", "-T", "-R", f"app.localhost:443:127.0.0.1:{echoes.port}"]
    tunnel = publisher.program(["prlimit", f"--nofile={count + 200}", *publisher.command(*forward)])
    approve(tunnel, visitor)
    tunnel.wait_published()
    visitor.get(edge.url())  # signs in; the service has nothing for pages

    async def connect():
        return await websockets.asyncio.client.connect(
            f"wss://app.localhost:{edge.https_port}/",
            host="127.0.0.1",
            ssl=visitor.tls,
            server_hostname="app.localhost",
            origin=edge.url("").rstrip("/"),
            additional_headers={"Cookie": visitor.cookie_header("app.localhost")},
            proxy=None,
            compression=None,
            max_size=None,
            open_timeout=60,
            ping_interval=None,
        )

    async def flood(socket):
        piece = bytes(1 << 16)
        while True:
            await socket.send(piece)
            await socket.recv()

    async def stuff(socket):
        """Sends and never reads: what is echoed piles up where it must."""
        while True:
            await socket.send(bytes(1 << 16))

    async def ask(socket, text):
        began = time.monotonic()
        await socket.send(text)
        assert await socket.recv() == text
        return time.monotonic() - began

    async def run():
        sockets = []
        for start in range(0, count, 50):
            sockets += await asyncio.gather(*(connect() for _ in range(start, min(start + 50, count))))
        flooding, stuffing = await connect(), await connect()
        tasks = [asyncio.create_task(flood(flooding)), asyncio.create_task(stuff(stuffing))]
        worst = 0
        for turn in range(3):
            taken = await asyncio.gather(*(ask(socket, f"{turn} {number}") for number, socket in enumerate(sockets)))
            worst = max(worst, *taken)
        assert not any(task.done() for task in tasks)
        for task in tasks:
            task.cancel()
        stuffing.transport.abort()
        await asyncio.gather(*(socket.close() for socket in [*sockets, flooding]))
        return worst

    worst = asyncio.run(run())
    assert worst < (20 if FULL else 5), f"an echo took {worst:.1f} s"
    assert tunnel.is_running
    tunnel.stop()  # else ssh and the service would wait for each other with what the stuffed one has not read


def test_a_websocket_that_loses_its_right_is_told_so(edge, publish, visitor):
    """On both protocols, with a Close frame between two frames."""
    publish()
    visitor.get(edge.url())
    cookie = {"Cookie": visitor.cookie_header("app.localhost")}
    with websocket.connect(edge.https_port, "app.localhost", visitor.tls, additional_headers=cookie) as one:
        one.send("hello")
        assert one.recv() == "hello"
        link = HTTP2Visitor(visitor, edge.url())
        extra = [("sec-websocket-version", "13"), ("origin", edge.url("").rstrip("/"))]
        fields = [(name, value) for name, value in link.fields("CONNECT", "/websocket", extra)]
        fields.insert(1, (":protocol", "websocket"))
        number = link.connection.get_next_available_stream_id()
        link.connection.send_headers(number, fields)
        link.send()
        link.wait(until=lambda: link.streams[number].headers)
        edge.edit(r"^( {16}is: .*)$", r"\1.typo")
        with pytest.raises(websockets.exceptions.ConnectionClosed) as ended:
            one.recv()
        assert ended.value.rcvd.code == 1008 and "sign in again" in ended.value.rcvd.reason
        stream = link.wait(number)
        assert stream.ended and bytes(stream.body[:1]) == b"\x88" and stream.body[2:4] == (1008).to_bytes(2, "big")
        link.close()
