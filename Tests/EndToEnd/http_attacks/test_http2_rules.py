"""RFC 9113 rule by rule against the running edge, and what the edge itself sends (frames are read by hyperframe)."""

import pytest
from hyperframe.frame import (
    DataFrame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PushPromiseFrame,
    RstStreamFrame,
    SettingsFrame,
)
from kit.raw_http2 import NO_ERROR, PREFACE, REFUSED_STREAM, RawHTTP2, frame
from kit.waiting import WITHIN_A_SECOND, seconds_until

from .front import HOSTS
from .rules_http2 import RULES


@pytest.fixture
def connect(front):
    made = []

    def make(**more):
        made.append(RawHTTP2(front.visitor, front.edge.url(host=HOSTS[0]), **more))
        return made[-1]

    yield make
    for link in made:
        link.socket.close()


def check_served(link, front, stream=199):
    token = front.token()
    link.send(link.get(stream, f"/{token}"))
    assert link.wait(stream) == 200 and link.body(stream) == f"GET /{token}".encode()


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_rule(front, connect, rule):
    link = connect(begins=rule.begins)
    rule.commit(link, f"/{front.token()}")
    if rule.scope == "connection":
        link.rest()
        assert link.went_away == rule.code, f"{link.went_away} instead of {rule.code}: {link.frames[-5:]}"
        return
    if rule.scope == "stream":
        link.wait(1)
        assert link.reset(1) == rule.code, f"{link.reset(1)} instead of {rule.code}: {link.frames[-5:]}"
    check_served(link, front)
    assert len(link.of(RstStreamFrame, 1)) <= 1 and link.went_away is None


# What the edge sends


def test_its_preface(connect):
    """3.4: SETTINGS come first. 6.5: ours are acknowledged. RFC 8441: WebSockets are welcome."""
    link = connect(begins=False)
    link.send(PREFACE, SettingsFrame(0))
    assert link.until(lambda: any("ACK" in one.flags for one in link.of(SettingsFrame)))
    first = link.frames[0]
    assert isinstance(first, SettingsFrame) and "ACK" not in first.flags and first.settings[8] == 1
    assert first.settings[3] >= 100 and 2 not in first.settings


def test_pings_are_answered_with_their_bytes(connect):
    """6.7; an answer is not answered."""
    link = connect()
    for data in (b"12345678", b"\0" * 8, b"\xff" * 8):
        assert link.ping(data)
    link.send(PingFrame(0, b"answered", flags=["ACK"]))
    assert link.ping(b"the last")
    assert len(link.of(PingFrame)) == 4


def test_no_more_data_than_the_windows(front, connect):
    """5.2.1, 6.9.2: to the byte, with windows that open, close and go below zero."""
    token = front.token()
    front.origins[HOSTS[0]].answers[token] = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000
    link = connect(settings={SettingsFrame.INITIAL_WINDOW_SIZE: 10})
    link.send(link.get(1, f"/say/{token}"))
    assert link.until(lambda: len(link.body(1)) == 10) and link.ping() and len(link.body(1)) == 10
    link.open_window(1, 5)
    assert link.until(lambda: len(link.body(1)) == 15) and link.ping(b"smaller1") and len(link.body(1)) == 15
    # 10 -> 3: the window is -7 now; eight more make it 1.
    link.send(SettingsFrame(0, {SettingsFrame.INITIAL_WINDOW_SIZE: 3}))
    link.open_window(1, 7)
    assert link.ping(b"smaller2") and len(link.body(1)) == 15
    link.open_window(1, 1)
    assert link.until(lambda: len(link.body(1)) == 16) and link.ping(b"smaller3") and len(link.body(1)) == 16
    link.send(SettingsFrame(0, {SettingsFrame.INITIAL_WINDOW_SIZE: 5000}))
    assert link.wait(1) == 200 and link.body(1) == b"x" * 1000


def test_no_more_data_than_the_connections_window(front, connect):
    """6.9.1: 65,535 bytes for all streams together, until it is opened."""
    token = front.token()
    front.origins[HOSTS[0]].answers[token] = b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n" + b"x" * 50_000
    link = connect()
    link.send(link.get(1, f"/say/{token}"), link.get(3, f"/say/{token}"))

    def total():
        return len(link.body(1)) + len(link.body(3))

    assert link.until(lambda: total() == 65_535) and link.ping() and total() == 65_535
    link.open_window(0, 34_465)
    assert link.wait(1) == 200 and link.wait(3) == 200 and total() == 100_000
    assert all(len(one.data) <= 16_384 for one in link.of(DataFrame))


