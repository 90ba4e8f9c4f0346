"""Carries bytes between the channels of a C library and a local service, in one thread, for the programs beside this.

A channel is anything with `read(size)` (bytes, empty when there is nothing now, None at the end), `write(data)` (how
many it took) and `close()`.
"""

import selectors
import socket

PIECE = 32768


class Pump:
    def __init__(self, session_socket, service_port):
        self._service = ("127.0.0.1", service_port)
        self._selector = selectors.DefaultSelector()
        self._selector.register(session_socket, selectors.EVENT_READ)
        self._pairs = []

    def add(self, channel):
        """Connects a new channel to the service."""
        local = socket.create_connection(self._service)
        local.setblocking(False)
        self._selector.register(local, selectors.EVENT_READ)
        self._pairs.append(_Pair(channel, local))

    def turn(self):
        """Moves what can be moved; waits shortly when that was nothing."""
        moved = False
        for pair in list(self._pairs):
            moved |= pair.move()
            if pair.is_over:
                self._pairs.remove(pair)
                self._selector.unregister(pair.local)
                pair.close()
        if not moved:
            self._selector.select(0.02)


class _Pair:
    def __init__(self, channel, local):
        self.channel = channel
        self.local = local
        self.is_over = False
        self._to_service = b""
        self._to_channel = b""

    def move(self):
        moved = False
        try:
            if not self._to_service:
                data = self.channel.read(PIECE)
                if data is None:
                    self.is_over = True
                self._to_service = data or b""
            if self._to_service:
                count = self.local.send(self._to_service)
                self._to_service = self._to_service[count:]
                moved = True
        except BlockingIOError:
            pass
        except OSError:
            self.is_over = True
        try:
            if not self._to_channel:
                self._to_channel = self.local.recv(PIECE)
                self.is_over |= not self._to_channel
        except BlockingIOError:
            pass
        except OSError:
            self.is_over = True
        if self._to_channel:
            count = self.channel.write(self._to_channel)
            self._to_channel = self._to_channel[count:]
            moved |= count > 0
        return moved

    def close(self):
        self.local.close()
        self.channel.close()
