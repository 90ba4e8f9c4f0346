"""An aiohttp application: WebSocket, server-sent events, uploads of every kind, and answers that say what was asked.

python aiohttp_application.py PORT
"""

import asyncio
import hashlib
import json
import sys

from aiohttp import WSMsgType, web

BLOCK = hashlib.shake_256(b"aiohttp").digest(1 << 16)
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>A page</title><h1>A page</h1>
<form method="post" action="/multipart" enctype="multipart/form-data">
<input name="note" value="Grüße"><input type="file" id="file" name="file"><button id="send">Send</button></form>
<a id="download" href="/disposition">a file</a>
<script>
async function socket(message) {
  return new Promise((done, failed) => {
    const socket = new WebSocket(`wss://${location.host}/websocket`, ["chat.v1"])
    const seen = []
    socket.onopen = () => socket.send(message)
    socket.onerror = failed
    socket.onmessage = event => { seen.push(event.data); if (seen.length == 2) socket.close(1000) }
    socket.onclose = event => done([event.code, event.wasClean, socket.protocol, socket.extensions, ...seen])
  })
}
async function events(count) {
  return new Promise(done => {
    const source = new EventSource("/events"), seen = []
    source.addEventListener("tick", event => {
      seen.push(event.data)
      if (seen.length == count) { source.close(); done(seen) }
    })
  })
}
async function streamed(path) {
  const reader = (await fetch(path)).body.getReader()
  let pieces = 0, length = 0
  for (;;) {
    const {done, value} = await reader.read()
    if (done) return [pieces, length]
    pieces += 1
    length += value.length
  }
}
async function upload(megabytes) {
  const blob = new Blob(Array(megabytes).fill("x".repeat(1 << 20)))
  return (await fetch("/told", {method: "PUT", body: blob})).json()
}
async function worker() {
  const registered = await navigator.serviceWorker.register("/worker.js", {scope: "/"})
  await navigator.serviceWorker.ready
  await registered.unregister()
  return registered.scope
}
</script></html>"""


async def page(_):
    return web.Response(text=PAGE, content_type="text/html")


async def told(request):
    """What came."""
    digest, size = hashlib.sha256(), 0
    async for piece in request.content.iter_chunked(1 << 18):
        digest.update(piece)
        size += len(piece)
    return web.json_response(
        {
            "method": request.method,
            "target": request.raw_path,
            "headers": [[name, value] for name, value in request.headers.items()],
            "size": size,
            "sha256": digest.hexdigest(),
        }
    )


async def multipart(request):
    parts = []
    async for part in await request.multipart():
        digest, size = hashlib.sha256(), 0
        while piece := await part.read_chunk(1 << 18):
            digest.update(piece)
            size += len(piece)
        parts.append({"name": part.name, "file": part.filename, "size": size, "sha256": digest.hexdigest()})
    return web.json_response(parts)


async def streaming(request, **headers):
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    return response


async def duplex(request):
    """Answers each piece of the body as it comes, in upper case."""
    response = await streaming(request)
    async for piece in request.content.iter_any():
        await response.write(piece.upper())
    await response.write_eof()
    return response


async def trickle(request):
    response = await streaming(request)
    for number in range(int(request.query["count"])):
        await response.write(b"%d\n" % number)
        await asyncio.sleep(0.01)
    await response.write_eof()
    return response


async def download(request):
    size = int(request.query["size"])
    response = web.StreamResponse()
    response.content_length = size
    await response.prepare(request)
    for begin in range(0, size, len(BLOCK)):
        await response.write(BLOCK[: size - begin])
    return response


async def events(request):
    """Goes on behind Last-Event-ID, as a browser asks that comes back; the third event of a connection is its last."""
    response = await streaming(request, **{"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    begin = int(request.headers.get("Last-Event-ID", "-1")) + 1
    await response.write(b"retry: 50\n\n")
    for number in range(begin, begin + 3):
        await response.write(b"id: %d\nevent: tick\ndata: %d\n\n" % (number, number))
        await asyncio.sleep(0.01)
    return response


async def websocket(request):
    """Echoes; says what was agreed on first."""
    socket = web.WebSocketResponse(
        protocols=("chat.v2", "chat.v1"), max_msg_size=0, compress="plain" not in request.query
    )
    await socket.prepare(request)
    await socket.send_json({"protocol": socket.ws_protocol, "compress": bool(socket.compress)})
    async for message in socket:
        if message.type == WSMsgType.TEXT:
            await socket.send_str(message.data)
        elif message.type == WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    return socket


async def cookies(request):
    response = web.json_response(dict(request.cookies))
    for line in request.query.getall("set", []):
        response.headers.add("Set-Cookie", line)
    return response


async def redirect(request):
    """To `to`, or as frameworks make absolute addresses: from the Host field."""
    to = request.query.get("to") or f"{request.scheme}://{request.headers['Host']}{request.query['path']}"
    return web.Response(status=int(request.query.get("status", "302")), headers={"Location": to})


async def disposition(_):
    name = "attachment; filename=\"a ; b.txt\"; filename*=UTF-8''%E2%82%AC%20rates.txt"
    return web.Response(body=b"12,34\n", headers={"Content-Disposition": name, "Content-Type": "text/plain"})


async def worker(_):
    return web.Response(text="self.addEventListener('fetch', () => {})", content_type="text/javascript")


async def encoded(_):
    """No Brotli at all: whoever looks into it fails."""
    return web.Response(body=BLOCK, headers={"Content-Encoding": "br", "Vary": "Accept-Encoding", "ETag": '"v1-br"'})


async def fields(_):
    headers = [(f"X-Field-{number}", "x" * number) for number in range(100)]
    headers += [("Link", "</a>; rel=preload"), ("Link", "</b>; rel=preload"), ("WWW-Authenticate", 'Basic realm="a"')]
    headers += [("Server-Timing", "db;dur=53"), ("Service-Worker-Allowed", "/"), ("X-Latin", "caf\udce9")]
    response = web.Response(text="fields")
    for name, value in headers:
        response.headers.add(name, value)
    return response


async def cross_origin(request):
    allowed = {"Access-Control-Allow-Origin": request.headers.get("Origin", "*"), "Access-Control-Allow-Methods": "PUT"}
    if request.method == "OPTIONS":
        return web.Response(status=204, headers=allowed | {"Access-Control-Max-Age": "600"})
    return web.Response(text=json.dumps("cross"), headers=allowed)


def application():
    app = web.Application(client_max_size=0, handler_args={"max_line_size": 1 << 16, "max_field_size": 1 << 17})
    app.router.add_get("/", page)
    for path, handler in (
        ("/told{tail:.*}", told),
        ("/multipart", multipart),
        ("/duplex", duplex),
        ("/trickle", trickle),
        ("/download", download),
        ("/events", events),
        ("/websocket", websocket),
        ("/cookies", cookies),
        ("/redirect", redirect),
        ("/disposition", disposition),
        ("/worker.js", worker),
        ("/encoded", encoded),
        ("/fields", fields),
        ("/cross", cross_origin),
        ("/{tail:.*}", told),
    ):
        app.router.add_route("*", path, handler)
    return app


if __name__ == "__main__":
    web.run_app(application(), host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
