"""HTTP/2 frame by frame (PyPI's hyperframe and hpack), for a visitor who keeps no rule that a test has not chosen."""

import socket
import ssl
from urllib.parse import urlsplit

import hpack
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = 0, 1, 2, 3
STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR = 5, 6, 7, 8, 9
ENHANCE_YOUR_CALM = 11


def frame(kind, flags=0, stream=0, payload=b"", length=None):
    """Any frame, sense or nonsense; `length` may lie."""
    return (
        (len(payload) if length is None else length).to_bytes(3, "big")
        + bytes((kind, flags))
        + stream.to_bytes(4, "big")
        + payload
    )


def literal(name, value):
    """One field without compression (RFC 7541 section 6.2.2), whatever bytes it has."""
    return b"\0" + _text(name) + _text(value)


def _text(text):
    data = text if isinstance(text, bytes) else text.encode("latin-1")
    if len(data) < 127:
        return bytes((len(data),)) + data
    rest, length = len(data) - 127, bytearray(b"\x7f")
    while rest >= 128:
        length.append(rest & 127 | 128)
        rest >>= 7
    return bytes(length) + bytes((rest,)) + data


def block(*fields):
    return b"".join(literal(name, value) for name, value in fields)


class RawHTTP2:
    """`begins`: preface and settings are sent, and the edge's settings acknowledged."""

    def __init__(self, visitor, url, begins=True, alpn=("h2",), settings=None):
        parts = urlsplit(url)
        self.authority = parts.netloc
        tls = ssl.create_default_context(cafile=visitor.certificate_authority)
        tls.set_alpn_protocols(list(alpn))
        plain = socket.create_connection(("127.0.0.1", parts.port), 20)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = tls.wrap_socket(plain, server_hostname=parts.hostname)
        self.frames = []
        self.is_over = False
        self._buffer = b""
        self._decoder = hpack.Decoder()
        self._sections = {}  # stream -> [fields of a HEADERS, in order]
        self._partial = b""
        if begins:
            self.begin(settings)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def begin(self, settings=None):
        self.send(PREFACE, SettingsFrame(0, settings or {}))
        self.until(lambda: self.of(SettingsFrame))
        self.send(SettingsFrame(0, flags=["ACK"]))

    # Out

    def send(self, *pieces):
        data = b"".join(piece if isinstance(piece, bytes) else piece.serialize() for piece in pieces)
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.is_over = True

    def fields(self, path="/", method="GET", scheme="https", authority=None, extra=(), drop=()):
        fields = [
            (":method", method),
            (":scheme", scheme),
            (":authority", authority or self.authority),
            (":path", path),
        ]
        return [one for one in fields if one[0] not in drop] + list(extra)

    def headers(self, stream, fields, ends=True, flags=0):
        """A HEADERS frame with a section of its own."""
        return frame(1, 4 | (1 if ends else 0) | flags, stream, block(*fields))

    def get(self, stream, path, **more):
        return self.headers(stream, self.fields(path, **more))

    def post(self, stream, path, **more):
        return self.headers(stream, self.fields(path, "POST", **more), ends=False)

    # In

    def of(self, kind, stream=None):
        return [one for one in self.frames if isinstance(one, kind) and stream in (None, one.stream_id)]

    def read(self):
        """One read; False when the connection has ended."""
        try:
            data = self.socket.recv(1 << 16)
        except (ConnectionResetError, ssl.SSLEOFError):
            data = b""
        if not data:
            self.is_over = True
            return False
        self._buffer += data
        while len(self._buffer) >= 9:
            made, length = Frame.parse_frame_header(memoryview(self._buffer[:9]), strict=True)
            assert length <= 16_384, f"a frame of {length} bytes"
            if len(self._buffer) < 9 + length:
                break
            made.parse_body(memoryview(self._buffer[9 : 9 + length]))
            assert not self._buffer[5] & 0x80, "a reserved bit is set"
            self._buffer = self._buffer[9 + length :]
            self._take(made)
        return True

    def _take(self, made):
        self.frames.append(made)
        if isinstance(made, (HeadersFrame, ContinuationFrame)):
            self._partial += made.data
            if "END_HEADERS" in made.flags:
                fields = self._decoder.decode(self._partial, raw=False)
                self._sections.setdefault(made.stream_id, []).append(fields)
                self._partial = b""

    def until(self, condition):
        """Reads until the condition holds; False when the connection ended before."""
        while not condition():
            if not self.read():
                return bool(condition())
        return True

    # What a stream has got

    def sections(self, stream):
        return self._sections.get(stream, [])

    def status(self, stream):
        """The final status, if it has come."""
        for fields in self.sections(stream):
            status = int(dict(fields).get(":status", "0"))
            if status >= 200:
                return status
        return None

    def body(self, stream):
        return b"".join(bytes(one.data) for one in self.of(DataFrame, stream))

    def reset(self, stream):
        frames = self.of(RstStreamFrame, stream)
        return frames[0].error_code if frames else None

    def has_ended(self, stream):
        return any("END_STREAM" in one.flags for one in self.of((HeadersFrame, DataFrame), stream))

    def is_done(self, stream):
        return self.has_ended(stream) or self.reset(stream) is not None

    def wait(self, stream):
        self.until(lambda: self.is_done(stream))
        return self.reset(stream) if self.reset(stream) is not None else self.status(stream)

    @property
    def went_away(self):
        """The code of the GOAWAY that tells of a mistake."""
        codes = [one.error_code for one in self.of(GoAwayFrame)]
        return codes[-1] if codes else None

    def rest(self):
        while self.read():
            pass

    def ping(self, data=b"in step?"):
        """Everything sent before has been taken once this is answered."""
        self.send(PingFrame(0, data))
        return self.until(lambda: any("ACK" in one.flags and one.opaque_data == data for one in self.of(PingFrame)))

    def open_window(self, stream, count):
        self.send(WindowUpdateFrame(stream, count))
