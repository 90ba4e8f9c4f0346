"""A service that speaks HTTP/2 without encryption and answers each path with frames that a test has scripted."""

import socket
import threading

import hpack
from hyperframe.frame import Frame, HeadersFrame, PingFrame, SettingsFrame

from .raw_http2 import PREFACE, block, frame


def section(*fields, status="200"):
    return block(*([(":status", status)] if status is not None else []), *fields)


def answer(*fields, body=b"hello", status="200"):
    """HEADERS and DATA, for the stream that asks."""
    return lambda stream: frame(1, 4, stream, section(*fields, status=status)) + frame(0, 1, stream, body)


class HostileHTTP2:
    """`answers`: path -> a function from the stream's number to bytes; None closes the connection."""

    def __init__(self):
        self.answers = {}
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader, decoder = connection.makefile("rb"), hpack.Decoder()
        try:
            if reader.read(len(PREFACE)) != PREFACE:
                return
            connection.sendall(SettingsFrame(0).serialize())
            while head := reader.read(9):
                made, length = Frame.parse_frame_header(memoryview(head))
                made.parse_body(memoryview(reader.read(length)))
                if isinstance(made, HeadersFrame):
                    path = dict(decoder.decode(made.data))[":path"]
                    answers = self.answers[path](made.stream_id)
                    if answers is None:
                        return
                    connection.sendall(answers)
                elif isinstance(made, SettingsFrame) and "ACK" not in made.flags:
                    connection.sendall(SettingsFrame(0, flags=["ACK"]).serialize())
                elif isinstance(made, PingFrame) and "ACK" not in made.flags:
                    connection.sendall(PingFrame(0, made.opaque_data, flags=["ACK"]).serialize())
        except (OSError, ValueError, KeyError):
            pass
        finally:
            # The reader holds the socket open, too.
            reader.close()
            connection.close()
