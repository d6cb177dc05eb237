"""What a run was made on, so that its figures can be read.

SPDX-License-Identifier: Apache-2.0
"""
import os
import platform
import re

from .postgres import Connection

# Those that change what is measured; they should be the same on both sides.
SETTINGS = [
    "shared_buffers", "maintenance_work_mem", "max_parallel_maintenance_workers", "max_worker_processes",
    "max_parallel_workers", "work_mem", "wal_level", "max_wal_size", "fsync", "full_page_writes",
    "synchronous_commit", "autovacuum", "jit", "huge_pages", "effective_cache_size", "random_page_cost",
]


def describe_machine():
    def first(path, pattern):
        try:
            with open(path, encoding="utf-8") as file:
                found = re.search(pattern, file.read(), re.M)
            return found.group(1).strip() if found else ""
        except OSError:
            return ""

    return {
        "processor": first("/proc/cpuinfo", r"^model name\s*:\s*(.*)$") or platform.machine(),
        "processors": len(os.sched_getaffinity(0)),
        "memory_bytes": int(first("/proc/meminfo", r"^MemTotal:\s+(\d+) kB") or 0) * 1024,
        "system": platform.system(),
        "huge_pages": int(first("/proc/meminfo", r"^HugePages_Total:\s+(\d+)") or 0) > 0 or
                      first("/sys/kernel/mm/transparent_hugepage/shmem_enabled", r"\[(\w+)\]") in ("always", "force"),
        "load": os.getloadavg()[0],
    }


def describe_server(server):
    with Connection(server.conninfo) as db:
        db.rows("CREATE EXTENSION IF NOT EXISTS vector")
        settings = dict(db.rows("SELECT name, current_setting(name) FROM pg_settings WHERE name IN "
                                f"({', '.join(repr(s) for s in SETTINGS)})"))
        return {
            "postgresql": db.value("SHOW server_version"),
            "extension": db.value("SELECT extversion FROM pg_extension WHERE extname = 'vector'"),
            "settings": settings,
        }


def settings_that_differ(described):
    """(setting, values by server) for each that is not the same everywhere."""
    names = {name for server in described.values() for name in server["settings"]}
    found = []
    for name in sorted(names):
        values = {server: d["settings"].get(name) for server, d in described.items()}
        if len(set(values.values())) > 1:
            found.append((name, values))
    return found