def test_too_many_streams_are_refused(front, connect):
    """5.1.2: with REFUSED_STREAM, so that they may be tried again; the others go on."""
    link = connect()
    token = front.token()
    most = link.of(SettingsFrame)[0].settings[3]
    streams = range(1, 2 * most + 41, 2)
    link.send(*[link.post(number, f"/{token}") for number in streams])
    assert link.until(lambda: len(link.of(RstStreamFrame)) == 20)
    assert {one.error_code for one in link.of(RstStreamFrame)} == {REFUSED_STREAM}
    link.send(frame(0, 1, 1, b"x"))
    assert link.wait(1) == 200


def test_what_is_on_its_way_is_served_after_a_goaway(front, connect):
    """6.8, 8.1: a client that goes away still gets its answers."""
    link = connect()
    token = front.token()
    link.send(link.post(1, f"/{token}"), GoAwayFrame(0, 0, NO_ERROR), frame(0, 1, 1, b"hello"))
    assert link.wait(1) == 200


def test_messages_without_a_body(front, connect):
    """8.1: HEAD, 204 and 304 end with their HEADERS; nothing of HTTP/1.1's own fields is there (8.2.2)."""
    answers = front.origins[HOSTS[0]].answers
    link = connect()
    names = {}
    for stream, (status, fields) in enumerate([("204 No Content", ""), ("304 Not Modified", "Content-Length: 5\r\n")]):
        names[2 * stream + 1] = token = front.token()
        answers[token] = (
            f"HTTP/1.1 {status}\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n{fields}\r\n".encode()
        )
    link.send(*[link.get(number, f"/say/{token}") for number, token in names.items()])
    link.send(link.headers(5, link.fields(f"/{front.token()}", "HEAD")))
    assert [link.wait(number) for number in (1, 3, 5)] == [204, 304, 200]
    for number in (1, 3, 5):
        assert not link.body(number)
        (fields,) = link.sections(number)
        names = [name for name, _ in fields]
        assert names[0] == ":status" and names == [name.lower() for name in names]
        assert not {"connection", "keep-alive", "transfer-encoding", "upgrade"} & set(names)


def test_interim_responses_and_trailers(front, connect):
    """8.1: interim sections do not end the stream; trailers do, and have no pseudo fields."""
    token = front.token()
    front.origins[HOSTS[0]].answers[token] = (
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n"
    )
    link = connect()
    link.send(link.get(1, f"/say/{token}"))
    assert link.wait(1) == 200 and link.body(1) == b"hi"
    interim, final, trailers = link.sections(1)
    assert dict(interim)[":status"] == "103" and dict(final)[":status"] == "200" and trailers == [("x-sum", "7")]
    frames = [one for one in link.frames if isinstance(one, (HeadersFrame, DataFrame))]
    assert ["END_STREAM" in one.flags for one in frames] == [False] * (len(frames) - 1) + [True]
    assert not link.of(PushPromiseFrame)


def test_an_answer_before_the_end_of_the_request(front, connect):
    """8.1: RST_STREAM with NO_ERROR asks for no more of it."""
    link = connect()
    link.send(link.post(1, "/%2epomerium/x"), frame(0, 0, 1, b"x"))
    link.until(lambda: link.reset(1) is not None)
    assert link.status(1) == 400 and link.reset(1) == NO_ERROR
    check_served(link, front, 3)


def test_http1_where_it_was_agreed_on(front, connect):
    """3.2: without ALPN's h2, the preface is a broken request."""
    link = connect(begins=False, alpn=("http/1.1",))
    link.socket.sendall(PREFACE)
    answer = b""
    while data := link.socket.recv(4096):
        answer += data
    assert answer.startswith(b"HTTP/1.1 505 ")


def test_a_flood_beside_a_healthy_visitor(front, connect):
    """The visitor next to a rapid reset on four connections is served at once."""
    healthy, path = connect(), f"/{front.token()}"
    attackers = [connect() for _ in range(4)]
    for link in attackers:
        link.send(*[link.get(n, path) + frame(3, 0, n, b"\0\0\0\x08") for n in range(1, 401, 2)])
    assert seconds_until(lambda: check_served(healthy, front) is None, "an answer") < WITHIN_A_SECOND
    for link in attackers:
        assert link.ping()
