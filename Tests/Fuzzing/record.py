#!/usr/bin/env python3
"""Records what real ssh clients send to a running edge, as seeds for the fuzz targets.

    .venv/bin/python Tests/Fuzzing/record.py PORT KEY [USER]

PORT is an edge's ssh port on 127.0.0.1, KEY a private key that is signed in there already, in OpenSSH's form. A relay
between client and edge keeps the clear bytes (identification, KEXINIT, message 30) of every client that is installed:
seeds of FuzzSSHTransport. Payloads behind the key exchange come out of paramiko and asyncssh themselves, which are told
to hand them over before they encrypt them: seeds of FuzzSSHAuthentication and FuzzSSHConnection.
"""

import asyncio
import contextlib
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
NEWKEYS = 21
# First bytes of the inputs (see the targets): a whole connection read in one piece; a hostile client's own messages.
WHOLE_CONNECTION = b"\4\0"
RAW_STEP = {"authentication": 9, "connection": 0}


def save(target, name, data):
    path = HERE / target / "Seeds" / name
    path.write_bytes(data[:4096])
    print(f"{path.relative_to(HERE)}: {min(len(data), 4096)} bytes")


class Relay:
    """Carries one connection and keeps what the client sends until its NEWKEYS."""

    def __init__(self, port):
        self.port = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.clear = b""
        threading.Thread(target=self.serve, daemon=True).start()

    @property
    def address(self):
        return self.listener.getsockname()

    def serve(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.port))
            self.clear = b""
            threading.Thread(target=self.carry, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self.carry, args=(server, client, False), daemon=True).start()

    def carry(self, source, sink, keeps):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if keeps:
                    self.clear += data
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def up_to_newkeys(self):
        """The line and every plain packet, NEWKEYS the last."""
        at = self.clear.index(b"\n") + 1
        while True:
            length = int.from_bytes(self.clear[at : at + 4], "big")
            number = self.clear[at + 5]
            at += 4 + length
            if number == NEWKEYS or at >= len(self.clear):
                return self.clear[:at]


def commands(host, port, key, user):
    """Each client that is installed, told to connect and do as little as it can."""
    ssh = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", "-T"]
    yield "openssh", ["ssh", "-F", "/dev/null", *ssh, "-i", key, "-p", str(port), f"{user}@{host}", "whoami"]
    yield (
        "dropbear",
        ["dbclient", "-y", "-y", "-T", "-i", f"{key}.dropbear", "-p", str(port), f"{user}@{host}", "whoami"],
    )
    # Plink takes no host key unseen; with a wrong one it goes as far as is wanted here.
    nobody = "SHA256:" + "A" * 43
    yield "putty", ["plink", "-batch", "-hostkey", nobody, "-P", str(port), f"{user}@{host}", "whoami"]


def record_programs(port, key, user):
    relay = Relay(port)
    host, relayed = relay.address
    for name, command in commands(host, relayed, key, user):
        if not shutil.which(command[0]):
            print(f"{command[0]} is not installed")
            continue
        relay.clear = b""
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False)
        if relay.clear:
            save("FuzzSSHTransport", name, WHOLE_CONNECTION + relay.up_to_newkeys())


def save_payloads(name, payloads):
    """As steps of a list: `authentication` before SUCCESS, `connection` after it."""

    def steps(kind, chosen):
        return b"".join(bytes([RAW_STEP[kind]]) + len(p).to_bytes(2, "big") + p for p in chosen)

    login = [p for p in payloads if p[0] in (5, 50, 61)]
    # The machine's course begins with `begin with a service request` off: the client sends its own.
    save("FuzzSSHAuthentication", name, b"\0\0" + steps("authentication", login))
    save("FuzzSSHConnection", name, b"\1" + steps("connection", [p for p in payloads if 80 <= p[0] <= 100]))


def record_paramiko(port, key, user):
    import paramiko

    relay = Relay(port)
    payloads = []
    transport = paramiko.Transport(relay.address)
    send = transport.packetizer.send_message
    transport.packetizer.send_message = lambda message: (payloads.append(message.asbytes()), send(message))[1]
    transport.connect(username=user, pkey=paramiko.Ed25519Key.from_private_key_file(key))
    transport.set_keepalive(1)
    channel = transport.open_session()
    channel.get_pty()
    channel.exec_command("tunnels --json")
    channel.recv(100)
    with contextlib.suppress(paramiko.SSHException):
        transport.request_port_forward("other.localhost", 443)
    transport.close()
    save("FuzzSSHTransport", "paramiko", WHOLE_CONNECTION + relay.up_to_newkeys())
    save_payloads("paramiko", payloads)


async def record_asyncssh(port, key, user):
    import asyncssh

    relay = Relay(port)
    payloads = []
    sent = asyncssh.connection.SSHConnection.send_packet

    def send_packet(self, number, *arguments, **named):
        payloads.append(bytes([number]) + b"".join(arguments))
        return sent(self, number, *arguments, **named)

    asyncssh.connection.SSHConnection.send_packet = send_packet
    host, relayed = relay.address
    async with asyncssh.connect(
        host, relayed, username=user, client_keys=[key], known_hosts=None, config=None, agent_path=None
    ) as connection:
        await connection.run("routes", env={"LANG": "C.UTF-8"}, term_type="xterm")
        with contextlib.suppress(asyncssh.Error):
            await connection.forward_remote_port("other.localhost", 443, "127.0.0.1", 9)
        with contextlib.suppress(asyncssh.Error):
            await connection.open_connection("127.0.0.1", 22)
    save("FuzzSSHTransport", "asyncssh", WHOLE_CONNECTION + relay.up_to_newkeys())
    save_payloads("asyncssh", payloads)


def main():
    port, key = int(sys.argv[1]), sys.argv[2]
    user = sys.argv[3] if len(sys.argv) > 3 else "dev"
    record_programs(port, key, user)
    record_paramiko(port, key, user)
    asyncio.run(record_asyncssh(port, key, user))


if __name__ == "__main__":
    main()
