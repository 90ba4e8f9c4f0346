"""Services that speak HTTP/2: Hypercorn through a tunnel and at an address, and services that mean harm."""

import hashlib
import json
import socket
import ssl
import threading

import pytest
from kit import websocket
from kit.asgi_service import ASGIService
from kit.edge import Edge
from kit.http2 import HTTP2Visitor
from kit.people import approve
from kit.publisher import Publisher
from kit.service import checksum
from kit.visitor import Visitor

MEGABYTE = 1 << 20
HOSTS = {"app.localhost": "h2c", "api.localhost": "https"}
ROUTES = """
  - from: https://app.localhost:{port}
    to: h2c://service.test
    allow_public_unauthenticated_access: true
    upstream_tunnel:
      ssh_policy:
        - allow: {{and: [{{email: {{is: alice@example.test}}}}]}}
  - from: https://api.localhost:{port}
    to: https://localhost:{secure}
    tls_custom_ca_file: {authority}
    allow_public_unauthenticated_access: true
  - from: https://docs.localhost:{port}
    to: h2c://127.0.0.1:{hostile}
    tunnel_pool: "off"
    allow_public_unauthenticated_access: true
"""


@pytest.fixture(scope="module")
def plain():
    service = ASGIService()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def secure(authority):
    service = ASGIService(authority.issue("asgi", ["localhost"]))
    yield service
    service.stop()


class HostileService:
    """Says the same to everybody, frame by frame: before it is asked, and then."""

    def __init__(self):
        self.says = b"", b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection, self.says), daemon=True).start()

    def _answer(self, connection, says):
        with connection:
            try:
                asked = connection.recv(1 << 16)
                connection.sendall(says[0])
                # The name it is asked by stands in the request as it is.
                while b"127.0.0.1" not in asked:
                    asked += connection.recv(1 << 16)
                connection.sendall(says[1])
                while connection.recv(1 << 16):
                    pass
            except OSError:
                pass

    def stop(self):
        self._listener.close()


@pytest.fixture(scope="module")
def hostile():
    service = HostileService()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def edge(binary, tmp_path_factory, provider, certificate, authority, keys, https_port, plain, secure, hostile):
    edge = Edge(binary, tmp_path_factory.mktemp("h2c"), provider, certificate, https_port=https_port, keys=keys)
    ports = {"port": https_port, "secure": secure.port, "hostile": hostile.port}
    routes = ROUTES.format(authority=authority.certificate, **ports)
    edge.start(edge.text(routes=routes, more="default_upstream_timeout: 3s"))
    publisher = Publisher(tmp_path_factory.mktemp("people") / "alice", edge.ssh_port, edge.host_public_keys())
    tunnel = publisher.forward(("app.localhost", plain.port))
    approve(tunnel, Visitor(authority.certificate))
    tunnel.wait_published()
    yield edge
    tunnel.stop()
    edge.stop()


@pytest.mark.parametrize("host", HOSTS)
def test_visitors_of_either_version(edge, visitor, host):
    told = visitor.get(edge.url("/", host)).json()
    assert told["version"] == "2" and told["scheme"] == ("https" if host.startswith("api") else "http")
    assert not {"connection", "transfer-encoding", "keep-alive"} & {name for name, _ in told["headers"]}
    down = visitor.get(edge.url(f"/download?size={20 * MEGABYTE}", host))
    assert hashlib.sha256(down.body).hexdigest() == checksum(20 * MEGABYTE)
    body = bytes(range(256)) * (20 << 12)
    sent = {"size": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    assert visitor.request("POST", edge.url("/upload", host), body).json() == sent
    link = HTTP2Visitor(visitor, edge.url(host=host))
    pages = [link.begin("GET", f"/page{number}") for number in range(50)]
    up = link.begin("POST", "/upload", ends=False)
    link.upload(up, body)
    link.wait(up, *pages)
    assert {link.streams[number].status for number in pages} == {200}
    assert json.loads(link.streams[up].body) == sent
    link.close()


@pytest.mark.parametrize("host", HOSTS)
def test_websockets(edge, authority, host):
    """Over HTTP/2 to the one, which offers them there; over HTTP/1.1 to the other."""
    trust = ssl.create_default_context(cafile=authority.certificate)
    with websocket.connect(edge.https_port, host, trust, path="/echo", max_size=None) as link:
        for message in ("hello", "", b"\x00\xff", "x" * MEGABYTE):
            link.send(message)
            assert link.recv(timeout=20) == message


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


SETTINGS = frame(4, 0, 0)
OK = b"\x88"
HOSTILE = {
    "http1": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
    "garbage-first": (b"\x00\x00\x00\x04" + b"\xff" * 100, b""),
    "settings": (frame(4, 0, 0, b"\x00\x04\xff\xff\xff\xff"), b""),
    "go-away-first": (SETTINGS + frame(7, 0, 0, bytes(8)), b""),
    "garbage": (SETTINGS, b"\xff" * 100),
    "endless-head": (
        SETTINGS,
        frame(1, 0, 1, OK) + frame(9, 0, 1, b"\x00\x01a\x7f\xe1\x7e" + b"x" * 16000) * 20,
    ),
    "bomb": (SETTINGS, frame(1, 4, 1, OK + b"\x40\x01a\x7f\xa1\x1e" + b"x" * 4000 + b"\xbe" * 12000)),
    "go-away": (SETTINGS, frame(7, 0, 0, bytes(8))),
    "reset": (SETTINGS, frame(3, 0, 1, (2).to_bytes(4))),
    "refused": (SETTINGS, frame(3, 0, 1, (7).to_bytes(4)) + frame(3, 0, 3, (7).to_bytes(4))),
    "frame-size": (SETTINGS, b"\xff\xff\xff\x00\x00\x00\x00\x00\x01"),
    "pings": (SETTINGS, frame(6, 0, 0, bytes(8)) * 5000),
    "push": (SETTINGS, frame(5, 4, 1, (2).to_bytes(4) + OK)),
    "window": (SETTINGS, frame(8, 0, 0, b"\x7f\xff\xff\xff") * 2),
    "silent": (SETTINGS, b""),
    "nothing": (b"", b""),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_a_hostile_service_is_its_own_misfortune(edge, hostile, visitor, how):
    hostile.says = HOSTILE[how]
    answer = visitor.get(edge.url("/", "docs.localhost"), headers={"Accept": "application/json"})
    assert answer.status == (504 if how in ("silent", "nothing") else 502), repr(answer)
    if how == "http1":
        assert "does not speak HTTP/2" in answer.text
    assert visitor.get(edge.url("/", "app.localhost")).status == 200


def test_a_flood_of_data_is_bounded(edge, hostile, visitor):
    """More than the windows that were opened, for a visitor who opens none."""
    hostile.says = SETTINGS, frame(1, 4, 1, OK) + frame(0, 0, 1, bytes(16384)) * 200
    link = HTTP2Visitor(visitor, edge.url(host="docs.localhost"), reads=False)
    stream = link.wait(link.begin("GET", "/"))
    assert stream.reset is not None and len(stream.body) < 65536
    link.close()
    assert visitor.get(edge.url("/", "app.localhost")).status == 200
