"""What works against the service's own address works at the published one, and the other way round: byte for byte, but
for fields between two hops and those that the edge adds."""

import hashlib
import json
import re
import socket
from dataclasses import dataclass

import pytest
from hyperframe.frame import DataFrame, SettingsFrame
from kit.raw_http1 import CutOff, RawVisitor
from kit.raw_http2 import RawHTTP2
from kit.strict_origin import CLOSE

SITE, SERVICE = "docs.localhost", "other.localhost"
BETWEEN_HOPS = {"connection", "keep-alive", "transfer-encoding", "date"}
ADDED = {"strict-transport-security", "x-frame-options"}


@dataclass(frozen=True)
class Ask:
    path: str
    fields: str = ""
    method: str = "GET"
    body: bytes = b""
    host: str = SITE

    def __str__(self):
        return f"{self.method} {self.path} {self.fields.strip()!r}"

    @property
    def framing(self):
        return f"Content-Length: {len(self.body)}\r\n" if self.body else ""

    def text(self, authority, version="HTTP/1.1"):
        head = f"{self.method} {self.path} {version}\r\nHost: {authority}\r\n{self.fields}{self.framing}\r\n"
        return head.encode("latin-1") + self.body


def upload(fields, body, path="/upload", method="POST"):
    return Ask(path, fields, method, body, SERVICE)


CASES = [
    Ask("/page.html"),
    Ask("/page.html", method="HEAD"),
    Ask("/data.bin"),
    *[
        Ask("/data.bin", f"Range: {ranges}\r\n")
        for ranges in (
            "bytes=0-0",
            "bytes=0-99",
            "bytes=100-",
            "bytes=-100",
            "bytes=0-0,5-9",
            "bytes=0-,-1",
            "bytes=99999-",
            "bytes=5-4",
            "bytes=-0",
            "bytes=abc",
            "bytes=0-1, 3-4,7-9",
            "lines=1-2",
            "bytes=0-999999",
            "bytes=10239-10239",
        )
    ],
    Ask("/data.bin", "Range: bytes=0-9\r\n", "HEAD"),
    Ask("/data.bin", 'Range: bytes=0-9\r\nIf-Range: "nothing"\r\n'),
    Ask("/data.bin", "Range: bytes=0-9\r\nIf-Range: Tue, 14 Nov 2023 22:13:20 GMT\r\n"),
    Ask("/data.bin", "Range: bytes=0-9\r\nIf-Range: Tue, 14 Nov 2000 22:13:20 GMT\r\n"),
    Ask("/page.html", "If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT\r\n"),
    Ask("/page.html", "If-Modified-Since: Tue, 14 Nov 2000 22:13:20 GMT\r\n"),
    Ask("/page.html", "If-None-Match: *\r\n"),
    Ask("/page.html", "If-None-Match: *\r\n", "HEAD"),
    Ask("/page.html", 'If-Match: "nothing"\r\n'),
    Ask("/page.html", "If-Unmodified-Since: Tue, 14 Nov 2000 22:13:20 GMT\r\n"),
    Ask("/chunked/page.html", "Accept-Encoding: gzip\r\n"),
    Ask("/chunked/page.html", "Accept-Encoding: gzip\r\n", "HEAD"),
    Ask("/trailers/page.html", "Accept-Encoding: gzip\r\nTE: trailers\r\n"),
    Ask("/trailers/page.html", "Accept-Encoding: gzip\r\n"),
    Ask("/folder/"),
    Ask("/folder"),
    Ask("/folder?a=b"),
    Ask("/elsewhere"),
    Ask("/nothing"),
    Ask("/nothing", method="HEAD"),
    Ask("/gone"),
    Ask("/cookies"),
    Ask("/missing"),
    Ask("/missing", method="HEAD"),
    Ask("/page.html", method="POST", body=b"x=1"),
    Ask("/page.html", method="DELETE"),
    Ask("/page.html", method="OPTIONS"),
    Ask("/page.html", method="PROPFIND"),
    Ask("/small", method="POST", body=b"0123456789"),
    Ask("/small", method="POST", body=b"0123456789a"),
    Ask("/pa%67e.html"),
    Ask("/./folder/../page.html"),
    Ask("//page.html"),
    Ask("/page.html?x=%00&y=%ff&z=<>\"'"),
    Ask("/%70%61ge.html;a=b"),
    Ask("/" + "a" * 4000),
    upload("", b"hello"),
    upload("Expect: 100-continue\r\n", b"hello"),
    upload("Content-Type: application/json\r\n", b"\x00\xff" * 50_000, method="PUT"),
    upload("", b"x" * 100, path="/early"),
    upload("", b"", path="/upload"),
    Ask("/status/404", host=SERVICE),
    Ask("/status/503", host=SERVICE),
    Ask("/cookies?set=a=1;%20Path=/|b=2", host=SERVICE),
    Ask("/download?size=300000", host=SERVICE),
    Ask("/download?size=300000", method="HEAD", host=SERVICE),
]


