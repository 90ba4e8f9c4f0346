"""Many tunnels that carry nothing; `scripts/bench --only tunnels` measures them exactly."""

import subprocess
import sys
from pathlib import Path

from kit.edge import route
from kit.people import approve
from kit.processes import Program, descriptors
from kit.waiting import until

CLIENT = Path(__file__).resolve().parents[2] / "scripts" / "benchmark" / "light_client.py"
COUNT = 100
# What a tunnel may weigh (docs/performance.md). A single read buffer kept at its full size would be as much.
KILOBYTES_EACH = 66


def test_a_hundred_idle_tunnels_are_small_and_leave_with_their_client(new_edge, new_publisher, visitor, service):
    edge = new_edge()
    edge.start(edge.text(route("app.localhost", edge.https_port) + route("*.many.localhost", edge.https_port)))
    publisher = new_publisher(edge)
    tunnel = publisher.forward(("app.localhost", service.port))
    approve(tunnel, visitor)
    tunnel.wait_published()
    idle = descriptors(edge.program.pid)
    before = edge.resident
    arguments = ["--port", edge.ssh_port, "--user", "dev", "--key", publisher.key, "--count", COUNT]
    command = [sys.executable, CLIENT, *arguments, "--listen", "t{}.many.localhost:443"]
    with Program(command, stdin=subprocess.PIPE) as client:
        client.wait_for(rf"^ready {COUNT}\b", 60)
        pinned = edge.resident - before
        assert descriptors(edge.program.pid) >= idle + COUNT
        client.process.stdin.close()
        client.wait(30)
        assert "lost 0" in client.output
    assert pinned <= KILOBYTES_EACH * COUNT, f"{pinned / COUNT:.1f} KB a tunnel"
    until(lambda: descriptors(edge.program.pid) <= idle + 5, "the end of all connections")
