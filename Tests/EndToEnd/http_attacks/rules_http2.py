"""What RFC 9113 (and RFCs 8441, 9218) says a server MUST do, section by section: a mistake, and the error it ends in.

`connection(code)`: GOAWAY with this code, and the connection ends. `stream(code)`: RST_STREAM on stream 1, and the next
request is served. `alive`: no mistake at all. Where the RFC leaves a choice, the one taken here is said.
"""

import struct
from dataclasses import dataclass
from typing import Callable

from hyperframe.frame import DataFrame, RstStreamFrame, SettingsFrame, WindowUpdateFrame
from kit.raw_http2 import (
    COMPRESSION_ERROR,
    ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    PREFACE,
    PROTOCOL_ERROR,
    STREAM_CLOSED,
    block,
    frame,
    literal,
)

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
PRIORITY_UPDATE = 0x10
END_STREAM, END_HEADERS, PADDED, PRIORITIZED = 1, 4, 8, 32


@dataclass(frozen=True)
class Rule:
    section: str
    text: str
    scope: str  # "connection", "stream" or "alive"
    code: int | None
    commit: Callable  # of the link and the path to ask for
    begins: bool = True

    def __str__(self):
        return f"{self.section} {self.text}"


RULES = []


def rule(scope, code, section, text, begins=True):
    def add(commit):
        RULES.append(Rule(section, text, scope, code, commit, begins))
        return commit

    return add


def connection(code, section, text, *pieces, **more):
    """With these bytes; functions are given the link and the path."""
    rule("connection", code, section, text, **more)(lambda link, path: link.send(*made(pieces, link, path)))


def stream(code, section, text, *pieces):
    rule("stream", code, section, text)(lambda link, path: link.send(*made(pieces, link, path)))


def alive(section, text, *pieces):
    rule("alive", None, section, text)(lambda link, path: link.send(*made(pieces, link, path)))


def made(pieces, link, path):
    return [piece(link, path) if callable(piece) else piece for piece in pieces]


def get(stream_id=1, **more):
    return lambda link, path: link.get(stream_id, path, **more)


def post(stream_id=1, **more):
    return lambda link, path: link.post(stream_id, path, **more)


def section_of(link, path):
    return block(*link.fields(path))


def setting(*pairs):
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", name, value) for name, value in pairs))


def number(value):
    return struct.pack(">I", value)


