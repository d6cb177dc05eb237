"""Runs a statement and watches the memory of the processes that carry it out.

Counted: private memory (RssAnon) of the backend and its parallel workers, and
the dynamic shared memory that they map.  Shared buffers are not: they are there
anyway.  Sampled, so what is shorter than the interval can be missed.

SPDX-License-Identifier: Apache-2.0
"""
import os
import re
import threading
import time

INTERVAL_S = 0.02
REAPED_S = 0.2      # a backend that has ended is known to the postmaster


def _read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _private_bytes(pid):
    found = re.search(r"^RssAnon:\s+(\d+) kB", _read(f"/proc/{pid}/status"), re.M)
    return int(found.group(1)) * 1024 if found else 0


def _segment_bytes(pid):
    total = 0
    for path in set(re.findall(r"/dev/shm/PostgreSQL\.\S+", _read(f"/proc/{pid}/maps"))):
        try:
            total += os.stat(path).st_blocks * 512
        except OSError:
            pass
    return total


def ended_cpu_seconds(pid):
    """Seconds of processor time of the children that a process has seen end, or None."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK") if fields else None


def postmaster_of(pid):
    """The parent of a backend; None where /proc shows nothing."""
    parent = re.search(r"^PPid:\s+(\d+)", _read(f"/proc/{pid}/status"), re.M)
    return int(parent.group(1)) if parent else None


def run_in_backends(postmaster, work):
    """What work() returns, and the seconds on processors of the backends that it began and ended (None: not known)."""
    time.sleep(REAPED_S)        # till earlier backends have been seen off
    before = ended_cpu_seconds(postmaster)
    done = work()
    time.sleep(REAPED_S)
    after = ended_cpu_seconds(postmaster)
    return done, None if before is None or after is None else after - before


def cpu_seconds(pid):
    """Time on a processor, or None."""
    words = _read(f"/proc/{pid}/schedstat").split()
    return int(words[0]) * 1e-9 if words else None


def _workers(pid):
    """Parallel workers of a backend, by the title PostgreSQL gives them."""
    parent = postmaster_of(pid)
    if not parent:
        return []
    children = _read(f"/proc/{parent}/task/{parent}/children").split()
    return [child for child in children if f"parallel worker for PID {pid}" in _read(f"/proc/{child}/cmdline")]


def run_watched(connection, sql):
    """
    Runs sql; returns seconds, seconds on processors and the peak in bytes (None
    where /proc shows nothing), and the most workers seen.
    """
    pid = connection.backend_pid
    peak, workers_max, ended = 0, 0, threading.Event()
    cpu_before = cpu_seconds(pid)
    cpu_of = {}

    def watch():
        nonlocal peak, workers_max
        while not ended.is_set():
            workers = _workers(pid)
            peak = max(peak, sum(_private_bytes(p) for p in [pid, *workers]) + _segment_bytes(pid))
            workers_max = max(workers_max, len(workers))
            for process in [pid, *workers]:
                cpu_of[process] = cpu_seconds(process) or cpu_of.get(process, 0)
            ended.wait(INTERVAL_S)

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.monotonic()
    try:
        connection.rows(sql)
    finally:
        seconds = time.monotonic() - began
        ended.set()
        watcher.join()
    cpu = None if cpu_before is None else sum(cpu_of.values()) - cpu_of[pid] + cpu_seconds(pid) - cpu_before
    return seconds, cpu, peak or None, workers_max
