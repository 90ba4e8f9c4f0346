"""Before anybody has signed in."""

import contextlib
import statistics
import time

import pytest
from kit.attacked import count
from kit.people import BOB
from kit.raw_keys import ED25519Key
from kit.raw_ssh import (
    BANNER,
    CONFIRMATION,
    DATA,
    GLOBAL_REQUEST,
    IGNORE,
    INFO_REQUEST,
    INFO_RESPONSE,
    OPEN,
    PING,
    PK_OK,
    PONG,
    REQUEST,
    REQUEST_FAILURE,
    REQUEST_SUCCESS,
    SERVICE_ACCEPT,
    SERVICE_REQUEST,
    USERAUTH_FAILURE,
    USERAUTH_SUCCESS,
    Gone,
    RawSSH,
)
from kit.waiting import PATIENCE
from kit.wire import boolean, string, uint32

from .stages import PARTIAL, REFUSED, STAGES, at_login, at_partial, at_prompt, at_waiting

# Skipping the login: libssh CVE-2018-10933, paramiko CVE-2018-7750, Erlang CVE-2025-32433

FORBIDDEN = {
    "success": bytes([USERAUTH_SUCCESS]),
    "failure": REFUSED,
    "banner": bytes([BANNER]) + string("x") + string(""),
    "pk ok": bytes([PK_OK]) + string("ssh-ed25519") + string("x"),
    "service accept": bytes([SERVICE_ACCEPT]) + string("ssh-userauth"),
    "ping": bytes([PING]) + string("x"),
    "global request": RawSSH.global_request("tcpip-forward", string("other.localhost") + uint32(443)),
    "request success": bytes([REQUEST_SUCCESS]),
    "open": RawSSH.opening("session"),
    "confirmation": RawSSH.on(CONFIRMATION, 0, uint32(0) * 3),
    "data": RawSSH.on(DATA, 0, string("x")),
    "request": RawSSH.on(REQUEST, 0, string("exec") + boolean(True) + string("whoami")),
    "unknown": bytes([199]),
    "zero": bytes([0]),
}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_message_skips_the_login(attacked, stage, what):
    connection = stage(attacked)
    _, seen = attacked.dies(connection, FORBIDDEN[what], RawSSH.opening("session"))
    assert not seen, seen


@pytest.mark.parametrize("strict", [True, False])
def test_open_and_exec_in_one_segment_with_the_end_of_the_exchange(attacked, strict):
    connection = attacked.raw().exchange_idents().exchange(strict=strict)
    segment = connection.newkeys() + connection.seal(RawSSH.opening("session"))
    segment += connection.seal(RawSSH.channel_request(0, "exec", string("whoami")))
    _, seen = attacked.dies(connection, raw=segment)
    assert not seen, seen


def test_services_that_need_a_login_first(attacked):
    for name in ("ssh-connection", "ssh-userauth\0", "", "x" * 60, b"\xff"):
        attacked.dies(attacked.connected(), bytes([SERVICE_REQUEST]) + string(name))
    connection = attacked.connected().service()
    attacked.dies(connection, RawSSH.request("dev", "none", service="ssh-userauth"))
    attacked.dies(attacked.connected().service(), bytes([INFO_RESPONSE]) + uint32(0))


# Trying without end: CVE-2015-5600, CVE-2025-58181, x/crypto 5adb68b


def test_submethods_by_the_thousand(attacked):
    submethods = ",".join(["pam"] * 10_000)
    request = RawSSH.request("dev", "keyboard-interactive", string("") + string(submethods))
    attacked.dies(at_login(attacked), request)
    attacked.dies(at_partial(attacked), request)
    # Repeated prompts are one attempt each, and all of them together are bounded.
    connection = at_partial(attacked)
    with connection:
        shown = 0
        with pytest.raises(Gone):
            for _ in range(2000):
                connection.send(RawSSH.request("dev", "keyboard-interactive", string("") + string("pam,pam")))
                shown += connection.expect(INFO_REQUEST, USERAUTH_FAILURE)[0] == INFO_REQUEST
        assert shown <= 128


def test_gssapi_with_a_billion_mechanisms(attacked):
    with at_login(attacked) as connection:
        for rest in (uint32(0xFFFFFFFF), uint32(0xFFFFFFFF) + string("x"), b""):
            connection.send(RawSSH.request("dev", "gssapi-with-mic", rest))
            assert connection.expect(USERAUTH_FAILURE) == REFUSED