# 3.4 Connection preface
connection(PROTOCOL_ERROR, "3.4", "a preface with another text", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", begins=False)
connection(PROTOCOL_ERROR, "3.4", "a preface without SETTINGS", PREFACE, frame(PING, payload=b"12345678"), begins=False)
connection(
    PROTOCOL_ERROR, "3.4", "a preface and SETTINGS of an acknowledgement", PREFACE, frame(SETTINGS, 1), begins=False
)
connection(PROTOCOL_ERROR, "3.4", "a request before SETTINGS", PREFACE, get(), begins=False)
# 4.1 Frame format
alive("4.1", "a frame of an unknown type is ignored", frame(0xFA, 0xFF, 1, b"x" * 100), frame(0xFB, 0, 0))
alive("4.1", "flags without a meaning are ignored", frame(PING, 0xF0, payload=b"12345678"))
alive("4.1", "a reserved bit is ignored", frame(PING, 0, 0x8000_0000, b"12345678"))
# 4.2 Frame size
connection(
    FRAME_SIZE_ERROR, "4.2", "a frame longer than SETTINGS_MAX_FRAME_SIZE", post(), frame(DATA, 0, 1, length=16_385)
)
connection(FRAME_SIZE_ERROR, "4.2", "HEADERS longer than that", frame(HEADERS, END_HEADERS, 1, length=20_000))
connection(FRAME_SIZE_ERROR, "4.2", "an unknown frame longer than that", frame(0xFA, 0, 0, length=0xFFFFFF))
alive("4.2", "a frame of exactly 16384 bytes", post(), frame(DATA, END_STREAM, 1, b"x" * 16_384))
# 4.3 Field section compression
for text, bad in {
    "index 0": b"\x80",
    "an index beyond both tables": b"\xff\xff\x7f",
    "an integer without an end": b"\xff" + b"\xff" * 12 + b"\x7f",
    "a name cut short": b"\x00\x0aabc",
    "a value cut short": b"\x00\x01x\x05ab",
    "Huffman with EOS inside": b"\x00\x01x\x84\xff\xff\xff\xff",
    "Huffman padded by more than seven bits": b"\x00\x01x\x82\x1f\xff",
    "Huffman padded with zeros": b"\x00\x01x\x81\x18",
    "a table larger than SETTINGS_HEADER_TABLE_SIZE": b"\x3f\xff\xff\x7f",
    "a table size behind a field": literal("x", "y") + b"\x20",
}.items():
    connection(
        COMPRESSION_ERROR,
        "4.3",
        text,
        lambda link, path, bad=bad: frame(HEADERS, END_HEADERS | END_STREAM, 1, section_of(link, path) + bad),
    )
connection(
    PROTOCOL_ERROR,
    "4.3",
    "another frame inside a field section",
    lambda link, path: frame(HEADERS, END_STREAM, 1, section_of(link, path)),
    frame(PING, payload=b"12345678"),
)
connection(
    PROTOCOL_ERROR,
    "4.3",
    "a frame of another stream inside a field section",
    lambda link, path: frame(HEADERS, END_STREAM, 1, section_of(link, path)),
    get(3),
)
alive(
    "4.3.1",
    "the smallest table, then none, is allowed",
    lambda link, path: frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x20\x3f\xe1\x1f" + section_of(link, path)),
)
# 5.1 Stream states
connection(PROTOCOL_ERROR, "5.1", "DATA on an idle stream", frame(DATA, 0, 1, b"x"))
connection(PROTOCOL_ERROR, "5.1", "RST_STREAM on an idle stream", frame(RST_STREAM, 0, 1, number(8)))
connection(PROTOCOL_ERROR, "5.1", "WINDOW_UPDATE on an idle stream", frame(WINDOW_UPDATE, 0, 1, number(1)))
connection(PROTOCOL_ERROR, "5.1", "CONTINUATION on an idle stream", frame(CONTINUATION, END_HEADERS, 1, b""))
stream(
    STREAM_CLOSED,
    "5.1",
    "DATA on a half-closed stream",
    post(),
    frame(DATA, END_STREAM, 1, b"x"),
    frame(DATA, 0, 1, b"y"),
)
alive(
    "5.1",
    "PRIORITY on an idle, an open and a closed stream",
    frame(PRIORITY, 0, 1, number(0) + b"\x10"),
    get(),
    frame(PRIORITY, 0, 1, number(0) + b"\x10"),
    frame(PRIORITY, 0, 101, number(0) + b"\x10"),
)
alive("5.1", "WINDOW_UPDATE on a half-closed stream", get(), frame(WINDOW_UPDATE, 0, 1, number(100)))


@rule("connection", STREAM_CLOSED, "5.1", "HEADERS on a stream that has ended both ways")
def _(link, path):
    link.send(link.get(1, path))
    link.wait(1)
    link.send(link.get(1, path))


@rule("connection", STREAM_CLOSED, "5.1", "DATA on a stream that has ended both ways")
def _(link, path):
    link.send(link.get(1, path))
    link.wait(1)
    link.send(frame(DATA, 0, 1, b"x"))


@rule("alive", None, "5.1", "WINDOW_UPDATE and RST_STREAM on a stream that has ended")
def _(link, path):
    link.send(link.get(1, path))
    link.wait(1)
    link.send(frame(WINDOW_UPDATE, 0, 1, number(100)), frame(RST_STREAM, 0, 1, number(8)))


@rule("alive", None, "5.1", "frames on their way when the edge resets a stream are ignored, and their bytes counted")
def _(link, path):
    link.send(link.post(1, path, extra=[("content-length", "1")]), frame(DATA, 0, 1, b"xxx"))
    link.wait(1)
    link.send(frame(DATA, END_STREAM, 1, b"x" * 100), frame(WINDOW_UPDATE, 0, 1, number(5)))


# 5.1.1 Stream identifiers
connection(PROTOCOL_ERROR, "5.1.1", "HEADERS on an even stream", get(2))
connection(STREAM_CLOSED, "5.1.1", "HEADERS on a smaller number: that stream is closed", get(5), get(3))
# 5.2, 6.9 Flow control
connection(
    FLOW_CONTROL_ERROR, "6.9.1", "a connection window beyond 2^31-1", frame(WINDOW_UPDATE, 0, 0, number(0x7FFF_FFFF))
)
stream(
    FLOW_CONTROL_ERROR,
    "6.9.1",
    "a stream window beyond 2^31-1",
    post(),
    frame(WINDOW_UPDATE, 0, 1, number(0x7FFF_FFFF)),
)
connection(PROTOCOL_ERROR, "6.9", "WINDOW_UPDATE of the connection by 0", frame(WINDOW_UPDATE, 0, 0, number(0)))
stream(PROTOCOL_ERROR, "6.9", "WINDOW_UPDATE of a stream by 0", post(), frame(WINDOW_UPDATE, 0, 1, number(0)))
connection(FRAME_SIZE_ERROR, "6.9", "WINDOW_UPDATE of three bytes", frame(WINDOW_UPDATE, 0, 0, b"\0\0\1"))
connection(FRAME_SIZE_ERROR, "6.9", "WINDOW_UPDATE of five bytes", frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1\0"))
alive("6.9", "a reserved bit in WINDOW_UPDATE is ignored", frame(WINDOW_UPDATE, 0, 0, number(0x8000_0001)))
# 5.4 Errors
alive("5.4.2", "RST_STREAM is not answered with RST_STREAM", post(), frame(RST_STREAM, 0, 1, number(8)))
# 5.5 Extensions
connection(
    PROTOCOL_ERROR,
    "5.5",
    "an unknown frame inside a field section",
    lambda link, path: frame(HEADERS, END_STREAM, 1, section_of(link, path)),
    frame(0xFA, 0, 1, b"x"),
)
# 6.1 DATA
connection(PROTOCOL_ERROR, "6.1", "DATA on stream 0", frame(DATA, 0, 0, b"x"))
connection(PROTOCOL_ERROR, "6.1", "padding as long as the frame", post(), frame(DATA, PADDED, 1, b"\x05abcd"))
connection(FRAME_SIZE_ERROR, "6.1", "padding without its length", post(), frame(DATA, PADDED, 1, b""))
alive("6.1", "padding of everything but its length", post(), frame(DATA, PADDED | END_STREAM, 1, b"\x04abcd"))
# 6.2 HEADERS
connection(PROTOCOL_ERROR, "6.2", "HEADERS on stream 0", get(0))
connection(
    PROTOCOL_ERROR, "6.2", "padding longer than the frame", frame(HEADERS, END_HEADERS | PADDED, 1, b"\x40" + b"x" * 9)
)
connection(FRAME_SIZE_ERROR, "6.2", "a priority cut short", frame(HEADERS, END_HEADERS | PRIORITIZED, 1, b"\0\0"))
alive(
    "6.2",
    "HEADERS with padding and priority",
    lambda link, path: frame(
        HEADERS,
        END_HEADERS | END_STREAM | PADDED | PRIORITIZED,
        1,
        b"\x03" + number(0) + b"\x10" + section_of(link, path) + b"\0\0\0",
    ),
)
# 6.3 PRIORITY: a stream error would do for the length; the frame is broken, and so is the connection.
connection(PROTOCOL_ERROR, "6.3", "PRIORITY on stream 0", frame(PRIORITY, 0, 0, number(0) + b"\x10"))
connection(FRAME_SIZE_ERROR, "6.3", "PRIORITY of four bytes", frame(PRIORITY, 0, 1, number(0)))
# 6.4 RST_STREAM
connection(PROTOCOL_ERROR, "6.4", "RST_STREAM on stream 0", frame(RST_STREAM, 0, 0, number(8)))
connection(FRAME_SIZE_ERROR, "6.4", "RST_STREAM of three bytes", post(), frame(RST_STREAM, 0, 1, b"\0\0\1"))
# 6.5 SETTINGS
connection(PROTOCOL_ERROR, "6.5", "SETTINGS on a stream", frame(SETTINGS, 0, 1))
connection(FRAME_SIZE_ERROR, "6.5", "an acknowledgement with a payload", frame(SETTINGS, 1, 0, b"\0" * 6))
connection(FRAME_SIZE_ERROR, "6.5", "SETTINGS of odd length", frame(SETTINGS, 0, 0, b"\0" * 7))
connection(PROTOCOL_ERROR, "6.5.2", "SETTINGS_ENABLE_PUSH of 2", setting((2, 2)))
connection(FLOW_CONTROL_ERROR, "6.5.2", "SETTINGS_INITIAL_WINDOW_SIZE of 2^31", setting((4, 0x8000_0000)))
connection(PROTOCOL_ERROR, "6.5.2", "SETTINGS_MAX_FRAME_SIZE of 16383", setting((5, 16_383)))
connection(PROTOCOL_ERROR, "6.5.2", "SETTINGS_MAX_FRAME_SIZE of 2^24", setting((5, 1 << 24)))
alive("6.5.2", "an unknown setting is ignored", setting((0xBEEF, 7), (0xFFFF, 0xFFFFFFFF)))
alive(
    "6.5.2",
    "the largest values that may be",
    setting((1, 0xFFFFFFFF), (2, 1), (3, 0), (4, 0x7FFF_FFFF), (5, (1 << 24) - 1), (6, 1)),
)
connection(
    FLOW_CONTROL_ERROR,
    "6.9.2",
    "settings that widen a stream beyond 2^31-1",
    post(),
    frame(WINDOW_UPDATE, 0, 1, number(0x7000_0000)),
    setting((4, 0x7FFF_FFFF)),
)
# 6.6 PUSH_PROMISE
connection(
    PROTOCOL_ERROR,
    "6.6",
    "PUSH_PROMISE from a client",
    post(),
    frame(PUSH_PROMISE, END_HEADERS, 1, number(2) + b"\x82"),
)
# 6.7 PING
connection(PROTOCOL_ERROR, "6.7", "PING on a stream", frame(PING, 0, 1, b"12345678"))
connection(FRAME_SIZE_ERROR, "6.7", "PING of seven bytes", frame(PING, 0, 0, b"1234567"))
connection(FRAME_SIZE_ERROR, "6.7", "PING of nine bytes", frame(PING, 0, 0, b"123456789"))
alive("6.7", "an acknowledgement nobody asked for", frame(PING, 1, 0, b"12345678"))
# 6.8 GOAWAY
connection(PROTOCOL_ERROR, "6.8", "GOAWAY on a stream", frame(GOAWAY, 0, 1, number(0) + number(0)))
connection(FRAME_SIZE_ERROR, "6.8", "GOAWAY of seven bytes", frame(GOAWAY, 0, 0, b"\0" * 7))
alive("6.8", "GOAWAY of a client does not end its own requests", frame(GOAWAY, 0, 0, number(0) + number(0) + b"bye"))
# 6.10 CONTINUATION
connection(PROTOCOL_ERROR, "6.10", "CONTINUATION on stream 0", frame(CONTINUATION, END_HEADERS, 0, b""))
connection(
    PROTOCOL_ERROR,
    "6.10",
    "CONTINUATION behind a section that has ended",
    post(),
    frame(CONTINUATION, END_HEADERS, 1, b""),
)
connection(
    PROTOCOL_ERROR,
    "6.10",
    "CONTINUATION behind DATA",
    post(),
    frame(DATA, 0, 1, b"x"),
    frame(CONTINUATION, END_HEADERS, 1, b""),
)
connection(
    PROTOCOL_ERROR,
    "6.10",
    "CONTINUATION of another stream",
    lambda link, path: frame(HEADERS, END_STREAM, 1, section_of(link, path)),
    frame(CONTINUATION, END_HEADERS, 3, b""),
)
alive(
    "6.10",
    "a section in ten pieces",
    lambda link, path: frame(HEADERS, END_STREAM, 1, section_of(link, path)[:9]),
    *[
        lambda link, path, n=n: frame(
            CONTINUATION,
            END_HEADERS if n == 9 else 0,
            1,
            section_of(link, path)[9 * n :] if n == 9 else section_of(link, path)[9 * n : 9 * n + 9],
        )
        for n in range(1, 10)
    ],
)
# 7 Error codes
alive("7", "an unknown error code has no special meaning", post(), frame(RST_STREAM, 0, 1, number(0xABCDEF)))
# 8.1 Messages
stream(
    PROTOCOL_ERROR,
    "8.1",
    "a second section that does not end the stream",
    post(),
    lambda link, path: frame(HEADERS, END_HEADERS, 1, block(("x", "y"))),
)
stream(
    STREAM_CLOSED,
    "8.1",
    "HEADERS on a half-closed stream",
    post(),
    frame(DATA, END_STREAM, 1, b"x"),
    lambda link, path: frame(HEADERS, END_HEADERS | END_STREAM, 1, block(("x", "y"))),
)
stream(
    PROTOCOL_ERROR,
    "8.1.1",
    "more than Content-Length in pieces",
    post(extra=[("content-length", "5")]),
    frame(DATA, 0, 1, b"abc"),
    frame(DATA, 0, 1, b"def"),
)
stream(
    PROTOCOL_ERROR,
    "8.1.1",
    "less than Content-Length before trailers",
    post(extra=[("content-length", "5")]),
    frame(DATA, 0, 1, b"abc"),
    lambda link, path: frame(HEADERS, END_HEADERS | END_STREAM, 1, block(("x", "y"))),
)
alive("8.2.3", "cookies in many fields", get(extra=[("cookie", f"c{n}=v") for n in range(200)]))
# 8441
stream(
    PROTOCOL_ERROR,
    "RFC 8441 4",
    "extended CONNECT without :path",
    lambda link, path: link.headers(
        1,
        [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":authority", link.authority)],
        ends=False,
    ),
)
stream(
    PROTOCOL_ERROR,
    "RFC 8441 4",
    "extended CONNECT without :scheme",
    lambda link, path: link.headers(
        1,
        [(":method", "CONNECT"), (":protocol", "websocket"), (":path", path), (":authority", link.authority)],
        ends=False,
    ),
)
stream(
    PROTOCOL_ERROR,
    "RFC 8441 4",
    "an unknown :protocol",
    lambda link, path: link.headers(1, [(":protocol", "connect-udp"), *link.fields(path, "CONNECT")], ends=False),
)
stream(
    PROTOCOL_ERROR,
    "RFC 8441 4",
    ":protocol twice",
    lambda link, path: link.headers(
        1, [(":protocol", "websocket"), (":protocol", "websocket"), *link.fields(path, "CONNECT")], ends=False
    ),
)
connection(PROTOCOL_ERROR, "RFC 8441 3", "SETTINGS_ENABLE_CONNECT_PROTOCOL of 2", setting((8, 2)))
connection(
    PROTOCOL_ERROR, "RFC 8441 3", "SETTINGS_ENABLE_CONNECT_PROTOCOL taken back", setting((8, 1)), setting((8, 0))
)

# RFC 9218 Priorities
connection(PROTOCOL_ERROR, "RFC 9218 2.1", "SETTINGS_NO_RFC7540_PRIORITIES of 2", setting((9, 2)))
connection(PROTOCOL_ERROR, "RFC 9218 7.1", "PRIORITY_UPDATE on a stream", frame(PRIORITY_UPDATE, 0, 1, number(1)))
connection(PROTOCOL_ERROR, "RFC 9218 7.1", "PRIORITY_UPDATE of stream 0", frame(PRIORITY_UPDATE, 0, 0, number(0)))
connection(PROTOCOL_ERROR, "RFC 9218 7.1", "PRIORITY_UPDATE of a push", frame(PRIORITY_UPDATE, 0, 0, number(2)))
connection(FRAME_SIZE_ERROR, "RFC 9218 7.1", "PRIORITY_UPDATE of three bytes", frame(PRIORITY_UPDATE, 0, 0, b"\0\0\0"))
connection(
    PROTOCOL_ERROR,
    "RFC 9218 7.1",
    "PRIORITY_UPDATE of more streams than may begin",
    *[frame(PRIORITY_UPDATE, 0, 0, number(n) + b"u=1") for n in range(1, 300, 2)],
)
alive(
    "RFC 9218 7.1",
    "PRIORITY_UPDATE of idle, open and closed streams, and what is no priority at all",
    frame(PRIORITY_UPDATE, 0, 0, number(1) + b"u=0, i"),
    get(),
    frame(PRIORITY_UPDATE, 0, 0, number(1) + b"u=7"),
    frame(PRIORITY_UPDATE, 0, 0, number(1) + b"\0\xff,,u="),
    frame(PRIORITY_UPDATE, 0, 0, number(1)),
)

# 10.5 Denial of service. Codes of ours: all of these are ENHANCE_YOUR_CALM.
connection(ENHANCE_YOUR_CALM, "10.5", "PINGs (CVE-2019-9512)", *[frame(PING, payload=b"12345678")] * 5000)
connection(ENHANCE_YOUR_CALM, "10.5", "SETTINGS (CVE-2019-9515)", *[frame(SETTINGS)] * 5000)
connection(ENHANCE_YOUR_CALM, "10.5", "acknowledgements", *[frame(SETTINGS, 1)] * 5000)
connection(ENHANCE_YOUR_CALM, "10.5", "PRIORITY (CVE-2019-9513)", *[frame(PRIORITY, 0, 1, number(0) + b"\x10")] * 5000)
connection(ENHANCE_YOUR_CALM, "10.5", "unknown frames", *[frame(0xFA)] * 5000)
connection(ENHANCE_YOUR_CALM, "10.5", "PRIORITY_UPDATE", *[frame(PRIORITY_UPDATE, 0, 0, number(1) + b"u=1")] * 5000)
connection(ENHANCE_YOUR_CALM, "10.5", "empty DATA (CVE-2019-9518)", post(), *[frame(DATA, 0, 1)] * 5000)
connection(
    ENHANCE_YOUR_CALM, "10.5", "windows opened by one byte", post(), *[frame(WINDOW_UPDATE, 0, 1, number(1))] * 5000
)
connection(
    ENHANCE_YOUR_CALM,
    "10.5",
    "CONTINUATION without end (CVE-2024-27316)",
    frame(HEADERS, 0, 1, b"\x82"),
    *[frame(CONTINUATION, 0, 1)] * 100,
)
connection(
    ENHANCE_YOUR_CALM,
    "10.5",
    "CONTINUATION with ever more fields",
    lambda link, path: frame(HEADERS, 0, 1, section_of(link, path)),
    *[frame(CONTINUATION, 0, 1, literal("x", "y" * 16_000))] * 10,
)
connection(
    ENHANCE_YOUR_CALM,
    "10.5",
    "requests given up (CVE-2023-44487)",
    lambda link, path: b"".join(link.get(n, path) + frame(RST_STREAM, 0, n, number(8)) for n in range(1, 4001, 2)),
)
connection(
    ENHANCE_YOUR_CALM,
    "10.5",
    "requests that the edge gives up (CVE-2025-8671)",
    lambda link, path: b"".join(link.post(n, path) + frame(WINDOW_UPDATE, 0, n, number(0)) for n in range(1, 4001, 2)),
)
connection(
    ENHANCE_YOUR_CALM,
    "10.5",
    "broken requests",
    lambda link, path: b"".join(link.headers(n, [(":method", "GET")]) for n in range(1, 4001, 2)),
)
connection(
    ENHANCE_YOUR_CALM,
    "10.5",
    "a bomb of references into the table",
    lambda link, path: frame(
        HEADERS,
        END_HEADERS | END_STREAM,
        1,
        section_of(link, path) + b"\x40\x01x\x7f\x81\x1e" + b"y" * 4000 + b"\xbe" * 12_000,
    ),
)

__all__ = ["RULES", "DataFrame", "RstStreamFrame", "SettingsFrame", "WindowUpdateFrame"]
