"""Of somebody who publishes: wrong windows, wrong responses, and everything that could reach another visitor."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from kit.people import BOB, browse
from kit.raw_ssh import CLOSE, CONFIRMATION, DATA, EOF, EXTENDED_DATA, OPEN, OPEN_FAILURE, WINDOW_ADJUST, Gone, RawSSH
from kit.raw_tunnel import RawTunnel
from kit.waiting import until
from kit.wire import string, uint32

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine"
on = RawSSH.on


@pytest.fixture
def tunnel(attacked):
    with RawTunnel(attacked.signed_in()) as tunnel:
        yield tunnel


@pytest.fixture
def visit(attacked):
    """Bob's browser opens the page in the background."""
    url = attacked.edge.url(host="other.localhost")
    with ThreadPoolExecutor(2) as pool:
        yield lambda path="": pool.submit(browse, attacked.bob, url + path, BOB)


def served(tunnel, visit, path="", answer=GOOD):
    """One visit, answered rightly; the channel it came on."""
    page = visit(path)
    channel = tunnel.next_request()
    tunnel.write(channel, answer)
    assert page.result().text == "mine", page.result()
    return channel


# What a service, or whoever plays one, may answer (smuggling)


@pytest.mark.parametrize(
    "answer, status",
    [
        (GOOD + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", 200),
        (GOOD + b"x", 200),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nevil", 502),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nmine!", 502),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nevil", 502),
        (b"HTTP/1.1 200 OK\r\nContent-Length: +4\r\n\r\nmine", 502),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nmine", 502),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 502),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 4\r\n\r\nmine", 502),
        (b"HTTP/1.1 200 OK\r\nA: \0\r\nContent-Length: 4\r\n\r\nmine", 502),
        (b"HTTP/1.1 99 OK\r\nContent-Length: 4\r\n\r\nmine", 502),
        (b"HTTP/1.1 600 OK\r\nContent-Length: 4\r\n\r\nmine", 502),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nevil", 502),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 9 + GOOD, 502),
        (b"\x05\x00", 502),
        (b"SSH-2.0-x\r\n", 502),
    ],
)
def test_a_response_reaches_its_own_visitor_only(tunnel, visit, answer, status):
    page = visit()
    channel = tunnel.next_request()
    tunnel.write(channel, answer)
    assert page.result().status == status
    assert "evil" not in page.result().text
    other = served(tunnel, visit)
    assert other is not channel, "a channel with left-over bytes was used again"
    tunnel.until(lambda: channel.closed)


