"""OpenSSH certificates on both sides: the edge's host keys, and the keys of users."""

import asyncio
import re

import asyncssh
import pytest
from kit.people import approve
from kit.processes import run
from kit.publisher import make_key
from kit.service import checksum
from kit.transfers import download
from kit.waiting import until

SIZE = 500_000


class Authority:
    def __init__(self, directory):
        self.key = make_key(directory / "authority")

    @property
    def line(self):
        return self.key.with_suffix(".pub").read_text().strip()

    def sign(self, public_key, *options, serial=1):
        """The certificate beside the key, as ssh-keygen writes it."""
        command = ["ssh-keygen", "-q", "-s", self.key, "-I", "end-to-end", "-z", serial, *options, public_key]
        code, told = run(command)
        assert code == 0, told
        return public_key.with_name(public_key.name.removesuffix(".pub") + "-cert.pub")

    def sign_host(self, public_key, *options, serial=1):
        return self.sign(public_key, "-h", "-n", "127.0.0.1", *options, serial=serial)


@pytest.fixture
def authority_of_keys(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def certified(tmp_path, keys):
    """A copy of the edge's public host key, for certificates that do not lie among the keys of other tests."""
    copy = tmp_path / "host.pub"
    copy.write_bytes((keys / "pomerium_ssh_host_ed25519_key.pub").read_bytes())
    return copy


def trusting(publisher, authority):
    """The publisher knows no key of the host any more, only who certifies them."""
    publisher.known_hosts.write_text(f"@cert-authority [127.0.0.1]:{publisher.port} {authority.line}\n")
    return publisher


async def forward_with_asyncssh(publisher, port):
    """Another client: connects and is granted a forward."""
    async with asyncssh.connect(**publisher.asyncssh_options()) as connection:
        listener = await connection.forward_remote_port("app.localhost", 443, "127.0.0.1", port)
        listener.close()


def test_host_certificates(new_edge, new_publisher, visitor, service, authority_of_keys, certified):
    """Trusted by those who trust the authority, replaced without a restart, and the same for the life of a connection."""
    certificate = authority_of_keys.sign_host(certified)
    edge = new_edge()
    edge.start(edge.text(more=f"reconnect_grace: 0s\nssh_host_certificate_files: [{certificate}]"))
    publisher = trusting(new_publisher(edge), authority_of_keys)
    tunnel = publisher.forward(("app.localhost", service.port), options=["-o", "RekeyLimit=100K"])
    approve(tunnel, visitor)
    tunnel.wait_published()
    tunnel.wait_for(r"Server host certificate: ssh-ed25519-cert-v01@openssh.com .*serial 1 ")
    assert visitor.get(edge.url()).status == 200

    # Another certificate for the same key: for those who come now.
    authority_of_keys.sign_host(certified, serial=2)
    until(lambda: "configuration applied" in edge.output, "the new certificate read")
    later = publisher.ssh("-v", "-N", "-T", "-o", "ExitOnForwardFailure=no")
    later.wait_for(r"Server host certificate: .*serial 2 ")
    later.stop()

    # Whoever is here renews keys with the certificate it was shown first, else OpenSSH would end the connection.
    assert download(visitor, edge, SIZE) == (200, checksum(SIZE))
    tunnel.wait_for(r"SSH2_MSG_NEWKEYS received(?s:.*)SSH2_MSG_NEWKEYS received")
    assert tunnel.output.count("Server host certificate") >= 2
    assert "serial 2 " not in tunnel.output
    assert visitor.get(edge.url()).status == 200
    tunnel.stop()

    # It knows nothing but the authority, too.
    asyncio.run(forward_with_asyncssh(publisher, service.port))


def test_a_host_certificate_of_a_stranger_is_not_believed(new_edge, new_publisher, authority_of_keys, certified, tmp_path):
    (tmp_path / "stranger").mkdir()
    certificate = Authority(tmp_path / "stranger").sign_host(certified)
    edge = new_edge()
    edge.start(edge.text(more=f"ssh_host_certificate_files: [{certificate}]"))
    client = trusting(new_publisher(edge), authority_of_keys).forward(("app.localhost", 1))
    assert client.wait() == 255
    assert "Host key verification failed" in client.output
    # Who knows the plain key is served as before.
    known = new_publisher(edge).forward(("app.localhost", 1))
    known.sign_in_url()


def test_what_is_wrong_with_a_host_certificate_is_said(new_edge, binary, authority_of_keys, certified, tmp_path):
    edge = new_edge()

    def check(certificate):
        edge.save(edge.text(more=f"ssh_host_certificate_files: [{certificate}]"))
        return run([binary, "check", "--config", edge.configuration], environment=edge.environment)

    strange = make_key(tmp_path / "strange").with_suffix(".pub")
    users = tmp_path / "users.pub"
    users.write_bytes(certified.read_bytes())
    for wrong, reason in [
        (authority_of_keys.sign_host(strange), "none of the host keys"),
        (authority_of_keys.sign(users, "-n", "alice"), "this is a user certificate"),
        (certified, "this is no OpenSSH certificate"),
        (tmp_path / "missing-cert.pub", "cannot read"),
    ]:
        code, told = check(wrong)
        assert code == 78 and str(wrong) in told and reason in told, told
        with pytest.raises(AssertionError, match="78"):
            edge.start()
        assert reason in edge.output
        edge.program = None
    expired = authority_of_keys.sign_host(certified, "-V", "20200101:20210101")
    code, told = check(expired)
    assert code == 0, told
    assert f"warning: {expired}: this certificate has expired" in told
    edge.start()
    edge.says("has expired")


# Otherwise OpenSSH would offer the plain key first, or after a refusal.
ONLY_CERTIFICATES = ["-o", "PubkeyAcceptedAlgorithms=ssh-ed25519-cert-v01@openssh.com,rsa-sha2-512-cert-v01@openssh.com"]


def test_user_certificates_are_keys(new_edge, new_publisher, visitor, service, authority_of_keys):
    """No authority is configured: whoever holds the key inside is who they were, less what the certificate withholds."""
    edge = new_edge()
    edge.start(edge.text(more="reconnect_grace: 0s"))
    for kind in ("ed25519", "rsa"):
        publisher = new_publisher(edge, key_kind=kind)
        public_key = publisher.key.with_suffix(".pub")
        authority_of_keys.sign(public_key, "-n", "somebody")
        tunnel = publisher.forward(("app.localhost", service.port), options=ONLY_CERTIFICATES)
        approve(tunnel, visitor)
        tunnel.wait_published()
        tunnel.wait_for(rf"Server accepts key: .*{kind.upper()}-CERT")
        assert visitor.get(edge.url()).status == 200
        tunnel.stop()

        # What is bound is the plain key.
        plain = publisher.forward(("app.localhost", service.port)).wait_published()
        assert not plain.asked_to_sign_in
        assert re.search(rf"Server accepts key: .* {kind.upper()} ", plain.output)
        plain.stop()

    # Forwards need their permit, and whoever has none is told.
    authority_of_keys.sign(public_key, "-n", "somebody", "-O", "clear")
    bare = publisher.forward(("app.localhost", service.port), options=ONLY_CERTIFICATES)
    bare.wait_for(r"remote forward failure for: listen app.localhost")
    assert bare.wait(within=20) == 255
    assert "your certificate does not permit port forwarding" in bare.output

    for options, reason in [
        (("-V", "20200101:20210101"), "it has expired"),
        (("-O", "force-command=true"), "it forces a command"),
        (("-O", "source-address=192.0.2.0/24"), "it may not be used from this address"),
    ]:
        authority_of_keys.sign(public_key, "-n", "somebody", *options)
        refused = publisher.forward(("app.localhost", service.port), options=ONLY_CERTIFICATES)
        assert refused.wait() == 255
        assert "Permission denied (publickey)" in refused.output
        until(lambda reason=reason: reason in edge.output, f"{reason!r} in the log")
    authority_of_keys.sign(public_key, "-n", "somebody", "-O", "source-address=127.0.0.0/8")
    publisher.forward(("app.localhost", service.port), options=ONLY_CERTIFICATES).wait_published()
