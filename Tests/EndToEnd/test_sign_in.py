"""The sign-in that waits for a browser: how OpenSSH is used while it does, and every way in which it ends."""

import asyncio
import os
import re
import signal

import asyncssh
import pytest
from kit.clients import AsyncSSH, Paramiko
from kit.people import ALICE, BOB, approve, browse
from kit.processes import Program, run
from kit.publisher import Tunnel
from kit.terminal import Terminal
from kit.visitor import Visitor
from kit.waiting import WITHIN_A_SECOND, seconds_until, until

DENIED = "Permission denied (keyboard-interactive)"


@pytest.fixture
def edge(request, new_edge):
    """`indirect`: lines for its configuration."""
    made = new_edge()
    return made.start(made.text(more=getattr(request, "param", "")))


def configured(*lines):
    return pytest.mark.parametrize("edge", ["\n".join(lines)], indirect=True, ids=[""])


@pytest.fixture
def agent(tmp_path):
    """An ssh-agent with nothing in it: its socket, and ssh-add for it."""
    socket = tmp_path / "agent.sock"
    with Program(["ssh-agent", "-D", "-a", socket]):
        until(socket.exists, "the agent's socket")
        environment = dict(os.environ, SSH_AUTH_SOCK=str(socket))

        def add(*keys):
            code, output = run(["ssh-add", "-q", *keys], environment=environment)
            assert code == 0, output

        yield socket, add


def published(tunnel, edge, visitor):
    until(lambda: visitor.status(edge.url()) == 200, f"the page that {' '.join(tunnel.arguments[:1])} publishes")


# How ssh is started


def test_without_a_terminal(edge, publisher, visitor, service):
    """A service, a cron job: ssh in a session of its own (`Program` starts all so), and the link is in the log."""
    tunnel = publisher.ssh("-N", "-R", f"app.localhost:443:127.0.0.1:{service.port}")
    assert os.getsid(tunnel.pid) == tunnel.pid and not os.isatty(0)
    approve(tunnel, visitor)
    published(tunnel, edge, visitor)


def test_into_the_background(edge, publisher, visitor, service):
    """`-f` stays until the sign-in is done, shows the link, and goes to the background with the tunnel."""
    log = publisher.directory / "background.log"
    control = f"/tmp/te-sign-in-{os.getpid()}.sock"
    background = ["-f", "-N", "-o", "ExitOnForwardFailure=yes", "-M", "-S", control]
    with Tunnel(publisher.command(*background, "-R", f"app.localhost:443:127.0.0.1:{service.port}"), log=log) as tunnel:
        approve(tunnel, visitor)
        assert tunnel.process.wait(15) == 0, tunnel.output
        published(tunnel, edge, visitor)
        assert run(["ssh", "-F", "none", "-S", control, "-O", "exit", "edge"])[0] == 0


def test_quiet_hides_the_link_until_the_key_is_known(edge, publisher, visitor, service):
    """OpenSSH up to 10.2 hides what servers say when told to be quiet; documented, and no way around it."""
    forward = ("-N", "-R", f"app.localhost:443:127.0.0.1:{service.port}")
    quiet = publisher.ssh("-q", *forward)
    loud = publisher.ssh(*forward)
    approve(loud, visitor)
    published(loud, edge, visitor)
    # Both waited with one key, so both are in; the quiet one has said nothing.
    assert quiet.is_running and not quiet.output, quiet.output
    for tunnel in (quiet, loud):
        tunnel.stop()
    again = publisher.ssh("-q", *forward)
    published(again, edge, visitor)
    assert not again.output


def test_batch_mode_needs_a_known_key(edge, publisher, visitor, service):
    command = ("-o", "BatchMode=yes", "-N", "-R", f"app.localhost:443:127.0.0.1:{service.port}")
    code, output = run(publisher.command(*command))
    assert code == 255 and DENIED in output, output
    tunnel = publisher.ssh("-N")
    approve(tunnel, visitor)
    published(publisher.ssh(*command), edge, visitor)