@pytest.mark.parametrize("mix", ["none", "queries", "signatures", "partial", "answers", "services"])
def test_attempts_come_to_an_end(attacked, mix):
    connection = at_waiting(attacked) if mix == "answers" else at_login(attacked)
    keys = [ED25519Key() for _ in range(4)]
    sent = 0
    with connection:
        with contextlib.suppress(Gone):
            for sent in range(2000):
                key = keys[sent % 4]
                if mix == "answers":
                    connection.answer_prompt()
                    continue
                if mix == "none":
                    connection.send(RawSSH.request("dev", "none"))
                elif mix == "services":
                    # paramiko asks for the service before each attempt, so it is no crime; without end it is.
                    connection.send(bytes([SERVICE_REQUEST]) + string("ssh-userauth"))
                elif mix == "queries":
                    connection.send(connection.query(key))
                elif mix == "signatures":
                    connection.send(connection.signed(key, signer=keys[(sent + 1) % 4]))
                else:
                    connection.send(
                        connection.signed(key), RawSSH.request("dev", "keyboard-interactive", string("") * 2)
                    )
                connection.expect(USERAUTH_FAILURE, PK_OK, INFO_REQUEST, SERVICE_ACCEPT)
        said, _ = connection.ending()
    assert said == (14, "Too many authentication failures.")
    assert sent <= 128 or mix == "answers", sent


def test_answers_that_are_none(attacked):
    for body in (
        uint32(0xFFFFFFFF),
        uint32(1) + string("x"),
        uint32(0) + b"x",
        uint32(100) + string("") * 100,
        uint32(1) + uint32(0xFFFFFFFF),
        b"",
    ):
        attacked.dies(at_prompt(attacked), bytes([INFO_RESPONSE]) + body)


def test_a_late_request_does_not_take_the_approval_of_the_earlier(attacked):
    """The one who asked first is approved after they began anew with another key: nobody is let in."""
    key, other = ED25519Key(), ED25519Key()
    with RawSSH(attacked.port, source="127.0.0.1").connect().service() as connection:
        assert connection.prove(key) == PARTIAL
        address = connection.ask_to_sign_in()
        connection.send(connection.signed(other))
        answer = connection.expect(USERAUTH_FAILURE, USERAUTH_SUCCESS)
        assert answer[0] == USERAUTH_FAILURE
        # The code died with the request that it was for.
        with contextlib.suppress(AssertionError):
            attacked.approve(address)
        connection.send(connection.query(ED25519Key()))
        assert connection.expect(USERAUTH_FAILURE, USERAUTH_SUCCESS, PK_OK)[0] != USERAUTH_SUCCESS


# Names


def test_names_that_no_user_has(attacked):
    """The user changes between requests, or is something that would hurt a terminal, a log or a parser."""
    connection = at_login(attacked)
    connection.send(RawSSH.request("dev", "none"))
    connection.expect(USERAUTH_FAILURE)
    attacked.dies(connection, RawSSH.request("root", "none"))
    for name in ("a\0b", "a\nb", "a\x1b[31m", "\x7f", "a\u0085b", "\u009b2J", b"\xff\xfe", "x" * 256, "x" * 30_000):
        attacked.dies(at_login(attacked), RawSSH.request(name, "none"))
    for name in ("a@b@c", "`id`", "$(id)", "; rm -rf /", "\u202eadmin", "\u200bdev", "", "@", "@@", "%s%n"):
        with at_login(attacked) as connection:
            connection.send(RawSSH.request(name, "none"))
            assert connection.expect(USERAUTH_FAILURE) == REFUSED
            connection.send(connection.signed(ED25519Key(), user=name))
            try:
                connection.expect(USERAUTH_FAILURE)
            except Gone as gone:
                assert gone.said[1].isascii() and gone.said[1].isprintable(), gone.said
    log = attacked.edge.output
    assert "\x1b" not in log and "\u202e" not in log and "\u200b" not in log and "\u0085" not in log and "\0" not in log


def test_idents_and_goodbyes_are_printed_safely(attacked):
    escape = "\x1b]0;owned\x07\u202e"
    with attacked.raw(ident=b"SSH-2.0-x`id`$(id)%s%n;'\"").connect().service() as connection:
        connection.send(bytes([1]) + uint32(11) + string(escape) + string(escape))
        connection.ending()
    assert "owned\x07" not in attacked.edge.output and "\x1b" not in attacked.edge.output


def test_what_a_browser_is_shown_is_escaped(attacked):
    """The page that asks whether to let somebody in names what they said of themselves."""
    ident = b"SSH-2.0-<script>alert(1)</script>&\"'>"
    with RawSSH(attacked.port, source="127.0.0.1", ident=ident).connect().service() as connection:
        user = "<img src=x onerror=alert(1)>\"'&amp;"
        connection.send(connection.signed(ED25519Key(), user=user))
        assert connection.expect(USERAUTH_FAILURE) == PARTIAL
        page = attacked.bob.get(connection.ask_to_sign_in(user=user))
        if page.forms and page.host == "127.0.0.1":
            page = attacked.bob.sign_in(page, BOB.name, BOB.password)
        assert page.status == 200 and "Authorize" in page.text, repr(page)
        assert "<script>alert" not in page.text and "<img src=x" not in page.text
        assert "&lt;script&gt;alert" in page.text, "the page does not show the client at all"


# Who exists: CVE-2018-15473, CVE-2016-6210, CVE-2016-20012


