"""What a publisher sees: the status screen in a real terminal, lines without one, and the commands."""

import json
import random
import re
import subprocess
import threading

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key
from kit.people import ALICE, approve
from kit.processes import Program, run
from kit.publisher import Tunnel
from kit.raw_keys import ED25519Key
from kit.raw_ssh import DATA, OPEN, OPEN_FAILURE, REQUEST_SUCCESS, SUCCESS, WINDOW_ADJUST, RawSSH
from kit.terminal import Terminal, pixels, write_bitmap
from kit.waiting import until
from kit.wire import Fields, string, uint32


@pytest.fixture
def known(edge, publisher, visitor, service):
    """A publisher whose key is known, so that what follows needs no browser."""
    tunnel = publisher.forward(("app.localhost", service.port))
    approve(tunnel, visitor)
    tunnel.wait_published()
    assert visitor.get(edge.url()).status == 200
    tunnel.stop()
    return publisher


@pytest.fixture
def new_terminal(tmp_path):
    made = []

    def make(columns=80, rows=24, **more):
        terminal = Terminal(tmp_path, columns, rows, name=f"terminal{len(made)}", **more)
        made.append(terminal)
        return terminal

    yield make
    for terminal in made:
        terminal.stop()


def forward(publisher, service, *options):
    return publisher.command("-R", f"app.localhost:443:127.0.0.1:{service.port}", *options)


def decoded(terminal, directory):
    """What a phone's camera would read from the screen."""
    picture = directory / "code.pbm"
    write_bitmap(pixels(terminal.cells()), picture)
    return run(["zbarimg", "--quiet", "--raw", "--nodbus", picture])[1].strip()


def rows_with(terminal, text):
    return [line for line in terminal.text.splitlines() if text in line]


def test_the_screen_lives_and_leaves_no_trace(edge, known, visitor, service, new_terminal, tmp_path):
    terminal = new_terminal(80, 24)
    terminal.run(["echo", "what was here before"])
    terminal.wait_for("\nwhat was here before")
    terminal.run(forward(known, service))
    shown = terminal.wait_for("No requests yet")
    url = edge.url("").rstrip("/")
    assert f"• {url}" in shown and "published" in shown and "alice@example.test until " in shown
    assert (terminal.state("alternate_on"), terminal.state("cursor_flag")) == ("1", "0")

    # Requests appear while they run, with visitor and status, and without what may be secret.
    assert visitor.get(edge.url("/status/404?token=hunter2")).status == 404
    terminal.wait_for("/status/404")
    row = rows_with(terminal, "/status/404")[0]
    assert re.search(r"\d\d:\d\d:\d\d alice@example.test +GET +/status/404 +404 +\d+ ms +12 B", row), row
    assert "hunter2" not in terminal.text
    slow = threading.Thread(target=visitor.get, args=(edge.url("/slow"),))
    slow.start()
    terminal.wait_for("/slow")
    until(lambda: re.search(r"/slow +… +(1\.\d|[2-9](\.\d)?) s", terminal.text), "the time it runs already")
    service.release.set()
    slow.join()
    until(lambda: re.search(r"/slow +200 ", terminal.text), "the end of the slow request")

    # Every size, the smallest that tmux makes included.
    terminal.resize(200, 50)
    shown = terminal.wait_for("Received")
    assert "Note" in shown and len(shown.splitlines()[0]) > 190
    for columns, rows in ((40, 10), (12, 3), (1, 1)):
        terminal.resize(columns, rows)
    terminal.resize(40, 10)
    assert "Received" not in terminal.wait_for("GET     /slow")
    terminal.resize(80, 24)
    terminal.wait_for("/ filter")

    # A page of its own for the code, which a reader reads, and back.
    terminal.type("Q")
    terminal.wait_for("Q back")
    assert decoded(terminal, tmp_path) == url
    terminal.type("Q")
    terminal.wait_for("/slow")

    # Filter, clear, help.
    terminal.type("/")
    terminal.wait_for("Enter keep")
    terminal.type("slow")
    until(lambda: not rows_with(terminal, "/status/404"), "the filter to work")
    terminal.press("Escape")
    terminal.wait_for("/status/404")
    terminal.type("c")
    terminal.wait_for("Cleared.")
    terminal.type("?")
    terminal.wait_for("pause the list")

    terminal.type("q")
    terminal.wait_for("\nready$")
    until(lambda: terminal.state("alternate_on") == "0", "the end of the alternate screen")
    assert terminal.state("cursor_flag") == "1" and terminal.state("mouse_any_flag") == "0"
    after = terminal.text
    assert after.startswith("ready$ echo 'what was here before'\nwhat was here before\nready$ ssh ") and "•" not in after
    assert all(cell[1:] == (None, None, False, False, False, False) for row in terminal.cells() for cell in row)


