"""Keys and signatures: whose they are, and what is none."""

import contextlib
import statistics
import time

from kit.raw_keys import CraftedKey, ECDSAKey, ED25519Key, RSAKey, SecurityKey
from kit.raw_ssh import (
    PK_OK,
    USERAUTH_FAILURE,
    USERAUTH_SUCCESS,
    Gone,
)
from kit.waiting import PATIENCE, until
from kit.wire import mpint, string, uint32

from .stages import PARTIAL, REFUSED, at_login

# Whose key counts: x/crypto CVE-2024-45337, libssh CVE-2023-2283


def test_only_the_key_that_signed_counts(attacked):
    known, other = attacked.key, ED25519Key()
    connection = at_login(attacked)
    connection.send(connection.query(known))
    assert connection.expect(PK_OK, USERAUTH_FAILURE)[0] == PK_OK
    assert connection.prove(other) == PARTIAL, "somebody else's key was taken for the one that was asked for"
    connection.close()

    connection = at_login(attacked)
    connection.send(connection.query(other))
    connection.expect(PK_OK)
    connection.send(connection.query(known))
    connection.expect(PK_OK)
    # The known key named, the other one signs.
    connection.send(connection.signed(known, signer=other))
    assert connection.expect(USERAUTH_FAILURE) == REFUSED
    connection.send(connection.signed(other, signer=known))
    assert connection.expect(USERAUTH_FAILURE) == REFUSED
    assert connection.prove(other) == PARTIAL
    # Behind the partial success another key leads nowhere, not even the known one.
    connection.send(connection.signed(known))
    assert connection.expect(USERAUTH_FAILURE)[-1] == 0
    connection.close()

    # Two in one segment: the second one's answer must not be the first one's.
    connection = at_login(attacked)
    connection.send(connection.signed(known), connection.signed(other))
    assert connection.expect(USERAUTH_SUCCESS, USERAUTH_FAILURE) in (PARTIAL, bytes([USERAUTH_SUCCESS]))
    connection.close()


def test_a_signature_of_another_connection(attacked):
    first, second = at_login(attacked), at_login(attacked)
    second.send(first.signed(attacked.key))
    assert second.expect(USERAUTH_FAILURE, USERAUTH_SUCCESS) == REFUSED
    second.send(second.signed(attacked.key, user="dev"))
    assert second.expect(USERAUTH_SUCCESS)
    first.close()
    second.close()


def test_signatures_that_are_none(attacked):
    key, ecdsa, rsa = ED25519Key(), ECDSAKey(), RSAKey()
    good = string("ssh-ed25519") + string(bytes(64))
    ed25519 = [b"", good[:-1], good + b"\0", string("ssh-ed25519"), string("ssh-ed25519") + string(b""), good]
    ed25519 += [string("ssh-ed25519") + string(bytes(63)), string("ssh-ed25519") + string(bytes(65))]
    ed25519 += [string("ssh-rsa") + string(bytes(64)), uint32(0xFFFFFFFF), good * 20]
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

    def pair(r, s):
        return string("ecdsa-sha2-nistp256") + string(r + s)

    elliptic = [pair(mpint(0), mpint(0)), pair(mpint(order), mpint(1)), pair(mpint(1), mpint(order + 1))]
    elliptic += [pair(mpint(1), b""), pair(string(b"\xff"), mpint(1)), pair(mpint(1 << 3000), mpint(1))]
    many = [string("rsa-sha2-256") + string(b"\1" * length) for length in (0, 1, 255, 256, 257, 2000)]
    many += [string("ssh-rsa") + string(bytes(256))]
    for honest, signatures in ((key, ed25519), (ecdsa, elliptic), (rsa, many)):
        for start in range(0, len(signatures), 5):
            with at_login(attacked) as connection:
                for signature in signatures[start : start + 5]:
                    connection.send(connection.signed(CraftedKey(honest.algorithm, honest.blob, signature)))
                    assert connection.expect(USERAUTH_FAILURE, USERAUTH_SUCCESS) == REFUSED


def test_a_signature_over_something_else(attacked):
    """The session, the user and the method are all signed; changing one afterwards is noticed."""
    for before, after in (("dev", "adm"), ("publickey", "publickey-hostbound-v00@openssh.com")):
        with at_login(attacked) as connection:
            changed = connection.signed(attacked.key).replace(string(before), string(after), 1)
            connection.send(changed)
            with contextlib.suppress(Gone):
                assert connection.expect(USERAUTH_FAILURE, USERAUTH_SUCCESS) == REFUSED


def test_the_host_bound_form_binds_the_host(attacked):
    method = "publickey-hostbound-v00@openssh.com"
    with at_login(attacked) as connection:
        for wrong in (b"", b"x", connection.host_key[:-1], ED25519Key().blob):
            connection.send(connection.signed(attacked.key, method=method, host_key=wrong))
            assert connection.expect(USERAUTH_FAILURE, USERAUTH_SUCCESS) == REFUSED
        connection.send(connection.signed(attacked.key, method=method, host_key=connection.host_key))
        connection.expect(USERAUTH_SUCCESS)


