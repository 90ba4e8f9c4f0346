"""Names and ports on this machine's loopback."""

import random
import socket


def address_of(host):
    """Where a visitor connects: names under `localhost` are this machine, as browsers and curl have it (RFC 6761)."""
    host = host.strip("[]").rstrip(".").lower()
    return "127.0.0.1" if host == "localhost" or host.endswith(".localhost") else host


# Below the ports that the system gives to outgoing connections: one of those, anywhere on the loopback, keeps a listener on
# every address from starting.
_PORTS = range(15_000, 32_000)
_next = random.randrange(len(_PORTS))


def free_port():
    """A TCP port that is free on every address now, and that was not handed out lately."""
    global _next
    while True:
        port = _PORTS[_next % len(_PORTS)]
        _next += 1
        try:
            for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
                with socket.socket(family) as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    if family == socket.AF_INET6:
                        probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    probe.bind((address, port))
        except OSError:
            continue
        return port


def listens(port, address="127.0.0.1"):
    try:
        socket.create_connection((address, port), timeout=1).close()
        return True
    except OSError:
        return False
