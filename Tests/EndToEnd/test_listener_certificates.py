"""Certificates of the listener: by name and by kind of key, with a staple, and changed while it runs."""

import subprocess

import pytest
from kit.certificates import CertificateAuthority
from kit.names import free_port
from kit.processes import run
from kit.waiting import until

ROUTE = """  - from: https://app.localhost:{}
    to: http://127.0.0.1:{}
    allow_public_unauthenticated_access: true
"""
RESPONDER = "V\t361231235959Z\t\t{serial}\tunknown\t/CN=x\n"


def openssl(*arguments, given="", directory=None):
    done = subprocess.run(
        ["openssl", *map(str, arguments)], input=given, capture_output=True, text=True, timeout=20, cwd=directory
    )
    return done.stdout + done.stderr


@pytest.fixture
def pairs(tmp_path):
    """ECDSA and RSA for app.localhost, each with the authority behind it, and a staple for the first."""
    authority = CertificateAuthority(tmp_path / "listener")
    ecdsa, ecdsa_key = authority.issue("ecdsa", ["app.localhost", "*.many.localhost"])
    rsa, rsa_key = tmp_path / "rsa.pem", tmp_path / "rsa-key.pem"
    options = ["-CA", authority.certificate, "-CAkey", authority.key, "-addext", "subjectAltName=DNS:app.localhost"]
    new = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=rsa"]
    openssl(*new, "-keyout", rsa_key, "-out", rsa, *options)
    rsa_key.chmod(0o600)
    ecdsa.write_text(ecdsa.read_text() + authority.certificate.read_text())
    serial = openssl("x509", "-in", ecdsa, "-noout", "-serial").strip().partition("=")[2]
    (tmp_path / "index.txt").write_text(RESPONDER.format(serial=serial))
    staple = tmp_path / "staple.der"
    signer = ["-rsigner", authority.certificate, "-rkey", authority.key, "-CA", authority.certificate]
    about = ["-issuer", authority.certificate, "-cert", ecdsa, "-ndays", "7", "-respout", staple]
    openssl("ocsp", "-index", tmp_path / "index.txt", *signer, *about)
    assert staple.exists() and rsa.exists()
    return {"ecdsa": (ecdsa, ecdsa_key), "rsa": (rsa, rsa_key), "staple": staple, "authority": authority}


def test_certificates_by_name_and_kind(new_edge, pairs, service, binary):
    edge = new_edge()
    metrics = free_port()
    more = "certificates:\n"
    for kind, staple in (("ecdsa", f"\n    ocsp_staple_file: {pairs['staple']}"), ("rsa", "")):
        more += f"  - cert: {pairs[kind][0]}\n    key: {pairs[kind][1]}{staple}\n"
    more += f"metrics_address: 127.0.0.1:{metrics}\n"
    # The pair of the environment, for app.localhost too, would come first.
    edge.certificate, edge.certificate_key = pairs["authority"].issue("other", ["auth.localhost"])
    edge.start(edge.text(routes=ROUTE.format(edge.https_port, service.port), more=more))

    def shown(name, *options):
        told = openssl("s_client", "-connect", f"127.0.0.1:{edge.https_port}", "-servername", name, "-status", *options)
        return told.partition("subject=")[2].partition("\n")[0].strip(), "Cert Status: good" in told

    assert shown("app.localhost") == ("CN = app.localhost", True)
    assert shown("app.localhost", "-sigalgs", "rsa_pss_rsae_sha256") == ("CN = rsa", False)
    assert shown("x.many.localhost") == ("CN = app.localhost", True)
    assert shown("auth.localhost") == ("CN = auth.localhost", False)
    assert shown("elsewhere.example") == ("CN = *", False)
    assert shown("x.y.many.localhost") == ("CN = *", False)
    code, told = run(["curl", "-sS", f"http://127.0.0.1:{metrics}/metrics"])
    ends = [line for line in told.splitlines() if line.startswith("tunnel_edge_certificate_expiry_timestamp_seconds{")]
    assert code == 0 and len(ends) == 2 and 'certificate="app.localhost"' in ends[0], told
    # 30 days are left, or a second less.
    edge.program.wait_for(r"the certificate for app\.localhost expires in (29|30) days")

    # A key of another pair: the old certificates stay, and the message says where.
    good = edge.configuration.read_text()
    edge.edit(str(pairs["rsa"][1]), str(pairs["ecdsa"][1]))
    code, told = run([binary, "check", "-c", edge.configuration], environment=edge.environment)
    assert code == 78 and "does not belong to the first certificate" in told and "config.yaml:" in told, told
    until(lambda: "does not belong to the first certificate" in edge.output, "the refusal of the reload")
    assert shown("app.localhost")[0] == "CN = app.localhost"
    # A staple that is none is an error, too; then everything good again with a renewed certificate.
    edge.save(good)
    pairs["authority"].issue("ecdsa", ["app.localhost", "new.localhost"])
    edge.edit(r"\n    ocsp_staple_file: .*", "")
    until(lambda: shown("new.localhost")[0] == "CN = app.localhost", "the renewed certificate")
    assert shown("x.many.localhost")[0] == "CN = *"


def test_sessions_are_resumed_across_a_reload(edge, tmp_path, authority):
    def connect(version, option):
        return openssl(
            "s_client", "-connect", f"127.0.0.1:{edge.https_port}", "-servername", "app.localhost", "-CAfile",
            authority.certificate, version, option, tmp_path / f"session{version}", "-ign_eof",
            given=f"GET / HTTP/1.1\r\nHost: app.localhost:{edge.https_port}\r\nConnection: close\r\n\r\n",
        )  # fmt: skip

    for version in ("-tls1_2", "-tls1_3"):
        assert "New, TLSv1" in connect(version, "-sess_out")
    before = edge.output.count("configuration applied")
    edge.edit(r"^address: .*$", rf"\g<0>\ntimeout_read: 29s")
    until(lambda: edge.output.count("configuration applied") > before, "the reload")
    for version in ("-tls1_2", "-tls1_3"):
        told = connect(version, "-sess_in")
        assert "Reused, TLSv1" in told, told
        assert "Early data was not sent" in told or version == "-tls1_2"


def test_without_a_certificate(new_edge, service):
    """As the reference: the file works, visitors get a certificate that browsers refuse, and a warning says so."""
    edge = new_edge()
    edge.certificate = edge.certificate_key = ""
    edge.start(edge.text(routes=ROUTE.format(edge.https_port, service.port)))
    edge.says("no certificate for `address`")
    for name in ("app.localhost", "auth.localhost"):
        told = openssl("s_client", "-connect", f"127.0.0.1:{edge.https_port}", "-servername", name)
        assert "self-signed certificate" in told and "CN = *" in told, told