def test_bytes_on_an_idle_channel(tunnel, visit):
    channel = served(tunnel, visit)
    tunnel.write(channel, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
    tunnel.until(lambda: channel.closed)
    assert served(tunnel, visit) is not channel


def test_a_response_before_the_request(tunnel, visit):
    """Bytes in the same moment as the confirmation, before a byte of the request was read."""
    page = visit()
    while not tunnel.channels:
        tunnel.pump()
    first = tunnel.channels[0]
    tunnel.write(first, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine" + b"HTTP/1.1 200 OK\r\n\r\nevil")
    while not page.done():
        tunnel.ssh.socket.settimeout(0.2)
        with contextlib.suppress(TimeoutError):
            tunnel.pump()
            if any(b"\r\n\r\n" in c.received and not c.closed for c in tunnel.channels.values() if c is not first):
                tunnel.write(tunnel.next_request(), GOOD)
    assert "evil" not in page.result().text
    tunnel.until(lambda: first.closed)
    assert served(tunnel, visit) is not first


def test_end_of_file_in_the_middle(tunnel, visit):
    page = visit()
    channel = tunnel.next_request()
    tunnel.write(channel, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    tunnel.ssh.send(on(EOF, channel.number))
    with contextlib.suppress(Exception):
        assert len(page.result().body) < 100
    served(tunnel, visit)


# Channels of visitors


def wait_for_open(tunnel, visit):
    """A visitor's channel that is asked for and not yet confirmed: the server's number."""
    page = visit()
    while (payload := tunnel.ssh.packet())[0] != OPEN:
        pass
    at = 1 + 4 + len("forwarded-tcpip")
    return page, int.from_bytes(payload[at : at + 4], "big")


def is_answered(attacked, page):
    """Nobody is left waiting: a later tunnel gets the request, unless it has been refused."""
    with RawTunnel(attacked.signed_in()) as other:
        while not page.done():
            other.ssh.socket.settimeout(0.2)
            with contextlib.suppress(TimeoutError):
                other.pump()
                for channel in other.channels.values():
                    if not channel.closed and b"\r\n\r\n" in channel.received:
                        channel.received = b""
                        other.write(channel, GOOD)
    assert page.result().status in (200, 502, 503)


def confirmation(number, sender=0, window=1 << 20, packet=32768):
    return on(CONFIRMATION, number, uint32(sender) + uint32(window) + uint32(packet))


@pytest.mark.parametrize(
    "messages",
    [
        lambda n: [on(DATA, n, string("early"))],
        lambda n: [on(EOF, n)],
        lambda n: [on(CLOSE, n)],
        lambda n: [on(WINDOW_ADJUST, n, uint32(1))],
        lambda n: [RawSSH.channel_request(n, "x")],
        lambda n: [confirmation(n), confirmation(n)],
        lambda n: [on(OPEN_FAILURE, n, uint32(1) + string("") * 2), confirmation(n)],
        lambda n: [confirmation(n), on(OPEN_FAILURE, n, uint32(1) + string("") * 2)],
        lambda n: [confirmation(n, packet=0)],
        lambda n: [confirmation(n), on(CLOSE, n), on(CLOSE, n)],
        lambda n: [confirmation(n + 1)],
        lambda n: [confirmation(n, window=0xFFFFFFFF), on(WINDOW_ADJUST, n, uint32(1))],
    ],
)
def test_answers_to_an_open_that_break_the_rules(attacked, visit, messages):
    tunnel = RawTunnel(attacked.signed_in())
    page, number = wait_for_open(tunnel, visit)
    attacked.dies(tunnel.ssh, *messages(number))
    is_answered(attacked, page)


def test_one_byte_more_than_the_window(attacked, visit):
    """A visitor that does not read: the window runs out, and a byte beyond it ends the connection."""
    tunnel = RawTunnel(attacked.signed_in())
    page = visit()
    channel = tunnel.next_request()
    tunnel.write(channel, GOOD)
    page.result()
    link, response = None, None
    with ThreadPoolExecutor(1) as pool:
        started = pool.submit(attacked.bob.start, "GET", attacked.edge.url("/big", host="other.localhost"))
        channel = tunnel.next_request()
        tunnel.write(channel, b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        link, response = started.result()
    # Fill everything between us and the visitor, until the edge gives no more credit.
    tunnel.ssh.socket.settimeout(1)
    with attacked.memory_stays(48 * 1024):
        with contextlib.suppress(TimeoutError):
            while True:
                while channel.window >= 32000:
                    tunnel.write(channel, bytes(32000))
                tunnel.ssh.socket.settimeout(1)
                tunnel.pump()
        assert channel.window < 32000
        said, _ = attacked.dies(tunnel.ssh, on(DATA, channel.number, string(bytes(channel.window + 1))))
        assert said == (2, "Channel window exceeded."), said
        link.close()
    assert response is not None


def test_extended_data_from_a_visitor_s_channel_is_dropped(tunnel, visit):
    page = visit()
    channel = tunnel.next_request()
    for _ in range(20):
        tunnel.ssh.send(on(EXTENDED_DATA, channel.number, uint32(1) + string(bytes(30_000))))
    tunnel.ssh.send(on(EXTENDED_DATA, channel.number, uint32(0xFFFFFFFF) + string("evil")))
    tunnel.write(channel, GOOD)
    assert page.result().text == "mine"


def test_texts_of_refusals_reach_nobody_unescaped(attacked, tunnel, visit):
    page, number = wait_for_open(tunnel, visit)
    text = "<script>\x1b[31m\u202e`id`"
    tunnel.ssh.send(on(OPEN_FAILURE, number, uint32(2) + string(text) + string("")))
    page = page.result()
    assert page.status == 502 and "<script>" not in page.text and "\x1b" not in page.text and "\u202e" not in page.text
    assert "\x1b" not in attacked.edge.output and "\u202e" not in attacked.edge.output


def test_channels_that_are_never_confirmed(attacked, visit):
    """The visitor is told; what is asked for later is still served."""
    with RawTunnel(attacked.signed_in()) as tunnel:
        pages = [visit(str(n)) for n in range(2)]
        numbers = set()
        while len(numbers) < 2:
            if (payload := tunnel.ssh.packet())[0] == OPEN:
                at = 1 + 4 + len("forwarded-tcpip")
                numbers.add(payload[at : at + 4])
        assert not any(page.done() for page in pages)
    for page in pages:
        is_answered(attacked, page)


def test_the_tunnel_of_one_who_breaks_rules_is_gone(attacked, visit):
    tunnel = RawTunnel(attacked.signed_in())
    served(tunnel, visit)
    attacked.dies(tunnel.ssh, bytes([52]))
    with pytest.raises((Gone, OSError)):
        tunnel.ssh.send(bytes([2]) + string(""))
        tunnel.ssh.packet()
    # A reconnect takes the place of the old one at once.
    with RawTunnel(attacked.signed_in()) as other:
        served(other, visit)
    until(lambda: attacked.edge.program.is_running, "a living edge")
