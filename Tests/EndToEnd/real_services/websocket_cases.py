"""What a WebSocket endpoint must bear, after the chapters of the Autobahn test suite; written anew from the RFCs.

A case is what the visitor sends and which frames come back. `None` as the close code: the visitor closes, with 1000.
"""

import os
import random
import struct
from dataclasses import dataclass, field

from websockets.frames import Close
from websockets.utils import apply_mask

FULL = os.environ.get("TUNNEL_EDGE_TEST_FULL") == "1"

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
RANDOM = random.Random(6455)
BYTES = RANDOM.randbytes(1 << 20)


@dataclass
class Case:
    name: str
    sent: bytes
    back: list = field(default_factory=list)  # (opcode, payload) of frames, but for the close frame
    close: int | None = None
    chop: int | None = None  # bytes in one write
    then: bytes = b""  # sent when all of `back` has come


def frame(opcode, payload=b"", fin=True, reserved=0):
    """One masked frame, however wrong."""
    first = (0x80 if fin else 0) | reserved << 4 | opcode
    length = len(payload)
    if length < 126:
        head = struct.pack(">BB", first, 0x80 | length)
    elif length < 1 << 16:
        head = struct.pack(">BBH", first, 0x80 | 126, length)
    else:
        head = struct.pack(">BBQ", first, 0x80 | 127, length)
    mask = RANDOM.randbytes(4)
    return head + mask + apply_mask(payload, mask)


def fragments(opcode, payload, size, between=b""):
    pieces = [payload[begin : begin + size] for begin in range(0, len(payload), size)] or [b""]
    last = len(pieces) - 1
    return b"".join(
        frame(opcode if number == 0 else CONTINUATION, piece, fin=number == last) + (between if number < last else b"")
        for number, piece in enumerate(pieces)
    )


