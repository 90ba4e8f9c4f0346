"""git over HTTP: clone, fetch and push of a large repository, in one piece and in chunks."""

import os

import pytest

from .applications import FULL, git
from .clients import cookie_file

MEGABYTES = 200 if FULL else 16


@pytest.fixture(scope="module")
def work(published, tmp_path_factory):
    """A repository with history and one large part that does not compress, and a person who is signed in."""
    directory = tmp_path_factory.mktemp("git")
    git(directory, "init", "-q", "-b", "main", "first")
    first = directory / "first"
    git(first, "config", "user.name", "Alice")
    git(first, "config", "user.email", "alice@example.test")
    git(first, "config", "core.compression", "0")
    git(first, "config", "core.bigFileThreshold", "1m")
    for number in range(20):
        (first / f"file {number}.txt").write_text(f"{number}\n" * 1000)
        git(first, "add", "-A")
        git(first, "commit", "-q", "-m", f"commit {number}")
    for number in range(MEGABYTES // 8):
        (first / f"large.{number}").write_bytes(os.urandom(8 << 20))
    git(first, "add", "-A")
    git(first, "commit", "-q", "-m", "large")
    cookies = cookie_file(published, "git", directory / "cookies")
    settings = ["-c", f"http.cookieFile={cookies}", "-c", f"http.sslCAInfo={published.visitor.certificate_authority}"]
    return directory, settings


@pytest.mark.parametrize("version, how", [("HTTP/1.1", "chunks"), ("HTTP/2", "chunks"), ("HTTP/2", "one-piece")])
def test_push_and_clone(published, work, how, version):
    """git sends what is larger than http.postBuffer in chunks, after a probe with a small request."""
    directory, settings = work
    first, name = directory / "first", f"{how}-{version.replace('/', '-')}.git"
    bare = published.programs["git"].make(name)
    url = published.url("git", f"/{name}")
    buffer = "1m" if how == "chunks" else "512m"
    options = [*settings, "-c", f"http.version={version}", "-c", f"http.postBuffer={buffer}"]
    git(first, *options, "push", "-q", url, "main", within=180)
    head = git(first, "rev-parse", "main").strip()
    assert git(bare, "rev-parse", "main").strip() == head
    if how == "chunks" or FULL:
        copy = directory / f"copy-{name}"
        git(directory, *options, "clone", "-q", url, copy, within=180)
        assert git(copy, "rev-parse", "HEAD").strip() == head
        assert not git(copy, "status", "--porcelain")
        # A second push and a fetch, small ones.
        (first / "later").write_text(name)
        git(first, "add", "-A")
        git(first, "commit", "-q", "-m", f"later {name}")
        git(first, *options, "push", "-q", url, "main")
        git(copy, *options, "pull", "-q", "--ff-only")
        assert (copy / "later").read_text() == name


def test_who_is_not_signed_in_is_told_so(published, work):
    directory, settings = work
    published.programs["git"].make("secret.git")
    with pytest.raises(AssertionError, match=r"(?s)401|could not read Username|Authentication failed"):
        git(directory, *settings[2:], "ls-remote", published.url("git", "/secret.git"))
