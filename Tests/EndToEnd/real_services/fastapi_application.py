"""A FastAPI application under uvicorn: validation, redirects of slashes, uploads, streams, a WebSocket."""

import asyncio
import hashlib

from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

application = FastAPI(title="Orders")


class Order(BaseModel):
    name: str
    amount: int = 1


@application.get("/")
async def root(request: Request):
    return {"url": str(request.url), "client": request.client.host, "scheme": request.url.scheme}


@application.get("/orders/")
async def orders():
    return []


@application.post("/orders/", status_code=201)
async def order(given: Order):
    return given


@application.put("/files/{name:path}")
async def put(name: str, request: Request):
    digest, size = hashlib.sha256(), 0
    async for piece in request.stream():
        digest.update(piece)
        size += len(piece)
    return {"name": name, "size": size, "sha256": digest.hexdigest()}


@application.get("/stream")
async def stream(count: int):
    async def lines():
        for number in range(count):
            yield f'{{"line": {number}}}\n'
            await asyncio.sleep(0)

    return StreamingResponse(lines(), media_type="application/x-ndjson")


@application.websocket("/chat/{room}")
async def chat(socket: WebSocket, room: str):
    await socket.accept(subprotocol="json")
    try:
        while True:
            said = await socket.receive_json()
            await socket.send_json({"room": room, "said": said})
    except WebSocketDisconnect:
        pass
