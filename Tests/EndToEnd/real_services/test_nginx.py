"""nginx: compression, ranges, conditions, kept connections, WebDAV, and nginx before the edge."""

import gzip
import hashlib
import json
import os

import pytest
from kit.http2 import HTTP2Visitor
from kit.names import free_port
from kit.processes import run
from kit.waiting import until

from .applications import FULL, Nginx
from .clients import curl

TEXT = "".join(f"line {number} of many\n" for number in range(5000))


@pytest.fixture(scope="module")
def files(published):
    place = published.programs["nginx"].files
    (place / "text.txt").write_text(TEXT)
    (place / "Grüße.txt").write_text("Grüße")
    (place / "big.bin").write_bytes(os.urandom(1 << 20) * (512 if FULL else 64))
    (place / "folder").mkdir()
    (place / "folder" / "a.txt").write_text("a")
    (place / "dav").mkdir()
    return place


def test_compression_is_between_the_two_ends(published, files):
    packed = published.get("nginx", "/text.txt", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip" and packed.headers["Vary"] is None
    assert gzip.decompress(packed.body).decode() == TEXT and packed.headers["ETag"].startswith('W/"')
    plain = published.get("nginx", "/text.txt")
    assert plain.headers["Content-Encoding"] is None and plain.text == TEXT


def test_ranges(published, files):
    def ranged(text, **more):
        return published.get("nginx", "/text.txt", headers={"Range": text, **more})

    body = TEXT.encode()
    part = ranged("bytes=100-199")
    assert part.status == 206 and part.body == body[100:200]
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(body)}"
    assert ranged("bytes=-7").body == body[-7:]
    assert ranged(f"bytes={len(body) - 3}-").body == body[-3:]
    several = ranged("bytes=0-9,50-59,-5")
    assert several.status == 206 and several.headers["Content-Type"].startswith("multipart/byteranges; boundary=")
    assert all(piece in several.body for piece in (body[:10], body[50:60], body[-5:]))
    beyond = ranged(f"bytes={len(body)}-")
    assert beyond.status == 416 and beyond.headers["Content-Range"] == f"bytes */{len(body)}"
    tag = part.headers["ETag"]
    assert ranged("bytes=0-0", **{"If-Range": tag}).status == 206
    assert ranged("bytes=0-0", **{"If-Range": '"old"'}).status == 200


def test_conditions(published, files):
    published.cookie("nginx")
    link = HTTP2Visitor(published.visitor, published.url("nginx"))
    tag = link.get("/text.txt").headers["etag"]
    # Time after time on one connection: an answer without a body leaves it in order.
    for _ in range(3):
        same = link.get("/text.txt", [("if-none-match", tag)])
        assert same.status == 304 and not same.body and same.headers["etag"] == tag
        other = link.get("/text.txt", [("if-none-match", '"other"')])
        assert other.status == 200 and other.body == TEXT.encode()
    assert link.get("/text.txt", [("if-match", '"other"')]).status == 412
    link.close()


def test_connections_to_the_service_are_kept(published, files):
    seen = [published.get("nginx", "/text.txt").headers["X-Connection"].split() for _ in range(20)]
    assert len({connection for connection, _ in seen}) < 10, f"each request made a connection: {seen}"


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_a_big_file_in_parts(published, files, tmp_path, version):
    """What was cut is gone on with where it ended, as curl and browsers do it."""
    size = (files / "big.bin").stat().st_size
    part = ["-o", tmp_path / "big", "--max-filesize", str(size)]
    code, output = curl(published, "nginx", "/big.bin", *part, "-r", f"0-{size // 3}", version=version)
    assert code == 0, output
    code, output = curl(
        published, "nginx", "/big.bin", *part, "-C", "-", "-w", "%{http_code}", version=version, within=180
    )
    assert (code, output) == (0, "206")
    with open(tmp_path / "big", "rb") as came, open(files / "big.bin", "rb") as there:
        assert hashlib.file_digest(came, "sha256").digest() == hashlib.file_digest(there, "sha256").digest()


def test_folders_and_redirects(published, files):
    listing = published.get("nginx", "/")
    assert "Index of /" in listing.text and "Gr%C3%BC%C3%9Fe.txt" in listing.text
    assert published.get("nginx", "/Gr%C3%BC%C3%9Fe.txt").text == "Grüße"
    # nginx makes an absolute address with the port it listens on.
    folder = published.get("nginx", "/folder?x=1")
    assert folder.status == 200 and folder.url == published.url("nginx", "/folder/?x=1")


def test_an_upload_that_nginx_refuses_unread(published, files, tmp_path):
    big = tmp_path / "big"
    big.write_bytes(b"x" * (20 << 20))
    said = ["-T", big, "-o", "/dev/null", "-w", "%{http_code}"]
    code, output = curl(published, "nginx", "/early", *said, version="--http1.1")
    assert output.endswith("413"), (code, output)
    # Not curl here: when it is told to stop while it sends, its version 7.88 takes that for a failure.
    published.cookie("nginx")
    link = HTTP2Visitor(published.visitor, published.url("nginx"))
    number = link.begin("PUT", "/early", [("origin", published.origin("nginx"))], ends=False)
    link.connection.send_data(number, b"x" * 10000)
    link.send()
    stream = link.wait(number)
    assert stream.status == 413 and b"Too Large" in stream.body and stream.ended
    assert link.get("/text.txt").status == 200
    link.close()