def test_an_agent_with_eight_keys(edge, agent, new_publisher, visitor, service):
    """The first key is taken, so no number of keys exhausts the tries; the second time nobody is asked."""
    socket, add = agent
    person, *others = [new_publisher(edge) for _ in range(8)]
    add(*(other.key for other in others), person.key)
    command = person.command("-N", "-R", f"app.localhost:443:127.0.0.1:{service.port}", agent=socket)
    with Tunnel(command) as tunnel:
        approve(tunnel, visitor)
        published(tunnel, edge, visitor)
    with Tunnel(command) as tunnel:
        published(tunnel, edge, visitor)
        assert not tunnel.asked_to_sign_in


def test_a_key_that_is_only_there_as_a_certificate(edge, publisher, visitor, service):
    """Somebody else's authority has certified it; here it is the key inside that counts."""
    authority = publisher.directory / "authority"
    assert run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", authority])[0] == 0
    code, output = run(["ssh-keygen", "-q", "-s", authority, "-I", "me", "-n", "dev", f"{publisher.key}.pub"])
    assert code == 0, output
    forward = ("-N", "-R", f"app.localhost:443:127.0.0.1:{service.port}")
    only = "PubkeyAcceptedAlgorithms=ssh-ed25519-cert-v01@openssh.com"
    certified = publisher.ssh("-v", "-o", only, *forward)
    approve(certified, visitor)
    published(certified, edge, visitor)
    assert re.search(r"Server accepts key: \S+ ED25519-CERT", certified.output), certified.output
    certified.stop()
    # The same key without its certificate is known now.
    plain = publisher.ssh("-v", "-o", "PubkeyAcceptedAlgorithms=ssh-ed25519", *forward)
    published(plain, edge, visitor)
    plain.wait_for("Server accepts key")
    assert not plain.asked_to_sign_in and "-CERT" not in plain.output.split("Server accepts key")[1]


def test_a_control_master_signs_in_once(edge, publisher, visitor, service):
    path = f"/tmp/te-master-{os.getpid()}.sock"
    master = publisher.ssh("-N", "-M", "-S", path)
    approve(master, visitor)
    until(lambda: os.path.exists(path), "the control socket")
    for _ in range(2):
        code, output = run(["ssh", "-F", "none", "-S", path, "edge", "whoami"])
        assert code == 0 and ALICE.email in output, output
    assert run(["ssh", "-F", "none", "-S", path, "-O", "exit", "edge"])[0] == 0
    master.wait()


# How it ends


def waiting(publisher):
    return publisher.ssh("-N", "-T")


def told(tunnel, text):
    """The client ends by itself, and has written this."""
    assert tunnel.wait() == 255
    assert text in tunnel.output, tunnel.output


def test_all_connections_of_a_key_are_released_together(edge, publisher, visitor):
    """A second after Authorize, none of them waits any more."""
    tunnels = [waiting(publisher) for _ in range(6)]
    assert len({tunnel.sign_in_url() for tunnel in tunnels}) == 1
    approve(tunnels[0], visitor)
    within = seconds_until(
        lambda: all("Signed in as" in tunnel.output for tunnel in tunnels), "all six connections to be let in"
    )
    assert within < WITHIN_A_SECOND
    assert len(edge.recorded("sign-in approved", count=6)) == 6


def test_denied(edge, publisher, visitor):
    tunnels = [waiting(publisher) for _ in range(2)]
    page = browse(visitor, tunnels[0].sign_in_url())
    tunnels[1].sign_in_url()
    assert visitor.press(page, "Deny").status == 200
    for tunnel in tunnels:
        told(tunnel, "The sign-in was denied in the browser.")


@configured("ssh_sign_in_timeout: 2s")
def test_expired(edge, publisher, visitor):
    tunnel = waiting(publisher)
    address = tunnel.sign_in_url()
    told(tunnel, "onnect again for a new")
    assert visitor.get(address).status == 400


def test_hung_up(edge, publisher, visitor):
    """A link is worth nothing once nobody waits for it."""
    tunnel = waiting(publisher)
    page = browse(visitor, tunnel.sign_in_url())
    tunnel.signal(signal.SIGKILL)
    tunnel.wait()
    until(lambda: visitor.get(page.url).status == 400, "the link to be dead")
    assert visitor.press(page, "Authorize").status == 400
    assert waiting(publisher).sign_in_url() != page.url