def comparable(status, fields, body, trailers=()):
    """The fields in order, without those that may differ; where the length stands says nothing."""
    kept = [(name.lower(), value) for name, value in fields if name.lower() not in BETWEEN_HOPS]
    kept.sort(key=lambda one: one[0] == "content-length")
    if boundary := re.search(r"boundary=(\w+)", dict(kept).get("content-type", "")):
        # nginx counts them.
        kept = [(name, value.replace(boundary[1], "-")) for name, value in kept]
        body = body.replace(boundary[1].encode(), b"-")
    return status, kept, body, [(name.lower(), value) for name, value in trailers or ()]


def told(answer):
    return comparable(answer.status, answer.fields, answer.body, answer.trailers)


def without_added(answer, direct):
    """The edge's own fields are there, and say nothing that the service said itself."""
    status, fields, body, trailers = answer
    names = {name for name, _ in direct[1]}
    added = [one for one in fields if one[0] in ADDED - names]
    assert {name for name, _ in added} == ADDED - names or status == 101
    return status, [one for one in fields if one not in added], body, trailers


def ask_directly(front, ask, version="HTTP/1.1"):
    port = front.ports[ask.host]
    with RawVisitor(socket.create_connection(("127.0.0.1", port), 20)) as link:
        interim = []
        link.send(ask.text(f"127.0.0.1:{port}", version))
        return told(link.answer(ask.method, interim)), [one.status for one in interim]


@pytest.mark.parametrize("ask", CASES, ids=str)
def test_over_http1(front, ask):
    direct, interim = ask_directly(front, ask)
    with front.connect(ask.host) as link:
        seen = []
        link.send(ask.text(front.authority(ask.host)))
        published = told(link.answer(ask.method, seen))
    assert without_added(published, direct) == direct
    # The edge asks no service for permission once the body is there.
    assert [one.status for one in seen] in (interim, [])


@pytest.mark.parametrize("ask", [one for one in CASES if "Expect" not in one.fields], ids=str)
def test_over_http2(front, ask):
    direct, _ = ask_directly(front, ask)
    wide = {SettingsFrame.INITIAL_WINDOW_SIZE: 1 << 20}
    with RawHTTP2(front.visitor, front.edge.url(host=ask.host), settings=wide) as link:
        link.open_window(0, 1 << 20)
        extra = [tuple(line.split(": ", 1)) for line in ask.fields.splitlines()]
        extra = [(name.lower(), value) for name, value in extra]
        if ask.body:
            extra.append(("content-length", str(len(ask.body))))
        link.send(link.headers(1, link.fields(ask.path, ask.method, extra=extra), ends=not ask.body))
        for start in range(0, len(ask.body), 16_000):
            piece = ask.body[start : start + 16_000]
            link.send(DataFrame(1, piece, flags=["END_STREAM"] if start + 16_000 >= len(ask.body) else []))
        link.until(lambda: link.is_done(1))
        final, *trailers = [fields for fields in link.sections(1) if int(dict(fields).get(":status", 200)) >= 200]
        status = int(final[0][1])
        published = comparable(status, final[1:], link.body(1), trailers[0] if trailers else ())
    assert without_added(published, direct) == direct