@pytest.mark.parametrize(
    "kind,environment",
    [("no colour", {"NO_COLOR": "1"}), ("ASCII", {"LC_ALL": "C"}), ("console", {"TERM": "linux"})],
)
def test_poorer_terminals(edge, known, service, new_terminal, tmp_path, kind, environment):
    terminal = new_terminal(100, 50)
    command = ["env", *(f"{name}={value}" for name, value in environment.items())]
    sends = "-oSendEnv=NO_COLOR LC_ALL"
    ascii_only = ["-oSendEnv=LC_ALL", "-tt"] if kind == "ASCII" else []
    terminal.run(["stty", "-iutf8"] if kind == "ASCII" else ["true"])
    terminal.run(command + [str(word) for word in forward(known, service, sends, *ascii_only)])
    mark = "* https://" if kind == "ASCII" else "• https://"
    terminal.wait_for(mark)
    colours = {cell[1] for row in terminal.cells() for cell in row}
    assert (colours == {None}) == (kind == "no colour"), colours
    if kind == "ASCII":
        assert terminal.text.isascii()
    terminal.type("Q")
    terminal.wait_for("Q back")
    assert decoded(terminal, tmp_path) == edge.url("").rstrip("/")
    terminal.press({"no colour": "C-c", "ASCII": "C-d", "console": "q"}[kind])
    until(lambda: terminal.state("cursor_flag") == "1" and terminal.text.rstrip().endswith("ready$"), "the prompt")


def test_two_screens_on_one_connection(edge, known, visitor, service, new_terminal, tmp_path):
    """Each has its own size; closing one closes neither the other nor the tunnel."""
    socket = tmp_path / "mux"
    with Tunnel(
        known.command("-M", "-S", socket, "-N", "-v", "-R", f"app.localhost:443:127.0.0.1:{service.port}")
    ) as master:
        master.wait_published()
        wide, narrow = new_terminal(120, 30), new_terminal(60, 20)
        for terminal in (wide, narrow):
            terminal.run(known.command("-S", socket))
            terminal.wait_for("No requests yet")
        until(lambda: "another session of this connection keeps the tunnel" in wide.text, "the truth about q")
        assert visitor.get(edge.url("/")).status == 200
        for terminal in (wide, narrow):
            until(lambda terminal=terminal: re.search(r"GET .* 200 ", terminal.text), "the request")
        assert "alice@example.test" in rows_with(wide, "GET")[0] and "alice" not in rows_with(narrow, "GET")[0]
        wide.type("q")
        wide.wait_for("\nready$")
        until(lambda: "q ends this session, and the tunnel unless" in narrow.text, "the truth about q")
        assert visitor.get(edge.url("/status/201")).status == 201
        narrow.wait_for("/status/201")

        # Commands go beside it, and so does everything else a session may be.
        code, told = run(known.command("-q", "-S", socket) + ["tunnels", "--json"])
        assert code == 0
        (tunnel,) = json.loads(told)
        assert tunnel["attached"] and tunnel["url"] == edge.url("").rstrip("/") and tunnel["streams"] >= 1
        assert run(["sftp", "-o", f"ControlPath={socket}", f"{known.user}@127.0.0.1"])[0] != 0
        narrow.press("C-c")
        narrow.wait_for("\nready$")


def test_states_and_the_end_of_the_edge(edge, known, visitor, service, new_terminal):
    terminal = new_terminal(100, 24)
    gone = known.command("-R", "app.localhost:443:127.0.0.1:1", "-R", "nope.localhost:443:127.0.0.1:1")
    terminal.run(gone)
    terminal.wait_for("Could not publish nope.localhost:443: not available to you.")
    assert visitor.get(edge.url("/")).status in (502, 503)
    shown = terminal.wait_for("published, but your local service refused: ")
    # What ssh itself wrote over the screen is gone again.
    until(lambda: "connect_to" not in terminal.text, "the screen to be whole again")
    shown = terminal.text
    assert shown.splitlines()[0].startswith(" TunnelEdge ") and "! https://" in shown
    until(lambda: re.search(r"GET .* 50[23] ", terminal.text), "the failed request")
    edge.edit(r"(ssh_policy:[\s\S]*?is: )alice@example.test", r"\1nobody@example.test")
    terminal.wait_for("not reachable: its owner may no longer publish it")
    assert "○ https://" in terminal.text
    edge.stop()
    terminal.wait_for("The edge is shutting down. Connect again in a moment.")
    until(lambda: terminal.state("alternate_on") == "0" and terminal.state("cursor_flag") == "1", "a clean terminal")


def test_without_a_terminal(edge, known, visitor, service):
    """Plain lines: the address first, then what happens; `-n` does not end it."""
    with Tunnel(forward(known, service, "-n", "-T")) as tunnel:
        tunnel.wait_for(r"^https://app\.localhost:\d+  published$")
        tunnel.wait_for(r"^Signed in as alice@example.test until ")
        assert visitor.get(edge.url("/status/404?token=hunter2")).status == 404
        tunnel.wait_for(r"UTC  alice@example\.test  GET app\.localhost(:\d+)?/status/404  404  \d+ ms  12 B")
        assert "hunter2" not in tunnel.output and "\x1b" not in tunnel.output


