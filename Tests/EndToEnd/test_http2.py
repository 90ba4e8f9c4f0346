"""HTTP/2 visitors: what works over HTTP/1.1 works the same."""

import concurrent.futures
import hashlib
import json
import signal

import h2.settings
import pytest
from kit.http2 import HTTP2Visitor
from kit.names import listens
from kit.processes import run
from kit.service import checksum
from kit.waiting import WITHIN_A_SECOND, seconds_until, until


@pytest.fixture
def connect(publish, visitor, edge):
    """Signed in, a tunnel open: makes HTTP/2 connections."""
    tunnel = publish()
    made = []

    def make(**more):
        made.append(HTTP2Visitor(visitor, edge.url(), **more))
        return made[-1]

    make.tunnel = tunnel
    yield make
    for link in made:
        link.close()


def test_a_page_and_its_fields(connect):
    link = connect()
    page = link.get("/")
    assert page.status == 200 and page.body == b"Hello world!\n"
    assert page.headers["strict-transport-security"].startswith("max-age=")
    assert not {"connection", "transfer-encoding", "keep-alive"} & set(page.headers)
    told = json.loads(link.get("/echo?a=b", [("x-test", "1")]).body)
    fields = {name.lower(): value for name, value in told["headers"]}
    assert told["method"] == "GET" and told["path"] == "/echo?a=b"
    assert fields["x-test"] == "1" and fields["x-forwarded-proto"] == "https"
    assert "_pomerium" not in fields.get("cookie", "")
    head = link.get("/", method="HEAD")
    assert head.status == 200 and head.headers["content-length"] == "13" and not head.body
    assert link.get("/status/404").status == 404


def test_many_requests_at_once(connect):
    link = connect()
    numbers = [link.begin("GET", f"/echo?n={number}") for number in range(100)]
    link.wait(*numbers)
    told = [json.loads(link.streams[number].body)["path"] for number in numbers]
    assert told == [f"/echo?n={number}" for number in range(100)]


def test_bodies_up_and_down_at_once(connect):
    link = connect()
    body = bytes(range(256)) * (20 << 12)
    down = link.begin("GET", "/download?size=20971520")
    up = link.begin("POST", "/upload", ends=False)
    link.upload(up, body)
    link.wait(up, down)
    assert json.loads(link.streams[up].body) == {"size": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    assert hashlib.sha256(link.streams[down].body).hexdigest() == checksum(20971520)


def test_a_stalled_download_holds_nobody_up(connect):
    link = connect(reads=False)
    stalled = link.begin("GET", "/stream")
    link.wait(until=lambda: len(link.streams[stalled].body) >= 65535)
    # The windows of the connection and of the stream are used up; a small answer needs a window too.
    link.connection.increment_flow_control_window(1 << 20)
    link.send()
    other = link.begin("GET", "/echo")
    link.wait(other)
    assert link.streams[other].status == 200
    link.connection.reset_stream(stalled, 8)
    link.send()
    assert link.get("/").status == 200


def test_what_is_waited_for_comes_before_what_is_not(connect):
    """RFC 9218: begun later, and over when the other has hardly moved."""
    link = connect(reads=False)
    later = link.begin("GET", "/download?size=2097152", [("priority", "u=7")])
    # The connection's window is used up.
    link.wait(until=lambda: len(link.streams[later].body) == 65535)
    first = link.begin("GET", "/download?size=2097152", [("priority", "u=0")])
    link.wait(until=lambda: link.streams[first].headers)
    granted = 65535

    def received():
        return len(link.streams[later].body) + len(link.streams[first].body)

    for number in (later, first):
        link.connection.increment_flow_control_window(4 << 20, number)
    while not link.streams[first].is_over:
        link.connection.increment_flow_control_window(1 << 16)
        granted += 1 << 16
        link.send()
        link.wait(until=lambda: received() == granted or link.streams[first].is_over)
    assert len(link.streams[first].body) == 2 << 20
    # Every sixteenth frame is its own.
    assert 65535 < len(link.streams[later].body) < 1 << 20


def test_streams_end_with_the_right_and_the_others_stay(connect, edge):
    link = connect()
    events, socket = link.begin("GET", "/events"), open_websocket(link)
    assert link.streams[socket].status == 200
    link.wait(until=lambda: link.streams[events].body.count(b"data:") >= 3)
    edge.edit(r"^( {16}is: .*)$", r"\1.typo")

    def both_over():
        link.receive()
        return link.streams[events].is_over and link.streams[socket].is_over

    assert seconds_until(both_over, "the end of both streams") < WITHIN_A_SECOND
    assert link.get("/").status == 403
    assert connect.tunnel.is_running


def test_an_upload_refused_early(connect):
    link = connect()
    number = link.begin("POST", "/early", ends=False)
    link.connection.send_data(number, b"x" * 10000)
    link.send()
    stream = link.wait(number, until=lambda: bool(link.streams[number].headers))
    assert stream.status == 413
    assert link.get("/").status == 200


def test_a_service_that_breaks_off(connect):
    assert connect().get("/broken").status == 502


def websocket_fields(link, path="/websocket", origin=None):
    return [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "https"),
        (":authority", link.authority),
        (":path", path),
        ("origin", origin or f"https://{link.authority}"),
        ("sec-websocket-version", "13"),
        ("cookie", link.visitor.cookie_header(link.host)),
    ]


