"""A TCP load balancer before the ssh port, as haproxy with `send-proxy` or `send-proxy-v2` is one."""

import contextlib
import ipaddress
import socket
import struct
import threading

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def line(source, port, destination="203.0.113.1", destination_port=22):
    family = "TCP6" if ":" in source else "TCP4"
    return f"PROXY {family} {source} {destination} {port} {destination_port}\r\n".encode()


def binary(source, port, destination="203.0.113.1", destination_port=22, more=b"\x03\0\x04\1\2\3\4"):
    """With something behind the addresses that a server skips."""
    addresses = b"".join(ipaddress.ip_address(address).packed for address in (source, destination))
    body = addresses + struct.pack(">HH", port, destination_port) + more
    return SIGNATURE + b"\x21" + (b"\x21" if ":" in source else b"\x11") + struct.pack(">H", len(body)) + body


class AnnouncingProxy:
    """Listens, connects to the target from `address`, sends `header`, and then carries bytes both ways."""

    def __init__(self, target_port, header, address="127.0.0.2"):
        self.target_port = target_port
        self.header = header
        self.address = address
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.links = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = socket.create_connection(
                    ("127.0.0.1", self.target_port), timeout=30, source_address=(self.address, 0)
                )
                far.settimeout(None)
                # One byte first: the header comes in pieces, too.
                far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                far.sendall(self.header[:1])
                far.sendall(self.header[1:])
                self.links += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    @staticmethod
    def _carry(one, other):
        how = socket.SHUT_RDWR
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
            how = socket.SHUT_WR
        # Whoever leaves with something unread resets the connection: that is an end, too.
        with contextlib.suppress(OSError):
            other.shutdown(how)

    def stop(self):
        for link in [self.listener, *self.links]:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()
