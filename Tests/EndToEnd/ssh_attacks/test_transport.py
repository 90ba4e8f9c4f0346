"""Before and around the key exchange."""

import concurrent.futures
import socket
import struct

import pytest
from kit.attacked import count
from kit.raw_ciphers import CIPHERS, MACS
from kit.raw_ssh import (
    DATA,
    DEBUG,
    DISCONNECT,
    EXT_INFO,
    GLOBAL_REQUEST,
    IGNORE,
    KEX_REPLY,
    KEXINIT,
    NEWKEYS,
    OPEN,
    PING,
    REQUEST_FAILURE,
    SERVICE_REQUEST,
    UNIMPLEMENTED,
    Gone,
    RawSSH,
    packet_of_length,
)
from kit.wire import boolean, string, uint32

ignore = bytes([IGNORE]) + string("x")
injected = {
    "ignore": ignore,
    "debug": bytes([DEBUG]) + boolean(True) + string("x") + string(""),
    "unimplemented": bytes([UNIMPLEMENTED]) + uint32(0),
    "ext-info": bytes([EXT_INFO]) + uint32(1) + string("server-sig-algs") + string("ssh-rsa"),
    "service": bytes([SERVICE_REQUEST]) + string("ssh-userauth"),
    "login": RawSSH.request("dev", "none"),
    "open": RawSSH.opening("session"),
    "ping": bytes([PING]) + string("x"),
}


# Terrapin (CVE-2023-48795) and asyncssh (CVE-2023-46445, 46446): messages slipped in before NEWKEYS


@pytest.mark.parametrize("what", injected)
@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("where", ["after KEXINIT", "before NEWKEYS"])
def test_nothing_can_be_slipped_into_the_exchange(attacked, what, strict, where):
    connection = attacked.raw().exchange_idents().offer(strict=strict)
    if where == "before NEWKEYS":
        connection.finish_exchange()
    harmless = not strict and what in ("ignore", "debug", "unimplemented")
    if harmless:
        # RFC 4253 section 11 allows them then; they change nothing.
        connection.send(injected[what])
        if where == "after KEXINIT":
            connection.finish_exchange()
        connection.send_raw(connection.newkeys())
        connection.service().close()
    else:
        attacked.dies(connection, injected[what])


def test_the_strict_marker_is_always_ours(attacked):
    connection = attacked.raw().exchange_idents().offer()
    kex, _, to_server, to_client, *_ = connection.lists(connection.server_init)
    connection.close()
    assert "kex-strict-s-v00@openssh.com" in kex
    assert not any(name.endswith("-cbc") for name in to_server + to_client)


def test_a_client_without_the_marker_gets_no_chacha_when_it_has_another(attacked):
    ciphers = ("chacha20-poly1305@openssh.com", "aes256-ctr")
    connection = attacked.raw().exchange_idents().offer(strict=False, ciphers=ciphers)
    assert connection.cipher == "aes256-ctr"
    connection.close()


@pytest.mark.parametrize("cipher", CIPHERS)
def test_a_packet_cut_out_behind_newkeys_is_noticed(attacked, cipher):
    """Terrapin removes the first packet behind NEWKEYS; whatever the cipher, the next one must not be accepted."""
    connection = attacked.connected(ciphers=(cipher,))
    connection.seal(ignore)
    said, _ = attacked.dies(connection, bytes([SERVICE_REQUEST]) + string("ssh-userauth"))
    assert said[0] in (2, 5)


def test_an_ignore_before_the_kexinit_of_a_strict_client(attacked):
    connection = attacked.raw().exchange_idents()
    connection.send(ignore)
    attacked.dies(connection, connection.kexinit())


# Order of messages (russh 5e91396, SSH-Attacker)


@pytest.mark.parametrize("body", [b"", b"\0", b"\0\0\0\0"])
def test_every_number_as_the_first_packet(attacked, body):
    def one(number):
        connection = attacked.raw().exchange_idents()
        connection.send(bytes([number]) + body)
        if number in (IGNORE, DEBUG, UNIMPLEMENTED):
            # Legal for a client that is not strict, which nobody knows yet.
            connection.send(connection.kexinit())
        return attacked.dies(connection)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for number, (_, seen) in enumerate(pool.map(one, range(256))):
            assert all(payload[0] == KEXINIT for payload in seen), (number, seen)


