"""What a hostile service says over HTTP/2: nothing of it becomes something else over HTTP/1.1, or another visitor's."""

from dataclasses import dataclass
from typing import Callable

import pytest
from kit.hostile_http2 import answer, section
from kit.raw_http1 import CutOff
from kit.raw_http2 import block, frame

HOST = "other.localhost"


@dataclass(frozen=True)
class Case:
    name: str
    say: Callable
    status: object = 502  # "cut": the answer breaks off after it began

    def __str__(self):
        return self.name


def fields(name, *extra, **more):
    return Case(name, answer(*extra, **more))


CASES = [
    fields("CR LF in a value", ("x", "a\r\nSet-Cookie: b=c")),
    fields("an answer in a value", ("x", "a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")),
    fields("LF in a value", ("x", "a\nb: c")),
    fields("NUL in a value", ("x", "a\0b")),
    fields("a blank before a value", ("x", " a")),
    *[
        fields(f"the name {name!r}", (name, "a"))
        for name in ("", "X-Upper", "x y", "x\r\ny", "x:", "x\0", "x: y\r\nz", "\xe9")
    ],
    *[
        fields(f"{name}: {value}", (name, value))
        for name, value in (
            ("transfer-encoding", "chunked"),
            ("connection", "close"),
            ("keep-alive", "5"),
            ("upgrade", "websocket"),
            ("proxy-connection", "close"),
            ("content-length", "5, 5"),
            ("content-length", "+5"),
            ("content-length", "five"),
        )
    ],
    fields("content-length twice", ("content-length", "5"), ("content-length", "5")),
    *[
        fields(f":status {status!r}", status=status)
        for status in ("", "099", "600", "2000", "20", "+20", "abc", "200 OK", "101", "200\r\n")
    ],
    fields("no :status", status=None),
    fields(":status twice", (":status", "200")),
    fields("a pseudo field of requests", (":path", "/"), status="200"),
    fields("a pseudo field behind others", ("x", "y"), (":status", "200"), status=None),
    Case("DATA before HEADERS", lambda stream: frame(0, 1, stream, b"hello")),
    Case("an interim answer that ends the stream", lambda stream: frame(1, 5, stream, section(status="103"))),
    Case("the stream is reset", lambda stream: frame(3, 0, stream, b"\0\0\0\x02")),
    Case("a compressed section that is none", lambda stream: frame(1, 5, stream, b"\xff\xff\xff\xff\xff\xff\xff\xff")),
    Case("a frame that is too long", lambda stream: frame(0, 0, stream, length=1 << 20)),
    Case("PUSH_PROMISE", lambda stream: frame(5, 4, stream, b"\0\0\0\x02" + block((":method", "GET")))),
    Case("an answer on a stream nobody has begun", lambda stream: frame(1, 5, stream + 100, section())),
    Case("SETTINGS that may not be", lambda stream: frame(4, 0, 0, b"\0\x04\xff\xff\xff\xff")),
    Case("HTTP/1.1", lambda stream: b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"),
    Case("the end", lambda stream: None),
    Case("less than its length", answer(("content-length", "50")), "cut"),
    Case("more than its length", answer(("content-length", "2")), "cut"),
    Case(
        "half of it, and the end",
        lambda stream: (
            frame(1, 4, stream, section(("content-length", "50")))
            + frame(0, 0, stream, b"hello")
            + frame(7, 0, 0, b"\0" * 7)
        ),
        "cut",
    ),
    Case(
        "pseudo fields in trailers",
        lambda stream: frame(1, 4, stream, section()) + frame(0, 0, stream, b"hello") + frame(1, 5, stream, section()),
        "cut",
    ),
    Case(
        "CR LF in trailers",
        lambda stream: (
            frame(1, 4, stream, section())
            + frame(0, 0, stream, b"hello")
            + frame(1, 5, stream, block(("x", "a\r\nb: c")))
        ),
        "cut",
    ),
    Case("a plain answer", answer(("content-length", "5")), 200),
    Case("an answer without a length", answer(), 200),
    Case(
        "padding and unknown frames",
        lambda stream: (
            frame(0xFA, 0, 0, b"x") + frame(1, 4, stream, section()) + frame(0, 9, stream, b"\x03hello\0\0\0")
        ),
        200,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_response(front, case):
    token = front.token()
    path, good = f"/h2c/{token}", f"/h2c/good-{token}"
    front.hostile.answers[path] = case.say
    front.hostile.answers[good] = answer(body=b"good")

    def ask(link, target):
        link.send(f"GET {target} HTTP/1.1\r\nHost: {front.authority(HOST)}\r\n\r\n".encode())
        return link.answer()

    with front.connect(HOST) as link, front.connect(HOST) as other:
        if case.status == "cut":
            with pytest.raises(CutOff):
                ask(link, path)
        else:
            seen = ask(link, path)
            assert seen.status == case.status, seen
            assert case.status == 502 or seen.body == b"hello"
            assert not seen.values("set-cookie") and b"poison" not in seen.body
            assert ask(link, good).body == b"good"
        assert ask(other, good).body == b"good"
