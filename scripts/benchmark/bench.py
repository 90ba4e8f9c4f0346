"""The benchmark itself; scripts/bench prepares what it needs and starts it."""

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests" / "EndToEnd"))

import load  # noqa: E402
import tunnels  # noqa: E402
import visitors  # noqa: E402
from accounting import Meter, disturbed  # noqa: E402
from kit.names import free_port  # noqa: E402
from kit.processes import Program  # noqa: E402
from kit.waiting import until  # noqa: E402
from stacks import DoItYourself, TunnelEdge  # noqa: E402

# name: (what is measured, unit, at most this share of the reference, or at most this much by itself)
FIGURES = {
    "get_cpu": ("GET of 1 KB, 64 keep-alive connections: CPU", "s/10k requests", 0.5, None),
    "get_rate": ("GET of 1 KB, 64 keep-alive connections: rate", "requests/s", None, None),
    "latency_p50": ("1000 requests/s on 16 connections: median", "ms", None, None),
    "latency_p99": ("1000 requests/s on 16 connections: p99", "ms", None, 3.0),
    "download_cpu": ("100 MB downloads: CPU", "s/GB", 0.7, None),
    "download_rate": ("100 MB downloads: rate", "MB/s", None, None),
    "upload_cpu": ("100 MB uploads: CPU", "s/GB", 0.7, None),
    "upload_rate": ("100 MB uploads: rate", "MB/s", None, None),
    "tunnel_memory": ("idle tunnels: memory of each", "KiB", None, 66),
    "tunnel_setup": ("idle tunnels: CPU to set one up", "ms", None, 2.0),
    "tunnel_idle": ("1000 idle tunnels: CPU", "ms/s", None, None),
    "real_memory": ("idle tunnels of OpenSSH's client: memory of each", "KiB", None, 66),
    "real_setup": ("idle tunnels of OpenSSH's client: CPU to set one up", "ms", None, 2.0),
    "visitor_memory": ("idle keep-alive visitors: memory of each", "KiB", None, 20),
    "visitor_setup": ("idle keep-alive visitors: CPU of connection and first GET", "ms", None, None),
    "visitor_idle": ("1000 idle keep-alive visitors: CPU", "ms/s", None, None),
    "beside_p99": ("200 requests/s beside the idle visitors: p99", "ms", None, None),
    "connection_cpu": ("a new connection for each GET of 1 KB: CPU", "s/10k requests", None, 4.0),
    "connection_rate": ("a new connection for each GET of 1 KB: rate", "requests/s", None, None),
    "get2_cpu": ("HTTP/2 GET of 1 KB, 16 connections with 4 streams: CPU", "s/10k requests", None, None),
    "get2_rate": ("HTTP/2 GET of 1 KB, 16 connections with 4 streams: rate", "requests/s", None, None),
    "upload1_cpu": ("100 MB uploads by h2load over HTTP/1.1: CPU", "s/GB", None, None),
    "upload1_rate": ("100 MB uploads by h2load over HTTP/1.1: rate", "MB/s", None, None),
    "upload1_load": ("100 MB uploads by h2load over HTTP/1.1: CPU of h2load itself", "s/GB", None, None),
    "upload2_cpu": ("100 MB uploads by h2load over HTTP/2: CPU", "s/GB", None, None),
    "upload2_rate": ("100 MB uploads by h2load over HTTP/2: rate", "MB/s", None, None),
    "upload2_load": ("100 MB uploads by h2load over HTTP/2: CPU of h2load itself", "s/GB", None, None),
    "slow_memory": ("a visitor who stops reading a download: memory", "KiB", None, 1024),
    "calm_p99": ("200 requests/s: p99", "ms", None, None),
    "flood_p99": ("200 requests/s beside a flood of DH group 16 exchanges: p99", "ms", None, None),
    "flood_rate": ("exchanges of the flood that were answered", "1/s", None, None),
}

# HTTP/2 is measured by our own HTTP/1.1 of the same run: (figure, its counterpart, at most or at least, times that)
OWN = (
    ("get2_cpu", "get_cpu", "at most", 1.3),
    ("upload2_cpu", "upload1_cpu", "at most", 1.1),
    ("upload2_rate", "upload1_rate", "at least", 0.9),
)

PARTS = (
    "tunnels",
    "visitors",
    "slow-visitor",
    "get",
    "get2",
    "connections",
    "latency",
    "download",
    "upload",
    "upload2",
    "flood",
)


def measure_get(stack, seconds):
    with Meter(stack.pids) as meter:
        requests = load.wrk(stack, seconds)
    return {"get_cpu": meter.cpu / requests * 1e4, "get_rate": requests / meter.wall}


def measure_latency(stack, seconds):
    median, p99 = load.paced(stack, 1000, seconds)
    return {"latency_p50": median, "latency_p99": p99}


def measure_download(stack, times):
    with Meter(stack.pids) as meter:
        size = sum(load.download(stack) for _ in range(times))
    return {"download_cpu": meter.cpu / size * 1e9, "download_rate": size / meter.wall / 1e6}


