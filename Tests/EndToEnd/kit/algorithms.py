"""What the edge offers, and two clients that are told exactly what to use: OpenSSH and asyncssh."""

import asyncio
import re
from contextlib import asynccontextmanager, contextmanager

import asyncssh

from .clients.openssh import UNPACKED

KEX = {
    "mlkem768x25519-sha256",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group14-sha256",
}
HOST_KEYS = {"ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"}
AEAD = {"aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"}
CIPHERS = AEAD | {"aes128-ctr", "aes192-ctr", "aes256-ctr"}
MACS = {"hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"}
# Bytes after which the client renews its keys, and how much is then carried each way.
LIMITS = {16: 50_000, 1024: 100_000, 65536: 500_000, 1048576: 2_500_000}

COLUMNS = {
    "kex": sorted(KEX),
    "host_key": sorted(HOST_KEYS),
    "cipher": sorted(CIPHERS),
    "mac": [*sorted(MACS), None],
    "limit": list(LIMITS),
}


def fits(row):
    """Ciphers that authenticate by themselves have no MAC."""
    return (row["mac"] is None) == (row["cipher"] in AEAD)


class OpenSSHRow:
    """The machine's OpenSSH; its successor for what only that one has."""

    def __init__(self, publisher):
        self.publisher = publisher

    @contextmanager
    def tunnel(self, row, name, port):
        publisher = self.publisher
        options = {
            "KexAlgorithms": row["kex"],
            "HostKeyAlgorithms": row["host_key"],
            "Ciphers": row["cipher"],
            "RekeyLimit": row["limit"],
        }
        if row["mac"]:
            options["MACs"] = row["mac"]
        arguments = ["-v", "-N", "-T", "-R", f"{name}:443:127.0.0.1:{port}"]
        for option, value in options.items():
            arguments += ["-o", f"{option}={value}"]
        program = str(UNPACKED / "ssh") if row["kex"].startswith("mlkem") else "ssh"
        with publisher.program(publisher.command(*arguments, program=program)) as tunnel:
            tunnel.wait_published()
            yield tunnel
            # The first one is no renewal.
            tunnel.wait_for(r"SSH2_MSG_NEWKEYS received(?s:.*)SSH2_MSG_NEWKEYS received")
            self.check(row, tunnel.output)

    @staticmethod
    def check(row, output):
        """What ssh -v says of every exchange is what was asked for."""
        told = re.findall(r"debug1: kex: (algorithm|host key algorithm): (\S+)", output)
        assert set(told) == {("algorithm", row["kex"]), ("host key algorithm", row["host_key"])}, told
        ways = re.findall(r"debug1: kex: \S+ cipher: (\S+) MAC: (\S+) compression: none", output)
        assert set(ways) == {(row["cipher"], row["mac"] or "<implicit>")}, ways


class AsyncSSHRow:
    """asyncssh within the test's own process."""

    def __init__(self, publisher):
        self.publisher = publisher

    @asynccontextmanager
    async def tunnel(self, row, name, port):
        publisher = self.publisher
        macs = {"mac_algs": [row["mac"]]} if row["mac"] else {}
        async with asyncssh.connect(
            **publisher.asyncssh_options(),
            kex_algs=[row["kex"]],
            encryption_algs=[row["cipher"]],
            server_host_key_algs=[row["host_key"]],
            rekey_bytes=row["limit"],
            compression_algs=["none"],
            **macs,
        ) as connection:
            exchanges = self.count_exchanges(connection)
            await connection.forward_remote_port(name, 443, "127.0.0.1", port)
            yield connection
            for way in ("send", "recv"):
                assert connection.get_extra_info(f"{way}_cipher") == row["cipher"]
                if row["mac"]:
                    assert connection.get_extra_info(f"{way}_mac") == row["mac"]
            shown = connection.get_server_host_key().algorithm.decode()
            assert shown == ("ssh-rsa" if row["host_key"].startswith("rsa") else row["host_key"]), shown
            assert exchanges, "the keys were never renewed"

    @staticmethod
    def count_exchanges(connection):
        seen = []
        renew = connection.send_newkeys

        def counted(*arguments):
            seen.append(1)
            return renew(*arguments)

        connection.send_newkeys = counted
        return seen


def run_async_lanes(rows, lanes, work):
    """Runs `await work(row, lane)` for every row, one at a time in each lane; what went wrong, by row."""

    async def go():
        waiting = list(rows)
        wrong = []

        async def serve(lane):
            while waiting:
                row = waiting.pop(0)
                try:
                    async with asyncio.timeout(60):
                        await work(row, lane)
                except Exception as error:  # told with the row
                    wrong.append((row, repr(error)))

        await asyncio.gather(*(serve(lane) for lane in lanes))
        return wrong

    return asyncio.run(go())
