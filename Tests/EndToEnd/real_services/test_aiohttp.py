"""An aiohttp application: what its handlers see is what was sent, and the other way round."""

import asyncio
import functools
import hashlib
import http.client
import json
import ssl
import threading

import pytest
import websockets
from kit.http2 import HTTP2Visitor

from .clients import curl

METHODS = "PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK REPORT SEARCH MKCALENDAR PURGE M-SEARCH QUERY".split()
METHODS += ["DELETE", "PATCH", "PUT", "OPTIONS"]


@pytest.fixture(scope="module")
def http2(published):
    published.cookie("aiohttp")
    link = HTTP2Visitor(published.visitor, published.url("aiohttp"))
    yield link
    link.close()


@pytest.mark.parametrize("method", METHODS)
def test_every_method(published, http2, method):
    over1 = published.request(method, "aiohttp", "/told", b"<body/>").json()
    number = http2.begin(method, "/told", [("origin", published.origin("aiohttp"))], ends=False)
    http2.upload(number, b"<body/>")
    over2 = json.loads(http2.wait(number).body)
    for told in (over1, over2):
        assert told["method"] == method and told["size"] == 7


TARGETS = [
    "/told/a//b///c",
    "/told/a%2Fb%2fc",
    "/told/%e2%82%ac/%E2%82%AC",
    "/told/;v=1/x;a=b,c",
    "/told/a+b%20c%2Bd",
    "/told/!$&'()*,=:@~-._",
    "/told/%C3%28/%ff",
    "/told/x?a=1&a=2&b[]=%5B%5D&c=ü".replace("ü", "%C3%BC"),
    "/told/x?q=a/b?c=d//e",
    '/told/x?{}|^`"<>'.replace('"', "%22"),
    "/told/" + "long/" * 1600 + "?" + "q" * 4000,
    "/told/%7Euser/..%2e",
]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target[:30])
def test_targets_are_not_touched(published, http2, target):
    """Of a route without path rules: they are the service's to understand."""
    assert published.get("aiohttp", target).json()["target"] == target
    assert json.loads(http2.get(target).body)["target"] == target


def test_a_hundred_fields_each_way(published, http2, monkeypatch):
    fields = {f"X-Mine-{number}": f"value {number}, " + "y" * (number + 1) for number in range(100)}
    answer = published.get("aiohttp", "/told", headers=fields)
    assert answer.status == 200, repr(answer)
    assert fields.items() <= dict(answer.json()["headers"]).items()
    told = json.loads(http2.get("/told", [(name.lower(), value) for name, value in fields.items()]).body)["headers"]
    assert {name.lower(): value for name, value in fields.items()}.items() <= {n.lower(): v for n, v in told}.items()
    monkeypatch.setattr(http.client, "_MAXHEADERS", 200)
    for headers in (dict(http2.get("/fields").headers), published.get("aiohttp", "/fields").headers):
        assert all(headers[f"x-field-{number}"] == "x" * number for number in range(100))
        assert headers["server-timing"] == "db;dur=53" and headers["service-worker-allowed"] == "/"
        assert headers["www-authenticate"] == 'Basic realm="a"'
    links = published.get("aiohttp", "/fields").headers.get_all("Link")
    assert links == ["</a>; rel=preload", "</b>; rel=preload"]


def test_one_field_of_64_kilobytes(published, http2):
    value = "z" * (64 << 10)
    told = dict(published.get("aiohttp", "/told", headers={"X-Big": value}).json()["headers"])
    assert told["X-Big"] == value


def test_cookies_of_the_service(published):
    name = "aiohttp"
    lines = [f"c{number}={'v' * 200}; Path=/; HttpOnly" for number in range(40)]
    lines += ["__Host-app=1; Path=/; Secure", "__Secure-x=2; Secure", "wide=3; Domain=localhost; Path=/"]
    lines += [
        'quoted="a,b c"; Path=/',
        "exp=4; Expires=Wed, 21 Oct 2037 07:28:00 GMT; SameSite=None; Secure; Partitioned",
    ]
    query = "&".join(
        f"set={line.replace('%', '%25').replace(';', '%3B').replace(' ', '%20').replace('=', '%3D')}" for line in lines
    )
    answer = published.get(name, f"/cookies?{query}")
    came = answer.headers.get_all("Set-Cookie")
    # One may have asked for more than its own host: that it does not get (security rule 19).
    expected = [line.replace("; Domain=localhost", "") for line in lines]
    assert sorted(line for line in came if "_pomerium" not in line) == sorted(expected)
    back = published.get(name, "/cookies").json()
    assert back.items() >= {f"c{number}": "v" * 200 for number in range(40)}.items()
    assert back["__Host-app"] == "1" and back["wide"] == "3" and not [key for key in back if "pomerium" in key]