@pytest.mark.parametrize("body", [b"", b"\0", b"\0\0\0\0"])
def test_every_number_as_the_first_packet_behind_newkeys(attacked, body):
    def one(number):
        connection = attacked.connected()
        connection.send(bytes([number]) + body)
        connection.send(bytes([250]))
        return attacked.dies(connection)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for number, (_, seen) in enumerate(pool.map(one, range(256))):
            assert not seen, (number, seen)


def test_orders_of_the_key_exchange(attacked):
    def fresh():
        return attacked.raw().exchange_idents()

    attacked.dies(fresh(), bytes([NEWKEYS]))
    second = fresh().offer()
    attacked.dies(second, second.kexinit())
    attacked.dies(fresh().offer(), bytes([NEWKEYS]))
    attacked.dies(fresh().offer(), bytes([KEX_REPLY]) + string("x") * 3)
    attacked.dies(fresh().offer(), bytes([32]) + string("x"))
    twice = fresh().offer()
    public = twice.public_value()
    attacked.dies(twice, public, public)
    again = fresh().exchange()
    again.send_raw(again.newkeys())
    attacked.dies(again, bytes([NEWKEYS]))
    with_content = fresh().exchange()
    attacked.dies(with_content, bytes([NEWKEYS, 0]))
    early = fresh().offer()
    public = early.public_value()
    # Behind our reply comes NEWKEYS and nothing else; not even in the same segment.
    attacked.dies(early, public, bytes([SERVICE_REQUEST]) + string("ssh-userauth"))
    before_login = attacked.connected()
    attacked.dies(before_login, before_login.kexinit())


def test_newkeys_without_an_exchange_when_signed_in(attacked):
    attacked.dies(attacked.signed_in(), bytes([NEWKEYS]))
    attacked.dies(attacked.signed_in(), bytes([30]) + string(bytes(32)))


