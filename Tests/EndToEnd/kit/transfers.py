"""Whole bodies through the edge, with what came of them."""

import hashlib
import json

from .service import blocks


def upload(visitor, edge, size, chunked=False, host="app.localhost"):
    """The status, and the size and checksum that the service counted."""
    headers = {"Origin": edge.url("", host)}
    if not chunked:
        headers["Content-Length"] = str(size)
    link, response = visitor.start("POST", edge.url("/upload", host), blocks(size), headers)
    told = json.loads(response.read())
    link.close()
    return response.status, told


def download(visitor, edge, size, host="app.localhost"):
    """The status, and the checksum of what came."""
    link, response = visitor.start("GET", edge.url(f"/download?size={size}", host))
    digest = hashlib.sha256()
    while piece := response.read(1 << 20):
        digest.update(piece)
    link.close()
    return response.status, digest.hexdigest()
