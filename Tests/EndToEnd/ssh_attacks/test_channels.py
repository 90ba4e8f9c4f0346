"""Of somebody who has signed in and then breaks the rules of channels."""

import contextlib

import pytest
from kit.attacked import count
from kit.raw_ssh import (
    CLOSE,
    CONFIRMATION,
    DATA,
    EOF,
    EXTENDED_DATA,
    FAILURE,
    GLOBAL_REQUEST,
    OPEN_FAILURE,
    REQUEST,
    REQUEST_FAILURE,
    REQUEST_SUCCESS,
    SUCCESS,
    WINDOW_ADJUST,
    Gone,
    RawSSH,
)
from kit.wire import Fields, boolean, string, uint32

on = RawSSH.on


def with_session(attacked, **options):
    connection = attacked.signed_in()
    return connection, connection.open_session(**options)


# Numbers that name nothing, or something that is over


@pytest.mark.parametrize("number", [DATA, EXTENDED_DATA, EOF, CLOSE, REQUEST, SUCCESS, FAILURE, WINDOW_ADJUST])
@pytest.mark.parametrize("channel", [1, 255, 0xFFFFFFFF, 0x80000000])
def test_channels_that_never_were(attacked, number, channel):
    rest = {
        DATA: string("x"),
        EXTENDED_DATA: uint32(1) + string("x"),
        REQUEST: string("shell") + boolean(True),
        WINDOW_ADJUST: uint32(1),
    }.get(number, b"")
    connection, _ = with_session(attacked)
    attacked.dies(connection, on(number, channel, rest))


def test_confirmations_of_nothing(attacked):
    confirmation = uint32(7) + uint32(1000) + uint32(1000)
    for channel in (0, 1, 0xFFFFFFFF):
        attacked.dies(attacked.signed_in(), on(CONFIRMATION, channel, confirmation))
        attacked.dies(attacked.signed_in(), on(OPEN_FAILURE, channel, uint32(1) + string("") * 2))
    connection, channel = with_session(attacked)
    attacked.dies(connection, on(CONFIRMATION, channel, confirmation))
    connection, channel = with_session(attacked)
    attacked.dies(connection, on(OPEN_FAILURE, channel, uint32(1) + string("") * 2))


def test_use_after_close(attacked):
    for after in (on(DATA, 0, string("x")), on(CLOSE, 0), on(EOF, 0), on(EXTENDED_DATA, 0, uint32(1) + string("x"))):
        connection, channel = with_session(attacked)
        assert channel == 0
        attacked.dies(connection, on(CLOSE, 0), after)
    # A request may have crossed our end of the channel: it is dropped, and not answered.
    connection, _ = with_session(attacked)
    connection.send(on(CLOSE, 0), RawSSH.channel_request(0, "shell"))
    connection.expect_past({GLOBAL_REQUEST, EOF}, CLOSE)
    assert connection.is_served()
    connection.close()
    for after in (on(DATA, 0, string("x")), on(EOF, 0), on(EXTENDED_DATA, 0, uint32(1) + string(""))):
        connection, _ = with_session(attacked)
        attacked.dies(connection, on(EOF, 0), after)


def test_our_close_crosses_what_the_client_sends(attacked):
    """After `exec` the edge closes; what was under way meanwhile is no crime, and the number is used again."""
    connection = attacked.signed_in()
    for _ in range(20):
        channel = connection.open_session(sender=5)
        assert channel == 0
        connection.send(
            connection.channel_request(channel, "exec", string("whoami")),
            on(DATA, channel, string("x" * 1000)),
            on(WINDOW_ADJUST, channel, uint32(10)),
            connection.channel_request(channel, "window-change", uint32(80) * 4, wants_reply=False),
            connection.channel_request(channel, "signal", string("INT"), wants_reply=False),
            on(EOF, channel),
        )
        connection.expect_past(
            {GLOBAL_REQUEST, DATA, EXTENDED_DATA, WINDOW_ADJUST, SUCCESS, FAILURE, EOF, REQUEST}, CLOSE
        )
        connection.send(on(CLOSE, channel))
    assert connection.is_served()
    connection.close()


