"""Signatures that are checked beside the event loops: what comes meanwhile waits its turn and takes nothing from it."""

import pytest
from kit.attacked import count
from kit.processes import descriptors
from kit.raw_keys import ECDSAKey, RSAKey
from kit.raw_ssh import USERAUTH_FAILURE, RawSSH
from kit.waiting import until
from kit.wire import string

from .stages import PARTIAL, REFUSED, at_login


@pytest.fixture(scope="module", params=["rsa", "nistp384"])
def key(request):
    return RSAKey() if request.param == "rsa" else ECDSAKey(request.param)


def test_nothing_overtakes_the_check(attacked, key):
    connection = at_login(attacked)
    whoami = RawSSH.channel_request(0, "exec", string("whoami"))
    _, seen = attacked.dies(connection, connection.signed(key), RawSSH.opening("session"), whoami)
    assert seen in ([], [PARTIAL]), seen


def test_each_answer_is_that_of_its_own_key(attacked, key):
    stranger = RSAKey()
    connection = at_login(attacked)
    connection.send(connection.signed(key, signer=stranger), connection.signed(key))
    assert [connection.expect(USERAUTH_FAILURE) for _ in range(2)] == [REFUSED, PARTIAL]
    connection.close()


def test_who_leaves_meanwhile_leaves_nothing_behind(attacked, key):
    before = descriptors(attacked.edge.program.pid)
    for _ in range(count(40, 300)):
        connection = at_login(attacked)
        connection.send(connection.signed(key), connection.signed(key))
        connection.close()
    until(lambda: descriptors(attacked.edge.program.pid) <= before + 10, "descriptors of closed connections")
    assert at_login(attacked).prove(key) == PARTIAL