# Keys that are none: CVE-2020-9283, CVE-2026-39829, CVE-2026-39831


def crafted_keys():
    sk = "sk-ssh-ed25519@openssh.com"
    ec = "ecdsa-sha2-nistp256"
    for length in (0, 1, 31, 33, 64, 1000):
        yield CraftedKey("ssh-ed25519", string("ssh-ed25519") + string(bytes(length)))
        yield CraftedKey(sk, string(sk) + string(bytes(length)) + string("ssh:"))
    for point in (b"", b"\0", b"\4" + bytes(64), b"\2" + bytes(32), b"\4" + b"\1" * 63, b"\4" + b"\xff" * 64):
        yield CraftedKey(ec, string(ec) + string("nistp256") + string(point))
    good = ECDSAKey()
    yield CraftedKey(ec, good.blob.replace(b"nistp256\0", b"nistp384\0"))
    yield CraftedKey("ecdsa-sha2-nistp384", good.blob)
    yield CraftedKey(ec, good.blob + b"\0")
    yield CraftedKey(ec, good.blob[:-1])
    yield CraftedKey("ssh-ed25519", b"")
    yield CraftedKey("ssh-ed25519", uint32(0xFFFFFFFF))
    yield CraftedKey("ssh-dss", string("ssh-dss") + mpint(1 << 1023) * 4)
    yield CraftedKey("ssh-rsa", RSAKey().blob)
    yield CraftedKey("no-such-key@tests", string("no-such-key@tests"))
    odd = (1 << 2047) + 1
    for e, n in [(65537, (1 << 1023) + 1), (65537, odd - 1), (2, odd), (1, odd), (0, odd), (65537, 0), (1 << 40, odd)]:
        yield CraftedKey("rsa-sha2-256", string("ssh-rsa") + mpint(e) + mpint(n))
    yield CraftedKey("rsa-sha2-256", string("ssh-rsa") + string(b"\xff\xff") + mpint(odd))


def test_keys_that_are_none(attacked):
    """Asked for and signed with: refused, and the client may go on with its next key."""
    keys = list(crafted_keys())
    for start in range(0, len(keys), 2):
        with at_login(attacked) as connection:
            for key in keys[start : start + 2]:
                connection.send(connection.query(key))
                assert connection.expect(PK_OK, USERAUTH_FAILURE) == REFUSED, key.blob[:60]
                connection.send(connection.signed(key))
                assert connection.expect(USERAUTH_SUCCESS, USERAUTH_FAILURE) == REFUSED, key.blob[:60]
            assert connection.prove(ED25519Key()) == PARTIAL


def test_huge_rsa_keys_burn_nothing(attacked):
    """x/crypto CVE-2026-39829; the limit is 5 ms, the rest is the delay of failures and a busy machine's."""
    for bits, exponent in [(16384, 65537), (65536, 65537), (3072, (1 << 3999) + 1), (8192, (1 << 31) + 1)]:
        key = CraftedKey("rsa-sha2-512", string("ssh-rsa") + mpint(exponent) + mpint((1 << (bits - 1)) + 1))
        key.signature = string("rsa-sha2-512") + string(b"\1" * (bits // 8))
        took = []
        for _ in range(3):
            with at_login(attacked) as connection:
                begun = time.monotonic()
                connection.send(connection.signed(key))
                try:
                    assert connection.expect(USERAUTH_SUCCESS, USERAUTH_FAILURE) == REFUSED
                except Gone:
                    pass
                took.append(time.monotonic() - begun)
        assert statistics.median(took) < 0.1 * PATIENCE, (bits, exponent, took)


def test_security_keys_need_a_touch(attacked):
    for flags in (0, 0x04, 0x80, 0xFE):
        with at_login(attacked) as connection:
            assert connection.prove(SecurityKey(flags=flags)) == REFUSED, flags
    for application in ("", "https://example.com", "ss", "SSH:"):
        with at_login(attacked) as connection:
            assert connection.prove(SecurityKey(application=application)) == REFUSED, application
    with at_login(attacked) as connection:
        assert connection.prove(SecurityKey(flags=1)) == PARTIAL


def test_keys_that_an_old_putty_gave_away(attacked):
    """CVE-2024-31497: nothing can be done about it here but to say so."""

    def told():
        return attacked.edge.output.count("CVE-2024-31497")

    begun = told()
    for version, key in (("0.81", ECDSAKey("nistp521")), ("0.78", ED25519Key()), ("0.78", ECDSAKey("nistp521"))):
        with attacked.raw(ident=f"SSH-2.0-PuTTY_Release_{version}".encode()).connect().service() as connection:
            assert connection.prove(key) == PARTIAL
    until(lambda: told() > begun, "a warning of the key")
    assert told() == begun + 1
