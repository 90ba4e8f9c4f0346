"""`python -m http.server`: HTTP/1.0 answers, each on a connection of its own."""

import hashlib
import os
import re
from urllib.parse import quote, unquote

import pytest

from .clients import curl


@pytest.fixture(scope="module")
def files(published):
    place = published.programs["files"].files
    names = ["plain.txt", "with blank.txt", "Grüße & größe?.txt", "semi;colon,100%.txt", "日本語.txt", "#hash+plus.txt"]
    for name in names:
        (place / name).write_text(f"this is {name}\n")
    (place / "folder" / "deeper").mkdir(parents=True)
    (place / "folder" / "index.html").write_text("<h1>folder</h1>")
    (place / "big").write_bytes(os.urandom(1 << 20) * 48)
    (place / "empty").write_bytes(b"")
    return place


def test_the_listing_leads_to_every_file(published, files):
    page = published.get("files")
    assert page.status == 200 and "Directory listing for /" in page.text
    links = re.findall(r'<a href="([^"]+)"', page.text)
    assert {unquote(link) for link in links} == {path.name + "/" * path.is_dir() for path in files.iterdir()}
    for link in links:
        if (files / unquote(link)).suffix == ".txt":
            answer = published.get("files", f"/{link}")
            assert answer.status == 200 and answer.text == f"this is {unquote(link)}\n"


def test_a_folder_is_led_to_its_slash(published, files):
    assert published.get("files", "/folder").text == "<h1>folder</h1>"
    first = published.get("files", "/folder?a=b", follow=False)
    assert first.status == 301 and first.headers["Location"] == "/folder/?a=b"


def test_what_is_not_there(published, files):
    missing = published.get("files", "/missing")
    assert missing.status == 404 and "Error code: 404" in missing.text
    # Nothing of http.server's answers changes on the way: this one is its page, not the edge's.
    refused = published.request("POST", "files", "/", b"x")
    assert refused.status == 501 and "Unsupported method ('POST')" in refused.text
    assert published.get("files", "/empty").body == b""


def test_heads_and_conditions(published, files):
    size = (files / "big").stat().st_size
    head = published.request("HEAD", "files", "/big")
    assert head.status == 200 and head.headers["Content-Length"] == str(size) and not head.body
    since = {"If-Modified-Since": head.headers["Last-Modified"]}
    assert published.get("files", "/big", headers=since).status == 304
    # It knows no ranges and sends everything; nobody pretends otherwise.
    whole = published.get("files", "/plain.txt", headers={"Range": "bytes=5-6"})
    assert whole.status == 200 and whole.text == "this is plain.txt\n"


@pytest.mark.parametrize("version", ["--http1.1", "--http2", "--http1.0"])
def test_a_big_file(published, files, tmp_path, version):
    code, output = curl(published, "files", "/big", "-o", tmp_path / "big", version=version)
    assert code == 0, output
    with open(tmp_path / "big", "rb") as came, open(files / "big", "rb") as there:
        assert hashlib.file_digest(came, "sha256").digest() == hashlib.file_digest(there, "sha256").digest()


def test_curl_globs_over_one_connection(published, files):
    code, output = curl(published, "files", "/" + quote("Grüße & größe?.txt") + "?n=[1-50]", "-w", "%{num_connects}\n")
    lines = output.splitlines()
    assert code == 0 and lines[::2] == ["this is Grüße & größe?.txt"] * 50
    assert sum(map(int, lines[1::2])) == 1
