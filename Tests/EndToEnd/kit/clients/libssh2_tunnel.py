"""Publishes a local port with libssh2, called as a C program calls it: the library is the one inside ssh2-python, whose
own interface hides what the server shows.

libssh2_tunnel.py EDGE-PORT KEY KNOWN-HOSTS ROUTE LOCAL-PORT
"""

import base64
import socket
import sys
from ctypes import CDLL, CFUNCTYPE, byref, c_char_p, c_int, c_size_t, c_ssize_t, c_void_p
from ctypes import create_string_buffer, string_at
from importlib.metadata import files
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from kit.clients.pump import PIECE, Pump  # noqa: E402

AGAIN = -37  # LIBSSH2_ERROR_EAGAIN
RESPONSE = CFUNCTYPE(
    None, c_void_p, c_int, c_void_p, c_int, c_int, c_void_p, c_void_p, c_void_p
)  # LIBSSH2_USERAUTH_KBDINT_RESPONSE_FUNC


def load():
    inside = {Path(file).name.split("-")[0]: file.locate() for file in files("ssh2-python") if ".libs" in str(file)}
    CDLL(str(inside["libcrypto"]))
    library = CDLL(str(inside["libssh2"]))
    for name in ("session_init_ex", "session_hostkey", "channel_forward_listen_ex", "channel_forward_accept"):
        getattr(library, f"libssh2_{name}").restype = c_void_p
    for name in ("channel_read_ex", "channel_write_ex"):
        getattr(library, f"libssh2_{name}").restype = c_ssize_t
    return library


ssh2 = load()


class Channel:
    def __init__(self, channel):
        self._channel = c_void_p(channel)
        self._buffer = create_string_buffer(PIECE)

    def read(self, size):
        count = ssh2.libssh2_channel_read_ex(self._channel, 0, self._buffer, c_size_t(size))
        if count == 0 and ssh2.libssh2_channel_eof(self._channel):
            return None
        if count < 0 and count != AGAIN:
            return None
        return self._buffer.raw[:count] if count > 0 else b""

    def write(self, data):
        count = ssh2.libssh2_channel_write_ex(self._channel, 0, data, c_size_t(len(data)))
        if count < 0 and count != AGAIN:
            raise OSError(f"libssh2 cannot write: {count}")
        return max(count, 0)

    def close(self):
        ssh2.libssh2_channel_free(self._channel)


@RESPONSE
def show(name, name_length, instruction, instruction_length, questions, _prompts, _responses, _session):
    """Called for each request of the edge; most show nothing and only ask whether we are still there."""
    assert questions == 0
    text = b" ".join([string_at(name, name_length), string_at(instruction, instruction_length)]).strip()
    if text:
        print(text.decode())


def main(edge_port, key, known_hosts, route, local_port):
    link = socket.create_connection(("127.0.0.1", int(edge_port)))
    assert ssh2.libssh2_init(0) == 0
    session = c_void_p(ssh2.libssh2_session_init_ex(None, None, None, None))
    assert ssh2.libssh2_session_handshake(session, link.fileno()) == 0
    length, kind = c_size_t(), c_int()
    told = string_at(ssh2.libssh2_session_hostkey(session, byref(length), byref(kind)), length.value)
    assert base64.b64encode(told).decode() in Path(known_hosts).read_text(), "this is another host"
    user = b"dev"
    # libssh2 calls a partial success a failure; whether it was one shows in what the edge says next.
    if ssh2.libssh2_userauth_publickey_fromfile_ex(session, user, len(user), None, c_char_p(key.encode()), None) != 0:
        code = ssh2.libssh2_userauth_keyboard_interactive_ex(session, user, len(user), show)
        assert code == 0, f"sign-in failed: {code}"
    listener = c_void_p(ssh2.libssh2_channel_forward_listen_ex(session, route.encode(), 443, None, 16))
    assert listener, "the forward was refused"
    ssh2.libssh2_session_set_blocking(session, 0)
    pump = Pump(link, int(local_port))
    while True:
        if channel := ssh2.libssh2_channel_forward_accept(listener):
            pump.add(Channel(channel))
        elif ssh2.libssh2_session_last_errno(session) != AGAIN:
            sys.exit("the connection is gone")
        pump.turn()


main(*sys.argv[1:])
