"""Whoever reads the edge's output may be slow, or stuck: visitors do not wait for that, and nothing is lost before the end."""

import fcntl
import json
import os
import signal
import subprocess

from kit.edge import Edge
from kit.names import listens
from kit.visitor import Visitor
from kit.waiting import until

# Their lines are several times what the pipe holds.
REQUESTS = 60
SMALLEST_PIPE = 4096


def test_a_pipe_that_nobody_reads(binary, provider, certificate, keys, authority, tmp_path):
    edge = Edge(binary, tmp_path / "edge", provider, certificate, keys=keys)
    edge.save(edge.text())
    output, pipe = os.pipe()
    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, SMALLEST_PIPE)
    messages = tmp_path / "messages"
    with open(messages, "wb") as errors:
        process = subprocess.Popen(
            [edge.binary, "run", "--config", edge.configuration],
            env=edge.environment,
            cwd=edge.directory,
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=errors,
            start_new_session=True,
        )
    os.close(pipe)
    try:
        until(lambda: listens(edge.https_port), "the edge to listen", within=60)
        visitor = Visitor(authority.certificate)

        def ask(name):
            for number in range(REQUESTS):
                assert visitor.get(f"{edge.authenticate}/{name}-{number}", follow=False).status == 404

        ask("first")
        # Somebody reads: everything is there, and whole. (Requests of two connections may be told in either order.)
        text, paths = b"", []
        while len(paths) < REQUESTS:
            text += os.read(output, 65536)
            whole = text[: text.rfind(b"\n") + 1].splitlines()
            paths = [json.loads(line).get("path") for line in whole if line.startswith(b"{") and b"/first-" in line]
        assert sorted(paths) == sorted(f"/first-{number}" for number in range(REQUESTS))
        # Nobody again: the end waits for them a moment only, and says so.
        ask("second")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert "log lines lost at the end" in messages.read_text()
    finally:
        process.kill()
        process.wait()
        os.close(output)
