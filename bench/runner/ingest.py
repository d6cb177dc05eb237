"""How fast rows go into a table whose index is live, beside the same table without one.

As many rows as asked for are there when the index is built, or --ingest-into;
as many come in by COPY over one connection and over two, then some by single INSERTs.

SPDX-License-Identifier: Apache-2.0
"""
from .build_watch import postmaster_of, run_in_backends
from .contestants import ops
from .postgres import Connection

INSERT_SHARE = 10       # single inserts are slow: a tenth of the rows will do


def measure_ingest(programs, dataset, options, servers, say, results):
    count = min(options.ingest, dataset.rows // 4)
    there = options.ingest_into or count
    for server in servers:
        for index in [None, server.indexes[0]]:
            with Connection(server.conninfo) as db:
                postmaster = postmaster_of(db.backend_pid)
                db.rows("DROP TABLE IF EXISTS bench_ingest")
                db.rows(f"CREATE TABLE bench_ingest (id bigint, embedding vector({dataset.dim}))")
            programs.run("bench_load", server.conninfo, "bench_ingest", dataset.source, "rows", 0, there, "freeze", 1)
            if index:
                with Connection(server.conninfo) as db:
                    if options.maintenance_work_mem:
                        db.rows(f"SET maintenance_work_mem = '{options.maintenance_work_mem}'")
                    db.rows(f"CREATE INDEX ON bench_ingest {index.definition.format(ops=ops(dataset.metric))}")
            at = there
            for how, streams, rows in (("copy", 1, count), ("copy", 2, count),
                                       ("insert", 1, max(1, count // INSERT_SHARE))):
                with programs.turn():
                    load = ("bench_load", server.conninfo, "bench_ingest", dataset.source, "rows", at, rows, how, streams)
                    loaded, cpu = run_in_backends(postmaster, lambda load=load: programs.run(*load))
                at += rows
                results["ingest"].append({"dataset": dataset.name, "server": server.name,
                                          "index": index.name if index else None, "how": how, "streams": streams,
                                          "rows_before": at - rows, "cpu_us_a_row": cpu and round(cpu * 1e6 / rows, 1),
                                          **loaded})
                say(f"{server.name}: {how}, {streams} connections, {index.name if index else 'no index'}: "
                    f"{loaded['rows_per_second']:.0f} rows/s, {(cpu or 0) * 1e6 / rows:.0f} us of processor a row")
            with Connection(server.conninfo) as db:
                db.rows("DROP TABLE bench_ingest; CHECKPOINT")
