"""Whom a visit is from: the other end of the connection, or what a trusted proxy announces before the first byte of TLS."""

import json
import socket
import ssl
import struct

import pytest
from kit.waiting import until

PUBLIC = """  - from: https://app.localhost:{port}
    to: http://127.0.0.1:{service}
    allow_public_unauthenticated_access: true
"""
COUNTED = """  - from: https://api.localhost:{port}
    to: http://127.0.0.1:{service}
    policy: [{{allow: {{and: [{{source_ip: 203.0.113.0/24}}]}}}}]
"""
VERSION_1 = b"PROXY TCP4 203.0.113.7 192.0.2.1 51234 443\r\n"
VERSION_2 = (
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11"
    + struct.pack(">H", 12)
    + socket.inet_aton("203.0.113.8")
    + socket.inet_aton("192.0.2.1")
    + struct.pack(">HH", 51234, 443)
)
LOCAL = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"


@pytest.fixture
def behind(new_edge, visitor, service):
    def start(trusted):
        edge = new_edge()
        routes = PUBLIC.format(port=edge.https_port, service=service.port)
        edge.start(edge.text(routes=routes, more=f"trusted_proxies: [{trusted}]\nuse_proxy_protocol: true"))

        def ask(header):
            plain = socket.create_connection(("127.0.0.1", edge.https_port), 10)
            plain.sendall(header)
            with visitor.tls.wrap_socket(plain, server_hostname="app.localhost") as link:
                link.sendall(
                    f"GET /echo HTTP/1.1\r\nHost: app.localhost:{edge.https_port}\r\nConnection: close\r\n\r\n".encode()
                )
                answer = b"".join(iter(lambda: link.recv(65536), b""))
            told = json.loads(answer.split(b"\r\n\r\n", 1)[1])
            return {name.lower(): value for name, value in told["headers"]}["x-forwarded-for"]

        return ask

    return start


def test_a_trusted_proxy_announces_visitors(behind):
    ask = behind("127.0.0.0/8")
    assert ask(VERSION_1) == "203.0.113.7"
    assert ask(VERSION_2) == "203.0.113.8"
    # The balancer's own health check.
    assert ask(LOCAL) == "127.0.0.1"
    assert ask(b"PROXY UNKNOWN\r\n") == "127.0.0.1"


def test_a_trusted_proxy_must_announce(behind):
    ask = behind("127.0.0.0/8")
    for header in (b"", b"PROXY TCP4 nonsense\r\n"):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            ask(header)


def test_nobody_else_can(behind):
    ask = behind("10.0.0.0/8")
    assert ask(b"") == "127.0.0.1"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask(VERSION_1)


def test_proxies_are_counted(new_edge, visitor, service):
    edge = new_edge()
    routes = PUBLIC.format(port=edge.https_port, service=service.port) + COUNTED.format(
        port=edge.https_port, service=service.port
    )
    trust = "trusted_proxies: [127.0.0.0/8]\n"
    edge.start(edge.text(routes=routes, more=trust + "xff_num_trusted_hops: 2\nskip_xff_append: true\n"))

    def forwarded(chain, host="app.localhost"):
        answer = visitor.get(edge.url("/echo", host), headers={"X-Forwarded-For": chain, "Accept": "*/*"}, follow=False)
        if answer.status != 200:
            return answer.status
        return {name.lower(): value for name, value in answer.json()["headers"]}["x-forwarded-for"]

    chain = "198.51.100.1, 203.0.113.9, 10.1.1.1"
    assert forwarded(chain) == chain
    assert forwarded(None) == "127.0.0.1"
    # The second from the right is the visitor; without one it is the proxy itself.
    assert forwarded(chain, "api.localhost") == chain
    assert forwarded("203.0.113.9", "api.localhost") == 403
    assert forwarded("203.0.113.9, 198.51.100.1, 10.1.1.1", "api.localhost") == 403
    edge.save(edge.text(routes=routes, more=trust))
    until(lambda: forwarded("203.0.113.9") == "203.0.113.9, 127.0.0.1", "the proxy's own address at the end")
    # The last that no trusted proxy has.
    assert forwarded("198.51.100.1, 203.0.113.9, 127.0.0.5", "api.localhost").startswith("198.51.100.1")
    assert forwarded("203.0.113.9, 198.51.100.1", "api.localhost") == 403
