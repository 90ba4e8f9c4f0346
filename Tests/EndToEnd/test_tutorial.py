"""The reverse-tunnel tutorial, step by step, with the tools that it uses: ssh, a browser, sed."""

import subprocess

from kit.people import ALICE, BOB, approve, browse
from kit.visitor import Visitor
from kit.waiting import WITHIN_A_SECOND, seconds_until, until

# The tutorial's own commands: they find the two policies by the depth of their indentation.
REVOKE_VISIT = r"s/^( {16}is: .*)/\1.typo/"
RESTORE_VISIT = r"s/^( {16}is: .*)\.typo$/\1/"
REVOKE_PUBLISH = r"s/^( {18}is: .*)/\1.typo/"
RESTORE_PUBLISH = r"s/^( {18}is: .*)\.typo$/\1/"


def sed(expression, edge):
    subprocess.run(["sed", "-i", "-E", expression, str(edge.configuration)], check=True)


def open_as_in_the_tutorial(publisher, service):
    return publisher.ssh("-R", f"app.localhost:443:localhost:{service.port}", "-N")


def test_the_tutorial(edge, publisher, visitor, authority, service):
    # Step 6: ssh prints who to sign in with and where.
    tunnel = open_as_in_the_tutorial(publisher, service)
    address = tunnel.sign_in_url()
    assert "Please sign in with oidc to continue" in tunnel.output
    assert address.startswith(edge.authenticate + "/.pomerium/sign_in?user_code=")
    assert len(address.partition("user_code=")[2]) == 22

    # Nobody has signed in yet: the page is not served, whoever asks.
    stranger = Visitor(authority.certificate)
    assert stranger.status(edge.url()) == 302

    # Sign in, read what is asked, authorize.
    page = visitor.sign_in(visitor.get(address), ALICE.name, ALICE.password)
    assert page.host == "auth.localhost"
    for shown in ("SHA256:", "127.0.0.1", "Deny", "Authorize"):
        assert shown in page.text, f"the verify page does not show {shown}:\n{page.text}"
    assert visitor.press(page, "Authorize").status == 200

    # Step 7: the session of step 6 is still active, so the page comes without another login form.
    until(
        lambda: edge.program.is_running and tunnel.is_running and visitor.get(edge.url()).text == "Hello world!\n",
        "the published page",
    )
    tunnel.wait_for(r"^You may publish app\.localhost.*\n")
    quiet = tunnel.output

    # Another browser is asked to sign in first, and sees the page then.
    page = stranger.get(edge.url())
    assert page.host == "127.0.0.1" and page.forms, repr(page)
    page = browse(stranger, edge.url())
    assert page.text == "Hello world!\n", f"{page!r} {page.history}"

    # Revoke the route access policy: 403. Restore it: the page is back.
    sed(REVOKE_VISIT, edge)
    assert seconds_until(lambda: visitor.status(edge.url()) == 403, "403 after the edit") < WITHIN_A_SECOND
    assert ALICE.email in visitor.get(edge.url()).text
    sed(RESTORE_VISIT, edge)
    assert seconds_until(lambda: visitor.status(edge.url()) == 200, "200 after the edit") < WITHIN_A_SECOND

    # Revoke the tunnel policy: 503, and ssh neither ends nor says a word. Restore it: the same connection serves again.
    sed(REVOKE_PUBLISH, edge)
    assert seconds_until(lambda: visitor.status(edge.url()) == 503, "503 after the edit") < WITHIN_A_SECOND
    assert tunnel.is_running and tunnel.output == quiet
    sed(RESTORE_PUBLISH, edge)
    assert seconds_until(lambda: visitor.status(edge.url()) == 200, "200 after the edit") < WITHIN_A_SECOND
    assert tunnel.is_running and tunnel.output == quiet

    # The key is known now: a second connection asks nobody anything.
    tunnel.stop()
    again = open_as_in_the_tutorial(publisher, service)
    until(lambda: visitor.status(edge.url()) == 200, "the page through the second connection")
    assert not again.asked_to_sign_in

    # The state file outlives the process: after a restart neither the browser nor the key signs in again.
    assert edge.stop() == 0
    again.wait()
    edge.start()
    third = open_as_in_the_tutorial(publisher, service)
    until(lambda: visitor.status(edge.url()) == 200, "the page after the restart")
    assert not third.asked_to_sign_in
    assert stranger.status(edge.url()) == 200


def test_both_policies_are_independent(edge, publisher, visitor, authority, service):
    """Bob may not visit Alice's page, and his key may not publish it; each is told so, and no more than that."""
    tunnel = open_as_in_the_tutorial(publisher, service)
    approve(tunnel, visitor)
    until(lambda: visitor.status(edge.url()) == 200, "the published page")
    bob = Visitor(authority.certificate)
    page = browse(bob, edge.url(), BOB)
    assert page.status == 403 and BOB.email in page.text


def test_a_memory_store_forgets(new_edge, new_publisher, visitor, service):
    """The opposite of `file`: with `memory` a restart asks everybody again, so the proof above proves something."""
    edge = new_edge()
    text = edge.text().replace("databroker_storage_type: file", "databroker_storage_type: memory")
    text = "\n".join(line for line in text.splitlines() if not line.startswith("databroker_storage_connection"))
    edge.start(text + "\n")
    publisher = new_publisher(edge)
    tunnel = open_as_in_the_tutorial(publisher, service)
    approve(tunnel, visitor)
    until(lambda: visitor.status(edge.url()) == 200, "the published page")
    edge.restart()
    assert visitor.get(edge.url(), follow=False).status == 302
    assert open_as_in_the_tutorial(publisher, service).sign_in_url()
