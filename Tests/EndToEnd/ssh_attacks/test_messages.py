"""Of somebody who has signed in: messages beside the channels, and inside key exchanges."""

import contextlib

import pytest
from kit.attacked import FULL, count
from kit.raw_ssh import (
    CLOSE,
    DATA,
    GLOBAL_REQUEST,
    KEXINIT,
    PING,
    PONG,
    UNIMPLEMENTED,
    USERAUTH_FAILURE,
    Gone,
    RawSSH,
)
from kit.wire import Fields, string

# Small messages (OpenSSH CVE-2025-26466)


def test_pings_without_end(attacked):
    for size in (0, 1000, 1025, 30_000):
        connection = attacked.signed_in()
        with connection, attacked.memory_stays(8 * 1024):
            with contextlib.suppress(Gone):
                for _ in range(count(100, 10_000) if size < 10_000 else 10):
                    connection.send(*[bytes([PING]) + string(bytes(size))] * 100)
            _, seen = connection.ending()
            assert len([payload for payload in seen if payload[0] == PONG]) <= 1100


def test_pings_while_keys_are_exchanged(attacked):
    connection = attacked.signed_in()
    connection.send(connection.kexinit(strict=False, markers=()))
    with connection, attacked.memory_stays(8 * 1024):
        with contextlib.suppress(Gone):
            for _ in range(100):
                connection.send(*[bytes([PING]) + string(bytes(1000))] * 100)
        _, seen = connection.ending()
        assert [payload[0] for payload in seen if payload[0] != 80] in ([], [KEXINIT]), seen[:3]


def test_unknown_numbers_without_end(attacked):
    connection = attacked.signed_in()
    with connection:
        connection.send(bytes([210]))
        assert connection.expect_now(UNIMPLEMENTED)[0] == UNIMPLEMENTED
        with contextlib.suppress(Gone):
            connection.send(*[bytes([211])] * 1000)
        connection.ending()


@pytest.mark.parametrize("number", [5, 6, 7, 51, 52, 53, 60, 61, 21, 30, 31, 49])
def test_numbers_that_have_no_place_here(attacked, number):
    attacked.dies(attacked.signed_in(), bytes([number]) + string("ssh-userauth"))


def test_numbers_that_nobody_knows(attacked):
    with attacked.signed_in() as connection:
        for number in (0, 22, 29, 62, 79, 83, 89, 101, 127, 128, 191, 194, 255):
            connection.send(bytes([number]) + string("ssh-userauth"))
            assert connection.expect_past({GLOBAL_REQUEST}, UNIMPLEMENTED)[0] == UNIMPLEMENTED, number


def test_a_login_after_the_login_changes_nothing(attacked):
    connection = attacked.signed_in()
    connection.send(connection.request("root", "none"), connection.signed(attacked.key, user="root"))
    assert connection.is_served()
    channel = connection.open_session()
    connection.send(connection.channel_request(channel, "exec", string("whoami")))
    told = b""
    while (payload := connection.packet())[0] != CLOSE:
        assert payload[0] != USERAUTH_FAILURE
        if payload[0] == DATA:
            told += Fields(payload[5:]).string()
    assert b"bob@example.test" in told
    connection.close()


# Keys are exchanged while messages are under way


def test_messages_inside_an_exchange(attacked):
    for message in (RawSSH.opening("session"), RawSSH.global_request("x"), RawSSH.request("dev", "none")):
        connection = attacked.signed_in()
        attacked.dies(connection, connection.kexinit(strict=False, markers=()), message)
    connection = attacked.signed_in()
    twice = connection.kexinit(strict=False, markers=())
    attacked.dies(connection, twice, twice)


def test_transfers_of_more_than_four_gibibytes(attacked):
    """CVE-2026-39834, a length in 32 bits; the whole of it with scripts/test --full."""
    size = (4 << 30) + (1 << 20) if FULL else (32 << 20) + 1
    link, response = attacked.visitor.start("GET", attacked.edge.url(f"/download?size={size}"))
    received = 0
    while piece := response.read(1 << 20):
        received += len(piece)
    link.close()
    assert received == size