def test_a_sender_number_twice(attacked):
    """The client's numbers are its own business: two channels with one number are two channels."""
    connection = attacked.signed_in()
    assert connection.open_session(sender=3) == 0
    assert connection.open_session(sender=3) == 1
    connection.send(connection.channel_request(1, "exec", string("whoami")), on(CLOSE, 0))
    closed = 0
    while closed < 2:
        closed += connection.packet() == on(CLOSE, 3)
    connection.send(on(CLOSE, 1))
    assert connection.open_session(sender=3) == 0
    connection.close()


# Windows (russh CVE-2025-54804, CVE-2026-39834)


def test_windows_at_the_borders_of_their_numbers(attacked):
    connection, channel = with_session(attacked, window=0xFFFFFFFF)
    attacked.dies(connection, on(WINDOW_ADJUST, channel, uint32(1)))
    connection, channel = with_session(attacked, window=0)
    connection.send(on(WINDOW_ADJUST, channel, uint32(0xFFFFFFFF)))
    assert connection.is_served()
    attacked.dies(connection, on(WINDOW_ADJUST, channel, uint32(1)))
    connection, channel = with_session(attacked, window=0x80000000)
    attacked.dies(connection, on(WINDOW_ADJUST, channel, uint32(0x80000000)))
    attacked.dies(attacked.signed_in(), RawSSH.opening("session", packet=0))
    for packet in (1, 2, 0xFFFFFFFF):
        connection, channel = with_session(attacked, packet=packet, window=0xFFFFFFFF)
        connection.send(connection.channel_request(channel, "exec", string("help")))
        seen = b""
        while (payload := connection.packet())[0] != CLOSE:
            if payload[0] in (DATA, EXTENDED_DATA):
                seen += Fields(payload[5:] if payload[0] == DATA else payload[9:]).string()
                assert len(payload) <= packet + 13
        assert len(seen) > 50
        connection.close()


def test_more_in_one_message_than_was_announced(attacked):
    for size in (32769, 100_000):
        connection, channel = with_session(attacked)
        said, _ = attacked.dies(connection, on(DATA, channel, string(bytes(size))))
        assert said == (2, "Channel window exceeded."), said


@pytest.mark.parametrize(
    "message",
    [
        on(DATA, 0, string("")),
        on(EXTENDED_DATA, 0, uint32(1) + string("")),
        on(WINDOW_ADJUST, 0, uint32(0)),
        RawSSH.channel_request(0, "keepalive@openssh.com", wants_reply=False),
        RawSSH.channel_request(0, "window-change", uint32(80) * 4, wants_reply=False),
    ],
    ids=["data", "extended", "adjust", "request", "window-change"],
)
def test_messages_that_carry_nothing(attacked, message):
    connection, _ = with_session(attacked)
    connection.send(connection.channel_request(0, "shell"))
    with connection, attacked.memory_stays(8 * 1024):
        with contextlib.suppress(Gone):
            for _ in range(count(1000, 10_000)):
                connection.send(*[message] * 100)
        said, _ = connection.ending(within=10)
    assert said is None or "Too many" in said[1], said


def test_data_that_lies_about_its_length(attacked):
    for body in (uint32(5) + b"1234", uint32(0xFFFFFFFF), uint32(0) + b"x", b"\0\0\0"):
        connection, channel = with_session(attacked)
        attacked.dies(connection, on(DATA, channel, body))
        connection, channel = with_session(attacked)
        attacked.dies(connection, on(EXTENDED_DATA, channel, uint32(1) + body))


# Opens


def test_opens_of_unknown_types(attacked):
    """x/crypto CVE-2026-39827: what was rejected is forgotten; and the rate is bounded."""
    rest = string(bytes(500))
    with attacked.memory_stays(8 * 1024):
        for _ in range(count(5, 50)):
            connection = attacked.signed_in()
            with connection, contextlib.suppress(Gone):
                for start in range(0, 20_000, 100):
                    connection.send(*[connection.opening("no-such@tests", start, rest=rest)] * 100)
            with contextlib.suppress(OSError):
                connection.close()


