"""Smuggling and desync over HTTP/1.1 (RFC 9112): whole and cut into pieces, to a plain service and to one with TLS."""

import random

import pytest

from .cases_framing import CHUNKS, FRAMING
from .cases_heads import EXPECT, FIELDS, HOSTNAMES, LINES, OWN
from .front import HOSTS


def fill(text, host, token):
    # Every character stands for itself as a byte; those beyond are written in UTF-8.
    text = text.replace("@H", host).replace("@T", token)
    return b"".join(char.encode("latin-1") if ord(char) < 256 else char.encode() for char in text)


def pieces(data, cuts):
    """The bytes in pieces that a segment border may make; a long one stays one."""
    if not cuts or len(data) > 4000:
        return [data]
    chosen = sorted(random.Random(len(data)).sample(range(1, len(data)), min(cuts, len(data) - 1)))
    return [data[start:end] for start, end in zip([0, *chosen], [*chosen, len(data)], strict=True)]


@pytest.mark.parametrize("case", [*FRAMING, *CHUNKS, *LINES, *HOSTNAMES, *FIELDS, *EXPECT, *OWN], ids=str)
def test_request(front, case):
    for host, cuts in zip(HOSTS, (0, 7), strict=True):
        token, origin, authority = front.token(), front.origins[host], front.authority(host)
        with front.connect(host) as link:
            link.send(*pieces(fill(case.data, authority, token), cuts))
            found = front.statuses(link, case.methods, len(case.statuses))
            wanted = [
                status if wanted == 4 and 400 <= status < 500 else wanted
                for wanted, status in zip(case.statuses, found, strict=False)
            ]
            assert found == wanted, f"{found} instead of {case.statuses} from {host}"
            if case.over:
                front.check_over(link)
            elif case.over is False:
                front.check_in_step(link, host, token)
        front.expect(
            origin,
            token,
            [tuple(text.replace("@T", token).replace("@H", authority) for text in one) for one in case.seen],
        )


def test_nothing_came_late(front):
    """What was refused has not reached a service in the meantime either."""
    front.check_expectations()
