"""WebSockets through the tunnel, over HTTP/1.1 and on streams of HTTP/2 (RFC 8441): what one end sends, the other
gets."""

import itertools
import socket
import struct

import pytest
from kit.http2 import HTTP2Visitor
from kit.visitor import Visitor
from kit.waiting import until
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.headers import build_extension, parse_extension
from websockets.protocol import Protocol, Side

from . import websocket_cases as cases

numbers = itertools.count()


class Socket:
    """The visitor's end of one WebSocket: bytes as they are."""

    def __init__(self, published, extensions=None):
        self.path = f"/{next(numbers)}"
        self.sent, self.received = bytearray(), bytearray()
        self.fields = [
            ("Origin", published.origin("websocket")),
            ("Cookie", published.cookie("websocket")),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Protocol", "chat.v9, chat.v1"),
        ]
        if extensions:
            self.fields.append(("Sec-WebSocket-Extensions", extensions))
        self.open(published)
        peer = published.programs["websocket"]
        self.record = until(lambda: peer.records.pop(self.path, None), "the connection at the service", every=0.0005)

    def send(self, data, chop=None):
        self.sent += data
        view = memoryview(data)
        while view:
            self.write(view[: chop or len(view)])
            view = view[chop or len(view) :]

    def receive(self):
        """Bytes; nothing at the end."""
        data = self.read()
        self.received += data
        return data


