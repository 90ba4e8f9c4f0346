"""The demo: the first thing a newcomer runs."""

import os
import re
import signal
import socket

import pytest
from conftest import ROOT
from kit.names import free_port
from kit.processes import Program, run
from kit.publisher import Tunnel
from kit.visitor import Visitor


@pytest.fixture
def ports():
    names = ("--https-port", "--ssh-port", "--provider-port", "--service-port")
    return [part for name in names for part in (name, str(free_port()))]


def environment(home):
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}


def test_the_demo_walks_the_whole_way(binary, tmp_path, ports):
    code, output = run(
        [binary, "demo", "--state", tmp_path / "state", "--dex-config", ROOT / "dex/config.yaml", *ports, "--check"],
        environment=environment(tmp_path),
        directory=tmp_path,
        within=120,
    )
    assert code == 0, output


def test_following_the_printed_words(binary, tmp_path, ports):
    """Paste the printed ssh line, open the printed address, sign in with a printed user: the page is there."""
    with Program(
        [binary, "demo", "--state", tmp_path / "state", "--dex-config", ROOT / "dex/config.yaml", *ports],
        environment=environment(tmp_path),
        directory=tmp_path,
        log=tmp_path / "demo.log",
    ) as demo:
        line = demo.wait_for(r"^\s*(ssh .*-R .*)$", within=60).group(1)
        address = demo.wait_for(r"(https://app\.localhost:\d+)/?").group(1)
        user = demo.wait_for(r"(\S+@\S+\.\S+)\s+(?:password:?\s+)?(\S+)$")
        with Tunnel(
            ["sh", "-c", "exec " + line.strip()], environment=environment(tmp_path), directory=tmp_path
        ) as tunnel:
            visitor = Visitor(tmp_path / "state" / "ca.pem")
            page = visitor.get(tunnel.sign_in_url())
            page = visitor.sign_in(page, user.group(1), user.group(2)) if page.host != "auth.localhost" else page
            if not any(form.button("Authorize") for form in page.forms):
                page = visitor.sign_in(page, user.group(1), user.group(2))
            assert visitor.press(page, "Authorize").status == 200
            from kit.waiting import until

            until(lambda: "Hello world!" in visitor.get(address + "/").text, "the published page")
        demo.signal(signal.SIGINT)
        assert demo.wait(within=40) == 0


def test_busy_ports_are_no_reason_to_fail(binary, tmp_path, ports):
    busy = int(ports[1])
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", busy))
        holder.listen()
        with Program(
            [binary, "demo", "--state", tmp_path / "state", "--dex-config", ROOT / "dex/config.yaml", *ports],
            environment=environment(tmp_path),
            directory=tmp_path,
        ) as demo:
            address = demo.wait_for(r"https://app\.localhost:(\d+)", within=60)
            assert int(address.group(1)) != busy


def test_run_refuses_the_demos_keys(binary, tmp_path, ports):
    """Keys that lie in a demo's directory are no keys for a real edge (security rule 35)."""
    state = tmp_path / "state"
    with Program(
        [binary, "demo", "--state", state, "--dex-config", ROOT / "dex/config.yaml", *ports],
        environment=environment(tmp_path),
        directory=tmp_path,
    ) as demo:
        demo.wait_for(r"https://app\.localhost:(\d+)", within=60)
    code, output = run([binary, "run", "--config", state / "config.yaml"], environment=environment(tmp_path))
    assert code == 78 and "demo" in output, output
    assert re.search(r"config\.yaml|ssh_host|ca\.pem", output)