def measure_upload(stack, times):
    with Meter(stack.pids) as meter:
        size = sum(load.upload(stack) for _ in range(times))
    return {"upload_cpu": meter.cpu / size * 1e9, "upload_rate": size / meter.wall / 1e6}


def measure(stacks, only, runs, seconds, transfers, sizes):
    """Figures of every stack, medians over the runs; the stacks take turns, so that what disturbs one disturbs all."""
    idle, idle_visitors, slow = sizes
    parts = {
        # Memory first, while the processes are fresh, and once: it repeats within a percent.
        "tunnels": (tunnels.measure_tunnels, idle),
        "visitors": (visitors.measure_visitors, idle_visitors),
        "slow-visitor": (tunnels.measure_slow, slow),
        "get": (measure_get, seconds),
        "get2": (visitors.measure_get2, seconds),
        "connections": (visitors.measure_connections, seconds),
        "latency": (measure_latency, seconds),
        "download": (measure_download, transfers),
        "upload": (measure_upload, transfers),
        "upload2": (visitors.measure_upload2, transfers),
        "flood": (tunnels.measure_flood, seconds),
    }
    collected = {stack.name: {} for stack in stacks}
    for part, (measure_once, amount) in parts.items():
        if only and part not in only:
            continue
        times = 1 if part in ("tunnels", "visitors", "slow-visitor") else runs
        for run in range(times):
            for stack in stacks:
                before = disturbed()
                figures = measure_once(stack, amount)
                for name, value in figures.items():
                    collected[stack.name].setdefault(name, []).append(value)
                shown = ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
                print(f"  {part} {run + 1}/{times} {stack.name}: {shown}{disturbed(before)}", flush=True)
    return {
        stack: {name: statistics.median(values) for name, values in figures.items()}
        for stack, figures in collected.items()
    }


def shown(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(results, ours, reference):
    lines = [f"| what | unit | {ours} | {reference} | ratio | aim |", "|---|---|---:|---:|---:|---|"]
    machine = []
    for name, (what, unit, share, most) in FIGURES.items():
        if name not in results[ours]:
            continue
        mine, theirs = results[ours][name], results[reference][name]
        aim = f"at most {share} ×" if share else f"at most {most:g} {unit}" if most else ""
        if share:
            aim += ", reached" if mine <= share * theirs else ", missed"
        elif most:
            aim += ", reached" if mine <= most else ", missed"
        for figure, counterpart, bound, times in OWN:
            if figure == name and counterpart in results[ours]:
                own = mine / results[ours][counterpart]
                good = own <= times if bound == "at most" else own >= times
                aim = f"{bound} {times} × our HTTP/1.1: {own:.2f}, {'reached' if good else 'missed'}"
        ratio = mine / theirs if theirs else None
        told = "" if ratio is None else f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.3f}"
        lines.append(f"| {what} | {unit} | {shown(mine)} | {shown(theirs)} | {told} | {aim} |")
        machine.append(
            {
                "figure": name,
                "unit": unit,
                "edge": round(mine, 4),
                "reference": round(theirs, 4),
                "ratio": None if ratio is None else round(ratio, 4),
                "aim_ratio": share,
                "aim_value": most,
            }
        )
    return lines, machine


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def facts():
    def first_line(*command):
        done = subprocess.run(command, capture_output=True, text=True)
        return (done.stdout + done.stderr).strip().splitlines()[0]

    return [
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} CPUs ({processor()}), {platform.system()} {platform.release()}",
        first_line(os.environ["TUNNEL_EDGE_BINARY"], "version")
        + "; "
        + first_line("nginx", "-v")
        + "; "
        + first_line("ssh", "-V"),
    ]


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("--service", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="", help="comma-separated: " + ", ".join(PARTS))
    parser.add_argument("--record", metavar="FILE")
    options = parser.parse_args()
    runs, seconds, transfers = (1, 2, 1) if options.quick else (3, 4, 3)
    sizes = ((20, 200), 200, 20) if options.quick else ((100, 1000), 2000, 50)
    only = [part for part in options.only.split(",") if part]
    if unknown := set(only) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")

    with contextlib.ExitStack() as ending:
        directory = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="tunnel-edge-bench.")))
        directory.chmod(0o755)
        service_port = free_port()
        service = ending.enter_context(Program([options.service, service_port]))
        until(lambda: service.is_running, "the local service")
        load.prepare(directory)
        stacks = []
        for kind in (TunnelEdge, DoItYourself):
            print(f"Starting {kind.name}", flush=True)
            stacks.append(ending.enter_context(kind(directory / kind.__name__, service_port, options.service)))
        for stack in stacks:
            load.check(stack)
        print("Measuring", flush=True)
        results = measure(stacks, only, runs, seconds, transfers, sizes)
        ours, reference = stacks
        notes = facts() + [f"ssh cipher: {stack.name} {stack.cipher()}" for stack in stacks]
    lines, machine = table(results, ours.name, reference.name)
    print("\n" + "\n".join(notes) + "\n\n" + "\n".join(lines) + "\n")
    for record in machine:
        print("bench " + json.dumps(record))
    if options.record:
        Path(options.record).write_text("\n".join([*(f"{note}  " for note in notes), "", *lines, ""]))


main()