def open_websocket(link, **more):
    number = link.connection.get_next_available_stream_id()
    link.connection.send_headers(number, websocket_fields(link, **more))
    link.send()
    link.wait(until=lambda: link.streams[number].headers or link.streams[number].is_over)
    return number


def test_websockets_on_the_same_connection(connect):
    link = connect()
    link.wait(until=lambda: link.connection.remote_settings.get(h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL) == 1)
    numbers = [open_websocket(link) for _ in range(3)]
    for number in numbers:
        stream = link.streams[number]
        assert stream.status == 200 and "sec-websocket-accept" not in stream.headers
        link.connection.send_data(number, b"\x81\x85\0\0\0\0hello")
    link.send()
    link.wait(until=lambda: all(link.streams[number].body == b"\x81\x05hello" for number in numbers))
    assert link.get("/").status == 200
    # A close frame, and the stream ends both ways.
    for number in numbers:
        link.connection.send_data(number, b"\x88\x82\0\0\0\0\x03\xe8", end_stream=True)
    link.send()
    link.wait(*numbers)
    assert all(link.streams[number].ended for number in numbers)


def test_a_websocket_from_another_origin_is_refused(connect):
    link = connect()
    number = open_websocket(link, origin="https://evil.example")
    assert link.streams[number].status == 403


def test_a_service_that_does_not_switch(connect):
    link = connect()
    number = open_websocket(link, path="/echo")
    assert link.streams[number].status == 502


def test_a_host_of_another_name_is_misdirected(connect, edge):
    link = connect()
    link.authority = f"auth.localhost:{edge.https_port}"
    assert link.get("/.pomerium/").status == 421


def test_nobody_signed_in(edge, visitor):
    link = HTTP2Visitor(visitor, edge.url())
    refused = link.get("/")
    assert refused.status == 401 and "sign_in_url" in json.loads(refused.body)
    link.close()


def curl(visitor, edge, path, *more):
    return [
        *("curl", "-sS", "--http2", "--cacert", visitor.certificate_authority),
        *("-H", f"Cookie: {visitor.cookie_header('app.localhost')}"),
        *("--resolve", f"app.localhost:{edge.https_port}:127.0.0.1", "-w", "\n%{http_version} %{http_code}"),
        *(*more, edge.url(path)),
    ]


def test_curl_moves_large_bodies(connect, edge, visitor, tmp_path):
    size = 50 << 20
    big = tmp_path / "big"
    big.write_bytes(b"0123456789abcdef" * (size // 16))
    code, told = run(curl(visitor, edge, f"/download?size={size}", "-o", tmp_path / "down"))
    assert code == 0 and told.split() == ["2", "200"], told
    assert hashlib.sha256((tmp_path / "down").read_bytes()).hexdigest() == checksum(size)
    code, told = run(curl(visitor, edge, "/upload", "-T", big))
    told, version = told.split("\n")
    assert code == 0 and version == "2 200"
    assert json.loads(told)["sha256"] == hashlib.sha256(big.read_bytes()).hexdigest()


def test_h2load_finds_every_request_answered(connect, edge, visitor):
    link = connect()
    cookie = f"Cookie: {visitor.cookie_header('app.localhost')}"
    edge_address = f"--connect-to=127.0.0.1:{edge.https_port}"
    _, told = run(["h2load", "-n", "2000", "-c", "4", "-m", "20", "-H", cookie, edge_address, edge.url()])
    assert "2000 succeeded" in told and "status codes: 2000 2xx" in told, told
    link.close()


def test_going_away_finishes_what_is_under_way(connect, edge, visitor, service):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(run, curl(visitor, edge, "/slow"))
        until(lambda: any(path == "/slow" for _, path in service.seen), "the request at the service")
        edge.program.signal(signal.SIGTERM)
        until(lambda: not listens(edge.https_port), "no new connections")
        service.release.set()
        assert waiting.result() == (0, "at last\n\n2 200")
    assert edge.program.wait(within=40) == 0
    edge.program.stop()
    edge.program = None


@pytest.mark.parametrize("path", ["/download?size=60000", "/stream"], ids=["answered", "under-way"])
def test_a_visitor_that_opens_no_window_is_given_up(new_edge, visitor, service, path):
    edge = new_edge()
    route = (
        f"  - from: https://app.localhost:{edge.https_port}\n    to: http://127.0.0.1:{service.port}\n"
        "    allow_public_unauthenticated_access: true\n"
    )
    edge.start(edge.text(routes=route, more="timeout_write: 1s\n"))
    link = HTTP2Visitor(visitor, edge.url(), window=0)
    stalled = link.begin("GET", path)
    stream = link.wait(stalled)
    assert stream.status == 200 and stream.reset is not None and not stream.body
    link.close()


def test_many_cookies_are_one_field(connect):
    link = connect()
    crumbs = [("cookie", f"c{number}={'x' * 300}") for number in range(180)]
    told = json.loads(link.get("/echo", crumbs).body)
    cookies = [value for name, value in told["headers"] if name.lower() == "cookie"]
    assert len(cookies) == 1 and cookies[0].count("; ") == 179
