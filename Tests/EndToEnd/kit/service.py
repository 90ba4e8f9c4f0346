"""The local web application that the tests publish. It listens on 127.0.0.1 only and knows nothing of the edge."""

import base64
import hashlib
import json
import ssl
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from .threaded_server import ThreadedServer

BLOCK = hashlib.shake_256(b"tunnel-edge").digest(1 << 20)


def blocks(size):
    """`size` bytes that both ends can make: pieces that differ from each other, without keeping them all."""
    sent = 0
    while sent < size:
        piece = struct.pack(">Q", sent) + BLOCK[8:]
        piece = piece[: size - sent]
        yield piece
        sent += len(piece)


def checksum(size):
    digest = hashlib.sha256()
    for piece in blocks(size):
        digest.update(piece)
    return digest.hexdigest()


class Service:
    """`certificate`: serves HTTPS; `client_authority`: and only to clients with a certificate of it."""

    def __init__(self, certificate=None, client_authority=None):
        self.release = threading.Event()  # set: /slow answers
        self.seen = []  # (method, path) of every request, in order
        self.open_streams = 0
        self.name = b"Hello world!\n"
        self.is_well = True  # what /healthz says
        self._lock = threading.Lock()
        outer = self

        class Handler(_Handler):
            service = outer

        self._server = ThreadedServer(("127.0.0.1", 0), Handler)
        if certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(*certificate)
            if client_authority:
                tls.verify_mode = ssl.CERT_REQUIRED
                tls.load_verify_locations(client_authority)
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=False
            )
        self.port = self._server.server_address[1]
        self._server.begin()

    def count(self, by):
        with self._lock:
            self.open_streams += by

    def stop(self):
        self.release.set()
        self._server.stop()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    service = None

    def log_message(self, *_):
        pass

    def answer(self):
        parts = urlsplit(self.path)
        self.query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        self.service.seen.append((self.command, self.path))
        method = getattr(self, "at_" + (parts.path.strip("/").split("/")[0] or "root"), None)
        if method is None:
            return self.send(404, b"no such page\n")
        method()

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = do_PATCH = do_OPTIONS = answer

    def send(self, status, body, kind="text/plain; charset=utf-8", headers=()):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body_pieces(self):
        if "chunked" in (self.headers.get("Transfer-Encoding") or "").lower():
            while size := int(self.rfile.readline().split(b";")[0], 16):
                while size:
                    piece = self.rfile.read(min(size, 1 << 20))
                    size -= len(piece)
                    yield piece
                self.rfile.readline()
            while self.rfile.readline() not in (b"\r\n", b""):
                pass
        else:
            left = int(self.headers.get("Content-Length") or 0)
            while left:
                piece = self.rfile.read(min(left, 1 << 20))
                if not piece:
                    raise ConnectionError("the body was cut short")
                left -= len(piece)
                yield piece

    # Pages

    def at_root(self):
        self.send(200, self.service.name)

    def at_healthz(self):
        self.send(200 if self.service.is_well else 503, b"")

    def at_echo(self):
        body = b"".join(self.body_pieces())
        told = {
            "method": self.command,
            "path": self.path,
            "headers": self.headers.items(),
            "body": body.decode("latin-1"),
            "peer": self.client_address[1],
        }
        self.send(200, json.dumps(told).encode(), "application/json")

    def at_status(self):
        self.send(int(self.path.rsplit("/", 1)[1].split("?")[0]), b"as you wish\n")

    def at_cookies(self):
        self.send(
            200, b"cookies\n", headers=[("Set-Cookie", line) for line in self.query.get("set", "").split("|") if line]
        )

    def at_download(self):
        size = int(self.query["size"])
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(size))
        self.end_headers()
        if self.command != "HEAD":
            for piece in blocks(size):
                self.wfile.write(piece)

    def at_upload(self):
        digest, size = hashlib.sha256(), 0
        for piece in self.body_pieces():
            digest.update(piece)
            size += len(piece)
        self.send(200, json.dumps({"size": size, "sha256": digest.hexdigest()}).encode(), "application/json")

    def at_early(self):
        """Refuses an upload without reading it."""
        self.close_connection = True
        self.send(413, b"too large\n", headers=[("Connection", "close")])

    def at_slow(self):
        self.service.release.wait(60)
        self.send(200, b"at last\n")

    def at_pause(self):
        time.sleep(int(self.query["ms"]) / 1000)
        self.send(200, b"after a pause\n")

    def at_broken(self):
        self.close_connection = True
        self.wfile.write(b"this is no HTTP\r\n\r\n")

    def at_stream(self):
        """A download without an end, as fast as the reader reads."""
        self._endless("application/octet-stream", lambda _: BLOCK[: 1 << 14])

    def at_events(self):
        """Server-sent events, twenty a second."""
        self._endless("text/event-stream", lambda n: f"data: {n}\n\n".encode(), pause=0.05)

    def at_trickle(self):
        """A download of a terabyte, a kilobyte at a time."""
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(1 << 40))
        self.end_headers()
        self.close_connection = True
        try:
            while not self.service.release.wait(0.05):
                self.wfile.write(BLOCK[:1024])
        except OSError:
            pass

    def at_hold(self):
        """One event, and then nothing until whoever asked goes away."""
        self.send_response(200)
        self.send_header("Content-Type", self.query.get("kind", "text/event-stream"))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(1 << 40))
        self.end_headers()
        self.close_connection = True
        self.service.count(1)
        try:
            self.wfile.write(b"data: 1\n\n")
            self.rfile.read(1)
        except OSError:
            pass
        finally:
            self.service.count(-1)

    def _endless(self, kind, piece, pause=0.0):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        self.service.count(1)
        try:
            number = 0
            while not self.service.release.wait(pause):
                data = piece(number)
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                number += 1
        except OSError:
            pass
        finally:
            self.service.count(-1)

    def at_websocket(self):
        """Echoes messages of a WebSocket (RFC 6455), unmasked and in one frame each."""
        key = self.headers.get("Sec-WebSocket-Key")
        if not key:
            return self.send(400, b"no websocket\n")
        accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accept.decode())
        self.end_headers()
        self.close_connection = True
        self.service.count(1)
        try:
            while (frame := self._frame()) is not None:
                opcode, payload = frame
                self.wfile.write(self._header(0x8A if opcode == 9 else 0x80 | opcode, len(payload)) + payload)
                if opcode == 8:
                    return
        except (OSError, struct.error):
            pass
        finally:
            self.service.count(-1)

    def _frame(self):
        head = self.rfile.read(2)
        if len(head) < 2:
            return None
        length = head[1] & 0x7F
        if length == 126:
            length = struct.unpack(">H", self.rfile.read(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", self.rfile.read(8))[0]
        mask = self.rfile.read(4)
        payload = self.rfile.read(length)
        return head[0] & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))

    @staticmethod
    def _header(first, length):
        if length < 126:
            return struct.pack(">BB", first, length)
        if length < 65536:
            return struct.pack(">BBH", first, 126, length)
        return struct.pack(">BBQ", first, 127, length)
