"""A WebSocket of a visitor, as PyPI's `websockets` speaks it from a thread of its own."""

import asyncio
import socket
import threading

import websockets.sync.client


def connect(port, host, tls, **options):
    """Connects to `host` at the edge's `port`; `options` are those of `websockets.sync.client.connect`.

    That client reads in one thread and writes in another, and Python's TLS sockets cannot do that: an OpenSSL connection
    belongs to one thread at a time, and when a session ticket is read while the first request is written, the request is
    lost now and then. So TLS is spoken by a thread of its own, and the client has the plain end of a pair of sockets.
    """
    path = options.pop("path", "/websocket")
    origin = options.pop("origin", f"https://{host}:{port}")
    return websockets.sync.client.connect(
        f"ws://{host}:{port}{path}", sock=plain_end(port, host, tls), origin=origin, proxy=None, **options
    )


def plain_end(port, host, tls):
    near, far = socket.socketpair()
    threading.Thread(target=lambda: asyncio.run(_carry(far, port, host, tls)), daemon=True).start()
    return near


async def _carry(far, port, host, tls):
    near_reader, near_writer = await asyncio.open_connection(sock=far)
    try:
        edge_reader, edge_writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=host)
    except OSError:  # the client sees the end of its connection, and says so
        near_writer.close()
        return

    async def pass_on(reader, writer):
        try:
            # The other direction may have closed both meanwhile.
            while (piece := await reader.read(1 << 16)) and not writer.is_closing():
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass
        near_writer.close()
        edge_writer.close()

    await asyncio.gather(pass_on(near_reader, edge_writer), pass_on(edge_reader, near_writer))