@pytest.mark.parametrize("name", ["aiohttp", "kept"])
def test_redirects_that_the_framework_makes_absolute(published, name):
    """From the Host field, whichever it saw."""
    answer = published.get(name, "/redirect?path=/told/there?x=1")
    assert answer.status == 200 and answer.json()["target"] == "/told/there?x=1"
    assert answer.url == published.url(name, "/told/there?x=1")


@pytest.mark.parametrize(
    "to",
    ["/relative", "told", "//cdn.example/x", "https://elsewhere.example/", "http://localhost:5556/dex", "?only=query"],
)
def test_other_redirects_stay(published, to):
    answer = published.get("aiohttp", f"/redirect?to={to.replace('?', '%3F').replace('=', '%3D')}", follow=False)
    assert answer.status == 302 and answer.headers["Location"] == to


def test_contents_are_not_touched(published):
    name = "aiohttp"
    file = published.get(name, "/disposition")
    assert (
        file.headers["Content-Disposition"]
        == "attachment; filename=\"a ; b.txt\"; filename*=UTF-8''%E2%82%AC%20rates.txt"
    )
    encoded = published.get(name, "/encoded", headers={"Accept-Encoding": "br"})
    assert encoded.headers["Content-Encoding"] == "br" and encoded.headers["ETag"] == '"v1-br"'
    assert encoded.body == hashlib.shake_256(b"aiohttp").digest(1 << 16)
    assert published.get(name, "/encoded", headers={"Accept-Encoding": "br"}).headers["Vary"] == "Accept-Encoding"


def test_cross_origin_requests(published):
    """What the service allows; the preflight comes without a cookie, and this route lets it."""
    name, origin = "aiohttp", "https://elsewhere.example"
    asked = {"Origin": origin, "Access-Control-Request-Method": "PUT", "Cookie": None}
    preflight = published.visitor.request("OPTIONS", published.url(name, "/cross"), headers=asked)
    assert preflight.status == 204 and preflight.headers["Access-Control-Allow-Origin"] == origin
    assert preflight.headers["Access-Control-Max-Age"] == "600"
    read = published.get(name, "/cross", headers={"Origin": origin, "Sec-Fetch-Site": "cross-site"})
    assert read.status == 200 and read.headers["Access-Control-Allow-Origin"] == origin
    assert published.request("PUT", name, "/cross", b"x", {"Origin": origin}).status == 403


def test_uploads_by_form(published, tmp_path):
    big = tmp_path / "größe.bin"
    big.write_bytes(b"0123456789abcdef" * (1 << 20))
    for version in ("--http1.1", "--http2"):
        form = ["-F", "note=Grüße", "-F", f"file=@{big}", "-F", f"second=@{big};filename=other.bin"]
        code, output = curl(published, "aiohttp", "/multipart", *form, version=version)
        assert code == 0, output
        note, first, second = json.loads(output)
        digest = hashlib.sha256(big.read_bytes()).hexdigest()
        assert note == {"name": "note", "file": None, "size": 7, "sha256": hashlib.sha256("Grüße".encode()).hexdigest()}
        assert first == {"name": "file", "file": "größe.bin", "size": 16 << 20, "sha256": digest}
        assert second == {"name": "second", "file": "other.bin", "size": 16 << 20, "sha256": digest}


