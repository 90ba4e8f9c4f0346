"""Hundreds of streams at once, on one event loop in a thread of its own; and how long others wait meanwhile."""

import asyncio
import http.client
import resource
import threading
import time

from .waiting import until

KINDS = {"events": "/hold", "download": "/hold?kind=application/octet-stream", "websocket": "/websocket"}
UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
UPGRADE += "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"


class CrowdStream:
    """`ended_at`: when the edge ended it (Unix time)."""

    def __init__(self, who, host, kind):
        self.who, self.host, self.kind = who, host, kind
        self.ended_at = None
        self.received = 0
        self.writer = None

    def __repr__(self):
        return f"{self.who}'s {self.kind} on {self.host}"

    async def open(self, visitor, port):
        reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=visitor.tls, server_hostname=self.host
        )
        head = f"GET {KINDS[self.kind]} HTTP/1.1\r\nHost: {self.host}:{port}\r\nOrigin: https://{self.host}:{port}\r\n"
        head += UPGRADE if self.kind == "websocket" else ""
        self.writer.write(f"{head}Cookie: {visitor.cookie_header(self.host)}\r\n\r\n".encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.split()[1] == (b"101" if self.kind == "websocket" else b"200"), f"{self!r}: {answer!r}"
        return reader

    async def follow(self, reader):
        try:
            while piece := await reader.read(1 << 16):
                self.received += len(piece)
                # A Close frame of the edge is the end, whatever follows.
                if self.kind == "websocket" and piece[0] == 0x88:
                    break
        except OSError:
            pass
        self.ended_at = time.time()
        self.writer.close()


class Crowd:
    """Streams of every kind for each of `people` (name -> Visitor) on each of `hosts`."""

    def __init__(self, edge, people, hosts):
        self.edge, self.people, self.hosts = edge, people, hosts
        self.streams = []
        self._loop = asyncio.new_event_loop()
        self._tasks = []
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def open(self, count):
        # Both ends of all of them may be in this process.
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
        combinations = [(w, h, k) for w in self.people for h in self.hosts for k in KINDS]
        streams = [CrowdStream(*combinations[number % len(combinations)]) for number in range(count)]

        async def everything():
            few = asyncio.Semaphore(16)

            async def one(stream):
                async with few:
                    reader = await stream.open(self.people[stream.who], self.edge.https_port)
                self._tasks.append(asyncio.create_task(stream.follow(reader)))

            await asyncio.gather(*(one(stream) for stream in streams))

        asyncio.run_coroutine_threadsafe(everything(), self._loop).result(120)
        self.streams = streams

    def prove(self, streams):
        """All of these live: WebSockets answer, the others have not ended."""
        sockets = {stream: stream.received for stream in streams if stream.kind == "websocket"}

        def ask():
            for stream in sockets:
                stream.writer.write(b"\x81\x85\0\0\0\0hello")

        self._loop.call_soon_threadsafe(ask)
        until(lambda: all(s.ended_at or s.received > before for s, before in sockets.items()), "answers of WebSockets")
        over = [stream for stream in streams if stream.ended_at]
        assert not over, f"{len(over)} have ended, {over[0]!r} first"

    def close(self):
        async def everything():
            for task in self._tasks:
                task.cancel()
            for stream in self.streams:
                if stream.writer:
                    stream.writer.transport.abort()
            await asyncio.gather(*self._tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(everything(), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


class Pulse:
    """Asks for a page of the edge's own, again and again: `stop` says what the slowest answer took, in seconds."""

    def __init__(self, visitor, edge):
        self._slowest, self._stopped = 0.0, threading.Event()
        link = http.client.HTTPConnection("auth.localhost", edge.https_port, timeout=30)
        link.sock = visitor.connection(edge.authenticate)

        def run():
            while not self._stopped.wait(0.005):
                begun = time.monotonic()
                link.request("GET", "/ping", headers={"Host": f"auth.localhost:{edge.https_port}"})
                link.getresponse().read()
                self._slowest = max(self._slowest, time.monotonic() - begun)
            link.close()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def stop(self):
        self._stopped.set()
        self._thread.join(30)
        return self._slowest


def processor_seconds(pid):
    """What the process has used until now, of user and system."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100
