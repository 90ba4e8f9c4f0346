"""A FastAPI application under uvicorn, which believes its proxy."""

import hashlib
import json
import os
import ssl

from kit import websocket
from kit.http2 import HTTP2Visitor


def test_it_knows_how_it_was_called(published):
    told = published.get("fastapi").json()
    assert told["scheme"] == "https" and told["client"] == "127.0.0.1"


def test_slashes_are_redirected(published):
    """Starlette makes an absolute address of the Host field: the visitor must come back to where they were."""
    answer = published.get("fastapi", "/orders?page=2")
    assert answer.status == 200 and answer.json() == []
    assert answer.url == published.url("fastapi", "/orders/?page=2")
    sent = json.dumps({"name": "tea", "amount": 2})
    made = published.request("POST", "fastapi", "/orders", sent, {"Content-Type": "application/json"}, follow=True)
    assert made.status == 201 and made.json() == {"name": "tea", "amount": 2}


def test_validation_and_documentation(published):
    wrong = published.request("POST", "fastapi", "/orders/", '{"amount": "x"}', {"Content-Type": "application/json"})
    assert wrong.status == 422 and {error["loc"][-1] for error in wrong.json()["detail"]} == {"name", "amount"}
    assert published.get("fastapi", "/openapi.json").json()["info"]["title"] == "Orders"
    assert "swagger-ui" in published.get("fastapi", "/docs").text


def test_streams_both_ways(published):
    published.cookie("fastapi")
    link = HTTP2Visitor(published.visitor, published.url("fastapi"))
    lines = link.get("/stream?count=5000").body.decode().splitlines()
    assert [json.loads(line)["line"] for line in lines] == list(range(5000))
    body = os.urandom(8 << 20)
    number = link.begin("PUT", "/files/a/b c.bin".replace(" ", "%20"), ends=False)
    link.upload(number, body)
    told = json.loads(link.wait(number).body)
    assert told == {"name": "a/b c.bin", "size": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    link.close()


def test_a_websocket(published):
    with websocket.connect(
        published.edge.https_port,
        "fastapi.localhost",
        ssl.create_default_context(cafile=published.visitor.certificate_authority),
        path="/chat/tea",
        additional_headers={"Cookie": published.cookie("fastapi")},
        subprotocols=["json"],
    ) as chat:
        assert chat.subprotocol == "json"
        for number in range(50):
            chat.send(json.dumps({"number": number}))
            assert json.loads(chat.recv()) == {"room": "tea", "said": {"number": number}}
