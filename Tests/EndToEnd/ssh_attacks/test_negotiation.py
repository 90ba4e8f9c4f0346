"""KEXINIT: what is offered, chosen and guessed."""

import pytest
from kit.attacked import count
from kit.raw_ssh import (
    IGNORE,
    KEXINIT,
    Gone,
)
from kit.wire import string, uint32

ignore = bytes([IGNORE]) + string("x")


# Negotiation


@pytest.mark.parametrize(
    "offer",
    [
        {"compression": ("zlib", "zlib@openssh.com")},
        {"ciphers": ("none",)},
        {"ciphers": ("aes128-ctr",), "macs": ("none",)},
        {"ciphers": ("aes128-cbc", "3des-cbc")},
        {"ciphers": ("aes128-ctr",), "macs": ("hmac-md5", "hmac-sha1")},
        {"kex": ("diffie-hellman-group1-sha1",)},
        {"kex": ("ext-info-c", "kex-strict-c-v00@openssh.com")},
        {"kex": ("kex-strict-s-v00@openssh.com", "ext-info-s")},
        {"host_keys": ("ssh-rsa",)},
        {"host_keys": ("ssh-dss", "ssh-ed25519-cert-v01@openssh.com", "rsa-sha2-512-cert-v01@openssh.com")},
        {"host_keys": ("webauthn-sk-ecdsa-sha2-nistp256@openssh.com",)},
    ],
    ids=str,
)
def test_offers_without_a_good_choice(attacked, offer):
    """Downgrades, the zlib bomb of russh CVE-2026-46702, and a signer without the algorithm (CVE-2022-27191)."""
    connection = attacked.raw().exchange_idents()
    said, _ = attacked.dies(connection, connection.kexinit(**offer))
    assert said[0] == 3, said
    assert said[1].isascii() and "No matching" in said[1], said


def test_only_one_signature_algorithm_of_the_rsa_key(attacked):
    for algorithm in ("rsa-sha2-256", "rsa-sha2-512"):
        attacked.connected(host_keys=(algorithm,)).service().close()


def test_kexinit_that_is_none(attacked):
    good = attacked.raw().kexinit()
    many = ",".join(f"name{number}" for number in range(300))
    bad = [
        good[:-1],
        good + b"\0",
        good[:17],
        bytes([KEXINIT]) + bytes(16) + uint32(0xFFFFFFFF),
        bytes([KEXINIT]) + bytes(16) + string(many) + string("") * 9 + bytes(5),
        bytes([KEXINIT]) + bytes(16) + string("a,,b") + string("") * 9 + bytes(5),
        bytes([KEXINIT]) + bytes(16) + string("a" * 70) + string("") * 9 + bytes(5),
        bytes([KEXINIT]) + bytes(16) + string(b"\xff\x00") + string("") * 9 + bytes(5),
        bytes([KEXINIT]) + bytes(16) + string("x" * 34000) + string("") * 9 + bytes(5),
    ]
    for payload in bad:
        attacked.dies(attacked.raw().exchange_idents(), payload)


# Guesses (libssh CVE-2023-1667, CVE-2025-8277)


def test_wrong_guesses(attacked):
    for _ in range(count(20, 1000)):
        connection = attacked.raw().exchange_idents()
        connection.client_init = connection.kexinit(kex=("ecdh-sha2-nistp256",), follows=True)
        connection.send(connection.client_init, bytes([30]) + b"any bytes")
        connection.server_init = connection.expect(KEXINIT)
        connection.agree()
        connection.finish_exchange()
        connection.send_raw(connection.newkeys())
        connection.service().close()


def test_wrong_guesses_in_later_exchanges(attacked):
    connection = attacked.signed_in()
    for _ in range(count(20, 200)):
        connection.client_init = connection.kexinit(kex=("ecdh-sha2-nistp256",), follows=True, markers=(), strict=False)
        connection.send(connection.client_init, bytes([30]) + b"any bytes")
        connection.server_init = connection.expect_now(KEXINIT)
        connection.agree()
        connection.finish_exchange()
        connection.send_raw(connection.newkeys())
        assert connection.is_served()
    connection.close()


def test_a_guess_excuses_one_packet_only(attacked):
    for excused in (ignore, bytes([30]) + b"x"):
        connection = attacked.raw().exchange_idents()
        init = connection.kexinit(kex=("ecdh-sha2-nistp256",), follows=True)
        attacked.dies(connection, init, excused, bytes([30]) + b"x", ignore)


def test_exchanges_without_end(attacked):
    """Key exchange after key exchange with nothing between costs us and nobody else."""
    connection = attacked.signed_in()
    with pytest.raises(Gone), connection:
        for _ in range(100):
            connection.offer(strict=False, markers=()).finish_exchange()
            connection.send_raw(connection.newkeys())