def binary(size):
    return (BYTES * (size // len(BYTES) + 1))[:size]


def text(size):
    return (b"*" * size)[:size]


def framing():
    for kind, opcode, make in (("text", TEXT, text), ("binary", BINARY, binary)):
        for size in (0, 125, 126, 127, 128, 65535, 65536):
            yield Case(f"{kind} of {size}", frame(opcode, make(size)), [(opcode, make(size))])
        yield Case(f"{kind} chopped", frame(opcode, make(65536)), [(opcode, make(65536))], chop=997)


def pings():
    for payload in (b"", b"Hello, world!", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"\xfe" * 125):
        yield Case(f"ping with {len(payload)}", frame(PING, payload), [(PONG, payload)])
    yield Case("ping with 126", frame(PING, b"\xfe" * 126), close=1002)
    yield Case("ping chopped by the byte", frame(PING, b"\xfe" * 125), [(PONG, b"\xfe" * 125)], chop=1)
    yield Case("unasked pong", frame(PONG))
    yield Case("unasked pong with payload", frame(PONG, b"unsolicited"))
    yield Case("unasked pong, then a ping", frame(PONG, b"unasked") + frame(PING, b"asked"), [(PONG, b"asked")])
    ten = [b"payload-%d" % number for number in range(10)]
    many = b"".join(frame(PING, payload) for payload in ten)
    yield Case("ten pings", many, [(PONG, payload) for payload in ten])
    yield Case("ten pings chopped", many, [(PONG, payload) for payload in ten], chop=1)


def reserved_bits():
    hello = frame(TEXT, b"Hello")
    for bits in (1, 2, 3, 5, 6, 7):  # 4 is permessage-deflate's, see `compression`
        yield Case(f"bits {bits} in text", frame(TEXT, b"Hello", reserved=bits), close=1002)
        yield Case(f"bits {bits} in binary", frame(BINARY, b"\0\1", reserved=bits), close=1002)
        wrong = frame(TEXT, b"x", reserved=bits) + frame(PING)
        yield Case(f"bits {bits} after text", hello, [(TEXT, b"Hello")], 1002, then=wrong)
        yield Case(f"bits {bits} in ping", frame(PING, b"x", reserved=bits), close=1002, chop=1)
        yield Case(f"bits {bits} in close", frame(CLOSE, b"\x03\xe8", reserved=bits), close=1002)
    yield Case("bit 4 without compression", frame(TEXT, b"Hello", reserved=4), close=1002)


def opcodes():
    hello = frame(TEXT, b"Hello")
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        yield Case(f"opcode {opcode}", frame(opcode), close=1002)
        yield Case(f"opcode {opcode} with payload", frame(opcode, b"reserved"), close=1002)
        yield Case(
            f"opcode {opcode} after text", hello, [(TEXT, b"Hello")], 1002, then=frame(opcode, b"x") + frame(PING)
        )
    yield Case("opcode 5 chopped", hello, [(TEXT, b"Hello")], 1002, chop=1, then=frame(5, b"x"))


def fragmentation():
    whole = b"fragment1fragment2"
    first, last = frame(TEXT, b"fragment1", fin=False), frame(CONTINUATION, b"fragment2")
    yield Case("ping in two fragments", frame(PING, b"a", fin=False) + frame(CONTINUATION, b"b"), close=1002)
    yield Case("pong in two fragments", frame(PONG, b"a", fin=False) + frame(CONTINUATION, b"b"), close=1002)
    for chop in (None, 1):
        how = " chopped" if chop else ""
        yield Case("text in two" + how, first + last, [(TEXT, whole)], chop=chop)
        yield Case(
            "a ping between" + how, first + frame(PING, b"ping") + last, [(PONG, b"ping"), (TEXT, whole)], chop=chop
        )
        yield Case(
            "continuation of nothing" + how, frame(CONTINUATION, b"x") + frame(TEXT, b"y"), close=1002, chop=chop
        )
        yield Case(
            "continuation of nothing, not final" + how,
            frame(CONTINUATION, b"x", fin=False) + frame(TEXT, b"y"),
            close=1002,
            chop=chop,
        )
        yield Case("text within text" + how, first + frame(TEXT, b"fragment2"), close=1002, chop=chop)
    yield Case("continuation after the last", first + last, [(TEXT, whole)], 1002, then=frame(CONTINUATION, b"x"))
    five = b"".join(
        [
            first,
            frame(CONTINUATION, b"fragment2", fin=False),
            frame(PING, b"one"),
            frame(CONTINUATION, b"fragment3", fin=False),
            frame(CONTINUATION, b"fragment4", fin=False),
            frame(PING, b"two"),
            frame(CONTINUATION, b"fragment5"),
        ]
    )
    all_five = b"".join(b"fragment%d" % number for number in range(1, 6))
    for chop in (None, 7, 1):
        yield Case(
            f"five and two pings, by {chop}", five, [(PONG, b"one"), (PONG, b"two"), (TEXT, all_five)], chop=chop
        )
    yield Case(
        "empty fragments", frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) + frame(CONTINUATION), [(TEXT, b"")]
    )
    yield Case(
        "empty around something",
        frame(TEXT, fin=False) + frame(CONTINUATION, b"middle", fin=False) + frame(CONTINUATION),
        [(TEXT, b"middle")],
    )
    yield Case("binary by the byte", fragments(BINARY, binary(300), 1), [(BINARY, binary(300))])


VALID = [
    "Hello-µ@ßöäüàá-UTF-8!!".encode(),
    "κόσμε".encode(),
    *(chr(code).encode() for code in (0, 0x80, 0x800, 0x10000, 0x7F, 0x7FF, 0xFFFF, 0x10FFFF, 0xD7FF, 0xE000, 0xFFFD)),
    *(chr(code).encode() for plane in range(17) for code in (plane << 16 | 0xFFFE, plane << 16 | 0xFFFF)),
]

INVALID = [
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
    b"\xf8\x88\x80\x80\x80",
    b"\xfc\x84\x80\x80\x80\x80",
    b"\xf7\xbf\xbf\xbf",
    b"\xf4\x90\x80\x80",
    *(b"\x80" * count for count in range(1, 8)),
    b"\xbf",
    bytes(range(0x80, 0xC0)),
    *(
        b" ".join(bytes([lead]) for lead in leads) + b" "
        for leads in (range(0xC0, 0xE0), range(0xE0, 0xF0), range(0xF0, 0xF8))
    ),
    *(bytes([lead]) + b" " for lead in (0xF8, 0xFC, 0xFE, 0xFF)),
    b"\xc0",
    b"\xe0\x80",
    b"\xf0\x80\x80",
    b"\xdf",
    b"\xef\xbf",
    b"\xf7\xbf\xbf",
    b"\xfe\xfe\xff\xff",
    b"\xc0\xaf",
    b"\xe0\x80\xaf",
    b"\xf0\x80\x80\xaf",
    b"\xc1\xbf",
    b"\xe0\x9f\xbf",
    b"\xf0\x8f\xbf\xbf",
    b"\xc0\x80",
    b"\xe0\x80\x80",
    b"\xed\xa0\x80",
    b"\xed\xad\xbf",
    b"\xed\xae\x80",
    b"\xed\xbf\xbf",
    b"\xed\xa0\x80\xed\xb0\x80",
]


def utf8():
    for number, payload in enumerate(VALID):
        yield Case(f"valid {number}", frame(TEXT, payload), [(TEXT, payload)])
    for size in (1, 11):
        yield Case(f"valid in fragments of {size}", fragments(TEXT, VALID[0], size), [(TEXT, VALID[0])])
    yield Case("valid chopped", frame(TEXT, VALID[1]), [(TEXT, VALID[1])], chop=1)
    for number, payload in enumerate(INVALID):
        yield Case(f"invalid {number} {payload[:6].hex()}", frame(TEXT, payload), close=1007)
    # The end is never sent: whoever waits for it waits for ever.
    early = frame(TEXT, VALID[1], fin=False) + frame(CONTINUATION, b"\xf4\x90\x80\x80", fin=False)
    yield Case("refused before the message ends", early, close=1007)
    yield Case("the same, chopped", early, close=1007, chop=1)
    yield Case("binary need not be text", frame(BINARY, INVALID[0]), [(BINARY, INVALID[0])])


def closing():
    hello = frame(TEXT, b"Hello World!")
    yield Case("message, then close", hello, [(TEXT, b"Hello World!")])
    yield Case("close twice", frame(CLOSE, b"\x03\xe8") * 2, close=1000)
    yield Case("close, then ping", frame(CLOSE, b"\x03\xe8") + frame(PING), close=1000)
    yield Case("close, then text", frame(CLOSE, b"\x03\xe8") + hello, close=1000)
    # websockets takes the unfinished message for a mistake; RFC 6455 leaves that open.
    yield Case("close within a message", frame(TEXT, b"x", fin=False) + frame(CLOSE, b"\x03\xe8"), close=1002)
    large, wrong = text(1 << 18), frame(CLOSE, b"\x03\xe8") + frame(PING)
    yield Case("256 KB, then close and ping", frame(TEXT, large), [(TEXT, large)], 1000, then=wrong)
    yield Case("no code", frame(CLOSE), close=1005)
    yield Case("one byte", frame(CLOSE, b"a"), close=1002)
    yield Case("reason", frame(CLOSE, Close(1000, "Hello World!").serialize()), close=1000)
    yield Case("reason of 123", frame(CLOSE, Close(1000, "*" * 123).serialize()), close=1000)
    yield Case("reason of 124", frame(CLOSE, b"\x03\xe8" + b"*" * 124), close=1002)
    yield Case("reason that is no text", frame(CLOSE, b"\x03\xe8" + INVALID[0]), close=1007)
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999):
        yield Case(f"code {code}", frame(CLOSE, struct.pack(">H", code)), close=code)
    for code in (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535):
        yield Case(f"code {code}, which nobody may send", frame(CLOSE, struct.pack(">H", code)), close=1002)


def limits():
    megabytes = (1, 4, 8, 16) if FULL else (1, 16)
    for kind, opcode, make in (("text", TEXT, text), ("binary", BINARY, binary)):
        for size in (1 << 16, 1 << 18, *(count << 20 for count in megabytes)):
            yield Case(f"{kind} of {size}", frame(opcode, make(size)), [(opcode, make(size))])
        size = 4 << 20 if FULL else 1 << 19
        for piece in (
            (256, 4096, 1 << 16) if not FULL else (64, 256, 1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20)
        ):
            yield Case(
                f"{kind} of {size} in fragments of {piece}",
                fragments(opcode, make(size), piece),
                [(opcode, make(size))],
            )
        size = 1 << 20 if FULL else 1 << 18
        for piece in (64, 1021, 2048):
            yield Case(
                f"{kind} of {size} chopped by {piece}", frame(opcode, make(size)), [(opcode, make(size))], chop=piece
            )


CHAPTERS = {
    "framing": framing,
    "pings": pings,
    "reserved bits": reserved_bits,
    "opcodes": opcodes,
    "fragmentation": fragmentation,
    "utf-8": utf8,
    "closing": closing,
    "limits": limits,
}
