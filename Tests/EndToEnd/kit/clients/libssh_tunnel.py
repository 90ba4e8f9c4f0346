"""Publishes a local port with libssh, called as a C program calls it (Debian: libssh-4).

libssh_tunnel.py EDGE-PORT KEY KNOWN-HOSTS ROUTE LOCAL-PORT
"""

import socket
import sys
from ctypes import CDLL, byref, c_char_p, c_int, c_uint32, c_void_p, create_string_buffer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from kit.clients.pump import PIECE, Pump  # noqa: E402

HOST, PORT, FD, USER, KNOWNHOSTS = 0, 1, 3, 4, 8  # enum ssh_options_e
SUCCESS, PARTIAL, INFO = 0, 2, 3  # enum ssh_auth_e
KNOWN = 1  # enum ssh_known_hosts_e

ssh = CDLL("libssh.so.4")
for function in ("ssh_new", "ssh_channel_open_forward_port"):
    getattr(ssh, function).restype = c_void_p
for function in ("ssh_get_error", "ssh_userauth_kbdint_getname", "ssh_userauth_kbdint_getinstruction"):
    getattr(ssh, function).restype = c_char_p
ssh.ssh_channel_window_size.restype = c_uint32


class Channel:
    def __init__(self, channel):
        self._channel = c_void_p(channel)
        self._buffer = create_string_buffer(PIECE)

    def read(self, size):
        count = ssh.ssh_channel_read_nonblocking(self._channel, self._buffer, c_uint32(size), 0)
        if count < 0 or (count == 0 and ssh.ssh_channel_is_eof(self._channel)):
            return None
        return self._buffer.raw[:count]

    def write(self, data):
        # It would wait for a window that is empty, so it never gets more than it can send at once.
        room = ssh.ssh_channel_window_size(self._channel)
        count = ssh.ssh_channel_write(self._channel, data, c_uint32(min(room, len(data)))) if room else 0
        if count < 0:
            raise OSError("libssh cannot write")
        return count

    def close(self):
        ssh.ssh_channel_free(self._channel)


def sign_in(session):
    """The loop that libssh asks of its users: every request of the server comes back as INFO."""
    while (answer := ssh.ssh_userauth_kbdint(session, None, None)) == INFO:
        shown = [ssh.ssh_userauth_kbdint_getname(session), ssh.ssh_userauth_kbdint_getinstruction(session)]
        if text := b" ".join(part or b"" for part in shown).strip():
            print(text.decode())
        assert ssh.ssh_userauth_kbdint_getnprompts(session) == 0
    return answer


def main(edge_port, key, known_hosts, route, local_port):
    link = socket.create_connection(("127.0.0.1", int(edge_port)))
    session = c_void_p(ssh.ssh_new())
    for option, value in ((HOST, b"127.0.0.1"), (USER, b"dev"), (KNOWNHOSTS, known_hosts.encode())):
        ssh.ssh_options_set(session, option, c_char_p(value))
    ssh.ssh_options_set(session, PORT, byref(c_int(int(edge_port))))
    ssh.ssh_options_set(session, FD, byref(c_int(link.fileno())))
    assert ssh.ssh_connect(session) == 0, ssh.ssh_get_error(session)
    assert ssh.ssh_session_is_known_server(session) == KNOWN, "this is another host"
    private = c_void_p()
    assert ssh.ssh_pki_import_privkey_file(key.encode(), None, None, None, byref(private)) == 0
    answer = ssh.ssh_userauth_publickey(session, None, private)
    if answer == PARTIAL:
        answer = sign_in(session)
    assert answer == SUCCESS, ssh.ssh_get_error(session)
    assert ssh.ssh_channel_listen_forward(session, route.encode(), 443, None) == 0, ssh.ssh_get_error(session)
    pump = Pump(link, int(local_port))
    while ssh.ssh_is_connected(session):
        if channel := ssh.ssh_channel_open_forward_port(session, 0, None, None, None):
            pump.add(Channel(channel))
        pump.turn()


main(*sys.argv[1:])
