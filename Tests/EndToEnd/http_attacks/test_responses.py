"""What a hostile or broken service answers (security rules 24 and 25): read strictly, and never for another visitor."""

import threading
from dataclasses import dataclass

import pytest
from kit.raw_http1 import CutOff
from kit.raw_http2 import INTERNAL_ERROR, RawHTTP2
from kit.strict_origin import CLOSE, REST
from kit.waiting import until

from .front import HOSTS

POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@dataclass(frozen=True)
class Case:
    name: str
    answer: object
    # The status and body that the visitor sees; "cut": the answer breaks off after it began.
    status: object = 502
    body: bytes = b""
    method: str = "GET"
    # Whether the connection may serve another request.
    is_clean: bool = False
    # Whether what comes late comes before the next request; after it, nobody could tell it from an answer.
    is_late: bool = False

    def __str__(self):
        return self.name


def head(fields="", status="200 OK", version="HTTP/1.1"):
    return f"{version} {status}\r\n{fields}\r\n".encode("latin-1")


def bad(name, fields="", body=b"hello" + POISON, **more):
    return Case(name, (head(fields, **more) + body, CLOSE))


def bad_bytes(name, answer):
    return Case(name, (answer, CLOSE))


def ok(name, answer, body=b"hello", status=200, **more):
    return Case(name, answer, status, body, **more)


def cut(name, answer):
    return Case(name, answer, "cut")


CHUNKED = "Transfer-Encoding: chunked\r\n"

