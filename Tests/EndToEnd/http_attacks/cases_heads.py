"""Request lines, hosts and fields that two readers might take differently, and what only the edge may say."""

from .case import CHUNKED, HELLO, HOST, SMUGGLED, Case, head, passed, refused

LINES = [
    *[
        refused(f"request line {line!r}", f"{line}\r\n{HOST}\r\n{SMUGGLED}")
        for line in (
            "GET  /@T HTTP/1.1",
            "GET /@T  HTTP/1.1",
            "GET /@T HTTP/1.1 ",
            "GET\t/@T HTTP/1.1",
            "GET /@T\tHTTP/1.1",
            "GET /@T",
            "GET /@T HTTP/1.1 HTTP/1.1",
            "GET /@T http/1.1",
            "GET /@T HTTP/1",
            "GET /@T HTTP/1.1.1",
            "GET /@T HTTP/ 1.1",
            "GET /@T HTTP/+1.1",
            "GET /@T HTTP/01.1",
            "GET /@T HTTPS/1.1",
            "GET /a b/@T HTTP/1.1",
            "GET /@T#f HTTP/1.1",
            "GET @T HTTP/1.1",
            "GET \\@T HTTP/1.1",
            "GET /\xe9@T HTTP/1.1",
            "GET /\x00@T HTTP/1.1",
            "GET /\x7f@T HTTP/1.1",
            "GET /@T\x0bHTTP/1.1",
            "GE(T /@T HTTP/1.1",
            "GE\x00T /@T HTTP/1.1",
            '"GET" /@T HTTP/1.1',
            "\xc7ET /@T HTTP/1.1",
            "GET * HTTP/1.1",
            "GET ftp://@H/@T HTTP/1.1",
            "GET file:///@T HTTP/1.1",
            "GET https:/@H/@T HTTP/1.1",
            "GET https:///@T HTTP/1.1",
            "GET https://me@@H/@T HTTP/1.1",
            "GET https://other.localhost/@T HTTP/1.1",
            "GET //@H:x/ HTTP/1.1 x",
            "GET https://@H\\@other.localhost/@T HTTP/1.1",
            "CONNECT /@T HTTP/1.1",
            "CONNECT @T HTTP/1.1",
            "GET /@T\r HTTP/1.1",
            "GET /@T HTTP/1.1\r",
            "GET@T HTTP/1.1",
            " /@T HTTP/1.1",
        )
    ],
    *[
        refused(f"version {version}", head(method="GET", version=version) + SMUGGLED, 505)
        for version in ("HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "HTTP/3.0", "HTTP/9.9")
    ],
    refused("HTTP/0.9", "GET /@T\r\n\r\n" + SMUGGLED),
    refused("a TLS handshake inside", "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"),
    Case(
        "the HTTP/2 preface behind a request",
        head(method="GET") + "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SMUGGLED,
        (200, 505),
        (("GET", "/@T", ""),),
    ),
    Case("CONNECT to a host", f"CONNECT @H HTTP/1.1\r\n{HOST}\r\n{SMUGGLED}", (4,), (), True),
    Case("CONNECT to an address", f"CONNECT 127.0.0.1:22 HTTP/1.1\r\n{HOST}\r\n{SMUGGLED}", (4,), (), True),
    passed("absolute form", head(method="GET", target="https://@H/@T?q"), ("GET", "/@T?q", "")),
    passed("absolute form in capitals", head(method="GET", target="HTTPS://@H/@T"), ("GET", "/@T", "")),
    passed("absolute form without a path", head(method="GET", target="https://@H?q=@T"), ("GET", "/?q=@T", "")),
    passed("a method nobody knows", head(method="BREW"), ("BREW", "/@T", "")),
    passed("a method in small letters", head(method="get"), ("get", "/@T", "")),
    passed(
        "every byte a target may have",
        head(method="GET", target="/@T/!$&'()*+,;=:@%20[]|^`{}<>\\\"?a=b?c"),
        ("GET", "/@T/!$&'()*+,;=:@%20[]|^`{}<>\\\"?a=b?c", ""),
    ),
    passed("two slashes", head(method="GET", target="//@T//x"), ("GET", "//@T//x", "")),
]

HOSTNAMES = [
    *[
        refused(f"Host {value!r}", head(method="GET", host=f"Host:{value}\r\n") + SMUGGLED)
        for value in (
            "",
            " ",
            " me@@H",
            " @H/x",
            " @H, @H",
            " @H @H",
            " @H:",
            " @H:0",
            " @H:99999",
            " @H:443:443",
            " [::1",
            " [@H]",
            " @H\x00",
            " @H?x",
            " @H#x",
            " http://@H",
            " @H%00",
            " %61pp.localhost",
            " ａpp.localhost",
            " \xa0@H",
            ' "@H"',
            " @H;x",
            " @H\\x",
            " *",
        )
    ],
    refused("no Host", head(method="GET", host="") + SMUGGLED),
    refused("no Host in HTTP/1.0", head(method="GET", host="", version="HTTP/1.0") + SMUGGLED),
    refused("two Hosts, equal", head(method="GET", host=HOST + HOST) + SMUGGLED),
    refused("two Hosts, differing", head(method="GET", host=HOST + "Host: other.localhost\r\n") + SMUGGLED),
    refused("two Hosts, another case", head(method="GET", host=HOST + "hOST: other.localhost\r\n") + SMUGGLED),
    refused("Host with a blank before its colon", head(method="GET", host="Host : @H\r\n") + SMUGGLED),
    refused("a folded Host", head(method="GET", host="Host:\r\n @H\r\n") + SMUGGLED),
    refused(
        "absolute form and another Host", head(method="GET", target="https://@H/@T", host="Host: other.localhost\r\n")
    ),
    refused("another name of ours", head(method="GET", host="Host: auth.localhost\r\n") + SMUGGLED, 421),
    Case("a name nobody has", head("Content-Length: 5\r\n", host="Host: nobody.invalid\r\n") + "hello", (4,), (), None),
    Case("an address", head(method="GET", host="Host: 127.0.0.1\r\n"), (4,), (), None),
    passed("Host in capitals", head(method="GET", host="HOST: @H\r\n"), ("GET", "/@T", "")),
    passed(
        "look-alikes of Host",
        head("X-Host: other.localhost\r\nX-Original-URL: /admin\r\nX-Rewrite-URL: /admin\r\n", method="GET"),
        ("GET", "/@T", ""),
    ),
]

# None of these may come to the service as it was sent; `origin_has_no_complaint` looks.
FIELDS = [
    *[
        passed(f"{line!r} is taken out", head(f"{line}\r\n", method="GET"), ("GET", "/@T", ""))
        for line in (
            "X-Pomerium-Claim-Email: root",
            "X_Pomerium_Claim_Email: root",
            "x-pomerium_claim-email: root",
            "X-Pomerium-Jwt-Assertion: x",
            "X_POMERIUM_JWT_ASSERTION: x",
            "X-Forwarded-For: 1.2.3.4",
            "X_Forwarded_For: 1.2.3.4",
            "X-Forwarded-Host: evil",
            "X-Forwarded-Proto: http",
            "X-Forwarded-Port: 1",
            "X-Forwarded-Prefix: /x",
            "X-Forwarded-User: root",
            "Forwarded: for=1.2.3.4",
            "FORWARDED: for=1.2.3.4",
            "X-Real-IP: 1.2.3.4",
            "X_Real_IP: 1.2.3.4",
            "X-Request-Id: mine",
            "X_Request_Id: mine",
            "Proxy: http://evil",
            "Proxy-Connection: keep-alive",
            "Proxy_Connection: keep-alive",
            "Proxy-Authorization: Basic eDp5",
            "Keep-Alive: timeout=5",
            "Keep_Alive: 5",
            "TE: gzip",
            "TE: trailers, deflate",
            "Trailer: Content-Length",
            "Upgrade: h2c",
            "Connection: keep-alive",
            "Connection: x-hop\r\nX-Hop: 1",
            "HTTP2-Settings: AAMAAABkAAQAAP__",
            "HTTP2_Settings: AAMAAABkAAQAAP__",
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c",
            "Connection: Upgrade\r\nUpgrade: tcp",
            "Upgrade: websocket",
            "Connection: Upgrade\r\nUpgrade: websocket, h2c",
            "Proxy-Foo: x",
            "Content_Length: 5",
            "Transfer_Encoding: chunked",
            "X-Claim-Email: root",
            "X_Claim_Email: root",
            "X-Set-By-Edge: mine",
            "X_Set_By_Edge: mine",
            "x-set_by-edge: mine",
        )
    ],
    *[
        refused(f"Connection names {name}", head(f"Connection: {name}\r\n", method="GET") + SMUGGLED, 400, None)
        for name in (
            "X-Forwarded-For",
            "x_forwarded_for",
            "X-Pomerium-Claim-Email",
            "Host",
            "Cookie",
            "Content-Length",
            "Transfer-Encoding",
            "Authorization",
            "Origin",
            "X-Set-By-Edge",
            "X-Claim-Email",
            "close, X-Real-IP",
            "keep-alive,Forwarded",
            "X-Request-Id",
        )
    ],
    passed(
        "upgrade with a body",
        head(
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Content-Length: 5\r\n",
            method="GET",
        )
        + "hello",
        ("GET", "/@T", "hello"),
    ),
    *[
        passed(f"{line!r} goes as it is", head(f"{line}\r\n", method="GET"), ("GET", "/@T", ""))
        for line in (
            "X-HTTP-Method-Override: DELETE",
            "X-Empty:",
            "X-Tab: a\tb",
            "X-High: \xe9\xff",
            "A: b, c",
            "X-Colon: a: b",
            "X_Y: z",
            "Range: bytes=0-",
            "If-Range: x",
            "Cookie: a=b; c",
            "Via: 1.1 x",
            "Max-Forwards: 0",
            "X-Long: " + "a" * 8000,
        )
    ],
    refused("129 fields", head("".join(f"X-{n}: y\r\n" for n in range(129)), method="GET") + SMUGGLED, 431),
    refused("a head of 100 KiB", head("X: " + "y" * 100_000 + "\r\n", method="GET"), 431),
    refused("a target of 20 KiB", head(method="GET", target="/@T" + "x" * 20_000), 414),
    refused("a target without an end", "GET /" + "x" * 20_000, 414),
]

EXPECT = [
    passed(
        "Expect with the body already there",
        head("Content-Length: 5\r\nExpect: 100-continue\r\n") + "hello",
        ("POST", "/@T", "hello"),
    ),
    passed(
        "Expect in capitals", head("Content-Length: 5\r\nExpect: 100-CONTINUE\r\n") + "hello", ("POST", "/@T", "hello")
    ),
    passed("Expect and chunks", head(f"{CHUNKED}Expect: 100-continue\r\n") + HELLO, ("POST", "/@T", "hello")),
    passed("Expect without a body", head("Expect: 100-continue\r\n", method="GET"), ("GET", "/@T", "")),
    Case(
        "Expect in HTTP/1.0",
        head("Content-Length: 5\r\nExpect: 100-continue\r\n", version="HTTP/1.0") + "hello",
        (200,),
        (("POST", "/@T", "hello"),),
    ),
    *[
        refused(f"Expect {value!r}", head(f"Expect:{value}\r\nContent-Length: 5\r\n") + "hello" + SMUGGLED, 417)
        for value in (" 200-ok", "", " 100-continue, x", " y 100-continue", " 100-continue;q=1", " =100-continue")
    ],
    refused(
        "Expect twice",
        head("Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 5\r\n") + "hello" + SMUGGLED,
        417,
    ),
]

# The edge answers these itself; their bodies must not be taken for requests.
OWN = [
    Case(
        "a body for a page of ours",
        head("Content-Length: 5\r\n", target="/.pomerium/nothing?@T") + "GET /",
        (4,),
        (),
        None,
    ),
    Case("chunks for a page of ours", head(CHUNKED, target="/.pomerium/nothing?@T") + HELLO, (4,), (), None),
    Case(
        "a body for a disguised page",
        head("Content-Length: 5\r\n", target="/%2epomerium/x?@T") + "GET /",
        (4,),
        (),
        None,
    ),
    Case("a disguised page", head(method="GET", target="/x/../.pomerium/?@T"), (4,), (), None),
    Case("a page behind a NUL", head(method="GET", target="/.pomerium%00/?@T"), (4,), (), None),
    Case(
        "a body that does not come",
        head("Content-Length: 300000\r\n", target="/%2epomerium/x?@T") + SMUGGLED,
        (4,),
        (),
        True,
    ),
]
