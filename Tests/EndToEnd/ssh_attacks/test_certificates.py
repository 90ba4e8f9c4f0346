"""User certificates. No authority is trusted here: the plain key inside says who somebody is, and the certificate can
only take from its bearer what it does not permit (x/crypto CVE-2026-39828, 39835, 46595)."""

import time

import pytest
from kit.raw_keys import Certificate, CraftedKey, ECDSAKey, ED25519Key, RSAKey, SecurityKey
from kit.raw_ssh import (
    FAILURE,
    PK_OK,
    REQUEST_FAILURE,
    REQUEST_SUCCESS,
    SUCCESS,
    USERAUTH_FAILURE,
    USERAUTH_SUCCESS,
    RawSSH,
)
from kit.wire import string, uint32

from .stages import PARTIAL, REFUSED

HOST_BOUND = "publickey-hostbound-v00@openssh.com"


def offers(attacked, certificate):
    """What comes of a proof by this certificate in both forms, each on a connection of its own."""
    for method in ("publickey", HOST_BOUND):
        with attacked.connected().service() as connection:
            host_key = connection.host_key if method == HOST_BOUND else None
            connection.send(connection.signed(certificate, method=method, host_key=host_key))
            yield connection.expect(USERAUTH_SUCCESS, USERAUTH_FAILURE)


@pytest.mark.parametrize("key", [ED25519Key, ECDSAKey, RSAKey, SecurityKey])
def test_a_certificate_gives_nothing(attacked, key):
    """CVE-2026-39835: without any authority it is a key like another; somebody unknown has to sign in."""
    assert set(offers(attacked, Certificate(key()))) == {PARTIAL}


def test_the_key_inside_is_the_identity(attacked):
    assert {answer[0] for answer in offers(attacked, Certificate(attacked.key))} == {USERAUTH_SUCCESS}
    # Whoever puts a known key into a certificate of their own proves nothing by it.
    stolen = Certificate(attacked.key)
    stolen.sign = ED25519Key().sign
    assert set(offers(attacked, stolen)) == {REFUSED}


def bad_certificates():
    now = int(time.time())
    elsewhere = ("source-address", "192.0.2.0/24")
    yield "expired", {"valid": (0, now - 60)}
    yield "not yet valid", {"valid": (now + 3600, now + 7200)}
    yield "never valid", {"valid": (now + 10, now - 10)}
    yield "a host's", {"kind": 2}
    yield "of no kind", {"kind": 0}
    yield "unknown option", {"critical": (("no-such-option@tests", "x"),)}
    yield "forced command", {"critical": (("force-command", "whoami"),)}
    yield "from elsewhere", {"critical": (elsewhere,)}
    yield "from nowhere", {"critical": (("source-address", ""),)}
    yield "from no address", {"critical": (("source-address", "999.1.1.1/99"),)}
    yield "half a list of addresses", {"critical": (("source-address", "127.0.0.0/8,nonsense"),)}
    yield "verified", {"critical": (("verify-required", ""),)}
    yield "options twice", {"critical": (elsewhere, elsewhere)}
    yield "options out of order", {"extensions": (("permit-pty", ""), ("permit-X11-forwarding", ""))}
    yield "unsigned", {"signature": b""}
    yield "signed with zeros", {"signature": string("ssh-ed25519") + string(bytes(64))}
    yield "of a SHA-1 authority", {"signature": string("ssh-rsa") + string(bytes(256)), "authority": RSAKey()}
    yield "in a certificate", {"authority": Certificate(ED25519Key())}
    yield "of a DSA authority", {"authority": CraftedKey("ssh-dss", string("ssh-dss") + bytes(40))}
    yield "under another name", {"signed_name": "ecdsa-sha2-nistp256-cert-v01@openssh.com"}


@pytest.mark.parametrize("why, change", bad_certificates(), ids=[why for why, _ in bad_certificates()])
def test_certificates_that_are_refused(attacked, why, change):
    """Also with a key that is known: what a certificate forbids, it forbids in every form of the request."""
    for key in (attacked.key, SecurityKey()):
        if why == "verified" and key is attacked.key:
            continue  # Only a security key's signature can show it.
        assert set(offers(attacked, Certificate(key, **change))) == {REFUSED}, key


def test_certificates_that_are_none(attacked):
    """Cut anywhere, or with something changed: refused, and the client goes on with its next key."""
    whole = Certificate(ED25519Key())
    pieces = [whole.blob[:cut] for cut in range(0, len(whole.blob), 23)] + [whole.blob + b"\0"]
    pieces += [
        whole.blob[:at] + bytes([whole.blob[at] ^ 1]) + whole.blob[at + 1 :] for at in range(0, len(whole.blob), 17)
    ]
    short = CraftedKey("ssh-ed25519", b"")
    short.fields = string(bytes(31))
    pieces.append(Certificate(short, authority=ED25519Key()).blob)
    for start in range(0, len(pieces), 4):
        with attacked.connected().service() as connection:
            for blob in pieces[start : start + 4]:
                broken = CraftedKey(whole.algorithm, blob)
                broken.sign = whole.sign
                connection.send(connection.signed(broken))
                assert connection.expect(USERAUTH_SUCCESS, USERAUTH_FAILURE) == REFUSED, blob


def test_no_certificate_excuses_from_the_touch(attacked):
    """CVE-2026-39831: anybody can write `no-touch-required` into a certificate of their own."""
    extensions = (("no-touch-required", ""), ("permit-pty", ""))
    assert set(offers(attacked, Certificate(SecurityKey(flags=0), extensions=extensions))) == {REFUSED}
    assert set(offers(attacked, Certificate(SecurityKey(flags=1), extensions=extensions))) == {PARTIAL}


def test_a_certificate_s_names_fit_its_key(attacked):
    certificate = Certificate(ED25519Key())
    for name in ("ssh-ed25519", "ecdsa-sha2-nistp256-cert-v01@openssh.com", "ssh-rsa-cert-v01@openssh.com", ""):
        wrong = CraftedKey(name, certificate.blob)
        wrong.sign = certificate.sign
        with attacked.connected().service() as connection:
            connection.send(connection.query(wrong))
            assert connection.expect(PK_OK, USERAUTH_FAILURE) == REFUSED, name


@pytest.mark.parametrize("by_browser", [False, True])
def test_restrictions_hold_to_the_end(attacked, by_browser):
    """CVE-2026-39828: what the first step forbids is forbidden also after the second one."""
    key = ED25519Key() if by_browser else attacked.key
    bare = Certificate(key, extensions=())
    with RawSSH(attacked.port, source="127.0.0.1").connect().service() as connection:
        answer = connection.prove(bare)
        if by_browser:
            assert answer == PARTIAL
            attacked.approve(connection.ask_to_sign_in())
            connection.answer_prompt()
            connection.expect(USERAUTH_SUCCESS)
        else:
            assert answer[0] == USERAUTH_SUCCESS
        connection.send(connection.global_request("tcpip-forward", string("other.localhost") + uint32(443)))
        assert connection.expect_now(REQUEST_SUCCESS, REQUEST_FAILURE)[0] == REQUEST_FAILURE
        channel = connection.open_session()
        connection.send(connection.channel_request(channel, "pty-req", string("xterm") + uint32(80) * 4 + string("")))
        assert connection.expect_now(SUCCESS, FAILURE)[0] == FAILURE