def test_opens_that_are_never_served(attacked):
    connection = attacked.signed_in()
    streamlocal = string("/var/run/docker.sock") + string("") + uint32(0)
    direct = string("127.0.0.1") + uint32(22) + string("127.0.0.1") + uint32(1)
    forwarded = string("other.localhost") + uint32(443) + string("127.0.0.1") + uint32(1)
    for kind, rest, reason in [
        ("direct-streamlocal@openssh.com", streamlocal, 1),
        ("forwarded-streamlocal@openssh.com", streamlocal, 1),
        ("forwarded-tcpip", forwarded, 1),
        ("direct-tcpip", direct, 1),
        ("x11", string("127.0.0.1") + uint32(6000), 1),
        ("auth-agent@openssh.com", b"", 1),
        ("tun@openssh.com", b"", 1),
        ("", b"", 3),
        ("session\0", b"", 3),
    ]:
        connection.send(connection.opening(kind, sender=77, rest=rest))
        fields = Fields(connection.expect_now(OPEN_FAILURE, CONFIRMATION)[1:])
        assert (fields.uint32(), fields.uint32()) == (77, reason), kind
    # dropbear CVE-2025-14282
    for name in ("streamlocal-forward@openssh.com", "cancel-streamlocal-forward@openssh.com"):
        connection.send(connection.global_request(name, string("/run/x.sock")))
        connection.expect_now(REQUEST_FAILURE)
    connection.close()
    attacked.dies(attacked.signed_in(), RawSSH.opening("session", rest=b"x"))
    attacked.dies(attacked.signed_in(), RawSSH.opening("direct-tcpip", rest=direct + b"x"))
    attacked.dies(attacked.signed_in(), RawSSH.opening("x" * 200))


def test_more_sessions_than_anybody_needs(attacked):
    connection = attacked.signed_in()
    confirmed = 0
    for number in range(30):
        connection.send(connection.opening("session", number))
        confirmed += connection.expect_now(CONFIRMATION, OPEN_FAILURE)[0] == CONFIRMATION
    assert confirmed == 10
    connection.send(connection.global_request("no-more-sessions@openssh.com", wants_reply=False), on(CLOSE, 0))
    connection.expect_past({EOF, 80}, CLOSE)
    connection.send(connection.opening("session", 99))
    connection.expect_now(OPEN_FAILURE)
    connection.close()


# Replies to nothing (x/crypto CVE-2026-39830)


@pytest.mark.parametrize("number", [REQUEST_SUCCESS, REQUEST_FAILURE, SUCCESS, FAILURE])
@pytest.mark.parametrize("closed", [True, False])
def test_replies_nobody_asked_for(attacked, number, closed):
    connection, channel = with_session(attacked)
    if closed:
        connection.send(on(CLOSE, channel))
    message = bytes([number]) if number in (REQUEST_SUCCESS, REQUEST_FAILURE) else on(number, channel)
    with connection, attacked.memory_stays(8 * 1024):
        with contextlib.suppress(Gone):
            for _ in range(count(100, 1000)):
                connection.send(*[message] * 100)
        connection.ending()


# Requests


def test_requests_that_are_none(attacked):
    """x/crypto 9beb694: one that does not parse fails, and ends nothing else."""
    connection, channel = with_session(attacked)
    for kind, rest in [
        ("pty-req", string("x" * 100) + uint32(80) * 4 + string("")),
        ("pty-req", string("xterm") + uint32(80)),
        ("pty-req", string("xterm") + uint32(80) * 4 + uint32(0xFFFFFFFF)),
        ("window-change", uint32(1)),
        ("exec", uint32(0xFFFFFFFF)),
        ("exec", string("x" * 40_000)),
        ("env", string("A")),
        ("subsystem", string(b"\xff")),
        ("signal", b""),
        ("exit-status", b""),
        ("exit-status", b"\0\0\0"),
        ("exit-signal", string("TERM")),
        ("shell", b"more"),
    ]:
        connection.send(connection.channel_request(channel, kind, rest))
        assert connection.expect_now(SUCCESS, FAILURE)[0] == FAILURE, (kind, rest[:20])
    attacked.dies(connection, connection.channel_request(channel, "x" * 1000))
    connection, channel = with_session(attacked)
    attacked.dies(connection, on(REQUEST, channel, uint32(0xFFFFFFFF)))


