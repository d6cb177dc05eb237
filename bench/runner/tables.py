"""Results as tables: what bench/run prints at its end, and what docs/benchmarks.md is made of.

SPDX-License-Identifier: Apache-2.0
"""


def best_entries(results):
    """{(dataset, query set, k, target, shared_buffers): {server: its fastest entry}}"""
    best = {}
    for bout in results["bouts"]:
        for entry in bout:
            key = (entry["dataset"], entry["queries_of"], entry["k"], entry["target"], entry.get("shared_buffers"))
            servers = best.setdefault(key, {})
            if entry["server"] not in servers or \
                    entry["queries_per_second"] > servers[entry["server"]]["queries_per_second"]:
                servers[entry["server"]] = entry
    return best


def ratio(results, key, ours, peer):
    """
    How many times as fast as the peer's best we are: by queries a second, by the
    processor time that the server took (which other work on the machine disturbs
    less) and by that of the same inside the server; from the bout in which the
    two took turns, or (servers measured one after another) from their own.
    """
    for bout in results["bouts"]:
        entries = {e["server"]: e for e in bout}
        if entries.get(peer["server"]) is peer and ours["server"] in entries:
            ours = entries[ours["server"]]
    inside = None
    cpu = None
    if ours.get("server_cpu_us") and peer.get("server_cpu_us"):
        cpu = peer["server_cpu_us"] / ours["server_cpu_us"]
    for measured in ("inside_cpu_us", "inside_us"):
        if inside is None and ours.get(measured) and peer.get(measured):
            inside = peer[measured] / ours[measured]
    return ours["queries_per_second"] / peer["queries_per_second"], cpu, inside


def markdown(head, rows):
    """A table, its columns as wide as they need."""
    cells = [[str(c) for c in row] for row in [head, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths)) + " |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)


def _times(value):
    return "" if value is None else f"{value:.1f} ×"


def _setting(entry):
    return entry["index"] + ", " + ", ".join(f"{n.split('.')[-1]} {v}" for n, v in entry["settings"].items())


def speed_table(results):
    rows = []
    for key, servers in best_entries(results).items():
        dataset, query_set, k, target, shared_buffers = key
        ours = servers.get("omendb")
        for name, entry in servers.items():
            client, cpu, inside = None, None, None
            if name != "omendb" and ours:
                client, cpu, inside = ratio(results, key, ours, entry)
            rows.append([dataset, query_set, k, target, shared_buffers or "", name, _setting(entry),
                         f"{entry['recall_ties']:.3f}" + (" (its most)" if entry["recall_ties"] < target else ""),
                         f"{entry['recall']:.3f}", f"{entry['recall_twentieth']:.2f}",
                         f"{entry['queries_per_second']:.0f}",
                         f"{entry['p50_us']:.0f}", f"{entry['p95_us']:.0f}", f"{entry['p99_us']:.0f}",
                         *(f"{entry[m]:.0f}" if entry.get(m) else ""
                           for m in ("inside_us", "server_cpu_us", "inside_cpu_us")),
                         f"{entry['bytes_touched'] / 1e6:.2f}" + ("" if entry["index_used"] else " (index not used)"),
                         _times(client), _times(cpu), _times(inside)])
    return markdown(["dataset", "queries", "k", "target", "buffers", "server", "setting", "recall", "by identity",
                     "worst 20th", "q/s", "p50 µs", "p95", "p99", "inside µs", "CPU µs", "inside CPU µs",
                     "MB touched", "ours faster", "by CPU", "inside by CPU"], rows)


def build_table(results):
    rows = []
    ours = {b["dataset"]: b for b in results["builds"] if b["server"] == "omendb"}
    for b in results["builds"]:
        mine = ours.get(b["dataset"])
        is_peer = b["server"] != "omendb" and mine
        cpu = b.get("cpu_seconds")
        rows.append([b["dataset"], b["server"], b["index"], f"{b['seconds']:.1f}", f"{cpu or 0:.1f}",
                     b["maintenance_work_mem"],
                     f"{(b['peak_bytes'] or 0) / 1e6:.0f}", b["workers"], f"{b['index_bytes'] / 1e6:.1f}",
                     _times(b["seconds"] / mine["seconds"]) if is_peer else "",
                     _times(cpu / mine["cpu_seconds"]) if is_peer and cpu and mine["cpu_seconds"] else "",
                     _times(b["index_bytes"] / mine["index_bytes"]) if is_peer else ""])
    return markdown(["dataset", "server", "index", "build s", "CPU s", "memory allowed", "peak MB", "workers",
                     "index MB", "ours builds faster", "by CPU", "ours is smaller"], rows)