def test_commands_speak_json_and_exit_codes(edge, known, service):
    def answer(*words):
        with Program([*known.command("-q"), *words]) as program:
            return program.wait(), program.output

    code, told = answer("whoami", "--json")
    person = json.loads(told)
    assert code == 0 and person["user"] == "alice@example.test" and person["key"].startswith("SHA256:")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", person["session_expires"])
    assert json.loads(answer("routes", "--json")[1]) == [
        {"url": edge.url("").rstrip("/"), "forward": f"app.localhost:{edge.https_port}", "published": False}
    ]
    assert json.loads(answer("tunnels", "--json")[1]) == []
    assert answer("tunels") == (127, "Unknown command: tunels. Did you mean tunnels?\n"
                                "Commands: whoami, tunnels, routes, logout, help. Each takes --json.\n")  # fmt: skip
    assert answer("routes", "all")[0] == 64
    code, told = answer()
    assert code == 0 and f"ssh -R app.localhost:{edge.https_port}:localhost:3000 EDGE" in told

    with known.forward(("app.localhost", service.port)) as tunnel:
        tunnel.wait_published()
        code, told = answer("logout", "--json")
        ended = json.loads(told)
        assert code == 0 and ended["signed_out"] and ended["ended_tunnels"] == [edge.url("").rstrip("/")]
        assert tunnel.wait() == 255


def test_plink_sees_the_screen(edge, known, service, new_terminal, tmp_path):
    key = tmp_path / "key.ppk"
    assert run(["puttygen", known.key, "-o", key, "-O", "private"])[0] == 0
    fingerprint = run(["ssh-keygen", "-l", "-E", "sha256", "-f", edge.host_public_keys()[0]])[1].split()[1]
    terminal = new_terminal(80, 24)
    terminal.run(
        ["plink", "-ssh", "-t", "-P", edge.ssh_port, "-i", key, "-hostkey", fingerprint, "-R",
         f"app.localhost:443:127.0.0.1:{service.port}", f"{known.user}@127.0.0.1"]  # fmt: skip
    )
    terminal.wait_for("Press Return to begin session")
    terminal.press("Enter")
    terminal.wait_for("No requests yet")
    terminal.type("q")
    terminal.wait_for("\nready$")


def test_any_keys_in_any_size(edge, known, visitor, service):
    """Random bytes and sizes: the screen goes on, and ends when it is told to."""
    chance = random.Random(20260)
    pieces = [b"\x1b", b"[", b"O", b"~", b"200~", b"201~", b"Q", b"?", b"/", b"p", b"c", b"j", b"G", b"\t", b"\xf0\x9f",
              b"\x98\x80", b"\xff", b"A", b"1;5", b"\x00", b"\r", b"\x7f", b"abc", b"\xe2\x80\xae"]  # fmt: skip
    with Program(
        forward(known, service, "-tt"), environment={"TERM": "xterm", "PATH": "/usr/bin:/bin"}, stdin=subprocess.PIPE
    ) as client:
        client.wait_for("No requests yet")
        for _ in range(300):
            client.process.stdin.write(b"".join(chance.choices(pieces, k=20)))
            client.process.stdin.flush()
        assert visitor.get(edge.url("/")).status == 200
        client.process.stdin.write(b"\x03\x03\x03")
        client.process.stdin.flush()
        assert client.wait() == 0
        assert "\x1b[?25h\x1b[?1049l" in client.output
        assert ALICE.email in client.output


def test_a_client_that_takes_no_frames_gets_only_the_latest(edge, known, visitor):
    """Frames are not queued: with a window of 0 the first waits, and the next is of when there is room again."""
    key = ED25519Key()
    key.private = load_ssh_private_key(known.key.read_bytes(), None)
    key.raw = key.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    with RawSSH(edge.ssh_port, source="127.0.0.1").log_in(key) as client:
        client.send(client.global_request("tcpip-forward", string("app.localhost") + uint32(443)))
        client.expect_now(REQUEST_SUCCESS)
        channel = client.open_session(window=0)
        client.send(client.channel_request(channel, "pty-req", string("xterm") + uint32(80) + uint32(24) + bytes(12)))
        client.send(client.channel_request(channel, "shell"))
        client.expect_now(SUCCESS)
        client.expect_now(SUCCESS)
        for _ in range(30):
            # Each is refused, which changes the screen and has it drawn anew.
            asking = threading.Thread(target=visitor.status, args=(edge.url("/"),))
            asking.start()
            opened = Fields(client.expect_now(OPEN)[1:])
            opened.text()
            client.send(client.on(OPEN_FAILURE, opened.uint32(), uint32(2) + string("no") + string("")))
            asking.join()
        client.send(client.on(WINDOW_ADJUST, channel, uint32(1 << 20)))
        shown = b""
        while b"Requests" not in shown or b"\x1b[1m30" not in shown:
            shown += Fields(client.expect_past({80, WINDOW_ADJUST}, DATA)[5:]).string()
        assert shown.count(b"TunnelEdge") == 2 and len(shown) < 8000
