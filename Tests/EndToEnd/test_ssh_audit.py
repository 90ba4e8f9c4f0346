"""What auditors find: ssh-audit's warnings are the ones that the documentation explains, and Terrapin finds nothing."""

import json
import re
import subprocess
import sys

import pytest
from conftest import ROOT
from kit.processes import run
from kit.raw_ssh import STRICT, RawSSH

GCM = ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com"]
CHACHA = "chacha20-poly1305@openssh.com"
CTR = ["aes128-ctr", "aes192-ctr", "aes256-ctr"]
STRICT_SERVER = "kex-strict-s-v00@openssh.com"


@pytest.fixture(params=["true", "false"])
def preferring_gcm(request, new_edge):
    edge = new_edge()
    return edge.start(edge.text(more=f"ssh_prefer_aes_gcm: {request.param}"))


@pytest.fixture
def new_audited(new_edge, binary, tmp_path):
    """An edge with the keys that the program makes by itself."""

    def start(more):
        code, told = run([binary, "keygen", "--dir", tmp_path / "keys"])
        assert code == 0, told
        edge = new_edge()
        text = edge.text(more=more, keys=tmp_path / "keys").replace("/keys/pomerium_", "/keys/")
        return edge.start(text)

    return start


def audit(edge):
    """Every warning as (algorithm, level, text), and what is wrong beyond algorithms."""
    command = [sys.executable, "-m", "ssh_audit", "--json", "--skip-rate-test", "--port", str(edge.ssh_port)]
    told = subprocess.run([*command, "127.0.0.1"], capture_output=True, text=True, timeout=60)
    report = json.loads(told.stdout)
    lines = {
        (algorithm["algorithm"], level, text)
        for kind in ("kex", "key", "enc", "mac")
        for algorithm in report[kind]
        for level in ("warn", "fail")
        for text in algorithm["notes"].get(level, [])
    }
    assert {algorithm["algorithm"] for algorithm in report["kex"]} > {"mlkem768x25519-sha256", STRICT_SERVER}
    return lines, [*report["cves"], *report["additional_notes"], *report["recommendations"]]


def explained():
    """The table of docs/ssh-algorithms.md: (algorithm, level, text) to the clients that need it."""
    rows = {}
    for line in (ROOT / "docs" / "ssh-algorithms.md").read_text().splitlines():
        if row := re.fullmatch(r"\| `(\S+)` \| (warn|fail): (.+?) \| (.+?) \|", line):
            *key, who = row.groups()
            assert tuple(key) not in rows, f"twice: {line}"
            assert len(who) >= 8, f"nobody needs it: {line}"
            rows[tuple(key)] = who
    assert rows
    return rows


def test_every_warning_is_explained_and_nothing_else_is(new_audited):
    lines, others = audit(new_audited("ssh_prefer_aes_gcm: false"))
    assert lines - set(explained()) == set(), "not explained in docs/ssh-algorithms.md"
    assert set(explained()) - lines == set(), "explained in docs/ssh-algorithms.md, and not there any more"
    assert not others


def test_nothing_more_is_warned_of_where_gcm_is_preferred(new_audited):
    lines, others = audit(new_audited("ssh_prefer_aes_gcm: true"))
    assert lines <= set(explained())
    assert not others


def offered(edge, ident=b"SSH-2.0-Scanner_1.0", **options):
    """The server's lists to a client that offers this."""
    with RawSSH(edge.ssh_port, ident=ident) as client:
        client.exchange_idents().offer(**options)
        kex, _, to_server, to_client, *_ = client.lists(client.server_init)
        assert to_server == to_client
        return kex, to_server


def test_terrapin(preferring_gcm):
    """CVE-2023-48795: a client without strict key exchange is not offered ChaCha20 if it has another; ours is always offered."""
    edge = preferring_gcm
    full = [*GCM, CHACHA, *CTR]
    for ident in (b"SSH-2.0-PuTTY_Release_0.78", b"SSH-2.0-OpenSSH_8.9p1"):
        for others in (GCM, CTR, CTR[:1]):
            kex, ciphers = offered(edge, ident, strict=False, ciphers=(CHACHA, *others))
            assert STRICT_SERVER in kex and STRICT not in kex
            assert CHACHA not in ciphers and ciphers, f"{ident} with {others}"
        # It knows nothing else: then it shall be served, and is marked.
        _, ciphers = offered(edge, ident, strict=False, ciphers=(CHACHA,))
        assert ciphers == full
        # CTR without a MAC of ours is no other cipher.
        _, ciphers = offered(edge, ident, strict=False, ciphers=(CHACHA, *CTR), macs=("hmac-sha1",))
        assert ciphers == full
    kex, ciphers = offered(edge, strict=True, ciphers=(CHACHA, *CTR))
    assert STRICT_SERVER in kex and ciphers == full