def test_requests_that_are_refused_or_harmless(attacked):
    connection, channel = with_session(attacked)
    for kind, rest, granted in [
        ("auth-agent-req@openssh.com", b"", False),
        ("x11-req", boolean(False) + string("MIT") + string("00") + uint32(0), False),
        ("subsystem", string("sftp"), False),
        ("exit-status", uint32(0), False),
        ("exit-signal", string("SEGV") + boolean(True) + string("x") * 2, False),
        ("env", string("LD_PRELOAD") + string("/tmp/x.so"), False),
        ("env", string("LC_ALL") + string("$(id)`id`\n\x1b[31m"), True),
        ("winadj@putty.projects.tartarus.org", b"", False),
        ("pty-req", string("xterm;id\n\x1b") + uint32(0) * 2 + uint32(0xFFFFFFFF) * 2 + string(b"\xff" * 100), True),
        ("pty-req", string("xterm") + uint32(80) * 4 + string(""), False),
        ("window-change", uint32(0xFFFFFFFF) * 4, True),
        ("no-such@tests", bytes(30_000), False),
    ]:
        connection.send(connection.channel_request(channel, kind, rest))
        assert (connection.expect_now(SUCCESS, FAILURE)[0] == SUCCESS) == granted, kind
    for number in range(200):
        connection.send(connection.channel_request(channel, "env", string(f"LC_{number}") + string("x")))
    answers = [connection.expect_now(SUCCESS, FAILURE)[0] for _ in range(200)]
    assert answers.count(SUCCESS) <= 64
    connection.close()
    connection, channel = with_session(attacked)
    attacked.dies(connection, *[connection.channel_request(channel, "shell")] * 2, bytes([REQUEST]))


@pytest.mark.parametrize(
    "command",
    ["`touch /tmp/x`", "$(id)", "whoami; id", "whoami\nid", "\x1b]0;x\x07", "\u202e", "tunnels --json\0", "%n" * 100],
)
def test_commands_reach_no_shell(attacked, command):
    """OpenSSH CVE-2023-51385 and its like; what comes back is fit for a terminal."""
    connection, channel = with_session(attacked)
    connection.send(connection.channel_request(channel, "exec", string(command)))
    told = b""
    while (payload := connection.packet())[0] != CLOSE:
        if payload[0] in (DATA, EXTENDED_DATA):
            told += Fields(payload[5:] if payload[0] == DATA else payload[9:]).string()
    connection.close()
    assert b"uid=" not in told
    assert all(character == "\n" or character.isprintable() for character in told.decode()), told
    assert "\x1b" not in attacked.edge.output and "\u202e" not in attacked.edge.output


def test_names_of_forwards_are_printed_safely(attacked):
    """What was refused before there was a terminal is told there, and in the log."""
    with attacked.signed_in() as connection:
        for name in ("a\x1b[2Jb", "x\r\ny", b"\xff\xfe\x1b", "\u0085\u200b", "\u202eevil"):
            connection.send(connection.global_request("tcpip-forward", string(name) + uint32(443)))
            connection.expect_now(REQUEST_FAILURE)
        channel = connection.open_session()
        connection.send(connection.channel_request(channel, "shell"))
        told = b""
        while (payload := connection.packet())[0] not in (CLOSE, EOF):
            if payload[0] in (DATA, EXTENDED_DATA):
                told += payload[9:]
    assert b"evil" in told, told
    for character in ("\x1b", "\u202e", "\u200b", "\u0085"):
        assert character.encode() not in told and character not in attacked.edge.output


def test_replies_that_are_not_fetched(attacked):
    """Requests without end, and not one answer read: memory stays, and the connection with it."""
    connection, channel = with_session(attacked)
    message = connection.channel_request(channel, "x@tests") * 1
    connection.socket.settimeout(3)
    with attacked.memory_stays(16 * 1024):
        sent = 0
        with contextlib.suppress(Gone, TimeoutError):
            while sent < count(100_000, 2_000_000):
                connection.send(*[message] * 500)
                sent += 500
        assert sent > 1000
        attacked.check_alive()
        connection.close()