def test_streamed_uploads(published, tmp_path):
    """Of a length that nobody knows before: chunks in HTTP/1.1, frames in HTTP/2."""
    big = tmp_path / "big"
    big.write_bytes(b"fedcba9876543210" * (1 << 20))
    for version in ("--http1.1", "--http2"):
        more = ["-X", "PUT", "-T", "-", "-H", "Expect:"]
        command = ["sh", "-c", 'exec "$@" < ' + str(big), "sh"]
        code, output = curl(published, "aiohttp", "/told", *more, version=version, through=command)
        assert code == 0, output
        told = json.loads(output)
        assert told["size"] == 16 << 20 and told["sha256"] == hashlib.sha256(big.read_bytes()).hexdigest()
        assert not [name for name, _ in told["headers"] if name.lower() == "content-length"]


def test_both_ways_at_once(published, http2):
    """An answer that begins before the request has ended, piece by piece."""
    number = http2.begin("POST", "/duplex", [("origin", published.origin("aiohttp"))], ends=False)
    stream = http2.streams[number]
    for piece, so_far in ((b"one ", b"ONE "), (b"two ", b"ONE TWO "), (b"three ", b"ONE TWO THREE ")):
        http2.upload(number, piece, ends=False)
        http2.wait(until=functools.partial(stream.body.endswith, so_far))
    http2.connection.end_stream(number)
    http2.send()
    assert http2.wait(number).body == b"ONE TWO THREE "


def test_a_slow_answer_comes_as_it_is_written(published):
    link, response = published.visitor.start("GET", published.url("aiohttp", "/trickle?count=30"))
    pieces = []
    while piece := response.read1(65536):
        pieces.append(piece)
    link.close()
    assert b"".join(pieces) == b"".join(b"%d\n" % number for number in range(30))
    assert len(pieces) > 10, "it was held back"


def test_events_go_on_where_they_ended(published):
    """What EventSource does: it comes back and says what it had last."""
    last, seen = None, []
    for _ in range(3):
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
        answer = published.get("aiohttp", "/events", headers=headers)
        assert answer.headers["Content-Type"] == "text/event-stream"
        seen += [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
        last = seen[-1]
    assert seen == [str(number) for number in range(9)]


def test_a_download_that_pauses_and_one_that_does_not(published):
    """Whoever stops reading holds up nobody else, and gets every byte in the end."""
    size = 32 << 20
    link, paused = published.visitor.start("GET", published.url("aiohttp", f"/download?size={size}"))
    digest = hashlib.sha256(first := paused.read(1 << 16))
    assert len(first) == 1 << 16
    whole = published.get("aiohttp", f"/download?size={size}")
    while piece := paused.read(1 << 20):
        digest.update(piece)
    link.close()
    assert len(whole.body) == size and digest.digest() == hashlib.sha256(whole.body).digest()


def test_python_websockets(published):
    """The client library as people use it: compression, sub-protocols, pings, messages of any size, many at once."""
    trust = ssl.create_default_context(cafile=published.visitor.certificate_authority)
    url = published.url("aiohttp", "/websocket").replace("https", "wss")
    options = {
        "ssl": trust,
        "origin": published.origin("aiohttp"),
        "additional_headers": {"Cookie": published.cookie("aiohttp")},
        "host": "127.0.0.1",
        "server_hostname": "aiohttp.localhost",
        "proxy": None,
        "max_size": None,
    }

    async def one(number):
        async with websockets.connect(url, subprotocols=["chat.v1"], **options) as socket:
            assert json.loads(await socket.recv()) == {"protocol": "chat.v1", "compress": True}
            await asyncio.wait_for(await socket.ping(), 15)
            for message in ("", "Grüße", f"{number} " * 100_000, b"\0\xff" * 500_000):
                await socket.send(message)
                assert await socket.recv() == message
        assert socket.close_code == 1000

    async def all_of_them():
        await asyncio.gather(*(one(number) for number in range(8)))

    asyncio.run(all_of_them())


def test_many_at_once(published):
    """Forty visitors' connections, each with a request of another kind."""
    failed = []

    def visit(number):
        try:
            kind = number % 3
            if kind == 0:
                assert published.get("aiohttp", "/trickle?count=20").text.count("\n") == 20
            elif kind == 1:
                assert len(published.get("aiohttp", "/download?size=300000").body) == 300_000
            else:
                assert published.request("POST", "aiohttp", "/told", b"x" * 100_000).json()["size"] == 100_000
        except Exception as failure:
            failed.append(f"{number}: {failure!r}")

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed
