"""What two peers agreed on is not to be found in the edge's memory when nobody needs it any more."""

import os

import pytest
from kit.waiting import until


def writable_memory(pid):
    """Everything that the process could have written, piece by piece."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for entry in maps:
            span, rights = entry.split()[:2]
            if not rights.startswith("rw"):
                continue
            start, end = (int(number, 16) for number in span.split("-"))
            while start < end:
                try:
                    piece = os.pread(memory.fileno(), end - start, start)
                except OSError:
                    piece = b""  # given back meanwhile, or never used
                if piece:
                    yield piece
                start += len(piece) or os.sysconf("SC_PAGE_SIZE")


def found(edge, secrets):
    """Which of these stand somewhere, in either order of bytes (as numbers of OpenSSL do)."""
    names = set()
    for piece in writable_memory(edge.program.pid):
        names |= {name for name, value in secrets.items() if value in piece or value[::-1] in piece}
    return names


@pytest.mark.parametrize(
    "kex, cipher",
    [
        ("curve25519-sha256", "aes256-gcm@openssh.com"),
        ("ecdh-sha2-nistp384", "aes256-ctr"),
        ("diffie-hellman-group14-sha256", "chacha20-poly1305@openssh.com"),
    ],
)
def test_what_was_agreed_is_forgotten(attacked, kex, cipher):
    connection = attacked.connected(kex=[kex], ciphers=[cipher]).service()
    # From the middle, so that a part of it is enough.
    agreed = {"K": connection.shared[8:32]}
    # ChaCha20 has two keys, each in a place of its own.
    keys = {letter.decode(): value[:32] for letter, value in connection.derived.items() if letter in b"CDEF" and value}
    until(lambda: not found(attacked.edge, agreed), "what was agreed to be gone")
    # Else this looks in the wrong place.
    until(lambda: "D" in found(attacked.edge, keys), "a key in use to be found")
    connection.close()
    until(lambda: not found(attacked.edge, agreed | keys), "the keys to be gone with their connection")
