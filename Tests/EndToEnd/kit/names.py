"""Names and ports on this machine's loopback."""

import socket


def address_of(host):
    """Where a visitor connects: names under `localhost` are this machine, as browsers and curl have it (RFC 6761)."""
    host = host.strip("[]").rstrip(".").lower()
    return "127.0.0.1" if host == "localhost" or host.endswith(".localhost") else host


def free_port():
    """A TCP port that is free on 127.0.0.1 and ::1 now."""
    while True:
        with socket.socket(socket.AF_INET) as four:
            four.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            four.bind(("127.0.0.1", 0))
            port = four.getsockname()[1]
            try:
                with socket.socket(socket.AF_INET6) as six:
                    six.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    six.bind(("::1", port))
            except OSError:
                continue
            return port


def listens(port, address="127.0.0.1"):
    try:
        socket.create_connection((address, port), timeout=1).close()
        return True
    except OSError:
        return False
