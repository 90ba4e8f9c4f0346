"""The service's end of the WebSocket cases: PyPI's websockets without its sockets, so that every byte can be kept."""

import codecs
import socket
import socketserver
import sys
import threading

from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

HEAD_END = b"\r\n\r\n"


class Record:
    """What one connection got and sent, behind the heads."""

    def __init__(self):
        self.received = bytearray()
        self.sent = bytearray()
        self.request = self.response = None
        self.over = threading.Event()


class WebSocketPeer:
    """Echoes whole messages and fails the connection as RFC 6455 asks. `records`: by path."""

    def __init__(self):
        self.records = {}
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                _Connection(self.request, outer).run()

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request, client_address):
                """Clients go away in the middle of things; all else is told on standard error."""
                if not isinstance(sys.exc_info()[1], OSError):
                    super().handle_error(request, client_address)

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


class _Connection:
    def __init__(self, link, peer):
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.link, self.peer = link, peer
        self.record = Record()
        self.protocol = ServerProtocol(
            max_size=1 << 26, subprotocols=["chat.v2", "chat.v1"], extensions=[ServerPerMessageDeflateFactory()]
        )
        self.head = bytearray()  # of the request, until it is whole
        self.has_answered = False
        self.kind, self.message, self.text = None, bytearray(), None

    def run(self):
        try:
            while data := self.link.recv(1 << 18):
                self.keep(data)
                self.protocol.receive_data(data)
                self.take_events()
            self.protocol.receive_eof()
            self.send()
        except OSError:
            pass
        finally:
            self.record.over.set()

    def keep(self, data):
        if self.head is None:
            self.record.received += data
            return
        self.head += data
        if (end := self.head.find(HEAD_END)) >= 0:
            self.record.received += self.head[end + len(HEAD_END) :]
            self.head = None

    def take_events(self):
        for event in self.protocol.events_received():
            if isinstance(event, Request):
                self.record.request = event
                self.peer.records[event.path] = self.record
                self.record.response = self.protocol.accept(event)
                self.protocol.send_response(self.record.response)
            elif self.protocol.state is State.OPEN:
                self.take(event)
            self.send()
        self.send()

    def take(self, frame):
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return
        if frame.opcode is not Opcode.CONT:
            self.kind, self.message = frame.opcode, bytearray()
            self.text = codecs.getincrementaldecoder("utf-8")() if frame.opcode is Opcode.TEXT else None
        try:
            if self.text:
                self.text.decode(frame.data, frame.fin)
        except UnicodeDecodeError:
            self.protocol.fail(1007)
            return
        self.message += frame.data
        if frame.fin:
            echo = self.protocol.send_text if self.kind is Opcode.TEXT else self.protocol.send_binary
            echo(bytes(self.message))

    def send(self):
        for data in self.protocol.data_to_send():
            if not data:
                self.link.shutdown(socket.SHUT_WR)
            elif self.has_answered:
                self.record.sent += data
                self.link.sendall(data)
            else:
                self.has_answered = True
                self.link.sendall(data)
