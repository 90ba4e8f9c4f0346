"""A service that trusts nobody: it reads raw bytes, keeps them, and takes only requests that every reader reads alike.

What is not written in exactly one canonical way (RFC 9112, one framing field, no look-alikes) is kept as a fault, and
so is a byte that comes before its turn. `/say/<name>` answers with bytes that a test has scripted under that name;
`/early/…` is answered before its body is read.
"""

import re
import socket
import ssl
import threading
from dataclasses import dataclass, field

from .waiting import until

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") (/[\x21\x22\x24-\x7e]*|\*) HTTP/1\.1")
FIELD = re.compile(rb"(" + TOKEN + rb"): ((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)")
CHUNK = re.compile(rb"0|[1-9a-f][0-9a-f]{0,7}")
# Read as one of these once case and `_` are folded: only the edge may say it, and only in the usual spelling.
FOLDED = re.compile(
    r"x-pomerium-.*|x-forwarded-.*|forwarded|x-real-ip|x-request-id|content-length|transfer-encoding|proxy-.*|keep-alive"
    r"|http2-settings"
)
ADDED = ("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id")
BETWEEN_HOPS = ("keep-alive", "te", "http2-settings", "proxy-connection", "proxy-authorization", "proxy-authenticate")
CLOSE, REST = object(), object()
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s"


@dataclass
class Seen:
    """One request as its bytes came."""

    connection: int
    head: bytes = b""
    body: bytes = b""
    trailers: list = field(default_factory=list)
    is_whole: bool = False
    faults: list = field(default_factory=list)
    method: str = ""
    target: str = ""
    fields: list = field(default_factory=list)

    def values(self, name):
        return [value for key, value in self.fields if key.lower() == name]


class BrokenOff(Exception):
    pass


class StrictOrigin:
    def __init__(self, certificate=None):
        self.requests = []
        self.answers = {}  # name -> bytes, or several of them with CLOSE and REST (until `release`) between
        self.faults = []
        self.release = threading.Event()
        self._changed = threading.Condition()
        self._tls = None
        if certificate:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*certificate)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        self.closed = set()  # numbers of connections that are over
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self.release.set()
        self._listener.close()

    def seen(self, token):
        """The requests whose target or body holds this token."""
        return [one for one in self.requests if token in one.target or token.encode() in one.body]

    def wait_seen(self, token, count=1):
        until(lambda: len(self.seen(token)) >= count, f"request {token} at the origin", within=10)
        return self.seen(token)

    # One connection

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection, self.connections), daemon=True).start()

    def _serve(self, connection, number):
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            reader = _Reader(connection)
            while self._one(reader, number):
                pass
        except (OSError, BrokenOff, ssl.SSLError):
            pass
        finally:
            connection.close()
            self.closed.add(number)

    def _one(self, reader, number):
        """Reads and answers one request; whether another may follow."""
        if not reader.more():
            return False
        seen = Seen(number)
        try:
            self._read(reader, seen)
            seen.is_whole = True
        finally:
            with self._changed:
                self.faults += [(fault, seen.head) for fault in seen.faults]
                self.requests.append(seen)
        if seen.target.startswith("/early/"):
            return True
        name = re.match(r"/say/([\w-]+)", seen.target)
        if not name:
            body = f"{seen.method} {seen.target}".encode()
            reader.send(OK % (len(body), b"" if seen.method == "HEAD" else body))
            return True
        answer = self.answers[name[1]]
        for piece in (answer,) if isinstance(answer, bytes) else answer:
            if piece is CLOSE:
                reader.close()
                return False
            if piece is REST:
                self.release.wait(20)
            else:
                reader.send(piece)
        return True

    def _read(self, reader, seen):
        seen.head = reader.through(b"\r\n\r\n")
        lines = seen.head[:-4].split(b"\r\n")
        matched = REQUEST_LINE.fullmatch(lines[0])
        if not matched:
            seen.faults.append(f"request line {lines[0]!r}")
            raise BrokenOff
        seen.method, seen.target = matched[1].decode(), matched[2].decode()
        seen.fields = self._fields(lines[1:], seen)
        self._check_names(seen)
        codings, lengths = seen.values("transfer-encoding"), seen.values("content-length")
        if len(codings) + len(lengths) > 1:
            seen.faults.append("more than one framing field")
            raise BrokenOff
        if seen.target.startswith("/early/"):
            reader.send(OK % (5, b"early"))
        if codings:
            if codings != ["chunked"]:
                seen.faults.append(f"transfer coding {codings}")
                raise BrokenOff
            self._chunks(reader, seen)
        elif lengths:
            if not re.fullmatch(r"0|[1-9][0-9]{0,9}", lengths[0]):
                seen.faults.append(f"length {lengths}")
                raise BrokenOff
            while len(seen.body) < int(lengths[0]):
                seen.body += reader.some(int(lengths[0]) - len(seen.body))
        if reader.buffer:
            seen.faults.append(f"behind its end: {reader.buffer!r}")
            raise BrokenOff

    @staticmethod
    def _fields(lines, seen):
        found = []
        for line in lines:
            matched = FIELD.fullmatch(line)
            if not matched:
                seen.faults.append(f"field line {line!r}")
                raise BrokenOff
            found.append((matched[1].decode(), matched[2].decode("latin-1")))
        return found

    @staticmethod
    def _check_names(seen):
        if len(seen.values("host")) != 1:
            seen.faults.append("not one Host")
        for name, _ in seen.fields:
            lowered = name.lower()
            if FOLDED.fullmatch(lowered.replace("_", "-")) and "_" in lowered:
                seen.faults.append(f"look-alike {name}")
            if lowered == "proxy" or lowered.startswith("proxy-"):
                seen.faults.append(f"{name}, which programs take for a setting")
            if lowered in BETWEEN_HOPS and not (lowered == "te" and seen.values("te") == ["trailers"]):
                seen.faults.append(f"{name}, which is between two hops")
            if lowered.startswith(("x-pomerium-", "x-forwarded-")) and lowered not in ADDED:
                seen.faults.append(f"{name}, which only the edge may say")
        for name in ADDED:
            if len(seen.values(name)) != 1:
                seen.faults.append(f"{len(seen.values(name))} times {name}")
        if seen.values("x-forwarded-for") != ["127.0.0.1"]:
            seen.faults.append(f"forwarded for {seen.values('x-forwarded-for')}")
        if seen.values("connection") and seen.values("connection") != ["Upgrade"]:
            seen.faults.append(f"connection {seen.values('connection')}")

    def _chunks(self, reader, seen):
        while True:
            line = reader.through(b"\r\n")[:-2]
            if not CHUNK.fullmatch(line):
                seen.faults.append(f"chunk-size line {line!r}")
                raise BrokenOff
            size = int(line, 16)
            if size == 0:
                break
            piece = b""
            while len(piece) < size:
                piece += reader.some(size - len(piece))
                seen.body += piece if len(piece) == size else b""
            if reader.exactly(2) != b"\r\n":
                seen.faults.append("chunk without its CR LF")
                raise BrokenOff
        lines = []
        while line := reader.through(b"\r\n")[:-2]:
            lines.append(line)
        seen.trailers = self._fields(lines, seen)
        for name, _ in seen.trailers:
            if FOLDED.fullmatch(name.lower().replace("_", "-")):
                seen.faults.append(f"trailer {name}")


class _Reader:
    def __init__(self, connection):
        self.connection = connection
        self.buffer = b""

    def send(self, data):
        self.connection.sendall(data)

    def close(self):
        """In order: with TLS's own end, where there is TLS."""
        if isinstance(self.connection, ssl.SSLSocket):
            self.connection.settimeout(5)
            self.connection = self.connection.unwrap()

    def more(self):
        """Whether there is at least a byte."""
        while not self.buffer:
            data = self.connection.recv(65536)
            if not data:
                return False
            self.buffer = data
        return True

    def _fill(self):
        data = self.connection.recv(65536)
        if not data:
            raise BrokenOff
        self.buffer += data

    def through(self, mark):
        while mark not in self.buffer:
            self._fill()
        end = self.buffer.index(mark) + len(mark)
        taken, self.buffer = self.buffer[:end], self.buffer[end:]
        return taken

    def some(self, most):
        if not self.buffer:
            self._fill()
        taken, self.buffer = self.buffer[:most], self.buffer[most:]
        return taken

    def exactly(self, count):
        taken = b""
        while len(taken) < count:
            taken += self.some(count - len(taken))
        return taken