def test_nobody_can_be_enumerated(attacked):
    """Users, routes, keys: whether they exist changes neither a byte nor the time of an answer."""
    names = ["alice", "bob", "nobody-here", "alice@app.localhost", "alice@no-such.localhost", "x@other.localhost"]
    unknown = ED25519Key()
    answers, times = {}, {}
    for _ in range(count(8, 200)):
        for name in names:
            for label, key in (("known", attacked.key), ("unknown", unknown)):
                with at_login(attacked) as connection:
                    begun = time.monotonic()
                    connection.send(RawSSH.request(name, "none"))
                    none = connection.expect(USERAUTH_FAILURE, USERAUTH_SUCCESS)
                    connection.send(connection.query(key, name))
                    told = connection.expect(USERAUTH_FAILURE, PK_OK)
                    times.setdefault((name, label), []).append(time.monotonic() - begun)
                    wrong = connection.signed(key, name, signer=ED25519Key())
                    connection.send(wrong)
                    refused = connection.expect(USERAUTH_FAILURE)
                    answers.setdefault((none, told.replace(key.blob, b"KEY"), refused), set()).add((name, label))
    assert len(answers) == 1, answers
    medians = [statistics.median(taken) for taken in times.values()]
    assert max(medians) - min(medians) < 0.05 * PATIENCE, times


# What may come at any time, but not without end: OpenSSH CVE-2025-26466


def test_pings_are_answered_after_the_login_only(attacked):
    for stage in STAGES:
        connection = stage(attacked)
        _, seen = attacked.dies(connection, *[bytes([PING]) + string("x")] * 100)
        assert PONG not in [payload[0] for payload in seen]
    connection = attacked.raw().exchange_idents().offer()
    _, seen = attacked.dies(connection, *[bytes([PING]) + string("x")] * 100)
    assert not seen


@pytest.mark.parametrize("stage", STAGES)
def test_chatter_comes_to_an_end(attacked, stage):
    with attacked.memory_stays(8 * 1024), stage(attacked) as connection:
        padding = bytes([IGNORE]) + string(bytes(1000))
        with contextlib.suppress(Gone):
            for _ in range(count(100, 1000)):
                connection.send(*[padding] * 100)
        said, seen = connection.ending()
    assert said is None or "small messages" in said[1], said
    assert not seen, seen


def test_extension_of_the_hostbound_method_is_what_we_serve(attacked):
    with at_login(attacked) as connection:
        assert connection.extensions["publickey-hostbound@openssh.com"] == b"0"
        assert b"ssh-rsa" not in connection.extensions["server-sig-algs"].split(b",")


def test_success_brings_no_rights_by_itself(attacked):
    """Somebody signed in cannot publish or end what is somebody else's."""
    with attacked.signed_in() as connection:
        for name in ("app.localhost", "auth.localhost", "no-such.localhost", "*", "", "127.0.0.1", "app.localhost\0"):
            connection.send(connection.global_request("tcpip-forward", string(name) + uint32(443)))
            reply = connection.expect_now(REQUEST_SUCCESS, REQUEST_FAILURE)
            assert reply[0] == REQUEST_FAILURE, name
            connection.send(connection.global_request("cancel-tcpip-forward", string(name) + uint32(443)))
            assert connection.expect_now(REQUEST_SUCCESS, REQUEST_FAILURE)[0] == REQUEST_FAILURE, name


def test_the_hosts_keys_prove_themselves_a_few_times_only(attacked):
    with attacked.signed_in() as connection:
        answers = []
        for _ in range(10):
            connection.send(connection.global_request("hostkeys-prove-00@openssh.com", string(connection.host_key)))
            answers.append(connection.expect_now(REQUEST_SUCCESS, REQUEST_FAILURE)[0])
        assert answers.count(REQUEST_SUCCESS) <= 2, answers
        for rest in (string("x"), string(connection.host_key) * 40, uint32(0xFFFF), b""):
            connection.send(connection.global_request("hostkeys-prove-00@openssh.com", rest))
            try:
                assert connection.expect_now(REQUEST_SUCCESS, REQUEST_FAILURE)[0] == REQUEST_FAILURE
            except Gone:
                break


def test_nothing_of_the_server_s_choice_depends_on_unread_fields(attacked):
    """Trailing bytes in any message of the login end the connection."""
    key = ED25519Key()
    for make in (
        lambda connection: RawSSH.request("dev", "none") + b"\0",
        lambda connection: connection.query(key) + b"\0",
        lambda connection: connection.signed(key) + b"\0",
        lambda connection: RawSSH.request("dev", "keyboard-interactive", string("") * 3),
        lambda connection: RawSSH.request("dev", "none")[:-1],
        lambda connection: bytes([50]),
    ):
        connection = at_login(attacked)
        attacked.dies(connection, make(connection))


def test_global_requests_that_are_none(attacked):
    with attacked.signed_in() as connection:
        connection.send(connection.global_request(b"\xff\xfe"))
        connection.expect_now(REQUEST_FAILURE)
    attacked.dies(attacked.signed_in(), bytes([GLOBAL_REQUEST]) + string("x" * 300) + b"\1")
    attacked.dies(attacked.signed_in(), bytes([GLOBAL_REQUEST]) + uint32(0xFFFFFFF0))
    attacked.dies(attacked.signed_in(), bytes([OPEN]))
