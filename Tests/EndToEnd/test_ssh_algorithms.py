"""Every algorithm that the edge offers, with real clients that renew their keys in the middle of transfers."""

import asyncio
import concurrent.futures
import os
import re
import subprocess

import pytest
from kit.algorithms import CIPHERS, COLUMNS, HOST_KEYS, KEX, LIMITS, MACS, AsyncSSHRow, OpenSSHRow, fits, run_async_lanes
from kit.edge import Edge, route
from kit.pairs import all_pairs, rows
from kit.people import ALICE, approve
from kit.processes import run
from kit.publisher import Publisher
from kit.service import Service, checksum
from kit.transfers import download, upload
from kit.visitor import Visitor
from kit.waiting import until

LANES = ["one.localhost", "two.localhost", "three.localhost"]
CHECKSUMS = {size: checksum(size) for size in LIMITS.values()}


def matrix():
    """Pairwise; with TUNNEL_EDGE_TEST_FULL the whole product, where each row has one of the limits."""
    if not os.environ.get("TUNNEL_EDGE_TEST_FULL"):
        return all_pairs(COLUMNS, fits)
    algorithms = {name: values for name, values in COLUMNS.items() if name != "limit"}
    limits = list(LIMITS)
    return [dict(row, limit=limits[index % len(limits)]) for index, row in enumerate(rows(algorithms, fits))]


@pytest.fixture(scope="module")
def bench(binary, tmp_path_factory, provider, authority, keys, https_port):
    """An edge with a route for each lane, Alice's key that it knows, her browser, and a service."""
    directory = tmp_path_factory.mktemp("algorithms")
    certificate = authority.issue("algorithms", ["auth.localhost", *LANES])
    edge = Edge(binary, directory / "edge", provider, certificate, https_port=https_port, keys=keys)
    edge.start(edge.text(routes="".join(route(name, https_port) for name in LANES), more="reconnect_grace: 0s"))
    running = Bench(directory, edge, Visitor(authority.certificate))
    yield running
    running.stop()


class Bench:
    def __init__(self, directory, edge, visitor):
        self.edge = edge
        self.visitor = visitor
        self.service = Service()
        self.publisher = Publisher(directory / "alice", edge.ssh_port, edge.host_public_keys())
        tunnel = self.publisher.forward(*((name, self.service.port) for name in LANES))
        approve(tunnel, visitor, ALICE)
        tunnel.wait_published(len(LANES))
        # The hand-over to each host, so that transfers need no redirects.
        for name in LANES:
            assert visitor.get(edge.url("/", name)).status == 200
        tunnel.stop()

    def stop(self):
        self.edge.stop()
        self.service.stop()

    def carry(self, name, size):
        """`size` bytes down and up through the tunnel of this name, checked at both ends."""
        until(lambda: self.visitor.status(self.edge.url("/", name)) == 200, f"{name} served")
        assert download(self.visitor, self.edge, size, name) == (200, CHECKSUMS[size]), "download"
        status, told = upload(self.visitor, self.edge, size, host=name)
        assert (status, told) == (200, {"size": size, "sha256": CHECKSUMS[size]}), "upload"


def test_openssh_with_every_algorithm(bench):
    client = OpenSSHRow(bench.publisher)
    waiting = matrix()

    def serve(name):
        wrong = []
        while waiting:
            row = waiting.pop()
            try:
                with client.tunnel(row, name, bench.service.port):
                    bench.carry(name, LIMITS[row["limit"]])
            except Exception as error:  # told with the row
                wrong.append((row, repr(error)[-1500:]))
        return wrong

    with concurrent.futures.ThreadPoolExecutor(len(LANES)) as pool:
        wrong = [failure for lane in pool.map(serve, LANES) for failure in lane]
    assert not wrong, wrong


def test_asyncssh_with_every_algorithm(bench):
    client = AsyncSSHRow(bench.publisher)

    async def serve(row, name):
        async with client.tunnel(row, name, bench.service.port):
            await asyncio.to_thread(bench.carry, name, LIMITS[row["limit"]])

    wrong = run_async_lanes(matrix(), LANES, serve)
    assert not wrong, wrong


@pytest.mark.parametrize(
    ("option", "offered", "question"),
    [
        ("KexAlgorithms", KEX, "kex"),
        ("HostKeyAlgorithms", HOST_KEYS, "HostKeyAlgorithms"),
        ("Ciphers", CIPHERS, "cipher"),
        ("MACs", MACS, "mac"),
    ],
)
def test_what_is_not_offered_ends_with_no_matching(bench, option, offered, question):
    """OpenSSH knows more than we serve, and says so when it is left with that only."""
    names = subprocess.run(["ssh", "-Q", question], check=True, capture_output=True, text=True).stdout.split()
    others = [name for name in names if name not in offered]
    assert others
    # A MAC counts only beside a cipher that needs one.
    more = ["-o", "Ciphers=aes128-ctr"] if option == "MACs" else []

    def attempt(name):
        code, output = run(bench.publisher.command("-o", f"{option}={name}", *more, "-N"))
        found = re.search(r"Unable to negotiate with .*: no matching .* found\. Their offer: (\S+)", output)
        if code != 255 or not found:
            return name, output
        told = {offer for offer in found.group(1).split(",") if not re.match(r"ext-info|kex-strict", offer)}
        return None if told == offered else (name, told)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        wrong = [failure for failure in pool.map(attempt, others) if failure]
    assert not wrong, wrong
