"""An ASGI application under Hypercorn, which speaks HTTP/2 with and without TLS, WebSockets included."""

import hashlib
import json
import os
import sys

from .names import free_port, listens
from .processes import Program
from .service import blocks
from .waiting import until


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "websocket":
        await echo(receive, send)
    else:
        await page(scope, receive, send)


async def echo(receive, send):
    while True:
        event = await receive()
        if event["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        elif event["type"] == "websocket.receive":
            await send({"type": "websocket.send", **{kind: event.get(kind) for kind in ("text", "bytes")}})
        else:
            return


async def page(scope, receive, send):
    path = scope["path"]
    if path == "/upload":
        digest, size, more = hashlib.sha256(), 0, True
        while more:
            event = await receive()
            digest.update(event["body"])
            size, more = size + len(event["body"]), event["more_body"]
        body = json.dumps({"size": size, "sha256": digest.hexdigest()}).encode()
    elif path == "/download":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"image/x-test")]})
        for piece in blocks(int(scope["query_string"].partition(b"=")[2])):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return
    else:
        fields = [[name.decode(), value.decode()] for name, value in scope["headers"]]
        told = {"version": scope["http_version"], "scheme": scope["scheme"], "client": scope["client"], "headers": fields}
        body = json.dumps(told).encode()
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


class ASGIService:
    """`certificate`: serves TLS; else h2c, and HTTP/1.1 to those who ask for it."""

    def __init__(self, certificate=None):
        self.port = free_port()
        arguments = ["-m", "hypercorn", "--bind", f"127.0.0.1:{self.port}", "kit.asgi_service:app"]
        if certificate:
            arguments += ["--certfile", certificate[0], "--keyfile", certificate[1]]
        here = os.path.dirname(os.path.dirname(__file__))
        self.program = Program([sys.executable, *arguments], directory=here)
        until(lambda: listens(self.port), "Hypercorn to listen")

    def stop(self):
        self.program.stop()