def test_a_service_that_hangs_up(published, files):
    assert published.get("nginx", "/silent").status == 502
    assert published.get("nginx", "/text.txt").text == TEXT


def test_webdav(published, files):
    """Clients name the target of a copy by the address they know; nginx compares it with the Host."""

    def dav(method, path, body=None, **fields):
        return published.request(method, "nginx", "/dav" + path, body, fields).status

    place = files / "dav"
    assert dav("PUT", "/one.txt", b"one") == 201 and (place / "one.txt").read_bytes() == b"one"
    assert dav("PUT", "/new/deep.txt", b"deep") == 201
    assert dav("MKCOL", "/box/") == 201 and (place / "box").is_dir()
    assert dav("DELETE", "/one.txt") == 204 and not (place / "one.txt").exists()
    # By its path, which RFC 4918 allows: the service is not known by the visitor's name.
    moved = published.request("MOVE", "nginx", "/dav/new/deep.txt", None, {"Destination": "/dav/box/moved.txt"})
    assert moved.status in (201, 204) and (place / "box" / "moved.txt").read_bytes() == b"deep"


@pytest.fixture
def before(published, tmp_path):
    """nginx before the edge, as at places where it ends all TLS: it asks in HTTP/1.0, as it does by default."""
    port = free_port()
    site = f"""\
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass {published.edge.url("").replace("app.localhost", "127.0.0.1")};
      proxy_set_header Host aiohttp.localhost:{published.edge.https_port};
      proxy_ssl_server_name on;
      proxy_ssl_name aiohttp.localhost;
    }}
  }}
"""
    running = Nginx(tmp_path / "before", site).wait(port)
    yield port
    running.stop()


def test_nginx_before_the_edge(published, before, tmp_path):
    # nginx takes heads of 8 KB: only the edge's cookie.
    crumbs = published.cookie("aiohttp").split("; ")
    cookie = ["-H", "Cookie: " + next(crumb for crumb in crumbs if "_pomerium" in crumb)]
    url = f"http://127.0.0.1:{before}"
    code, output = run(["curl", "-sS", *cookie, f"{url}/trickle?count=30"])
    assert code == 0 and output.split() == [str(number) for number in range(30)]
    code, output = run(["curl", "-sS", *cookie, f"{url}/download?size=5000000", "-o", tmp_path / "down"])
    assert code == 0 and (tmp_path / "down").stat().st_size == 5_000_000
    (tmp_path / "up").write_bytes(os.urandom(1 << 20))
    code, output = run(["curl", "-sS", *cookie, "-T", tmp_path / "up", f"{url}/told"])
    told = json.loads(output)
    assert code == 0 and told["sha256"] == hashlib.sha256((tmp_path / "up").read_bytes()).hexdigest()
    assert dict(told["headers"])["X-Forwarded-Proto"] == "https"


def test_nginx_as_a_service_of_http2(published, files):
    assert published.get("http2", "/protocol").text == "HTTP/2.0\n"
    assert published.get("http2", "/text.txt").text == TEXT
    part = published.get("http2", "/text.txt", headers={"Range": "bytes=100-199"})
    assert part.status == 206 and part.body == TEXT.encode()[100:200]
    tag = published.get("http2", "/text.txt").headers["ETag"]
    assert published.get("http2", "/text.txt", headers={"If-None-Match": tag}).status == 304
    body = os.urandom(5 << 20)
    assert published.request("PUT", "http2", "/dav/by-http2", body).status == 201
    assert published.get("http2", "/dav/by-http2").body == body
    # An answer that does not wait for the body; what follows is served all the same.
    assert published.request("POST", "http2", "/early", body).status == 413
    # Many at once on few connections: nginx tells which one it was, and the how manieth request on it.
    cookie = published.cookie("http2")
    assert cookie
    link = HTTP2Visitor(published.visitor, published.url("http2"))
    numbers = [link.begin("GET", f"/text.txt?{number}") for number in range(60)]
    link.wait(*numbers)
    assert {bytes(link.streams[number].body) for number in numbers} == {TEXT.encode()}
    assert len({link.streams[number].headers["x-connection"].split()[0] for number in numbers}) <= 4
    link.close()
    # A service that ends its side without an answer.
    assert published.get("http2", "/silent").status == 502
    assert published.get("http2", "/text.txt").text == TEXT


def test_the_edge_says_where_a_visitor_came_from(published, files):
    told = published.get("nginx", "/echo-host").text.split()
    assert told == ["localhost", "http", "https", f"nginx.localhost:{published.edge.https_port}"]


def test_a_download_that_is_given_up(published, files):
    link, response = published.visitor.start("GET", published.url("nginx", "/big.bin?given-up"))
    assert response.read(1 << 16)
    response.close()
    link.close()

    def ended():
        return [
            r for r in published.edge.log_records() if r.get("path", "").startswith("/big.bin?") and r["size"] < 1 << 26
        ]

    until(ended, "the end in the access log")
    assert published.get("nginx", "/text.txt").text == TEXT
