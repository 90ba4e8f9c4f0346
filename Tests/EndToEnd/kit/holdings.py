"""Whatever somebody may have open through the edge: each says when it ended, and can prove that it has not."""

import http.client
import queue
import select
import threading
import time

from . import websocket
from .grpc_service import GRPCClient
from .http2 import HTTP2Visitor
from .waiting import until


class Holding:
    """`who` has it open on `host`; `ended_at` is when the edge ended it (Unix time), or None."""

    def __init__(self, who, host, kind):
        self.who, self.host, self.kind = who, host, kind
        self.ended_at = None
        self.received = 0
        self._told = None

    def __repr__(self):
        return f"{self.who}'s {self.kind} on {self.host}"

    def pump(self, read):
        """Reads in a thread until nothing comes any more; an end is an end, clean or not."""

        def run():
            try:
                while piece := read():
                    self.received += len(piece)
            except Exception:
                pass
            self.ended_at = time.time()

        threading.Thread(target=run, daemon=True).start()
        return self

    @property
    def is_over(self):
        return self.ended_at is not None

    def prove(self):
        """It is alive: more comes, after something was sent where nothing comes unasked."""
        before = self.received
        self.poke()
        until(lambda: self.received > before or self.is_over, f"more of {self!r}")
        assert not self.is_over, f"{self!r} has ended"

    def poke(self):
        pass


def _url(edge, host, path=""):
    return edge.url(path, host=host)


class Reading(Holding):
    """`path`: what has no end."""

    def __init__(self, who, visitor, edge, host, kind, path):
        super().__init__(who, host, kind)
        self.link, response = visitor.start("GET", _url(edge, host, path))
        assert response.status == 200, f"{self!r}: {response.status}"
        self.pump(lambda: response.read1(65536))
        until(lambda: self.received > 8, f"the first bytes of {self!r}")

    def close(self):
        self.link.close()


class Upload(Holding):
    def __init__(self, who, visitor, edge, host):
        super().__init__(who, host, "upload")
        # Sent in one thread, read in another: TLS has one of its own.
        self.link = websocket.plain_end(edge.https_port, host, visitor.tls)
        head = f"POST /upload HTTP/1.1\r\nHost: {host}:{edge.https_port}\r\nContent-Length: {1 << 40}\r\n"
        head += f"Origin: {_url(edge, host)}\r\nCookie: {visitor.cookie_header(host)}\r\n\r\n"
        self.link.sendall(head.encode())
        self.sent = 0
        self.pump(lambda: self.link.recv(65536) and None)  # an answer is the end of it
        threading.Thread(target=self._send, daemon=True).start()
        until(lambda: self.sent > 2, "the first bytes of an upload")

    def _send(self):
        try:
            while not self.is_over:
                self.link.sendall(b"x" * 1024)
                self.sent += 1
                time.sleep(0.05)
        except OSError:
            pass

    def prove(self):
        before = self.sent
        until(lambda: self.sent > before + 1 or self.is_over, f"more of {self!r}")
        assert not self.is_over, f"{self!r} has ended"

    def close(self):
        self.link.close()


class WebSocket(Holding):
    def __init__(self, who, visitor, edge, host):
        super().__init__(who, host, "websocket")
        connecting = websocket.connect(
            edge.https_port,
            host,
            visitor.tls,
            additional_headers={"Cookie": visitor.cookie_header(host)},
            compression=None,
        )
        self.socket = connecting.__enter__()  # closed by whoever opened it, not at the end of a block
        self.pump(self.socket.recv)
        self.prove()

    def poke(self):
        self.socket.send("hello")

    def close(self):
        self.socket.close()


class WebSocket2(Holding):
    """RFC 8441, on a connection of its own."""

    def __init__(self, who, visitor, edge, host):
        super().__init__(who, host, "websocket over HTTP/2")
        self.link = link = HTTP2Visitor(visitor, _url(edge, host, "/"))
        link.wait(until=lambda: link.connection.remote_settings.get(8) == 1)
        self.number = number = link.connection.get_next_available_stream_id()
        fields = [
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", "https"),
            (":authority", link.authority),
            (":path", "/websocket"),
            ("origin", f"https://{link.authority}"),
            ("sec-websocket-version", "13"),
            ("cookie", visitor.cookie_header(host)),
        ]
        link.connection.send_headers(number, fields)
        link.send()
        self.stream = link.streams[number]
        link.wait(until=lambda: self.stream.headers or self.stream.is_over)
        assert self.stream.status == 200, f"{self!r}: {self.stream.headers}"
        # TLS of Python is for one thread at a time.
        self.lock = threading.Lock()

        def read():
            while not link.socket.pending() and not select.select([link.socket], [], [], 0.05)[0]:
                pass
            with self.lock:
                goes_on = link.receive()
            if not goes_on or self.stream.is_over:
                return b""
            self.received = len(self.stream.body)
            # A Close frame of the edge is the end, whatever follows.
            return b"" if b"\x88" in bytes(self.stream.body)[-8:] else b" "

        self.pump(read)
        self.prove()

    def poke(self):
        with self.lock:
            self.link.connection.send_data(self.number, b"\x81\x85\0\0\0\0hello")
            self.link.send()

    def close(self):
        self.link.close()


class Call(Holding):
    """A bidirectional call of gRPC."""

    def __init__(self, who, visitor, edge, host, authority):
        super().__init__(who, host, "gRPC call")
        self.client = GRPCClient(edge.https_port, host, authority.certificate)
        self.messages = queue.Queue()
        answers = self.client.echo(
            iter(self.messages.get, None), metadata=[("cookie", visitor.cookie_header(host))], timeout=300
        )
        self.pump(lambda: next(answers))
        self.prove()

    def poke(self):
        self.messages.put(b"hello")

    def close(self):
        self.messages.put(None)
        self.client.close()


class Idle(Holding):
    """A connection that is kept: it ends by what its next request is told."""

    def __init__(self, who, visitor, edge, host):
        super().__init__(who, host, "kept connection")
        self.visitor, self.target, self.edge = visitor, host, edge
        self.link = http.client.HTTPConnection(host, edge.https_port, timeout=30)
        self.link.sock = visitor.connection(_url(edge, host))
        assert self.status() == 200

    def status(self):
        headers = self.visitor.headers_for(
            _url(self.edge, self.target), {"Host": f"{self.target}:{self.edge.https_port}"}
        )
        self.link.request("GET", "/", headers=headers)
        answer = self.link.getresponse()
        answer.read()
        return answer.status

    @property
    def is_over(self):
        if self.ended_at is None and self.status() != 200:
            self.ended_at = time.time()
        return self.ended_at is not None

    def prove(self):
        assert not self.is_over, f"{self!r} has ended"

    def close(self):
        self.link.close()


class Held(Holding):
    """A program of ssh: it ends with its process."""

    def __init__(self, who, host, kind, program):
        super().__init__(who, host, kind)
        self.program = program
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self):
        self.program.process.wait()
        self.ended_at = time.time()

    def prove(self):
        assert not self.is_over, f"{self!r} has ended:\n{self.program.output[-1500:]}"

    def close(self):
        self.program.stop()


def open_holding(kind, who, visitor, edge, host, authority):
    match kind:
        case "events" | "download":
            return Reading(who, visitor, edge, host, kind, "/events" if kind == "events" else "/trickle")
        case "upload":
            return Upload(who, visitor, edge, host)
        case "websocket":
            return WebSocket(who, visitor, edge, host)
        case "websocket2":
            return WebSocket2(who, visitor, edge, host)
        case "call":
            return Call(who, visitor, edge, host, authority)
        case "idle":
            return Idle(who, visitor, edge, host)
    raise AssertionError(kind)
