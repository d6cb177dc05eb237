"""How fast vacuum takes deleted rows out of an index, and what the index finds afterwards, beside one made anew.

SPDX-License-Identifier: Apache-2.0
"""
import array
import time

from .build_watch import cpu_seconds
from .contestants import OPERATORS, ops
from .datasets import npy_shape
from .postgres import Connection

DELETED_TENTHS = 3
QUERIES = 500
K = 10
EF_SEARCH = 100         # where an index has such a setting: the same before and after


def measure_vacuum(programs, dataset, options, servers, say, results):
    rows = min(options.vacuum, dataset.rows)
    truth = None
    for server in servers:
        index = server.indexes[0]
        with Connection(server.conninfo) as db:
            for table in ("bench_vacuum", "bench_vacuum_queries"):
                db.rows(f"DROP TABLE IF EXISTS {table}")
                db.rows(f"CREATE TABLE {table} (id bigint, embedding vector({dataset.dim})) "
                        "WITH (autovacuum_enabled = off)")
        programs.run("bench_load", server.conninfo, "bench_vacuum", dataset.source, "rows", 0, rows, "freeze", 1)
        programs.run("bench_load", server.conninfo, "bench_vacuum_queries", dataset.queries("queries"), "rows", 0,
                     min(QUERIES, options.queries), "copy", 1)
        with Connection(server.conninfo) as db:
            if options.maintenance_work_mem:
                db.rows(f"SET maintenance_work_mem = '{options.maintenance_work_mem}'")
            # PostgreSQL skips indexes when few pages have dead rows: not what is measured here
            vacuum = "VACUUM (INDEX_CLEANUP ON) bench_vacuum"
            for sweep in index.sweeps:
                if sweep.whole and sweep.setting.endswith("ef_search"):
                    db.rows(f"SET {sweep.setting} = {EF_SEARCH}")
            db.rows(f"CREATE INDEX bench_vacuum_idx ON bench_vacuum {index.definition.format(ops=ops(dataset.metric))}")
            db.rows(f"DELETE FROM bench_vacuum WHERE id % 10 < {DELETED_TENTHS}")
            with programs.turn():
                began, cpu = time.monotonic(), cpu_seconds(db.backend_pid)
                db.rows(vacuum)
                seconds = time.monotonic() - began
                cpu = None if cpu is None else cpu_seconds(db.backend_pid) - cpu
            if truth is None:
                truth = truth_left(dataset, rows) or answers(db, dataset.metric, by_index=False)
            kept = recall(truth, answers(db, dataset.metric, by_index=True))
            db.rows("REINDEX INDEX bench_vacuum_idx")
            fresh = recall(truth, answers(db, dataset.metric, by_index=True))
            db.rows("DROP TABLE bench_vacuum, bench_vacuum_queries; CHECKPOINT")
        results["vacuums"].append({"dataset": dataset.name, "server": server.name, "index": index.name, "rows": rows,
                                   "deleted_share": DELETED_TENTHS / 10, "seconds": round(seconds, 3),
                                   "cpu_seconds": cpu and round(cpu, 3),
                                   "recall": kept, "recall_of_new": fresh})
        say(f"{server.name}: {index.name}: vacuum of {DELETED_TENTHS * 10} % of {rows} rows in {seconds:.2f} s "
            f"({cpu or 0:.2f} s of processor), recall {kept:.4f} after it, {fresh:.4f} made anew")


def truth_left(dataset, rows):
    """The nearest rows left, out of the dataset's true neighbours; None where those are too few."""
    path = dataset.neighbours("queries")
    count, width = npy_shape(path)
    ids = array.array("i")
    with open(path, "rb") as file:
        ids.frombytes(file.read()[-4 * count * width:])
    left = [[str(i) for i in ids[q * width:(q + 1) * width] if i < rows and i % 10 >= DELETED_TENTHS][:K]
            for q in range(min(QUERIES, count))]
    return [set(nearest) for nearest in left] if all(len(nearest) == K for nearest in left) else None


def answers(db, metric, by_index):
    """The nearest rows of each query: a list of sets."""
    db.rows(f"SET enable_indexscan = {'on' if by_index else 'off'}; SET enable_seqscan = {'off' if by_index else 'on'}")
    found = db.rows("SELECT (SELECT string_agg(id::text, ' ') FROM (SELECT id FROM bench_vacuum "
                    f"ORDER BY embedding {OPERATORS[metric]} q.embedding LIMIT {K}) t) "
                    "FROM bench_vacuum_queries q ORDER BY q.id")
    return [set(ids.split()) for (ids,) in found]


def recall(truth, found):
    return sum(len(t & f) for t, f in zip(truth, found)) / sum(len(t) for t in truth)
