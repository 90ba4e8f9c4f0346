"""A tunnel whose client is ours: it answers visitors byte by byte, rightly or wrongly."""

import time

from .raw_ssh import (
    CLOSE,
    CONFIRMATION,
    DATA,
    EOF,
    GLOBAL_REQUEST,
    OPEN,
    REQUEST_FAILURE,
    REQUEST_SUCCESS,
    WINDOW_ADJUST,
    RawSSH,
)
from .waiting import PATIENCE
from .wire import Fields, string, uint32


class RawChannel:
    def __init__(self, number, window):
        self.number = number  # the server's
        self.window = window  # what we may still send
        self.received = b""
        self.closed = False


class RawTunnel:
    def __init__(self, connection, host="other.localhost", window=1 << 20):
        self.ssh = connection
        self.window = window
        self.channels = {}  # by our number
        connection.send(connection.global_request("tcpip-forward", string(host) + uint32(443)))
        connection.expect_now(REQUEST_SUCCESS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ssh.close()

    def pump(self):
        """Takes one packet, and does what a client must."""
        payload = self.ssh.packet()
        fields = Fields(payload[1:])
        if payload[0] == GLOBAL_REQUEST:
            fields.string()
            if fields.boolean():
                self.ssh.send(bytes([REQUEST_FAILURE]))
        elif payload[0] == OPEN:
            kind, number, window = fields.text(), fields.uint32(), fields.uint32()
            assert kind == "forwarded-tcpip"
            mine = max(self.channels, default=-1) + 1
            self.channels[mine] = RawChannel(number, window)
            self.ssh.send(RawSSH.on(CONFIRMATION, number, uint32(mine) + uint32(self.window) + uint32(32768)))
        elif payload[0] in (DATA, EOF, CLOSE, WINDOW_ADJUST):
            channel = self.channels[fields.uint32()]
            if payload[0] == DATA:
                channel.received += fields.string()
            elif payload[0] == WINDOW_ADJUST:
                channel.window += fields.uint32()
            elif payload[0] == CLOSE and not channel.closed:
                channel.closed = True
                self.ssh.send(RawSSH.on(CLOSE, channel.number))
        return payload

    def until(self, condition, within=10.0):
        deadline = time.monotonic() + within * PATIENCE
        while not (value := condition()):
            left = deadline - time.monotonic()
            assert left > 0, "the edge did not do what was waited for"
            self.ssh.socket.settimeout(left)
            self.pump()
        return value

    def next_request(self):
        """The channel on which a whole request head has come; the head is taken from it."""

        def ready():
            return [c for c in self.channels.values() if not c.closed and b"\r\n\r\n" in c.received]

        channel = self.until(ready)[0]
        head, _, channel.received = channel.received.partition(b"\r\n\r\n")
        channel.head = head
        return channel

    def write(self, channel, data):
        for start in range(0, len(data), 32000):
            self.ssh.send(RawSSH.on(DATA, channel.number, string(data[start : start + 32000])))
            channel.window -= len(data[start : start + 32000])
