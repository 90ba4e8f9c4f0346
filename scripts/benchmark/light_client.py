"""Many ssh connections from one process, so that 1,000 tunnels leave the machine some time to be measured.

    light_client.py --port 2222 --user dev --key ID --count 1000 --listen 't{}.tunnels.localhost:443'
    light_client.py --port 2222 --flood diffie-hellman-group16-sha512 --at-once 16

The first opens tunnels as `ssh -N -R` does (`none`, the question whether the key may be used, the signature, the
forward), prints `ready N`, answers keepalives, and ends with its standard input. The second starts key exchanges and
throws them away, until its standard input ends; it prints how many were answered.

It does not check host keys: it talks to loopback only, and what it measures is the other side.
"""

import argparse
import asyncio
import hashlib
import os
import struct
import sys
import time

from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

IDENTIFICATION = b"SSH-2.0-OpenSSH_9.9 light"
HOST_KEY = "ssh-ed25519"
CIPHER = "aes128-gcm@openssh.com"
# A source may hold so many connections at most; every hundred tunnels come from another loopback address.
PER_SOURCE = 100


def string(data):
    return struct.pack(">I", len(data)) + (data.encode() if isinstance(data, str) else data)


def mpint(data):
    data = data.lstrip(b"\0")
    return string(b"\0" + data if data and data[0] & 0x80 else data)


def fields(payload, *kinds):
    """Strings (`s`) and integers (`u`) at the beginning of a message, its number left out."""
    at, found = 1, []
    for kind in kinds:
        (value,) = struct.unpack_from(">I", payload, at)
        at += 4
        if kind == "s":
            value, at = payload[at : at + value], at + value
        found.append(value)
    return found


class Direction:
    """AES-GCM of one direction (RFC 5647)."""

    def __init__(self, key, nonce):
        self.cipher, self.fixed, self.counter = AESGCM(key), nonce[:4], int.from_bytes(nonce[4:], "big")

    def nonce(self):
        value = self.fixed + self.counter.to_bytes(8, "big")
        self.counter += 1
        return value


class Curve25519:
    def __init__(self):
        self.key = x25519.X25519PrivateKey.generate()
        self.public = self.key.public_key().public_bytes_raw()

    def secret(self, reply):
        return mpint(self.key.exchange(x25519.X25519PublicKey.from_public_bytes(reply)))


class Hybrid:
    """mlkem768x25519-sha256: what OpenSSH 10 takes."""

    def __init__(self):
        self.lattice, self.curve = mlkem.MLKEM768PrivateKey.generate(), Curve25519()
        self.public = self.lattice.public_key().public_bytes_raw() + self.curve.public

    def secret(self, reply):
        other = x25519.X25519PublicKey.from_public_bytes(reply[1088:])
        both = self.lattice.decapsulate(reply[:1088]) + self.curve.key.exchange(other)
        return string(hashlib.sha256(both).digest())


class GroupSixteen:
    """Only its message: RFC 3526's prime does not matter to who throws the answer away."""

    def __init__(self):
        self.public = b"\x2a" + os.urandom(511)


METHODS = {
    "curve25519-sha256": Curve25519,
    "mlkem768x25519-sha256": Hybrid,
    "diffie-hellman-group16-sha512": GroupSixteen,
}


