"""Attacks that wait for a time limit of the edge, each in a thread of its own."""

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from .attacked import GRACE, count
from .people import BOB, browse
from .processes import descriptors
from .raw_ssh import Gone, packet_of_length
from .raw_tunnel import RawTunnel
from .waiting import took
from .wire import string


class SlowAttacks:
    def __init__(self, attacked):
        self.attacked = attacked
        self.stopped = threading.Event()
        self.descriptors = descriptors(attacked.edge.program.pid)
        self.idlers = count(90, 250)
        self.pool = ThreadPoolExecutor(16)
        half = packet_of_length(2000) + bytes(2000)
        steps = {
            "ident": lambda: self.drip(attacked.raw(), b"SSH-2.0-" + b"x" * 100),
            "header": lambda: self.drip(attacked.raw().exchange_idents(), half),
            "exchange": lambda: self.drip(
                attacked.raw().exchange_idents().offer(), packet_of_length(2000) + bytes(2000)
            ),
            "service": self.drip_service,
            "login": self.drip_login,
            "regresshion": self.end_at_the_grace,
            "stalled exchange": self.stall,
        }
        self.running = {name: self.pool.submit(step) for name, step in steps.items()}

    def result(self, name):
        return self.running[name].result(120)

    @property
    def connections_under_way(self):
        """At most this many of ours have not ended yet."""
        return self.idlers + len(self.running) if not self.running["regresshion"].done() else len(self.running)

    def stop(self):
        self.stopped.set()
        self.pool.shutdown()

    # Each returns how long the connection lasted

    def drip(self, connection, data, every=1.0, begun=None):
        """A byte now and then."""
        begun = begun or time.time()
        with connection, contextlib.suppress(Gone, OSError):
            connection.socket.settimeout(every)
            for position in range(len(data)):
                if self.stopped.is_set():
                    break
                connection.send_raw(data[position : position + 1])
                waited_until = time.monotonic() + every
                with contextlib.suppress(TimeoutError):
                    while time.monotonic() < waited_until:
                        connection.packet()
        return took(begun, time.time())

    def drip_service(self):
        begun = time.time()
        connection = self.attacked.connected()
        return self.drip(connection, connection.seal(bytes([5]) + string("ssh-userauth")), begun=begun)

    def drip_login(self):
        begun = time.time()
        connection = self.attacked.connected().service()
        return self.drip(connection, connection.seal(connection.signed(self.attacked.key)), begun=begun)

    def end_at_the_grace(self):
        """Idle ones, half of them inside a packet; a third goes by itself within a millisecond of the limit."""
        begun = time.time()
        connections = []
        for number in range(self.idlers):
            connection = self.attacked.raw()
            if number % 2:
                connection.exchange_idents()
                connection.send_raw(packet_of_length(1000) + b"\5")
            connections.append((connection, time.monotonic()))
        for number, (connection, came) in enumerate(connections):
            if number % 3 == 0:
                leave = came + GRACE + (number % 5 - 2) / 1000
                self.stopped.wait(max(0.0, leave - time.monotonic()))
                connection.close()
        for number, (connection, _) in enumerate(connections):
            if number % 3:
                with connection, contextlib.suppress(Gone, OSError):
                    connection.socket.settimeout(30)
                    while connection.socket.recv(4096):
                        pass
        return took(begun, time.time())

    def stall(self):
        """A publisher that begins a key exchange and says no more, while its visitor uploads. Also what was taken of the
        upload by then (the edge's memory as a whole would tell of the attacks beside this one, too)."""
        edge = self.attacked.edge
        # On a route of its own: who publishes a name again is asked whether the first one still lives.
        tunnel = RawTunnel(self.attacked.signed_in(), host="api.localhost", window=0x7FFFFFFF)
        with tunnel, ThreadPoolExecutor(2) as pool:
            page = pool.submit(browse, self.attacked.bob, edge.url(host="api.localhost"), BOB)
            tunnel.write(tunnel.next_request(), b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            page.result()

            taken = 0

            def body():
                nonlocal taken
                for _ in range(20_000):
                    yield bytes(65536)
                    taken += 65536

            def upload():
                with contextlib.suppress(OSError):
                    url = edge.url("/upload", host="api.localhost")
                    self.attacked.bob.start("POST", url, body(), {"Content-Length": str(20_000 * 65536)})

            begun = time.time()
            sending = pool.submit(upload)
            tunnel.next_request()
            tunnel.ssh.send(tunnel.ssh.kexinit(strict=False, markers=()))
            waiting = 0
            tunnel.ssh.socket.settimeout(1)
            while not self.stopped.is_set():
                try:
                    tunnel.ssh.packet()
                except TimeoutError:
                    waiting = taken  # once it is over the edge swallows the rest of the upload
                except (Gone, OSError):
                    break
            lasted = took(begun, time.time())
            sending.result()
        return lasted, waiting