def test_degenerate_public_values(attacked):
    """Points of small order, points off the curve, the borders of the group."""
    low_order = [bytes(32), b"\1" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f"]
    values = {
        "curve25519-sha256": [*low_order, bytes(31), bytes(33), b""],
        "ecdh-sha2-nistp256": [b"\4" + b"\1" * 64, b"\0", b"\2" + b"\1" * 32, b"\4" + bytes(64), b"\4"],
        "ecdh-sha2-nistp384": [b"\4" + b"\1" * 96],
        "ecdh-sha2-nistp521": [b"\4" + b"\1" * 132],
        "diffie-hellman-group14-sha256": [b"", b"\1", b"\0\1", b"\xff", b"\0" + b"\xff" * 256, b"\0" + b"\xff" * 2000],
        "mlkem768x25519-sha256": [bytes(1216), b"\xff" * 1216, bytes(1215), bytes(1217)],
    }
    for method, publics in values.items():
        for public in publics:
            connection = attacked.raw().exchange_idents()
            connection.send(connection.kexinit(kex=(method,)))
            connection.expect(KEXINIT)
            _, seen = attacked.dies(connection, bytes([30]) + string(public))
            assert not seen, (method, public[:8])


# Framing


def test_lengths_that_nobody_should_believe(attacked):
    """russh CVE-2024-43410: memory by the length field alone."""
    with attacked.memory_stays(8 * 1024):
        for length in (0xFFFFFFF0, 0x7FFFFFFC, 0x80000004, 35004, 4, 0, 13):
            attacked.dies(attacked.raw().exchange_idents(), raw=packet_of_length(length) + bytes(8))
        # The largest that may be: nothing is set aside for what has not come.
        held = [attacked.raw().exchange_idents() for _ in range(count(200, 280))]
        for connection in held:
            connection.send_raw(packet_of_length(34996) + bytes(8))
        for connection in held:
            connection.close()


@pytest.mark.parametrize("cipher", CIPHERS)
def test_lengths_under_a_cipher(attacked, cipher):
    connection = attacked.connected(ciphers=(cipher,))
    attacked.dies(connection, raw=packet_of_length(0xFFFFFFF0) + bytes(64))


@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize("mac", ["hmac-sha2-256", "hmac-sha2-256-etm@openssh.com"])
def test_packets_without_content(attacked, cipher, mac):
    """x/crypto CVE-2021-43565: padding that leaves no payload, and too little padding."""
    if "ctr" not in cipher and mac != "hmac-sha2-256":
        mac = "hmac-sha2-512"
    for payload, padding in [(b"", 15), (b"", 255), (b"\2" + bytes(14), 0), (b"\2" + bytes(27), 3)]:
        connection = attacked.connected(ciphers=(cipher,), macs=(mac,))
        body = 1 + len(payload) + padding
        block = 8 if "chacha" in cipher else 16
        extra = 4 if "ctr" in cipher and "etm" not in mac else 0
        if (body + extra) % block:
            payload += bytes(block - (body + extra) % block) if payload else b""
            padding += 0 if payload else block - (body + extra) % block
            padding = min(padding, 255)
        attacked.dies(connection, raw=connection.seal(payload, padding))


def test_a_bit_flipped_anywhere_is_noticed(attacked):
    for cipher in CIPHERS:
        for mac in MACS if "ctr" in cipher else ["hmac-sha2-256"]:
            for position in (0, 3, 5, 20, -1):
                connection = attacked.connected(ciphers=(cipher,), macs=(mac,))
                sealed = bytearray(connection.seal(bytes([SERVICE_REQUEST]) + string("ssh-userauth")))
                sealed[position] ^= 1
                connection.send_raw(bytes(sealed) + bytes(64))
                # A length that grew is waited for: more bytes come, as they do when somebody meddles with a stream.
                with connection:
                    try:
                        for _ in range(40):
                            connection.send_raw(bytes(1024))
                    except Gone:
                        pass
                    _, seen = connection.ending()
                assert not seen, (cipher, mac, position)


# Extensions (libssh2 CVE-2026-55199)


def test_extensions_by_the_billion(attacked):
    bad = [
        uint32(0xFFFFFFFF),
        uint32(0xFFFFFFFF) + string("a") + string("b"),
        uint32(2000) + (string("a") + string("b")) * 2000,
        uint32(1) + uint32(0xFFFFFFFF),
        uint32(0) + b"more",
    ]
    for body in bad:
        attacked.dies(attacked.connected(), bytes([EXT_INFO]) + body)
    good = bytes([EXT_INFO]) + uint32(1) + string("ext-info-in-auth@openssh.com") + string("0")
    attacked.dies(attacked.connected(), good, good)
    late = attacked.connected().service()
    attacked.dies(late, good)
    attacked.dies(attacked.signed_in(), good)


# Identification (russh CVE-2026-48108 as seen from the server)


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"hello\r\nSSH-2.0-x\r\n",
        b"SSH-1.5-old\r\n",
        b"SSH-2.0-" + b"x" * 300 + b"\r\n",
        b"SSH-2.0-a\0b\r\n",
        b"SSH-2.0-a\rb\r\n",
        b"SSH-2.0-\xe2\x80\xae\r\n",
        b"SSH-2.0-\r\n",
        b"SSH-" + b"2" * 1000,
        b"\n" * 100,
    ],
)
def test_lines_that_are_no_identification(attacked, line):
    with attacked.raw() as connection:
        connection.send_raw(line)
        connection.socket.settimeout(5)
        answer = b""
        try:
            while piece := connection.socket.recv(4096):
                answer += piece
        except ConnectionResetError:
            pass
        assert answer.startswith(b"SSH-2.0-TunnelEdge_") and len(answer) < 300


def test_the_peer_vanishes_at_every_step(attacked):
    """Reset instead of goodbye, in the middle of everything."""

    def vanish(connection):
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    vanish(attacked.raw())
    vanish(attacked.raw().exchange_idents())
    vanish(attacked.raw().exchange_idents().offer())
    for method in ("diffie-hellman-group14-sha256", "ecdh-sha2-nistp384"):
        # The exchange is being computed elsewhere meanwhile.
        connection = attacked.raw().exchange_idents().offer(kex=(method,))
        connection.send(connection.public_value())
        vanish(connection)
    vanish(attacked.connected())
    vanish(attacked.connected().service())
    proving = attacked.connected().service()
    proving.send(proving.signed(attacked.key))
    vanish(proving)
    session = attacked.signed_in()
    channel = session.open_session()
    session.send(session.channel_request(channel, "shell"))
    vanish(session)


def test_what_follows_disconnect_is_not_read(attacked):
    connection = attacked.signed_in()
    goodbye = bytes([DISCONNECT]) + uint32(11) + string("bye") + string("")
    _, seen = attacked.dies(connection, goodbye, connection.global_request("x"), bytes([OPEN]) + b"rubbish")
    assert not [payload for payload in seen if payload[0] not in (GLOBAL_REQUEST, DATA)], seen
    assert REQUEST_FAILURE not in [payload[0] for payload in seen]
