"""Bodies of any size, in both directions, at constant memory."""

import hashlib
import select
import socket
import ssl
import time

import pytest
from kit.service import checksum
from kit.transfers import download, upload
from kit.waiting import until


def constant_memory(edge, publish, visitor, megabytes, direction):
    publish()
    small = 32 << 20
    direction(visitor, edge, small)  # what the edge needs for one transfer is allocated now
    before = edge.resident
    size = megabytes << 20
    status, told = direction(visitor, edge, size)
    assert status == 200
    assert told == checksum(size) or told == {"size": size, "sha256": checksum(size)}
    grown = edge.peak - before
    assert grown < 32 << 10, f"{megabytes} MB made the edge {grown} KB larger"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("direction", [upload, download], ids=["upload", "download"])
def test_2_gigabytes_at_constant_memory(edge, publish, visitor, direction):
    constant_memory(edge, publish, visitor, 2048, direction)


def test_chunked_upload(edge, publish, visitor):
    publish()
    assert upload(visitor, edge, 5_000_001, chunked=True) == (200, {"size": 5_000_001, "sha256": checksum(5_000_001)})


def test_answer_before_the_upload_is_read(edge, publish, visitor):
    """The service refuses early; the visitor sees its answer, and the tunnel goes on serving."""
    publish()
    link = visitor.connection(edge.url())
    size = 64 << 20
    head = (
        f"POST /early HTTP/1.1\r\nHost: app.localhost:{edge.https_port}\r\nOrigin: {edge.url('')}\r\n"
        f"Cookie: {visitor.cookie_header('app.localhost')}\r\nContent-Length: {size}\r\n\r\n"
    )
    if not visitor.cookie_header("app.localhost"):
        visitor.get(edge.url())
        head = head.replace("Cookie: \r\n", f"Cookie: {visitor.cookie_header('app.localhost')}\r\n")
    link.sendall(head.encode())

    # In one thread: reading and writing one TLS connection from two would be a race of the test's own.
    link.setblocking(False)
    piece, sent, answer = b"x" * 65536, 0, b""
    deadline = time.monotonic() + 30
    while b"\r\n\r\n" not in answer:
        assert time.monotonic() < deadline, f"no answer after {sent} bytes"
        try:
            read = link.recv(4096)
            if not read:
                break
            answer += read
            continue
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except ConnectionResetError:
            break
        if sent < size:
            try:
                sent += link.send(piece)
                continue
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
            except OSError:
                sent = size
        select.select([link], [link] if sent < size else [], [], 1)
    assert answer.startswith(b"HTTP/1.1 413"), answer[:200]
    link.close()
    assert visitor.status(edge.url()) == 200


def test_expect_continue(edge, publish, visitor):
    publish()
    visitor.get(edge.url())
    link = visitor.connection(edge.url())
    link.sendall(
        (
            f"POST /upload HTTP/1.1\r\nHost: app.localhost:{edge.https_port}\r\nOrigin: {edge.url('')}\r\n"
            f"Cookie: {visitor.cookie_header('app.localhost')}\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        ).encode()
    )
    assert link.recv(4096).startswith(b"HTTP/1.1 100")
    link.sendall(b"hello")
    answer = b""
    while hashlib.sha256(b"hello").hexdigest().encode() not in answer:
        piece = link.recv(4096)
        assert piece, answer
        answer += piece
    assert answer.startswith(b"HTTP/1.1 200")
    link.close()


def test_head_has_no_body(edge, publish, visitor):
    publish()
    answer = visitor.request("HEAD", edge.url("/download?size=1000"))
    assert answer.status == 200 and answer.headers["Content-Length"] == "1000" and answer.body == b""


def test_visitor_who_leaves_stops_the_download(edge, publish, visitor, service):
    publish()
    visitor.get(edge.url())
    link, response = visitor.start("GET", edge.url("/stream"))
    response.read(1 << 20)
    assert service.open_streams == 1
    link.sock and link.sock.close()
    response.close()
    link.close()
    until(lambda: service.open_streams == 0, "the service to notice that the visitor has gone")


def test_slow_visitor_does_not_stall_others(edge, publish, visitor, service):
    publish()
    visitor.get(edge.url())
    slow = visitor.connection(edge.url())
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.sendall(
        (
            f"GET /stream HTTP/1.1\r\nHost: app.localhost:{edge.https_port}\r\n"
            f"Cookie: {visitor.cookie_header('app.localhost')}\r\n\r\n"
        ).encode()
    )
    slow.recv(100)
    until(lambda: service.open_streams == 1, "the slow download to begin")
    before = edge.resident
    assert download(visitor, edge, 50 << 20) == (200, checksum(50 << 20))
    assert edge.resident - before < 24 << 10
    slow.close()
