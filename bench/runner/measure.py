"""One dataset through every index of every server: load, build, sweep, compare, and what else is asked for.

SPDX-License-Identifier: Apache-2.0
"""
import json
import statistics

from .build_watch import cpu_seconds, run_watched
from .contestants import OPERATORS, ops, search_sql
from .datasets import npy_shape
from .postgres import Connection
from .programs import Failed

PAGE_BYTES = 8192
RECALL_ENOUGH = 0.995       # a sweep ends here
REFINEMENTS = 3             # values tried between the last that misses a target and the first that meets it
BUFFER_QUERIES = 50
CODE_FACTORS = 12           # bytes of a posting beside its code
RECORD_HEAD = 48            # of a row record beside its code, about

# Times queries where no client is in the way.  The vectors come out of one
# array: reading them from a table would be counted too.
INSIDE_FUNCTION = """
CREATE FUNCTION pg_temp.bench_inside(queries vector[], seconds float8, OUT asked bigint, OUT took float8)
LANGUAGE plpgsql AS $$
DECLARE
	began timestamptz := clock_timestamp();
	query vector;
BEGIN
	asked := 0;
	LOOP
		FOREACH query IN ARRAY queries LOOP
			PERFORM id FROM bench ORDER BY embedding {operator} query LIMIT {k};
			asked := asked + 1;
			EXIT WHEN clock_timestamp() > began + seconds * interval '1 second';
		END LOOP;
		EXIT WHEN clock_timestamp() > began + seconds * interval '1 second';
	END LOOP;
	took := extract(epoch FROM clock_timestamp() - began) * 1e6;
END $$"""


