"""How an attack over HTTP/1.1 is written down. `@H` stands for the authority, `@T` for a name of the case's own."""

from dataclasses import dataclass, field

SMUGGLED = "GET /smuggled/@T HTTP/1.1\r\nHost: @H\r\n\r\n"
HOST = "Host: @H\r\n"


@dataclass(frozen=True)
class Case:
    name: str
    data: str
    # The answers in order; 4 stands for any refusal.
    statuses: tuple = (400,)
    # (method, target, body) of what the origin sees whole, with nothing else.
    seen: tuple = ()
    # The edge ends the connection behind the last answer. If not, it answers the next request in step; None: either.
    over: bool | None = True
    methods: tuple = field(default=())

    def __str__(self):
        return self.name


def refused(name, data, status=400, over=True):
    return Case(name, data, (status,), (), over)


def passed(name, data, *seen, over=False):
    return Case(name, data, (200,) * len(seen), seen, over, tuple(one[0] for one in seen))


def head(fields="", method="POST", target="/@T", version="HTTP/1.1", host=HOST):
    return f"{method} {target} {version}\r\n{host}{fields}\r\n"


def framed(fields, body="0\r\n\r\n" + SMUGGLED):
    """A POST with these framing fields, and something behind it that another reader would take for a request."""
    return head(fields) + body


CHUNKED = "Transfer-Encoding: chunked\r\n"
HELLO = "5\r\nhello\r\n0\r\n\r\n"