def test_the_provider_changes_meanwhile(edge, publisher, visitor):
    """What was begun with one provider is not finished with another."""
    tunnel = waiting(publisher)
    tunnel.sign_in_url()
    edge.edit(r"^idp_client_id: .*$", "idp_client_id: somebody-else")
    told(tunnel, "Connect again for a new link.")


def test_somebody_elses_key(edge, publisher, visitor, authority):
    """What Bob may not have of Alice's key: that it becomes his while it is hers (security rule 8)."""
    first = waiting(publisher)
    second = Tunnel(publisher.command("-N", "-T", "-b", "127.0.0.2"))
    bob = Visitor(authority.certificate)
    page = browse(bob, second.sign_in_url(), BOB)
    approve(first, visitor)
    assert bob.press(page, "Authorize").status == 409
    told(second, "bound to another person")
    assert visitor.press(visitor.get(edge.authenticate + "/.pomerium/session_binding_info"), "Revoke").status == 200
    first.wait()
    approve(waiting(publisher), bob, BOB)


# What is sent, and to how many


class Login:
    """One connection of asyncssh that signs in, and all that it was sent meanwhile; many fit into one process."""

    def __init__(self, edge, publisher, key, **options):
        self.sent = sent = []

        class Person(asyncssh.SSHClient):
            def kbdint_auth_requested(self):
                return ""

            def kbdint_challenge_received(self, *challenge):
                sent.append(challenge)
                return []

        connecting = asyncssh.connect(
            "127.0.0.1",
            edge.ssh_port,
            username="dev",
            client_keys=[key],
            known_hosts=str(publisher.known_hosts),
            client_factory=Person,
            config=None,
            agent_path=None,
            **options,
        )
        self.connected = asyncio.ensure_future(connecting.__aenter__())

    async def link(self):
        while not self.sent:
            assert not self.connected.done(), self.connected.exception()
            await asyncio.sleep(0.01)
        return self.sent[0][1].strip()


def test_what_a_client_is_sent(edge, publisher, visitor):
    """Two short lines of ASCII with the link between blanks, no question, and no login without proof.

    With `disable_trivial_auth` asyncssh, like PuTTY, refuses a server that lets it in after empty questions alone.
    """

    async def sign_in():
        login = Login(edge, publisher, str(publisher.key), disable_trivial_auth=True)
        page = await asyncio.to_thread(browse, visitor, await login.link())
        await asyncio.to_thread(visitor.press, page, "Authorize")
        (await login.connected).close()
        return login.sent

    sent = asyncio.run(asyncio.wait_for(sign_in(), 30))
    (name, instructions, language, questions), *more = sent
    assert name == "Please sign in with oidc to continue" and language == "" and questions == [] and not more
    link = re.escape(f"{edge.authenticate}/.pomerium/sign_in?user_code=") + "[A-Za-z0-9_-]{22}"
    assert re.fullmatch(f" {link} ", instructions), instructions
    assert (name + instructions).isascii() and len(name + instructions) < 1000


def test_links_of_one_address_are_bounded(edge, publisher, visitor):
    """The 33rd makes the oldest give way that nobody has opened; who has begun in the browser finishes (rule 11)."""

    async def crowd():
        logins = []
        for number in range(33):
            logins.append(Login(edge, publisher, asyncssh.generate_private_key("ssh-ed25519")))
            await logins[-1].link()
            if number == 0:
                page = await asyncio.to_thread(browse, visitor, await logins[0].link())
        opened, oldest, *others = logins
        with pytest.raises(asyncssh.DisconnectError, match="Too many sign-ins are waiting"):
            await oldest.connected
        assert not any(login.connected.done() for login in (opened, *others))
        await asyncio.to_thread(visitor.press, page, "Authorize")
        (await opened.connected).close()
        for login in others:
            login.connected.cancel()

    asyncio.run(asyncio.wait_for(crowd(), 60))


# From where


