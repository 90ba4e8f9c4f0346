"""What HTTP/2 can say and HTTP/1.1 cannot: none of it comes to a service as something else (RFC 9113 section 10.3)."""

from dataclasses import dataclass

import pytest
from hyperframe.frame import DataFrame
from kit.raw_http2 import PROTOCOL_ERROR, RawHTTP2, frame

from .front import HOSTS

SMUGGLED = b"\r\n\r\nGET /smuggled/@T HTTP/1.1\r\nHost: @H\r\n\r\n"


@dataclass(frozen=True)
class Case:
    name: str
    # Behind the pseudo fields, or instead of those that `drop` names.
    extra: tuple = ()
    first: tuple = ()
    drop: tuple = ()
    method: str = "GET"
    body: bytes | None = None
    trailers: tuple | None = None
    # "reset": the stream, with PROTOCOL_ERROR. A number: this status. "passed": 200, and the origin saw it.
    outcome: object = "reset"
    target: str = "/@T"

    def __str__(self):
        return self.name


def fields(name, *extra, **more):
    return Case(name, extra, **more)


def instead(name, field, value, **more):
    return Case(name, first=((field, value),), drop=(field,), **more)


def control(byte):
    return f"0x{byte:02x}"


CASES = [
    *[fields(f"{control(byte)} in a value", ("x", f"a{chr(byte)}b")) for byte in (0, 1, 8, 10, 11, 13, 27, 31, 127)],
    fields("a request in a value", ("x", b"a" + SMUGGLED)),
    fields("a field in a value", ("x", "a\r\nTransfer-Encoding: chunked")),
    fields("LF in a value", ("x", "a\nTransfer-Encoding: chunked")),
    fields("CR LF in a cookie", ("cookie", "a=b\r\nX-Pomerium-Claim-Email: root")),
    fields("a value that begins with a blank", ("x", " a")),
    fields("a value that ends with a tab", ("x", "a\t")),
    *[
        fields(f"the name {name!r}", (name, "a"))
        for name in (
            "",
            "X-Upper",
            "x y",
            "x\r\ny",
            "x: y\r\nz",
            "x\0",
            "transfer-encoding: chunked\r\nx",
            "x:",
            " x",
            "x\t",
            "x(y)",
            "\xe9",
            "x\x7f",
            "x\n",
            "Host",
            "Content-Length",
            ":x",
            ":status",
            "x,y",
            'x"',
        )
    ],
    *[
        fields(f"{name}: {value}", (name, value), method="POST", body=b"0\r\n\r\n" + SMUGGLED)
        for name, value in (
            ("transfer-encoding", "chunked"),
            ("connection", "close"),
            ("connection", "transfer-encoding"),
            ("keep-alive", "5"),
            ("proxy-connection", "close"),
            ("upgrade", "websocket"),
            ("http2-settings", "AA"),
            ("te", "gzip"),
            ("te", "chunked"),
            ("content-length", "+5"),
            ("content-length", "5, 5"),
            ("content-length", "0x5"),
            ("content-length", ""),
            ("content-length", "5 "),
            ("content-length", "-1"),
            ("content-length", "99999999999999999999"),
        )
    ],
    fields("content-length twice", ("content-length", "5"), ("content-length", "5"), method="POST", body=b"hello"),
    fields(
        "content-length twice, differing",
        ("content-length", "5"),
        ("content-length", "0"),
        method="POST",
        body=b"hello",
    ),
    fields("CL without a body", ("content-length", "5")),
    # The connection to the service sends a length that is then never reached.
    fields("H2.CL: less in the length", ("content-length", "0"), method="POST", body=SMUGGLED),
    fields("H2.CL: less in the length, and something", ("content-length", "3"), method="POST", body=b"abc" + SMUGGLED),
    fields("H2.CL: more in the length", ("content-length", "50"), method="POST", body=b"hello"),
    *[
        instead(f":path {path!r}", ":path", path)
        for path in (
            "",
            "x",
            "/@T HTTP/1.1\r\nX: y",
            "/@T HTTP/1.1",
            "/@T x",
            "/@T#f",
            "/@T\r\n",
            "/@T\0",
            "/\xe9@T",
            "/@T\t",
            "*",
            "https://@H/@T",
            "/@T\x7f",
            " /@T",
            "@H/@T",
            "?@T",
        )
    ],
    *[
        instead(f":method {method!r}", ":method", method)
        for method in (
            "",
            "GE T",
            "GET /smuggled/@T HTTP/1.1\r\nX: y",
            "GET\r\n",
            "G(T",
            "GET ",
            "\xe9",
            "GET\0",
            "x" * 40,
        )
    ],
    *[
        instead(f":authority {authority!r}", ":authority", authority)
        for authority in (
            "",
            "me@@H",
            "@H/x",
            "@H @H",
            "@H\r\nX: y",
            "@H\0",
            "@H,@H",
            "[::1",
            "@H:x",
            "@H:",
            "@H?x",
            "@H#x",
            "http://@H",
            "\xe9",
        )
    ],
    *[
        instead(f":scheme {scheme!r}", ":scheme", scheme)
        for scheme in ("", "ftp", "https://@H/x?", "ws", "http\r\nX: y", "https://", "gopher", "file")
    ],
    *[Case(f"no {name}", drop=(name,)) for name in (":method", ":scheme", ":path", ":authority")],
    *[
        Case(f"{name} twice", first=((name, value),))
        for name, value in ((":method", "GET"), (":scheme", "https"), (":path", "/other"), (":authority", "@H"))
    ],
    fields("a pseudo field behind others", ("x", "1"), (":path", "/@T"), drop=(":path",)),
    Case("an unknown pseudo field", first=((":x", "y"),)),
    Case("an empty pseudo field", first=((":", "y"),)),
    Case("a pseudo field in capitals", first=((":Path", "/@T"),), drop=(":path",)),
    Case("a pseudo field of responses", first=((":status", "200"),)),
    Case(":protocol without CONNECT", first=((":protocol", "websocket"),)),
    fields("Host that differs", ("host", "other.localhost")),
    fields("Host twice", ("host", "@H"), ("host", "@H")),
    fields("Host that is broken", ("host", "@H\r\n")),
    fields("Host that is the same", ("host", "@H"), outcome="passed"),
    fields("Host alone", ("host", "@H"), drop=(":authority",), outcome="passed"),
    fields("CONNECT", method="CONNECT"),
    fields("CONNECT to a host", method="CONNECT", drop=(":scheme", ":path"), outcome=405),
    instead("another name of ours", ":authority", "auth.localhost", outcome=421),
    fields("another expectation", ("expect", "200-ok"), outcome=417),
    fields("an expectation twice", ("expect", "100-continue"), ("expect", "100-continue"), outcome=417),
    fields("trailers with pseudo fields", method="POST", body=b"hello", trailers=((":path", "/"),)),
    fields("trailers with CR LF", method="POST", body=b"hello", trailers=(("x", "a\r\nb: c"),)),
    fields(
        "trailers with Transfer-Encoding", method="POST", body=b"hello", trailers=(("transfer-encoding", "chunked"),)
    ),
    fields("trailers in capitals", method="POST", body=b"hello", trailers=(("X", "a"),)),
    # What is no mistake comes through in one form only.
    fields("a body", method="POST", body=b"hello", outcome="passed"),
    fields("a body that looks like chunks", method="POST", body=b"0\r\n\r\n" + SMUGGLED, outcome="passed"),
    fields("a body with its length", ("content-length", "5"), method="POST", body=b"hello", outcome="passed"),
    fields("no body, and its length", ("content-length", "0"), outcome="passed"),
    fields("a GET with a body", method="GET", body=b"hello", outcome="passed"),
    fields("trailers", method="POST", body=b"hello", trailers=(("x-sum", "1"),), outcome="passed"),
    fields(
        "trailers that only the edge may say",
        method="POST",
        body=b"hello",
        trailers=(("x-pomerium-claim-email", "root"), ("content-length", "9"), ("host", "x")),
        outcome="passed",
    ),
    *[
        fields(f"{name} is taken out", (name, "1"), outcome="passed")
        for name in (
            "x-pomerium-claim-email",
            "x_pomerium_claim_email",
            "x-forwarded-for",
            "x_forwarded_for",
            "forwarded",
            "x-real-ip",
            "x-request-id",
            "content_length",
            "transfer_encoding",
            "proxy-authorization",
            "proxy",
            "keep_alive",
            "x-claim-email",
            "x_set_by_edge",
        )
    ],
    fields("TE: trailers", ("te", "trailers"), outcome="passed"),
    fields("an expectation", ("expect", "100-continue"), method="POST", body=b"hello", outcome="passed"),
    instead("a method nobody knows", ":method", "BREW", outcome="passed"),
    instead(":scheme http", ":scheme", "http", outcome="passed"),
    instead("a query", ":path", "/@T?a=b&c", outcome="passed", target="/@T?a=b&c"),
    fields("an empty value", ("x-empty", ""), outcome="passed"),
    fields("bytes beyond ASCII", ("x-high", b"\xe9\xff\xc3\xa9"), outcome="passed"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_request(front, case):
    for host in HOSTS:
        token, origin, authority = front.token(), front.origins[host], front.authority(host)

        def fill(text, token=token, authority=authority):
            data = text if isinstance(text, bytes) else text.encode("latin-1")
            return data.replace(b"@T", token.encode()).replace(b"@H", authority.encode())

        with RawHTTP2(front.visitor, front.edge.url(host=host)) as link:
            usual = link.fields(fill("/@T").decode(), case.method, drop=case.drop)
            section = [(name, fill(value)) for name, value in (*case.first, *usual, *case.extra)]
            sent = [link.headers(1, section, ends=case.body is None)]
            if case.body is not None:
                sent.append(DataFrame(1, fill(case.body), flags=[] if case.trailers else ["END_STREAM"]))
            if case.trailers:
                sent.append(link.headers(1, case.trailers))
            link.send(*sent)
            link.wait(1)
            if case.outcome == "reset":
                assert (link.reset(1), link.status(1)) == (PROTOCOL_ERROR, None)
            else:
                assert link.status(1) == (200 if case.outcome == "passed" else case.outcome), link.sections(1)
            # The connection is unharmed, and in step.
            link.send(link.get(3, f"/after/{token}"))
            assert link.wait(3) == 200 and link.body(3) == f"GET /after/{token}".encode()
        seen = []
        if case.outcome == "passed":
            method = dict(case.first).get(":method", case.method)
            seen = [(method, fill(case.target).decode(), fill(case.body or b"").decode("latin-1"))]
        front.expect(origin, token, seen)


def test_a_request_in_pieces_of_its_section(front):
    """CONTINUATIONs that cut a name in two make no other field."""
    token = front.token()
    with RawHTTP2(front.visitor, front.edge.url()) as link:
        section = link.get(1, f"/{token}", extra=[("x-forwarded-for", "1.2.3.4"), ("x-y", "z")])[9:]
        cut = section.index(b"x-forwarded") + 5
        link.send(
            frame(1, 1, 1, section[:cut]), frame(9, 0, 1, section[cut : cut + 3]), frame(9, 4, 1, section[cut + 3 :])
        )
        assert link.wait(1) == 200
    front.expect(front.origins[HOSTS[0]], token, [("GET", f"/{token}", "")])


def test_nothing_came_late(front):
    front.check_expectations()
