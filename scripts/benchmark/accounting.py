"""CPU time and memory of a process tree, as the kernel counts them; CPU time with that of children already gone."""

import os
import time

TICK = os.sysconf("SC_CLK_TCK")


def _processes():
    """pid -> (parent, CPU seconds of it and of its ended children)"""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    fields = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            found[int(entry)] = (int(fields[1]), sum(int(value) for value in fields[11:15]) / TICK)
    return found


def _tree(roots):
    """pid -> CPU seconds, of these processes and all below them"""
    processes = _processes()
    children = {}
    for pid, (parent, _) in processes.items():
        children.setdefault(parent, []).append(pid)
    found, waiting = {}, list(roots)
    while waiting:
        pid = waiting.pop()
        if pid in processes and pid not in found:
            found[pid] = processes[pid][1]
            waiting += children.get(pid, [])
    return found


def cpu_of(roots):
    return sum(_tree(roots).values())


def memory_of(roots):
    """Proportional set size in KiB: shared pages are counted once. The kernel's own memory is not in it."""
    total = 0
    for pid in _tree(roots):
        try:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                total += next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        except (OSError, StopIteration):
            continue
    return total


def process_count(roots):
    return len(_tree(roots))


class Meter:
    """CPU and wall clock of a stretch of code."""

    def __init__(self, roots):
        self.roots = roots

    def __enter__(self):
        self._cpu, self._wall = cpu_of(self.roots), time.monotonic()
        return self

    def __exit__(self, *_):
        self.wall = time.monotonic() - self._wall
        self.cpu = cpu_of(self.roots) - self._cpu


def _stolen():
    with open("/proc/stat") as file:
        fields = [int(value) for value in file.readline().split()[1:9]]
    return fields[7] / TICK, sum(fields) - fields[3] - fields[4]


def disturbed(before=None):
    """Without an argument a mark; with one, a remark when the host took the processor away meanwhile."""
    stolen, _ = _stolen()
    if before is None:
        return stolen
    return f"  (disturbed: {stolen - before:.1f} s stolen)" if stolen - before > 0.3 else ""