def exact_table(results):
    """The best of ours at the lowest target, against comparing every row."""
    rows = []
    for exact in results["exact"]:
        ours = [servers["omendb"] for key, servers in best_entries(results).items()
                if (key[0], key[1], key[2]) == (exact["dataset"], "queries", exact["k"]) and "omendb" in servers]
        fastest = max(ours, key=lambda e: e["queries_per_second"], default=None)
        rows.append([exact["dataset"], exact["server"], exact["k"], f"{exact['queries_per_second']:.1f}",
                     f"{exact['p50_us']:.0f}",
                     _times(fastest["queries_per_second"] / exact["queries_per_second"]) if fastest else ""])
    return markdown(["dataset", "server", "k", "q/s", "p50 µs", "ours faster by index"], rows)


def clients_table(results):
    rows = [[c["dataset"], c["server"], _setting(c), c["connections"], f"{c['queries_per_second']:.0f}",
             f"{c['p50_us']:.0f}", f"{c['p99_us']:.0f}"] for c in results["clients"]]
    return markdown(["dataset", "server", "setting", "connections", "q/s", "p50 µs", "p99 µs"], rows)


def ingest_table(results):
    rows = [[i["dataset"], i["server"], i["index"] or "none", i["how"], i["streams"], i["rows_before"],
             f"{i['rows_per_second']:.0f}", f"{i['cpu_us_a_row']:.0f}" if i.get("cpu_us_a_row") else ""]
            for i in results["ingest"]]
    return markdown(["dataset", "server", "index", "how", "connections", "rows before", "rows/s", "CPU µs a row"], rows)


def vacuum_table(results):
    rows = [[v["dataset"], v["server"], v["index"], v["rows"], f"{v['deleted_share']:.0%}", f"{v['seconds']:.2f}",
             f"{v['cpu_seconds']:.2f}" if v.get("cpu_seconds") else "",
             f"{v['recall']:.4f}", f"{v['recall_of_new']:.4f}"] for v in results["vacuums"]]
    return markdown(["dataset", "server", "index", "rows", "deleted", "vacuum s", "CPU s", "recall after",
                     "recall made anew"], rows)


def nearness_table(results):
    """How near our searches come to what they must read at the speed of this machine's memory, plus the cheapest query."""
    rows = []
    for key, servers in best_entries(results).items():
        entry = servers.get("omendb", {})
        if "bytes_read" not in entry:
            continue
        parts = entry["bytes_read"]
        floor = sum(parts.values()) / results["floor"]["DRAM_gb_per_s"] / 1e3 + results["floor"]["trivial_query_us"]
        rows.append([key[0], key[1], key[2], key[3], key[4] or "", *(f"{b / 1e3:.0f}" for b in parts.values()),
                     f"{floor:.0f}", f"{entry['p50_us']:.0f}", _times(entry["p50_us"] / floor)])
    return markdown(["dataset", "queries", "k", "target", "buffers", "kB of centroids", "codes", "records", "rows",
                     "floor µs", "p50 µs", "of the floor"], rows)


def floor_table(results):
    return markdown(["limit of this machine", "measured"], [[n, v] for n, v in results["floor"].items()])


def sections(results):
    """(title, table) of everything that was measured."""
    found = [("Speed at equal recall", speed_table(results)), ("Builds and sizes", build_table(results))]
    if results["exact"]:
        found.append(("Comparing every row", exact_table(results)))
    if results["clients"]:
        found.append(("Several connections", clients_table(results)))
    if results["ingest"]:
        found.append(("Rows going into a live index", ingest_table(results)))
    if results.get("vacuums"):
        found.append(("Deleted rows going out of an index", vacuum_table(results)))
    if results["floor"]:
        found.append(("The floor", floor_table(results)))
        found.append(("How near to it", nearness_table(results)))
    return found


def summary(results):
    return "\n".join(f"\n{title}\n{table}" for title, table in sections(results))
