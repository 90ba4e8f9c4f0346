"""The load: wrk for throughput, h2load for a fixed rate, curl for large bodies. The same for every stack."""

import os
import re
import resource
import subprocess

LARGE = 104857600
_upload_file = None
_log = None


def prepare(directory):
    global _upload_file, _log
    _upload_file = directory / "100m"
    block = os.urandom(1 << 20)
    with open(_upload_file, "wb") as file:
        for _ in range(LARGE >> 20):
            file.write(block)
    _log = directory / "h2load.log"


def _run(command, within):
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=within, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command[:4]))} … failed with {done.returncode}:\n{done.stdout[-2000:]}")
    return done.stdout


def _curl(stack, path, *options):
    told = _run(
        [
            "curl",
            "-sS",
            "--http1.1",
            "--noproxy",
            "*",
            "--cacert",
            stack.authority,
            "-o",
            os.devnull,
            "-w",
            "%{http_code} %{size_download} %{size_upload}",
            "--max-time",
            "120",
            "-H",
            f"Cookie: {stack.cookie}",
            *options,
            f"https://{stack.host}:{stack.port}{path}",
        ],
        150,
    )
    status, down, up = told.split()
    return int(status), int(down), int(up)


def check(stack):
    """Both stacks serve who is signed in, and nobody else."""
    status, size, _ = _curl(stack, "/1k")
    assert (status, size) == (200, 1024), f"{stack.name}: {status}, {size} bytes"
    cookie, stack.cookie = stack.cookie, "none=none"
    status, _, _ = _curl(stack, "/1k", "-H", "Accept: application/json")
    stack.cookie = cookie
    assert status == 401, f"{stack.name} lets a stranger in: {status}"


def wrk(stack, seconds, connections=64, more=()):
    told = _run(
        [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{seconds}s",
            "--timeout",
            "10s",
            "-H",
            f"Host: {stack.host}:{stack.port}",
            "-H",
            f"Cookie: {stack.cookie}",
            *more,
            f"https://127.0.0.1:{stack.port}/1k",
        ],
        seconds + 60,
    )
    if bad := re.search(r"Non-2xx.*|Socket errors.*", told):
        raise SystemExit(f"{stack.name}: wrk says {bad.group(0)}\n{told}")
    return int(re.search(r"(\d+) requests in", told).group(1))


def streams(stack, connections, streams_each, seconds):
    """How many GETs of 1 KB over HTTP/2 were answered."""
    told = _run(
        [
            "h2load",
            "-t1",
            f"-c{connections}",
            f"-m{streams_each}",
            f"-D{seconds}",
            "-H",
            f"Cookie: {stack.cookie}",
            f"--connect-to=127.0.0.1:{stack.port}",
            f"https://{stack.host}:{stack.port}/1k",
        ],
        seconds + 60,
    )
    found = re.search(r"requests: \d+ total, .* (\d+) succeeded, (\d+) failed", told)
    # Those that were under way at the end count as failed.
    if not found or int(found.group(2)) > connections * streams_each or "Application protocol: h2" not in told:
        raise SystemExit(f"{stack.name}: h2load says\n{told[-1500:]}")
    return int(found.group(1))


def paced(stack, rate, seconds):
    """(median, p99) in milliseconds at a fixed rate."""
    if _log.exists():
        _log.unlink()
    told = _run(
        [
            "h2load",
            "--h1",
            "-t1",
            "-c16",
            "-m1",
            f"-D{seconds}",
            f"--rps={rate / 16:g}",
            f"--log-file={_log}",
            "-H",
            f"Cookie: {stack.cookie}",
            f"--connect-to=127.0.0.1:{stack.port}",
            f"https://{stack.host}:{stack.port}/1k",
        ],
        seconds + 60,
    )
    times = []
    for line in _log.read_text().splitlines():
        _, status, microseconds = line.split()
        assert status == "200", f"{stack.name}: {line}\n{told[-800:]}"
        times.append(int(microseconds) / 1000)
    times.sort()
    assert len(times) > rate * seconds / 2, told[-800:]
    return times[len(times) // 2], times[int(len(times) * 0.99)]


def download(stack):
    status, size, _ = _curl(stack, "/100m")
    assert (status, size) == (200, LARGE), f"{stack.name}: {status}, {size} bytes"
    return size


def uploads(stack, times, *protocol):
    """Bytes of large bodies sent by h2load, and the CPU seconds that h2load took.

    curl's HTTP/2 costs curl itself twice as much as its HTTP/1.1, h2load's half as much again, and both share the
    machine with the edge. Two connections, each with one body at a time: an edge gives every other one to the thread
    that has the tunnel, and what one connection alone costs depends on which it got.
    """
    origin = f"https://{stack.host}:{stack.port}"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    bodies = 2 * times
    told = _run(
        [
            "h2load",
            *protocol,
            "-t1",
            "-c2",
            "-m1",
            f"-n{bodies}",
            f"--data={_upload_file}",
            "-H",
            f"Cookie: {stack.cookie}",
            "-H",
            f"Origin: {origin}",
            f"--connect-to=127.0.0.1:{stack.port}",
            f"{origin}/upload",
        ],
        60 + 20 * bodies,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if f"{bodies} succeeded, 0 failed" not in told:
        raise SystemExit(f"{stack.name}: h2load says\n{told[-1500:]}")
    return bodies * LARGE, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def upload(stack):
    origin = f"https://{stack.host}:{stack.port}"
    status, _, size = _curl(stack, "/upload", "-T", str(_upload_file), "-H", "Expect:", "-H", f"Origin: {origin}")
    assert (status, size) == (200, LARGE), f"{stack.name}: {status}, {size} bytes"
    return size
