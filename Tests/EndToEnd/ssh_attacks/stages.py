"""How far somebody has come who wants to sign in."""

from kit.raw_keys import ED25519Key
from kit.raw_ssh import USERAUTH_FAILURE
from kit.wire import string

PARTIAL = bytes([USERAUTH_FAILURE]) + string("keyboard-interactive") + b"\x01"
REFUSED = bytes([USERAUTH_FAILURE]) + string("publickey") + b"\x00"


def at_service(attacked):
    return attacked.connected()


def at_login(attacked):
    return attacked.connected().service()


def at_partial(attacked):
    connection = at_login(attacked)
    assert connection.prove(ED25519Key()) == PARTIAL
    return connection


def at_prompt(attacked):
    connection = at_partial(attacked)
    connection.ask_to_sign_in()
    return connection


def at_waiting(attacked):
    connection = at_prompt(attacked)
    connection.answer_prompt()
    return connection


STAGES = [at_service, at_login, at_partial, at_prompt, at_waiting]
