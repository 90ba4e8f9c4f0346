"""A piece of network between two programs of this machine: late, jittery, lossy, cut or silent, as a test wishes.

It carries TCP in user space, so what it delays is the bytes: whoever waits for an answer waits for the round trip,
while the kernels on both sides acknowledge at once. To an application, lost packets look like stalls.
"""

import asyncio
import random
import socket
import struct
import threading
import time

PIECE = 65536
# What may be on its way at once; enough for every round trip and speed that tests ask for.
CAPACITY = 64 << 20
# Linux's shortest wait before TCP sends again.
RETRANSMISSION = 0.2


class Relay:
    def __init__(self, target_port, round_trip=0.0, jitter=0.0, loss=0.0, idle_limit=None, seed=1):
        """Times in seconds. `loss`: the share of pieces that come only after a retransmission. `idle_limit`: like a NAT
        box, forget a connection on which nothing moved for so long.
        """
        self.target_port = target_port
        self.delay = round_trip / 2
        self.jitter = jitter
        self.loss = loss
        self.idle_limit = idle_limit
        self.links = []
        self.swallows = False
        self._random = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        ready.wait(10)

    # What a test does to it

    def swallow(self):
        """From now on both ends send into nothing, and nobody tells them."""
        self.swallows = True

    def cut(self):
        """Resets every connection, on both sides."""
        self._loop.call_soon_threadsafe(self._cut)

    def stop(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    # How it works

    def _run(self, ready):
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._carry, "127.0.0.1", 0, limit=PIECE))
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        self._loop.run_forever()
        server.close()
        self._cut()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _cut(self):
        for link in list(self.links):
            link.reset()

    async def _carry(self, reader, writer):
        there = await asyncio.open_connection("127.0.0.1", self.target_port, limit=PIECE)
        link = _Link(self, (reader, writer), there)
        self.links.append(link)
        try:
            await link.run()
        finally:
            self.links.remove(link)

    async def until_delivery(self, sent):
        """Waits as long as a piece that was sent then takes; pieces keep their order, whatever the jitter."""
        wait = sent + self.delay + self._random.uniform(0, self.jitter) - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        if self._random.random() < self.loss:
            await asyncio.sleep(RETRANSMISSION)


class _Link:
    """One connection through the relay."""

    def __init__(self, relay, near, far):
        self._relay = relay
        self._ends = (near, far)
        self._moved = time.monotonic()

    async def run(self):
        (near_reader, near_writer), (far_reader, far_writer) = self._ends
        ways = [
            asyncio.ensure_future(self._one_way(near_reader, far_writer)),
            asyncio.ensure_future(self._one_way(far_reader, near_writer)),
        ]
        if self._relay.idle_limit:
            ways.append(asyncio.ensure_future(self._forget_when_idle()))
        try:
            await asyncio.wait(ways[:2], return_when=asyncio.ALL_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for _, writer in self._ends:
                writer.close()

    async def _one_way(self, reader, writer):
        queue = asyncio.Queue()
        room = asyncio.Semaphore(CAPACITY // PIECE)
        delivery = asyncio.ensure_future(self._deliver(queue, room, writer))
        try:
            while data := await reader.read(PIECE):
                self._moved = time.monotonic()
                if not self._relay.swallows:
                    await room.acquire()
                    queue.put_nowait((time.monotonic(), data))
            if not self._relay.swallows:
                queue.put_nowait((time.monotonic(), b""))
            await delivery
        except ConnectionError:
            self.reset()
        finally:
            delivery.cancel()

    async def _deliver(self, queue, room, writer):
        while True:
            sent, data = await queue.get()
            await self._relay.until_delivery(sent)
            if self._relay.swallows:
                continue
            if not data:
                return writer.write_eof()
            writer.write(data)
            await writer.drain()
            room.release()

    async def _forget_when_idle(self):
        while (left := self._moved + self._relay.idle_limit - time.monotonic()) > 0:
            await asyncio.sleep(left)
        self.reset()

    def reset(self):
        for _, writer in self._ends:
            if plain := writer.get_extra_info("socket"):
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