def test_a_new_address_is_told(edge, publisher, visitor):
    """By default a known key may move; its person reads so in the terminal, and the audit log has it."""
    approve(waiting(publisher), visitor)
    moved = publisher.ssh("-N", "-T", "-b", "127.0.0.2")
    moved.wait_for(r"This key was approved from 127\.0\.0\.1; it now comes from 127\.0\.0\.2\.")
    assert not moved.asked_to_sign_in
    again = publisher.ssh("-N", "-T", "-b", "127.0.0.2")
    again.wait_for("Signed in as")
    assert "now comes from" not in again.output
    assert len(edge.recorded("key used from a new address")) == 1


@configured("ssh_new_source: sign_in")
def test_a_new_address_signs_in_anew(edge, publisher, visitor):
    home, away = waiting(publisher), publisher.ssh("-N", "-T", "-b", "127.0.0.2")
    assert home.sign_in_url() != away.sign_in_url(), "one link for two addresses"
    approve(home, visitor)
    home.wait_for("Signed in as")
    approve(away, visitor)
    away.wait_for("Signed in as")
    back = waiting(publisher)
    back.wait_for("Signed in as")
    assert not back.asked_to_sign_in


# Digits that are typed (security rule 10)


@pytest.fixture
def terminal(tmp_path):
    made = Terminal(tmp_path, columns=150)
    yield made
    made.stop()


def sign_in_at(terminal, command, visitor):
    """Starts a client in the terminal and authorizes in the browser: the digits that the page then shows."""
    terminal.run(command)
    shown = terminal.wait_for("user_code=")
    page = browse(visitor, re.search(r"https://\S+user_code=[\w-]+", shown).group())
    page = visitor.press(page, "Authorize")
    assert page.status == 200
    terminal.wait_for("Six digits shown in the browser:")
    return re.sub(r"\D", "", re.search(r'class="digits"[^>]*>([^<]*)<', page.text).group(1))


@configured("ssh_sign_in_check: terminal")
def test_digits_that_are_typed(edge, publisher, visitor, terminal):
    digits = sign_in_at(terminal, publisher.command("-N", "-T"), visitor)
    terminal.type("not" + digits)
    terminal.press("Enter")
    terminal.wait_for("Not these digits (2 tries left):")
    terminal.type(f"{digits[:3]} {digits[3:]}")
    terminal.press("Enter")
    terminal.wait_for("Signed in as " + ALICE.email)
    assert len(edge.recorded("sign-in approved")) == 1


@configured("ssh_sign_in_check: terminal")
def test_wrong_digits(edge, publisher, visitor, terminal):
    digits = sign_in_at(terminal, publisher.command("-N", "-T"), visitor)
    wrong = "000000" if digits != "000000" else "111111"
    for then in ("2 tries left", "1 try left", "wrong digits"):
        terminal.type(wrong)
        terminal.press("Enter")
        terminal.wait_for(then)
    assert waiting(publisher).sign_in_url()
    assert len(edge.recorded("sign-in denied")) == 1


@configured("ssh_sign_in_check: terminal")
@pytest.mark.parametrize("kind", [Paramiko, AsyncSSH], ids=lambda kind: kind.name)
def test_digits_in_a_program(edge, visitor, service, terminal, tmp_path, kind):
    """The documented programs pass questions on to whoever started them."""
    client = kind(tmp_path / "client", edge)
    command = ["env", f"HOME={client.directory}", *client.words("app.localhost", service.port)]
    terminal.type(sign_in_at(terminal, command, visitor))
    terminal.press("Enter")
    until(lambda: visitor.status(edge.url()) == 200, "the page")


@configured("ssh_sign_in_check: terminal")
def test_digits_need_somebody_to_type_them(edge, publisher, visitor):
    """Without a terminal ssh cannot ask; the sign-in ends, and the link is worth nothing."""
    tunnel = waiting(publisher)
    page = browse(visitor, tunnel.sign_in_url())
    assert "digits" in visitor.press(page, "Authorize").text
    assert tunnel.wait() == 255
    # However that went in detail: connection lost, or three empty answers.
    for answer in (lambda: visitor.get(page.url), lambda: visitor.press(page, "Authorize")):
        gone = until(lambda answer=answer: (told := answer()).status != 200 and told, "the end of the link")
        assert gone.status == 409 and "The digits were not typed" in gone.text, repr(gone)
