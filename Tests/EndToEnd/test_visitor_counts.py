"""Places for visitors come back, however a connection ends before it has said anything of use."""

import contextlib
import http.client
import re
import socket
import struct

import pytest
from kit.names import free_port
from kit.waiting import seconds_until, until

RESET = struct.pack("ii", 1, 0)
BEGINNINGS = [b"", b"\x16\x03\x01", b"PROXY TCP4 203.0.113.7 192.0.2.1 1 2\r\n", b"PROXY nonsense", b"GET / HTTP/1.1\r\n"]


@pytest.mark.parametrize("announced", [False, True])
def test_places_come_back(new_edge, announced):
    redirect, metrics = free_port(), free_port()
    more = f"http_redirect_addr: 127.0.0.1:{redirect}\nmetrics_address: 127.0.0.1:{metrics}\n"
    more += "trusted_proxies: [127.0.0.0/8]\nuse_proxy_protocol: true\n" if announced else ""
    edge = new_edge()
    edge.start(edge.text(more=more))

    def connections():
        link = http.client.HTTPConnection("127.0.0.1", metrics, timeout=10)
        link.request("GET", "/metrics")
        text = link.getresponse().read().decode()
        link.close()
        return int(re.search(r"^tunnel_edge_visitor_connections (\d+)", text, re.MULTILINE)[1])

    links = []
    for number in range(300):
        link = socket.create_connection(("127.0.0.1", redirect if number % 3 == 0 else edge.https_port), 10)
        links.append(link)
        with contextlib.suppress(OSError):
            link.sendall(BEGINNINGS[number % len(BEGINNINGS)])
        if number % 2:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    until(lambda: connections() > 50, "connections that are counted")
    for link in links:
        link.close()
    # By their ends, and not by the time limits of connections that say nothing.
    assert seconds_until(lambda: connections() == 0, "every place to be free again") < 4