class OverHTTP1(Socket):
    def open(self, published):
        url = published.url("websocket", self.path)
        self.link = published.visitor.connection(url)
        lines = [f"GET {self.path} HTTP/1.1", f"Host: {url.split('/')[2]}", "Connection: keep-alive, Upgrade"]
        lines += ["Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
        lines += [f"{name}: {value}" for name, value in self.fields]
        self.link.sendall("\r\n".join([*lines, "", ""]).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            piece = self.link.recv(65536)
            assert piece, head
            head += piece
        head, _, self.rest = head.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        assert status.startswith("HTTP/1.1 101"), status
        self.answer = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        assert self.answer["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

    def write(self, data):
        self.link.sendall(data)

    def read(self):
        data, self.rest = self.rest, b""
        return data or self.link.recv(1 << 18)

    def close(self):
        self.link.close()


class OverHTTP2(Socket):
    """Each one is another stream of the same connection."""

    def open(self, published):
        link = self.link = published.http2
        self.number = link.connection.get_next_available_stream_id()
        fields = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https")]
        fields += [(":authority", link.authority), (":path", self.path)]
        fields += [(name.lower(), value) for name, value in self.fields]
        link.connection.send_headers(self.number, fields)
        link.send()
        self.stream = link.streams[self.number]
        self.has_ended = False
        link.wait(until=lambda: self.stream.headers or self.stream.is_over)
        assert self.stream.status == 200, self.stream.headers
        self.answer = self.stream.headers

    def write(self, data):
        self.link.upload(self.number, data, ends=False)

    def read(self):
        self.link.wait(until=lambda: self.stream.body or self.stream.is_over)
        data = bytes(self.stream.body)
        self.stream.body.clear()
        return data

    def close(self):
        if not self.has_ended and self.stream.reset is None:
            self.end()
        self.link.wait(self.number)
        del self.link.streams[self.number]

    def end(self):
        """Nothing more comes from the visitor."""
        self.has_ended = True
        self.link.connection.end_stream(self.number)
        self.link.send()


@pytest.fixture(scope="module")
def over(published):
    """Makes WebSockets: by the version of HTTP."""
    visitor = Visitor(published.visitor.certificate_authority)
    visitor.jar = published.visitor.jar
    published.cookie("websocket")
    published.http2 = HTTP2Visitor(visitor, published.url("websocket"), window=1 << 22)
    published.http2.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    yield {1: OverHTTP1, 2: OverHTTP2}
    published.http2.close()


class Reader:
    """Takes the service's frames apart, with a check of each."""

    def __init__(self, pipe):
        self.pipe = pipe
        self.protocol = Protocol(Side.CLIENT, max_size=1 << 26)
        self.frames = []

    def next(self):
        """The next frame; None at the end of the stream."""
        while not self.frames:
            data = self.pipe.receive()
            if not data:
                return None
            self.protocol.receive_data(data)
            self.frames += self.protocol.events_received()
            assert self.protocol.parser_exc is None or self.frames, self.protocol.parser_exc
        return self.frames.pop(0)


def play(pipe, case):
    reader = Reader(pipe)
    pipe.send(case.sent, case.chop)
    for opcode, payload in case.back:
        frame = reader.next()
        assert frame is not None, "the stream ended before all had come back"
        assert (frame.opcode, frame.data == payload) == (opcode, True), f"{frame} instead of {(opcode, payload[:50])}"
    if case.then:
        pipe.send(case.then, case.chop)
    if case.close is None:
        pipe.send(cases.frame(cases.CLOSE, struct.pack(">H", 1000)))
    frame = reader.next()
    assert frame is not None and frame.opcode is Opcode.CLOSE, f"{frame} instead of a close frame"
    code = struct.unpack(">H", frame.data[:2])[0] if frame.data else 1005
    assert code == (case.close or 1000), f"closed with {code}"
    assert reader.next() is None, "something came behind the close frame"


def compare(pipe, is_clean):
    """Both ends saw the same bytes."""
    pipe.close()
    assert pipe.record.over.wait(15), "the service still waits for the end"
    assert pipe.received == pipe.record.sent
    if is_clean:
        assert pipe.record.received == pipe.sent
    else:  # a service that has given up reads no further
        assert pipe.sent.startswith(pipe.record.received)


@pytest.mark.parametrize("version", [1, 2], ids=["http1", "http2"])
@pytest.mark.parametrize("chapter", cases.CHAPTERS)
def test_chapter(published, over, chapter, version):
    failed = []
    for case in cases.CHAPTERS[chapter]():
        pipe = over[version](published)
        try:
            play(pipe, case)
            compare(pipe, is_clean=case.close is None)
        except AssertionError as failure:
            failed.append(f"{case.name}: {failure}")
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize("version", [1, 2], ids=["http1", "http2"])
def test_roundtrips(published, over, version):
    pipe = over[version](published)
    reader = Reader(pipe)
    for size in (0, 16, 64, 256, 1024, 4096):
        message = cases.binary(size)
        for _ in range(1000 if cases.FULL else 100):
            pipe.send(cases.frame(cases.BINARY, message))
            assert reader.next().data == message
    pipe.send(cases.frame(cases.CLOSE, b"\x03\xe8"))
    assert reader.next().opcode is Opcode.CLOSE and reader.next() is None
    compare(pipe, is_clean=True)


OFFERS = {
    "plain": {},
    "no-context-here": {"client_no_context_takeover": True},
    "no-context-there": {"server_no_context_takeover": True},
    "small-windows": {"server_max_window_bits": 9, "client_max_window_bits": 9},
    "all": {
        "server_no_context_takeover": True,
        "client_no_context_takeover": True,
        "server_max_window_bits": 12,
        "client_max_window_bits": 10,
    },
}


@pytest.mark.parametrize("version", [1, 2], ids=["http1", "http2"])
@pytest.mark.parametrize("offer", OFFERS)
def test_compression(published, over, offer, version):
    """permessage-deflate (RFC 7692) is agreed on between the two ends; the edge passes offer and answer as they are."""
    factory = ClientPerMessageDeflateFactory(**OFFERS[offer])
    offered = build_extension([(factory.name, factory.get_request_params())])
    pipe = over[version](published, offered)
    answer = pipe.answer["sec-websocket-extensions"]
    assert pipe.record.request.headers["Sec-WebSocket-Extensions"] == offered
    assert pipe.record.response.headers["Sec-WebSocket-Extensions"] == answer
    assert pipe.answer["sec-websocket-protocol"] == "chat.v1"
    ((_, parameters),) = parse_extension(answer)
    extension = factory.process_response_params(parameters, [])
    reader = Reader(pipe)
    reader.protocol.extensions = [extension]

    def whole(message):
        return Frame(Opcode.TEXT, message).serialize(mask=True, extensions=[extension])

    sizes = (0, 16, 64, 1024, 8192, 32768, 131072)
    for message in [(b"tunnel edge %d " % size * (size // 10 + 1))[:size] for size in sizes for _ in range(3)]:
        pipe.send(whole(message), chop=1021)
        assert reader.next().data == message
    # In fragments, with a ping between; then one that is not compressed.
    message = cases.text(40000)
    pieces = [Frame(Opcode.TEXT, message[:20000], fin=False), Frame(Opcode.PING, b"between")]
    pieces += [Frame(Opcode.CONT, message[20000:])]
    pipe.send(b"".join(piece.serialize(mask=True, extensions=[extension]) for piece in pieces))
    assert [reader.next().data, reader.next().data] == [b"between", message]
    pipe.send(cases.frame(cases.TEXT, b"as it is"))
    assert reader.next().data == b"as it is"
    assert len(pipe.sent) < 200_000, "nothing was compressed"
    pipe.send(cases.frame(cases.CLOSE, b"\x03\xe8"))
    assert reader.next().opcode is Opcode.CLOSE and reader.next() is None
    compare(pipe, is_clean=True)


def test_one_end_may_finish_first(published, over):
    """The service learns that nothing more comes, and still has the last word."""
    pipe = over[2](published)
    pipe.send(cases.frame(cases.PING, b"last"))
    pipe.end()
    assert pipe.record.over.wait(15), "the service was not told"
    assert pipe.record.received == pipe.sent
    assert pipe.receive() == b"\x8a\x04last"
    pipe.close()

    pipe = over[1](published)
    pipe.send(cases.frame(cases.PING, b"last"))
    assert pipe.receive() == b"\x8a\x04last"
    pipe.link.unwrap().close()
    assert pipe.record.over.wait(15), "the service was not told"
    assert pipe.record.received == pipe.sent