CASES = [
    bad("CL and TE", f"Content-Length: 5\r\n{CHUNKED}"),
    bad("TE and CL", f"{CHUNKED}Content-Length: 5\r\n"),
    bad("CL twice", "Content-Length: 5\r\nContent-Length: 5\r\n"),
    bad("CL twice, differing", "Content-Length: 5\r\nContent-Length: 6\r\n"),
    bad("TE twice", CHUNKED + CHUNKED),
    bad("TE in HTTP/1.0", CHUNKED, version="HTTP/1.0"),
    *[
        bad(f"CL {value!r}", f"Content-Length:{value}\r\n")
        for value in (" +5", " -5", " 0x5", "", " 5, 5", " 5 5", " 5;", " 9" * 20, " five")
    ],
    *[
        bad(f"TE {value!r}", f"Transfer-Encoding:{value}\r\n")
        for value in (
            " identity",
            " gzip, chunked",
            " chunked, identity",
            " xchunked",
            " chunked;q=1",
            " \x0bchunked",
            "",
            " ,chunked",
        )
    ],
    *[
        bad(f"field line {line!r}", f"{line}\r\nContent-Length: 5\r\n")
        for line in (
            "X : y",
            "X: a\r\n b",
            " X: y",
            "X: a\x00b",
            "X: a\rb",
            "X: a\nSet-Cookie: x=y",
            "colonless",
            ": nameless",
            "X Y: z",
            "X: a\x7f",
            "X\x00: y",
            "Content-Length : 6",
            "Transfer-Encoding : chunked",
            "X: a\x1bb",
        )
    ],
    *[
        bad(f"status {status!r}", "Content-Length: 5\r\n", status=status)
        for status in (
            "099 No",
            "600 No",
            "1000 No",
            "20 OK",
            "abc OK",
            "+20 OK",
            "-20 OK",
            "",
            "200OK",
            "2e2 OK",
            "200 O\x00K",
            "200 O\rK",
        )
    ],
    *[
        bad(f"version {version!r}", "Content-Length: 5\r\n", version=version)
        for version in ("HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "http/1.1", "ICY", "HTTP/1", " HTTP/1.1")
    ],
    bad(
        "a 101 that nobody asked for", "Connection: Upgrade\r\nUpgrade: websocket\r\n", status="101 Switching Protocols"
    ),
    bad("a blank before the status", "", status=" 200 OK"),
    bad_bytes("nothing", b""),
    bad_bytes("a head without an end", b"HTTP/1.1 200 OK\r\nX: y\r\n"),
    bad_bytes("LF only", b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"),
    bad_bytes("SSH", b"SSH-2.0-OpenSSH_9.2\r\n"),
    bad_bytes("TLS", b"\x15\x03\x03\x00\x02\x02\x0a"),
    bad_bytes("HTTP/0.9", b"<html>hello</html>"),
    bad_bytes("HTTP/2 settings", b"\0\0\0\x04\0\0\0\0\0"),
    bad_bytes("a head too large", head("X: " + "y" * 120_000 + "\r\n")),
    bad_bytes("129 fields", head("".join(f"X-{n}: y\r\n" for n in range(129)))),
    bad_bytes("nine interim responses", head(status="103 Early Hints") * 9 + WHOLE),
    bad_bytes("an interim response and nothing", head(status="103 Early Hints")),
    bad_bytes(
        "an interim response with another inside it",
        head("Content-Length: 60\r\n", status="103 Early Hints") + b"hello" + WHOLE,
    ),
    # The head was good, and the visitor has it: the rest breaks off.
    *[
        cut(f"chunks {body!r}", (head(CHUNKED) + body, CLOSE))
        for body in (
            b"5\nhello\r\n0\r\n\r\n",
            b"5\r\nhelloX\r\n0\r\n\r\n",
            b"0x5\r\nhello\r\n0\r\n\r\n",
            b"-5\r\n",
            b" 5\r\nhello\r\n0\r\n\r\n",
            b"5 \r\nhello\r\n0\r\n\r\n",
            b"FFFFFFFFFFFFFFFFF\r\n",
            b"g\r\n",
            b"\r\n",
            b"5\r\nhello",
            b"5\r\nhello\r\n",
            b"5\r\nhello\r\n0\r\n",
            b'5;a="\r\nhello\r\n0\r\n\r\n',
            b"5\r\nhello\r\n0\r\nX : y\r\n\r\n",
            b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
            b"5\r\nhello\r\n0\r\nTransfer-Encoding: x\r\n\r\n",
            b"5\r\nhello\r\n0\r\nSet-Cookie: a=b\r\n\r\n",
            b"5\r\nhello\r\n0\r\nX: y\n\r\n",
            b"5\r\nhello\r\n0\r\n X: y\r\n\r\n",
            b"5\r\nhello\r\n0\r\nX-Pomerium-Claim-Email: a\r\n\r\n",
            b"5\r\nhello\r\n0\r\nConnection: close\r\n\r\n",
        )
    ],
    cut("less than its length", (head("Content-Length: 50\r\n") + b"hello", CLOSE)),
    # Good answers in odd forms, and what follows them: never for the next visitor.
    ok("a plain one", head("Content-Length: 5\r\n") + b"hello", is_clean=True),
    ok("chunks", head(CHUNKED) + b"2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", is_clean=True),
    ok("a reason beyond ASCII", head("Content-Length: 5\r\n", status="200 \xe9\xff") + b"hello", is_clean=True),
    ok("no reason", b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", is_clean=True),
    ok("no blanks behind colons", head("Content-Length:5\r\n") + b"hello", is_clean=True),
    ok("until the end", (head() + b"hello", CLOSE)),
    ok("HTTP/1.0 until the end", (head(version="HTTP/1.0") + b"hello", CLOSE)),
    ok("HTTP/1.0 with a length", (head("Content-Length: 5\r\n", version="HTTP/1.0") + b"hello", CLOSE)),
    ok("Connection: close", (head("Content-Length: 5\r\nConnection: close\r\n") + b"hello" + POISON, CLOSE)),
    ok(
        "eight interim responses",
        head("Link: </a>\r\n", status="103 Early Hints") * 8 + head("Content-Length: 5\r\n") + b"hello",
        is_clean=True,
    ),
    ok(
        "a 100 that nobody waits for",
        head(status="100 Continue") + head("Content-Length: 5\r\n") + b"hello",
        is_clean=True,
    ),
    ok("two answers", head("Content-Length: 5\r\n") + b"hello" + POISON),
    ok("two chunked answers", head(CHUNKED) + b"5\r\nhello\r\n0\r\n\r\n" + POISON),
    ok("a byte too much", head("Content-Length: 5\r\n") + b"hello!"),
    ok("an empty line too much", head("Content-Length: 5\r\n") + b"hello\r\n"),
    ok("a 204 with a body", head("Content-Length: 5\r\n", status="204 No Content") + b"hello", b"", 204),
    ok(
        "a 204 with another answer inside",
        head(f"Content-Length: {len(POISON)}\r\n", status="204 No Content") + POISON,
        b"",
        204,
    ),
    ok("a 204 with chunks", head(CHUNKED, status="204 No Content") + b"5\r\nhello\r\n0\r\n\r\n", b"", 204),
    ok("a 304 with a body", head("Content-Length: 5\r\n", status="304 Not Modified") + b"hello", b"", 304),
    ok("a HEAD with a body", head("Content-Length: 5\r\n") + b"hello", b"", method="HEAD"),
    ok("a HEAD with chunks", head(CHUNKED) + b"5\r\nhello\r\n0\r\n\r\n", b"", method="HEAD"),
    ok(
        "an interim response with a body that is an answer",
        (head(f"Content-Length: {len(WHOLE)}\r\n", status="103 Early Hints") + WHOLE, REST, POISON),
        b"hi",
    ),
    ok("another answer later", (WHOLE, REST, POISON), b"hi", is_late=True),
    ok("a byte later", (head(CHUNKED) + b"5\r\nhello\r\n0\r\n\r\n", REST, b"\0"), is_late=True),
]


@pytest.fixture
def say(front):
    """Publishes an answer under a name of its own on one of the hosts."""

    def publish(host, answer):
        token, origin = front.token(), front.origins[host]
        origin.answers[token] = answer
        origin.release = threading.Event()
        return token, origin

    return publish


def asked(origin, token):
    """The request that got the answer: the last, where a kept connection broke off and it was tried again."""
    *before, last = (one for one in origin.requests if one.target == f"/say/{token}" and one.is_whole)
    assert len(before) <= 1
    return last


def wait_closed(origin, token):
    """What comes late finds the connection to the service closed, or closes it."""
    origin.release.set()
    until(
        lambda: asked(origin, token).connection in origin.closed, "the end of the connection to the service", within=10
    )


def check_nobody_else_gets_it(front, origin, host, token, case):
    if not case.is_clean:
        wait_closed(origin, token)
    with front.connect(host) as link:
        for _ in range(3):
            front.check_in_step(link, host, token)
    served = asked(origin, token)
    last = [one for one in origin.requests if one.connection == served.connection][-1]
    assert case.is_clean or last is served, f"used again: {last}"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_over_http1(front, say, case):
    for host in HOSTS:
        token, origin = say(host, case.answer)
        with front.connect(host) as link:
            link.send(f"{case.method} /say/{token} HTTP/1.1\r\nHost: {front.authority(host)}\r\n\r\n".encode())
            if case.status == "cut":
                with pytest.raises(CutOff):
                    link.answer(case.method)
            else:
                answer = link.answer(case.method)
                assert answer.status == case.status, answer
                assert case.status == 502 or answer.body == case.body, answer
                assert not answer.values("set-cookie") and b"poison" not in answer.body
                if case.is_late:
                    wait_closed(origin, token)
                front.check_in_step(link, host, token)
        check_nobody_else_gets_it(front, origin, host, token, case)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_over_http2(front, say, case):
    host = HOSTS[0]
    token, origin = say(host, case.answer)
    with RawHTTP2(front.visitor, front.edge.url(host=host)) as link:
        link.send(link.headers(1, link.fields(f"/say/{token}", case.method)))
        link.wait(1)
        if case.status == "cut":
            assert link.reset(1) == INTERNAL_ERROR
        else:
            assert link.status(1) == case.status and link.reset(1) is None
            assert case.status == 502 or link.body(1) == case.body
        if case.is_late:
            wait_closed(origin, token)
        link.send(link.get(3, f"/after/{token}"))
        assert link.wait(3) == 200 and link.body(3) == f"GET /after/{token}".encode()
    check_nobody_else_gets_it(front, origin, host, token, case)


def test_an_answer_before_the_request_was_whole(front, say):
    """A service that answers early may take the rest of the body for a request: its connection is not used again."""
    host = HOSTS[0]
    token, origin = say(host, WHOLE)
    with front.connect(host) as link:
        link.send(
            f"POST /early/{token} HTTP/1.1\r\nHost: {front.authority(host)}\r\nContent-Length: 10\r\n\r\nhello".encode()
        )
        assert link.answer().status == 200
        link.send(b"world")
        front.check_in_step(link, host, token)
    first, second = (one for one in origin.requests if token in one.target)
    assert first.connection != second.connection and not first.is_whole
