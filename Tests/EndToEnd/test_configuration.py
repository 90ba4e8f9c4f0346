"""The program's commands and its configuration file: every mistake is shown with its place."""

import concurrent.futures
import os
import re
import shutil
import socket
import ssl
import stat
import subprocess

import pytest
from kit.edge import route, secret
from kit.names import free_port
from kit.people import ALICE, approve
from kit.processes import run
from kit.waiting import until

MISTAKES = """\
shared_secret: c2hvcnQ=
address: 127.0.0.1:notaport
authenticate_service_url: http://auth.localhost:8443
idp_provider: oidcc
idp_provider_url: "not a url"
idp_client_id: pomerium
idp_client_secret: secret
cookie_expire: soon
cookie_http_only: false
ssh_address: 127.0.0.1:2222
ssh_host_key_files:
  - /nonexistent/ssh_host_ed25519_key
routes:
  - from: ftp://app.localhost
    to: http://localhost:3000
  - from: https://app.localhost
    to: http://localhost:3000
    policy:
      - allow:
          and:
            - emial:
                is: alice@example.test
  - from: https://api.localhost
    to: http://localhost:3000
    policy:
      - allow:
          and:
            - email:
                starts: alice
  - from: https://docs.localhost
    to: http://localhost:3000
    timeout: [1]
"""

# Line of each mistake above, and a word that its message has.
PLACES = {
    1: "shared_secret",
    2: "address",
    3: "https",
    4: "oidc",
    5: "idp_provider_url",
    8: "cookie_expire",
    9: "cookie_http_only",
    12: "ssh_host_ed25519_key",
    14: "from",
    21: "email",
    29: "starts",
    32: "timeout",
}