@pytest.mark.parametrize("ask", [CASES[0], CASES[1], Ask("/chunked/page.html", "Accept-Encoding: gzip\r\n")], ids=str)
def test_over_http10(front, ask):
    """Without chunks: the end of the connection is the end of the body."""
    direct, _ = ask_directly(front, ask, "HTTP/1.0")
    with front.connect(ask.host) as link:
        link.send(ask.text(front.authority(ask.host), "HTTP/1.0"))
        answer = link.answer(ask.method)
        assert not answer.values("transfer-encoding")
        front.check_over(link)
    status, fields, body, _ = without_added(told(answer), direct)
    assert (status, body) == (direct[0], direct[2]) or ask.fields


def test_waiting_for_permission(front):
    """100-continue: the service is asked, and its word comes back before the body goes."""
    for link, authority in links(front, SERVICE):
        with link:
            interim = []
            head = f"POST /upload HTTP/1.1\r\nHost: {authority}\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
            link.send(head.encode())
            answer = link.interim()
            assert answer.status == 100
            link.send(b"hello")
            answer = link.answer(interim=interim)
            assert answer.status == 200 and b'"size": 5' in answer.body and not interim


def test_a_refusal_instead_of_permission(front):
    for link, authority in links(front, SERVICE):
        with link:
            head = f"POST /early HTTP/1.1\r\nHost: {authority}\r\nContent-Length: 500000\r\n\r\n"
            link.send(head.encode(), b"x" * 1000)
            answer = link.answer()
            assert (answer.status, answer.body) == (413, b"too large\n")


def test_many_requests_in_one_piece(front):
    for link, authority in links(front, SITE):
        with link:
            asks = [
                CASES[0],
                CASES[1],
                Ask("/nothing"),
                Ask("/gone"),
                CASES[2],
                Ask("/data.bin", "Range: bytes=5-9\r\n"),
            ]
            link.send(b"".join(ask.text(authority) for ask in asks))
            answers = [link.answer(ask.method) for ask in asks]
            assert [answer.status for answer in answers] == [200, 200, 204, 410, 200, 206]
            assert answers[-1].body == bytes(range(5, 10))


def test_an_answer_cut_short_is_seen_to_be(front):
    """A service that dies in the middle leaves no visitor with what looks whole, whatever the framing."""
    origin = front.origins["app.localhost"]
    for fields in ("Content-Length: 50\r\n", "Transfer-Encoding: chunked\r\n"):
        token = front.token()
        body = b"hello" if "Length" in fields else b"5\r\nhello\r\n"
        origin.answers[token] = (f"HTTP/1.1 200 OK\r\n{fields}\r\n".encode() + body, CLOSE)
        with front.connect() as link:
            link.send(f"GET /say/{token} HTTP/1.1\r\nHost: {front.authority('app.localhost')}\r\n\r\n".encode())
            with pytest.raises(CutOff):
                link.answer()


def test_many_uploads_in_chunks(front):
    """Nothing slips between the pieces of a body, however the windows of tunnel and visitor open and close."""
    body = bytes(range(256)) * 400
    wanted = {"size": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    for _ in range(20):
        with RawHTTP2(front.visitor, front.edge.url(host=SERVICE)) as link:
            for stream in (1, 3):
                link.send(link.post(stream, "/upload"))
                pieces = [body[start : start + 16_000] for start in range(0, len(body), 16_000)]
                link.send(*[DataFrame(stream, piece) for piece in pieces], DataFrame(stream, flags=["END_STREAM"]))
            for stream in (1, 3):
                assert link.wait(stream) == 200, link.body(stream)
                assert json.loads(link.body(stream)) == wanted


def links(front, host):
    """To the service itself, and to the edge."""
    port = front.ports[host]
    yield RawVisitor(socket.create_connection(("127.0.0.1", port), 20)), f"127.0.0.1:{port}"
    yield front.connect(host), front.authority(host)