class Connection:
    def __init__(self, reader, writer, method):
        self.reader, self.writer, self.method = reader, writer, method
        self.sealing = self.opening = None

    def send(self, payload):
        block, counted = (16, 1) if self.sealing else (8, 5)
        padding = block - (len(payload) + counted) % block
        padding += block if padding < 4 else 0
        length = struct.pack(">I", 1 + len(payload) + padding)
        body = bytes([padding]) + payload + os.urandom(padding)
        if self.sealing:
            body = self.sealing.cipher.encrypt(self.sealing.nonce(), body, length)
        self.writer.write(length + body)

    async def receive(self):
        """The next message that means something to us."""
        while True:
            length = await self.reader.readexactly(4)
            (count,) = struct.unpack(">I", length)
            if self.opening:
                sealed = await self.reader.readexactly(count + 16)
                body = self.opening.cipher.decrypt(self.opening.nonce(), sealed, length)
            else:
                body = await self.reader.readexactly(count)
            payload = body[1 : len(body) - body[0]]
            if payload[0] == 1:
                raise ConnectionError(fields(payload, "u", "s")[1].decode())
            if payload[0] == 80 and payload[5 + len(fields(payload, "s")[0])]:
                self.send(b"\x52")
            if payload[0] not in (2, 4, 7, 53, 80):
                return payload

    async def expect(self, number):
        payload = await self.receive()
        if payload[0] != number:
            raise ConnectionError(f"message {payload[0]} instead of {number}")
        return payload

    async def offer(self):
        """Both identifications and both KEXINITs; ours is out before theirs is waited for, as with OpenSSH."""
        names = [self.method + ",ext-info-c,kex-strict-c-v00@openssh.com", HOST_KEY, CIPHER, CIPHER]
        names += ["hmac-sha2-256"] * 2 + ["none"] * 2 + [""] * 2
        own = b"\x14" + os.urandom(16) + b"".join(map(string, names)) + b"\0" * 5
        self.writer.write(IDENTIFICATION + b"\r\n")
        self.send(own)
        identification = (await self.reader.readuntil(b"\n")).rstrip(b"\r\n")
        return string(IDENTIFICATION) + string(identification) + string(own), await self.expect(20)

    async def exchange_keys(self):
        transcript, theirs = await self.offer()
        exchange = METHODS[self.method]()
        self.send(b"\x1e" + string(exchange.public))
        host_key, reply, _ = fields(await self.expect(31), "s", "s", "s")
        secret = exchange.secret(reply)
        transcript += string(theirs) + string(host_key) + string(exchange.public) + string(reply) + secret
        session = hashlib.sha256(transcript).digest()
        self.send(b"\x15")
        await self.expect(21)

        def derived(letter, count):
            return hashlib.sha256(secret + session + letter + session).digest()[:count]

        self.sealing = Direction(derived(b"C", 16), derived(b"A", 12))
        self.opening = Direction(derived(b"D", 16), derived(b"B", 12))
        return session

    async def sign_in(self, user, key, session):
        self.send(b"\x05" + string("ssh-userauth"))
        await self.expect(6)
        opening = b"\x32" + string(user) + string("ssh-connection")
        self.send(opening + string("none"))
        await self.expect(51)
        blob = string(HOST_KEY) + string(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
        named = string(HOST_KEY) + string(blob)
        self.send(opening + string("publickey") + b"\0" + named)
        await self.expect(60)
        signed = opening + string("publickey") + b"\1" + named
        signature = key.sign(string(session) + signed)
        self.send(signed + string(string(HOST_KEY) + string(signature)))
        await self.expect(52)

    async def forward(self, host, port):
        self.send(b"\x50" + string("tcpip-forward") + b"\1" + string(host) + struct.pack(">I", port))
        await self.expect(81)


async def connect(port, index, method):
    source = f"127.1.{index // PER_SOURCE}.1"
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0), limit=1 << 16)
    return Connection(reader, writer, method)


async def stay(connection):
    """Reads until the connection ends; answering keepalives is done on the way."""
    while True:
        await connection.receive()


async def until_input_ends():
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def tunnels(options):
    with open(options.key, "rb") as file:
        key = load_ssh_private_key(file.read(), None)
    host, _, port = options.listen.rpartition(":")
    turn = asyncio.Semaphore(options.at_once)

    async def tunnel(index):
        async with turn:
            connection = await connect(options.port, index, options.kex)
            session = await connection.exchange_keys()
            await connection.sign_in(options.user, key, session)
            await connection.forward(host.format(index), int(port))
            return connection

    began = time.monotonic()
    live = await asyncio.gather(*(tunnel(index) for index in range(options.count)))
    idle = [asyncio.ensure_future(stay(connection)) for connection in live]
    print(f"ready {len(idle)} after {time.monotonic() - began:.1f} s", flush=True)
    ended = asyncio.ensure_future(until_input_ends())
    await asyncio.wait([ended, *idle], return_when=asyncio.FIRST_COMPLETED)
    lost = sum(task.done() for task in idle)
    print(f"lost {lost}", flush=True)


async def flood(options):
    answered = 0

    async def attack(worker):
        nonlocal answered
        while True:
            writer = None
            try:
                connection = await connect(options.port, worker * PER_SOURCE, options.flood)
                writer = connection.writer
                await connection.offer()
                connection.send(b"\x1e" + string(METHODS[options.flood]().public))
                await connection.expect(31)
                answered += 1
            except (OSError, ConnectionError, asyncio.IncompleteReadError):
                # Turned away: not at once again, or this would be a flood of connections and not of exchanges.
                await asyncio.sleep(0.05)
            finally:
                if writer:
                    writer.close()

    workers = [asyncio.ensure_future(attack(worker)) for worker in range(options.at_once)]
    print("ready", flush=True)
    began = time.monotonic()
    await until_input_ends()
    print(f"answered {answered} in {time.monotonic() - began:.1f} s", flush=True)
    for worker in workers:
        worker.cancel()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--user")
    parser.add_argument("--key")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--listen", help="HOST:PORT of the forward; {} becomes the tunnel's number")
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--kex", default="curve25519-sha256", choices=METHODS)
    parser.add_argument("--flood", choices=METHODS)
    options = parser.parse_args()
    asyncio.run(flood(options) if options.flood else tunnels(options))
    # Descriptors of the executor's thread and of the connections go with the process.
    os._exit(0)


main()