def test_every_mistake_is_shown_with_its_place(binary, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text(MISTAKES)
    code, output = run([binary, "check", "--config", file])
    assert code == 78, output
    shown = {}
    for line, column, text in re.findall(r"config\.yaml:(\d+):(\d+): (.*)", output):
        shown.setdefault(int(line), []).append(text)
        assert int(column) > 0
    missing = {line: word for line, word in PLACES.items() if not any(word in text for text in shown.get(line, []))}
    assert not missing, f"no word about {missing} in:\n{output}"
    assert "email" in " ".join(shown[21])  # the suggestion
    # `run` refuses the same file with the same words and the same code.
    code, told = run([binary, "run", "--config", file])
    assert code == 78
    assert len(re.findall(r"config\.yaml:\d+:\d+", told)) >= 10, told


def test_broken_yaml_has_a_place_too(binary, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("address: :443\nroutes:\n  - from: [unclosed\n")
    code, output = run([binary, "check", "--config", file])
    assert code == 78 and re.search(r"config\.yaml:\d+:\d+", output), output


def test_unknown_keys_are_warnings_with_the_nearest_name(new_edge, binary):
    edge = new_edge()
    edge.save(edge.text(more="ssh_adress: 1.2.3.4:22\n"))
    code, output = run([binary, "check", "--config", edge.configuration], environment=edge.environment)
    assert code == 0, output
    assert "ssh_adress" in output and "ssh_address" in output


@pytest.mark.parametrize("line", ["cookie_domain: localhost", "cookie_same_site: none", "cookie_http_only: false"])
def test_dangerous_settings_are_named_errors(new_edge, binary, line):
    edge = new_edge()
    edge.save(edge.text(more=line + "\n"))
    code, output = run([binary, "check", "--config", edge.configuration], environment=edge.environment)
    assert code == 78 and line.split(":")[0] in output


def test_key_file_that_others_can_read(new_edge, binary, tmp_path, keys):
    own = tmp_path / "open-keys"
    shutil.copytree(keys, own)
    os.chmod(own / "pomerium_ssh_host_ed25519_key", 0o644)
    edge = new_edge()
    edge.keys = own
    edge.save(edge.text())
    code, output = run([binary, "check", "--config", edge.configuration], environment=edge.environment)
    assert code == 78 and "pomerium_ssh_host_ed25519_key" in output


def test_the_tutorials_file_is_right(new_edge, binary):
    edge = new_edge()
    edge.save(edge.text())
    code, output = run([binary, "check", "--config", edge.configuration], environment=edge.environment)
    assert code == 0, output


def test_routes_of_every_scheme_load(new_edge, binary):
    edge = new_edge()
    more = """\
  - from: ssh://web1
    to: ssh://192.0.2.1:22
    policy:
      - allow:
          and:
            - email:
                is: alice@example.test
  - from: tcp+https://db.localhost:5432
    to: tcp://192.0.2.2:5432
    policy:
      - allow:
          and:
            - email:
                is: alice@example.test
"""
    edge.save(edge.text(routes=route("app.localhost", edge.https_port) + more))
    code, output = run([binary, "check", "--config", edge.configuration], environment=edge.environment)
    assert code == 0, output


def test_environment_overrides_the_file(new_edge, visitor):
    edge = new_edge()
    edge.save(edge.text().replace(f"ssh_address: 127.0.0.1:{edge.ssh_port}", "ssh_address: 127.0.0.1:1"))
    os.environ_for_edge = {**edge.environment, "SSH_ADDRESS": f"127.0.0.1:{edge.ssh_port}"}
    type(edge).environment, kept = property(lambda self: os.environ_for_edge), type(edge).environment
    try:
        edge.start()
    finally:
        type(edge).environment = kept
        del os.environ_for_edge
    assert visitor.status(edge.url()) == 302


def test_an_invalid_edit_changes_nothing(edge, publish, visitor):
    tunnel = publish()
    assert visitor.get(edge.url()).status == 200
    good = edge.configuration.read_text()
    edge.save(good.replace("email:", "emial:"))
    edge.program.wait_for(r"config\.yaml:\d+:\d+")
    assert visitor.get(edge.url()).status == 200 and tunnel.is_running
    edge.save("")  # an editor that truncates first
    edge.save(good.replace("routes:", "roads:"))  # the routes are gone
    assert visitor.get(edge.url()).status == 200 and tunnel.is_running
    edge.save(good)
    edge.edit(r"^( {16}is: .*)$", r"\1.typo")
    until(lambda: visitor.status(edge.url()) == 403, "the next valid edit to be applied")


def test_reload_by_signal(edge, publish, visitor):
    publish()
    assert visitor.get(edge.url()).status == 200
    edge.edit(r"^( {16}is: .*)$", r"\1.typo")
    edge.reload_by_signal()
    until(lambda: visitor.status(edge.url()) == 403, "403 after the signal")


def test_directory_mounts_with_symbolic_links(new_edge, new_publisher, visitor, service):
    """Kubernetes and friends swap a link to a directory; the file itself never changes."""
    edge = new_edge()
    mount = edge.directory / "mount"
    for version in ("1", "2"):
        (mount / version).mkdir(parents=True)
    text = edge.text()
    (mount / "1" / "config.yaml").write_text(text)
    (mount / "2" / "config.yaml").write_text(re.sub(r"(?m)^( {16}is: .*)$", r"\1.typo", text))
    (mount / "current").symlink_to("1")
    (mount / "config.yaml").symlink_to("current/config.yaml")
    edge.configuration = mount / "config.yaml"
    edge.start()
    tunnel = new_publisher(edge).forward(("app.localhost", service.port))
    approve(tunnel, visitor)
    tunnel.wait_published()
    assert visitor.get(edge.url()).status == 200
    (mount / "next").symlink_to("2")
    os.replace(mount / "next", mount / "current")
    until(lambda: visitor.status(edge.url()) == 403, "403 after the link was swapped")


def test_a_new_certificate_is_served_without_a_restart(new_edge, authority, visitor, tmp_path):
    edge = new_edge()
    for name, source in (("tls.pem", edge.certificate), ("tls-key.pem", edge.certificate_key)):
        shutil.copy(source, edge.directory / name)
    edge.certificate, edge.certificate_key = edge.directory / "tls.pem", edge.directory / "tls-key.pem"
    edge.start()

    def serial():
        with socket.create_connection(("127.0.0.1", edge.https_port)) as plain:
            context = ssl.create_default_context(cafile=authority.certificate)
            with context.wrap_socket(plain, server_hostname="app.localhost") as link:
                return link.getpeercert()["serialNumber"]

    before = serial()
    certificate, key = authority.issue("renewed", ["auth.localhost", "app.localhost"])
    os.replace(shutil.copy(key, edge.directory / "new-key"), edge.certificate_key)
    os.replace(shutil.copy(certificate, edge.directory / "new"), edge.certificate)
    until(lambda: serial() != before, "the new certificate")


def test_keygen_makes_what_the_edge_needs_and_never_overwrites(binary, tmp_path):
    directory = tmp_path / "keys"
    code, output = run([binary, "keygen", "--dir", directory])
    assert code == 0, output
    private = [p for p in directory.iterdir() if p.suffix != ".pub"]
    assert sorted(p.name for p in private) == [
        "ssh_host_ecdsa_key",
        "ssh_host_ed25519_key",
        "ssh_host_rsa_key",
        "user_ca_key",
    ]
    for path in private:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        # OpenSSH reads them, and the public halves belong to them.
        told = subprocess.run(["ssh-keygen", "-y", "-f", path], capture_output=True, text=True, check=True).stdout
        assert told.split()[:2] == path.with_suffix(".pub").read_text().split()[:2]
    before = {p.name: p.read_bytes() for p in directory.iterdir()}
    code, output = run([binary, "keygen", "--dir", directory])
    assert code == 0 and before == {p.name: p.read_bytes() for p in directory.iterdir()}


@pytest.mark.parametrize("port", ["0", "65537", "99999", "9223372036854775807"])
def test_a_demo_takes_ports_that_are_some(binary, port):
    code, output = run([binary, "demo", "--https-port", port])
    assert code == 64 and f"--https-port {port}: no port" in output, output


def test_keys_of_keygen_serve(new_edge, new_publisher, visitor, service, binary, tmp_path):
    directory = tmp_path / "keys"
    run([binary, "keygen", "--dir", directory])
    edge = new_edge()
    edge.keys = directory
    edge.start(edge.text().replace("pomerium_", ""))
    edge.host_public_keys = lambda: [directory / f"ssh_host_{kind}_key.pub" for kind in ("ed25519", "rsa", "ecdsa")]
    tunnel = new_publisher(edge).forward(("app.localhost", service.port))
    approve(tunnel, visitor)
    tunnel.wait_published()


def test_version_and_help(binary):
    code, output = run([binary, "version"])
    assert code == 0 and re.search(r"\d+\.\d+", output)
    code, output = run([binary, "help"])
    assert code == 0 and "demo" in output
    assert run([binary, "no-such-command"])[0] == 64
    assert run([binary, "run", "--no-such-flag"])[0] == 64


def test_missing_file_and_busy_port(binary, new_edge, tmp_path):
    code, output = run([binary, "run", "--config", tmp_path / "nowhere.yaml"])
    assert code in (74, 78) and "nowhere.yaml" in output
    edge = new_edge()
    busy = free_port()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", busy))
        holder.listen()
        edge.save(edge.text().replace(f"ssh_address: 127.0.0.1:{edge.ssh_port}", f"ssh_address: 127.0.0.1:{busy}"))
        code, output = run([binary, "run", "--config", edge.configuration], environment=edge.environment)
        assert code == 69 and str(busy) in output, output


def test_both_loopbacks(new_edge, authority):
    """`localhost` as an address is 127.0.0.1 and ::1, because a browser tries either for names under localhost."""
    edge = new_edge()
    edge.start(edge.text().replace(f"address: 127.0.0.1:{edge.https_port}", f"address: localhost:{edge.https_port}"))
    for address in ("127.0.0.1", "::1"):
        socket.create_connection((address, edge.https_port), timeout=5).close()


def test_terminate_drains(edge, publish, visitor, service):
    """TERM: a request in flight is finished, ssh is told why, and the exit code is 0."""
    tunnel = publish()
    visitor.get(edge.url())
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(visitor.get, edge.url("/slow"), follow=False)
        until(lambda: any(path == "/slow" for _, path in service.seen), "the request at the service")
        import signal

        edge.program.signal(signal.SIGTERM)
        from kit.names import listens

        until(lambda: not listens(edge.https_port), "no new connections")
        service.release.set()
        assert waiting.result().status == 200
    assert edge.program.wait(within=40) == 0
    assert tunnel.wait() == 255
    edge.program.stop()
    edge.program = None


def test_secrets_stay_out_of_the_log_and_files_are_private(edge, publish, visitor):
    publish()
    visitor.get(edge.url("/?token=very-secret-value"))
    log = edge.output
    for hidden in (
        edge._secrets["shared_secret"],
        edge._secrets["cookie_secret"],
        "pomerium-client-secret",
        "very-secret-value",
        visitor.jar["app.localhost"]["__Host-_pomerium"],
        ALICE.password,
    ):
        assert hidden not in log
    for path in (edge.directory / "state").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_ports_of_the_log(edge, publish, visitor):
    """One JSON object a line; the access log says who, what and how it ended."""
    publish()
    visitor.get(edge.url("/echo"))
    until(
        lambda: any("/echo" in str(record) and ALICE.email in str(record) for record in edge.log_records()),
        "the access log's line",
    )


def test_secret_generator_is_what_the_file_wants():
    assert len(secret()) == 44