class Measurement:
    """What a run has found so far, and how it asks."""

    def __init__(self, programs, dataset, options, say, results, save):
        self.programs = programs
        self.dataset = dataset
        self.options = options
        self.say = say
        self.results = results
        self.save = save        # called whenever results have grown, for a run may be stopped

    # ---- load and build ----

    def load(self, server):
        dataset = self.dataset
        if self.options.reuse and self._mark(server, "bench") == [dataset.source, dataset.rows]:
            self.say(f"{server.name}: {dataset.name} is loaded")
            return
        with Connection(server.conninfo) as db:
            db.rows("CREATE EXTENSION IF NOT EXISTS vector")
            db.rows("DROP TABLE IF EXISTS bench, bench_queries")
            db.rows(f"CREATE TABLE bench (id bigint, embedding vector({dataset.dim}))")
            db.rows(f"CREATE TABLE bench_queries (id bigint, embedding vector({dataset.dim}))")
        loaded = self.programs.run("bench_load", server.conninfo, "bench", dataset.source, "rows", 0, dataset.rows,
                                   "freeze", 1)
        with Connection(server.conninfo) as db:
            db.rows("VACUUM ANALYZE bench")
            table_bytes = int(db.value("SELECT pg_table_size('bench')"))
            self._set_mark(db, "TABLE bench", [dataset.source, dataset.rows])
        self.say(f"{server.name}: {dataset.rows} rows loaded in {loaded['seconds']:.1f} s")
        self.results["loads"].append({"dataset": dataset.name, "server": server.name, "table_bytes": table_bytes,
                                      **loaded})

    @staticmethod
    def _mark(server, relation):
        """What a table or an index says of itself, by its comment."""
        with Connection(server.conninfo) as db:
            comment = db.value(f"SELECT obj_description(to_regclass('{relation}'), 'pg_class')")
        return json.loads(comment) if comment else None

    @staticmethod
    def _set_mark(db, what, mark):
        text = json.dumps(mark).replace("'", "''")
        db.rows(f"COMMENT ON {what} IS '{text}'")

    def drop(self, server):
        if self.options.reuse:
            return
        with Connection(server.conninfo) as db:
            db.rows("DROP TABLE IF EXISTS bench, bench_queries; CHECKPOINT")

    def build(self, server, index):
        definition = index.definition.format(ops=ops(self.dataset.metric))
        built = self._mark(server, "bench_idx") if self.options.reuse else None
        if built and built["definition"] == definition:
            self.say(f"{server.name}: {index.name} is built")
            self.results["builds"].append(built)
            return
        with Connection(server.conninfo) as db:
            db.rows("DROP INDEX IF EXISTS bench_idx")
            if self.options.maintenance_work_mem:
                db.rows(f"SET maintenance_work_mem = '{self.options.maintenance_work_mem}'")
            with self.programs.turn():
                seconds, cpu, peak, workers = run_watched(db, f"CREATE INDEX bench_idx ON bench {definition}")
            built = {
                "dataset": self.dataset.name, "server": server.name, "index": index.name, "definition": definition,
                "seconds": round(seconds, 2), "cpu_seconds": cpu and round(cpu, 2), "peak_bytes": peak,
                "workers": workers,
                "maintenance_work_mem": db.value("SHOW maintenance_work_mem"),
                "index_bytes": int(db.value("SELECT pg_relation_size('bench_idx')")),
                "rows": self.dataset.rows,
            }
            self._set_mark(db, "INDEX bench_idx", built)
            db.rows("CHECKPOINT")
        self.say(f"{server.name}: {index.name} built in {seconds:.1f} s ({cpu or 0:.1f} s of processor), "
                 f"{built['index_bytes'] / 1e6:.0f} MB, "
                 f"peak {(peak or 0) / 1e6:.0f} MB")
        self.results["builds"].append(built)

    def drop_index(self, server):
        if self.options.reuse:
            return
        with Connection(server.conninfo) as db:
            db.rows("DROP INDEX bench_idx")

    # ---- without an index ----

    def floor(self, server):
        """What no search can be faster than: reading memory, and a query that searches nothing."""
        sql = "SELECT id FROM bench WHERE $1::vector IS NOT NULL LIMIT 10"
        floor = self.programs.run("bench_floor")
        trivial = self.programs.run("bench_query", server.conninfo, self.dataset.queries("queries"), 10,
                                    self.options.seconds, 1, "", sql)
        floor["trivial_query_us"] = trivial["p50_us"]
        floor["trivial_query_dimensions"] = self.dataset.dim
        self.say(f"floor: {floor}")
        return floor

    def exact(self, server):
        """A search that compares every row; its time hardly depends on k, so one will do."""
        k = self.options.k[0]
        with self.programs.turn():
            found = self.programs.run("bench_query", server.conninfo, self.dataset.queries("queries"), k,
                                      self.options.seconds, 1, "", search_sql(self.dataset.metric, k))
        self.say(f"{server.name}: exact, k = {k}: {found['queries_per_second']:.1f} queries/s")
        self.results["exact"].append({"dataset": self.dataset.name, "server": server.name, "k": k, **found})

    # ---- one setting ----

    def search(self, server, index, settings, k, query_set, **how):
        """Measures one point; `how`: seconds, connections, checked (False: only the time is of interest)."""
        dataset = self.dataset
        statements = index.extra + "".join(f"SET {name} = {value};" for name, value in settings.items())
        arguments = [server.conninfo, dataset.queries(query_set), k, how.get("seconds", self.options.seconds),
                     how.get("connections", 1), statements, search_sql(dataset.metric, k)]
        if how.get("checked", True):
            arguments += [search_sql(dataset.metric, k, distance=True), dataset.neighbours(query_set),
                          dataset.distances(query_set)]
        with self.programs.turn():
            point = self.programs.run("bench_query", *arguments)
        return {"dataset": dataset.name, "server": server.name, "index": index.name, "queries_of": query_set, "k": k,
                "settings": settings, **point}

    def explained(self, server, index, settings, k):
        """Whether the index is used, and how many pages a query touches, on average over some queries."""
        dataset = self.dataset
        statements = index.extra + "".join(f"SET {name} = {value};" for name, value in settings.items())
        with Connection(server.conninfo) as db:
            self._queries_table(server, db)
            if statements:
                db.rows(statements)
            db.rows(f"PREPARE q(vector) AS {search_sql(dataset.metric, k)}")
            pages, used, scans = 0, True, []
            queries = db.rows(f"SELECT embedding FROM bench_queries ORDER BY id LIMIT {BUFFER_QUERIES}")
            for (query,) in queries:
                plan = "\n".join(r[0] for r in db.rows(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) EXECUTE q('{query}')"))
                used = used and "bench_idx" in plan
                touched = next(line for line in plan.splitlines() if "Buffers:" in line)
                pages += sum(int(part.split("=")[1]) for part in touched.split() if part.startswith(("hit=", "read=")))
                if "USING ivf" in index.definition:
                    scans.append([int(n) for n in db.rows(
                        "SELECT codes_scanned, records_read, rows_fetched FROM vector_last_scan()")[0]])
            found = {"index_used": used, "bytes_touched": round(pages * PAGE_BYTES / len(queries))}
            if scans:
                lists = int(db.value("SELECT max(probes) FROM vector_index_calibration('bench_idx')"))
                found["bytes_read"] = self._bytes_read(lists, *(statistics.mean(column) for column in zip(*scans)))
        return found

    def _bytes_read(self, lists, codes, records, rows):
        """What an ivf search cannot do without reading, by the formats' sizes (pg/page/README.md)."""
        code = self.dataset.dim / 8 + CODE_FACTORS
        return {"centroids": round(lists * code), "codes": round(codes * code),
                "records": round(records * (self.dataset.dim / 2 + RECORD_HEAD)),
                "rows": round(rows * self.dataset.dim * 4)}

    def inside(self, server, index, settings, k, seconds):
        """Microseconds a query takes inside the server, by the clock and on the processor (None if not to be known)."""
        dataset = self.dataset
        statements = index.extra + "".join(f"SET {name} = {value};" for name, value in settings.items())
        with Connection(server.conninfo) as db:
            self._queries_table(server, db)
            if statements:
                db.rows(statements)
            db.rows(INSIDE_FUNCTION.format(operator=OPERATORS[dataset.metric], k=k))
            queries = "(SELECT array_agg(embedding ORDER BY random()) FROM bench_queries)"
            with self.programs.turn():
                db.rows(f"SELECT pg_temp.bench_inside({queries}, 0.1)")
                before = cpu_seconds(db.backend_pid)
                asked, took = db.rows(f"SELECT * FROM pg_temp.bench_inside({queries}, {seconds})")[0]
                after = cpu_seconds(db.backend_pid)
        cpu = None if before is None else round((after - before) * 1e6 / int(asked), 2)
        return round(float(took) / int(asked), 2), cpu

    def _queries_table(self, server, db):
        if db.value("SELECT count(*) FROM bench_queries") == "0":
            self.programs.run("bench_load", server.conninfo, "bench_queries", self.dataset.queries("queries"),
                              "rows", 0, npy_shape(self.dataset.queries("queries"))[0], "copy", 1)

    # ---- a sweep, and the best of it ----

    def sweep(self, server, index, k, query_set):
        """All settings worth measuring; the points, in the order measured."""
        points = []
        for sweep in index.sweeps:
            tried = {}

            def measure(value, sweep=sweep, tried=tried):
                tried[value] = self.search(server, index, {sweep.setting: value}, k, query_set)
                del tried[value]["histogram"]       # those of bouts are drawn
                points.append(tried[value])
                return tried[value]["recall_ties"]

            for value in sweep.values_for(k):
                if measure(value) >= RECALL_ENOUGH:
                    break
            if sweep.whole and not self.options.quick:
                for target in self.options.targets:
                    self._refine(target, tried, measure)
        self.results["searches"] += points
        self.save()
        self.say(f"{server.name}: {index.name}, k = {k}, {query_set}: " + ", ".join(
            f"{p['recall_ties']:.3f} at {p['queries_per_second']:.0f}" for p in points))
        return points

    @staticmethod
    def _refine(target, tried, measure):
        """Halves the gap between the last value that misses the target and the first that meets it."""
        for _ in range(REFINEMENTS):
            met = [v for v, p in tried.items() if p["recall_ties"] >= target]
            if not met:
                return
            high = min(met)
            low = max((v for v in tried if v < high), default=None)
            if low is None or high - low < max(2, high // 12):
                return
            measure((low + high) // 2)

    def best(self, points, target):
        """
        The fastest point that meets a target, or None; by time on the processor
        where it is known, for a point is measured once and other work may have
        come between.
        """
        met = [p for p in points if p["recall_ties"] >= target]
        return min(met, key=lambda p: p.get("server_cpu_us", 1e6 / p["queries_per_second"]), default=None)

    # ---- side by side ----

    def bout(self, sides, k, query_set, target):
        """Times the best setting of each side in turn, several times over; keeps the medians."""
        rates = [[] for _ in sides]
        inside = [[] for _ in sides]
        cpu = [[] for _ in sides]
        measured = [None] * len(sides)
        for _ in range(self.options.rounds):
            for i, (server, index, point) in enumerate(sides):
                measured[i] = self.search(server, index, point["settings"], k, query_set, checked=False)
                rates[i].append(measured[i]["queries_per_second"])
                cpu[i].append(measured[i].get("server_cpu_us", 0))
                if query_set == "queries":
                    inside[i].append(self.inside(server, index, point["settings"], k, self.options.seconds / 2))
        found = []
        for i, (server, index, point) in enumerate(sides):
            entry = {**measured[i], "target": target,
                     **{name: value for name, value in point.items() if name.startswith(("recall", "rows_"))},
                     "queries_per_second": statistics.median(rates[i]), "rates": rates[i],
                     "server_cpu_us": statistics.median(cpu[i])}
            if inside[i]:
                clock, on_processor = zip(*inside[i])
                entry["inside_us"] = statistics.median(clock)
                if None not in on_processor:
                    entry["inside_cpu_us"] = statistics.median(on_processor)
            entry.update(self.explained(server, index, point["settings"], k))
            found.append(entry)
        return found

    def clients(self, server, index, point, k):
        """The same setting with several connections at once."""
        for connections in self.options.clients:
            measured = self.search(server, index, point["settings"], k, "queries", checked=False,
                                   connections=connections)
            measured["recall_ties"] = point["recall_ties"]
            self.results["clients"].append(measured)
            self.say(f"{server.name}: {connections} connections: {measured['queries_per_second']:.0f} queries/s")

    # ---- all of it ----

    def run(self, servers):
        """Every index of every server; those of one server one after another, for they index one column."""
        together = []       # (server, index, {(k, query set): points}) whose index stays while others are measured
        for server in servers:
            self.load(server)
            if self.options.floor and not self.results["floor"]:
                self.results["floor"] = self.floor(server)
            if self.options.exact:
                self.exact(server)
            for number, index in enumerate(server.indexes):
                self.build(server, index)
                swept = {(k, query_set): self.sweep(server, index, k, query_set)
                         for k in self.options.k for query_set in self.options.query_sets}
                self._compare([*together, (server, index, swept)])
                if self.options.clients:
                    point = self.best(swept[self.options.k[0], "queries"], self.options.targets[0])
                    if point:
                        self.clients(server, index, point, self.options.k[0])
                if number + 1 < len(server.indexes) or not self.options.together:
                    self.drop_index(server)
                else:
                    together.append((server, index, swept))
            if not self.options.together:
                self.drop(server)
        if self.options.together:
            for server in servers:
                self.drop(server)

    def _compare(self, contestants):
        for shared_buffers in self.options.shared_buffers or [None]:
            if shared_buffers:
                for server, _, _ in contestants:
                    if server.restart is None:
                        raise Failed(f"{server.name} cannot be restarted from here: give --peer-restart")
                    server.restart(shared_buffers)
            for key in contestants[-1][2]:
                for target in self.options.targets:
                    self._compare_at(contestants, *key, target, shared_buffers)

    def _compare_at(self, contestants, k, query_set, target, shared_buffers):
        # who cannot reach the target is compared at the most it can
        reachable = min(target, max(p["recall_ties"] for p in contestants[-1][2][k, query_set]))
        sides = [(server, index, self.best(swept[k, query_set], reachable)) for server, index, swept in contestants]
        sides = [side for side in sides if side[2] is not None]
        if shared_buffers:
            for server, index, point in sides:      # fills the buffers
                self.search(server, index, point["settings"], k, query_set, connections=0)
        bout = self.bout(sides, k, query_set, target)
        for entry in bout:
            entry["shared_buffers"] = shared_buffers
        self.results["bouts"].append(bout)
        self.save()
        for entry in bout:
            self.say(f"  k = {k}, recall {entry['recall_ties']:.3f} >= {target}: {entry['server']} {entry['settings']} "
                     f"{entry['queries_per_second']:.0f} queries/s, inside {entry.get('inside_us', 0):.0f} us, "
                     f"server's processor {entry['server_cpu_us']:.0f} us")
