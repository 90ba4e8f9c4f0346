"""What was admitted is decided again: whoever loses a right loses what they have open, within a second."""

import json

import pytest
from kit import websocket
from kit.edge import route
from kit.opened import Open, open_http
from kit.people import ALICE, BOB, approve, browse
from kit.visitor import Visitor
from kit.waiting import WITHIN_A_SECOND, seconds_until, until


def open_websocket(visitor, edge):
    socket = connect_websocket(visitor, edge).__enter__()  # closed by whoever opened it, not at the end of a block
    socket.send("hello")
    assert socket.recv() == "hello"
    opened = Open(socket.recv, socket.close)
    opened.received = 5
    return opened


def connect_websocket(visitor, edge):
    cookie = {"Cookie": visitor.cookie_header("app.localhost")}
    return websocket.connect(
        edge.https_port, "app.localhost", visitor.tls, additional_headers=cookie, compression=None
    )


KINDS = {"websocket": open_websocket, "events": open_http("/events"), "download": open_http("/stream")}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("policy, depth", [("visit", 16), ("publish", 18)])
def test_open_streams_end_with_the_right(edge, publish, visitor, service, kind, policy, depth):
    tunnel = publish()
    assert visitor.get(edge.url()).status == 200
    opened = KINDS[kind](visitor, edge)
    edge.edit(rf"^( {{{depth}}}is: .*)$", r"\1.typo")
    assert seconds_until(opened.ended.is_set, f"the end of the {kind}") < WITHIN_A_SECOND
    until(lambda: service.open_streams == 0, "the service to see the end too")
    assert tunnel.is_running
    edge.edit(rf"^( {{{depth}}}is: .*)\.typo$", r"\1")
    until(lambda: visitor.status(edge.url()) == 200, "the page after the right is back")
    KINDS[kind](visitor, edge).close()


@pytest.mark.parametrize("kind", KINDS)
def test_streams_of_others_stay(new_edge, new_publisher, visitor, authority, service, kind):
    """Bob loses his right to visit; Alice's stream on the same tunnel does not notice."""
    edge = new_edge()
    both = f"                in: [{ALICE.email}, {BOB.email}]"
    text = edge.text(routes=route("app.localhost", edge.https_port)).replace(
        f"                is: {ALICE.email}", both, 1
    )
    edge.start(text)
    tunnel = new_publisher(edge).forward(("app.localhost", service.port))
    approve(tunnel, visitor)
    tunnel.wait_published()
    visitor.get(edge.url())
    bob = Visitor(authority.certificate)
    assert browse(bob, edge.url(), BOB).text == "Hello world!\n"
    mine, his = KINDS[kind](visitor, edge), KINDS[kind](bob, edge)
    edge.edit(rf", {BOB.email}\]", "]")
    assert seconds_until(his.ended.is_set, "the end of Bob's stream") < WITHIN_A_SECOND
    assert not mine.ended.is_set()
    before = mine.received
    if kind != "websocket":
        until(lambda: mine.received > before, "more of Alice's stream")
    mine.close()


def test_sign_out_ends_streams_and_tunnels(edge, provider, publish, visitor):
    tunnel = publish()
    revoked = provider.revoked_tokens()
    visitor.get(edge.url())
    opened = KINDS["events"](visitor, edge)
    page = visitor.get(edge.authenticate + "/.pomerium/sign_out")
    done = visitor.press(page, "Sign out everywhere")
    assert done.status == 200, repr(done)
    assert seconds_until(opened.ended.is_set, "the end of the stream") < WITHIN_A_SECOND
    tunnel.wait()
    assert visitor.get(edge.url(), follow=False).status == 302
    # And Canaille has its refresh token back.
    edge.recorded("provider token revoked")
    assert provider.revoked_tokens() > revoked


def test_websocket_needs_the_routes_origin(edge, publish, visitor):
    publish()
    visitor.get(edge.url())

    def handshake(origin):
        answer = visitor.get(
            edge.url("/websocket"),
            headers={
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
                "Origin": origin,
            },
            follow=False,
        )
        return answer.status

    assert handshake("https://evil.example") == 403
    assert handshake(f"https://api.localhost:{edge.https_port}") == 403


def test_large_websocket_messages(edge, publish, visitor):
    publish()
    visitor.get(edge.url())
    with connect_websocket(visitor, edge) as socket:
        for size in (0, 1, 125, 126, 65535, 65536, 200_000):
            message = bytes(index & 0xFF for index in range(size))
            socket.send(message)
            assert socket.recv() == message


def test_events_arrive_one_by_one(edge, publish, visitor):
    """Nothing between the service and the visitor waits for more before it passes on what it has."""
    publish()
    visitor.get(edge.url())
    link, response = visitor.start("GET", edge.url("/events"))
    assert response.headers["Content-Type"] == "text/event-stream"
    first = response.read1(65536)
    assert first.count(b"data:") <= 3, f"events were held back: {json.dumps(first.decode())}"
    link.close()
