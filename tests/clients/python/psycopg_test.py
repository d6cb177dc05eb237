"""psycopg_test.py - pgvector-python with psycopg 3, text and binary protocol.

Goal: every type goes in and comes out as it was, by parameters and by binary
COPY; every operator answers as numpy does; every index finds what is nearest,
also under a condition; errors carry the SQLSTATEs that clients match on.

SPDX-License-Identifier: Apache-2.0
"""
import psycopg
from pgvector import Bit, HalfVector, SparseVector, Vector
from pgvector.psycopg import register_vector

import sample
from sample import DIMENSIONS, ok

OPERATORS = [
    ("<->", sample.l2, ["dense", "half", "sparse"]),
    ("<#>", sample.negative_inner_product, ["dense", "half", "sparse"]),
    ("<=>", sample.cosine, ["dense", "half", "sparse"]),
    ("<+>", sample.l1, ["dense", "half", "sparse"]),
    ("<~>", sample.hamming, ["bits"]),
    ("<%%>", sample.jaccard, ["bits"]),
]
COLUMN_OF = {"dense": "dense", "half": "dense", "sparse": "sparse", "bits": "bits"}
OPCLASSES = {"<->": "l2", "<#>": "ip", "<=>": "cosine", "<+>": "l1", "<~>": "hamming", "<%%>": "jaccard"}
TYPES = {"dense": "vector", "half": "halfvec", "sparse": "sparsevec", "bits": "bit"}
INDEXABLE = {
    "hnsw": [("dense", "<->"), ("dense", "<#>"), ("dense", "<=>"), ("dense", "<+>"),
             ("half", "<->"), ("half", "<#>"), ("half", "<=>"), ("half", "<+>"),
             ("sparse", "<->"), ("sparse", "<#>"), ("sparse", "<=>"), ("sparse", "<+>"),
             ("bits", "<~>"), ("bits", "<%%>")],
    "ivfflat": [("dense", "<->"), ("dense", "<#>"), ("dense", "<=>"),
                ("half", "<->"), ("half", "<#>"), ("half", "<=>"), ("bits", "<~>")],
    "ivf": [("dense", "<->"), ("dense", "<#>"), ("dense", "<=>"),
            ("half", "<->"), ("half", "<#>"), ("half", "<=>")],
}


def as_parameter(column, row):
    return {
        "dense": lambda: Vector(row.dense),
        "half": lambda: HalfVector(row.dense),
        "sparse": lambda: SparseVector(row.sparse.tolist()),
        "bits": lambda: Bit(row.bits.tolist()),
    }[column]()


def create(conn):
    conn.execute("CREATE EXTENSION IF NOT EXISTS vector")
    register_vector(conn)
    conn.execute(f"""CREATE TABLE items (id bigserial PRIMARY KEY, category int, dense vector({DIMENSIONS}),
        half halfvec({DIMENSIONS}), sparse sparsevec({DIMENSIONS}), bits bit({DIMENSIONS}))""")


def load(conn, items):
    with conn.cursor().copy("COPY items (id, category, dense, half, sparse, bits) FROM STDIN WITH (FORMAT BINARY)") as copy:
        copy.set_types(["int8", "int4", "vector", "halfvec", "sparsevec", "bit"])
        for row in items:
            copy.write_row([row.id, row.category] + [as_parameter(column, row) for column in COLUMN_OF])
    ok(conn.execute("SELECT count(*) FROM items").fetchone()[0] == len(items), "binary COPY of all types")


def round_trips(conn, items):
    row = items[4]
    for binary in (False, True):
        cursor = conn.cursor(binary=binary)
        kind = "binary" if binary else "text"
        placeholder = "%b" if binary else "%t"
        sent = [as_parameter(column, row) for column in COLUMN_OF]
        got = cursor.execute(
            f"SELECT {placeholder}::vector, {placeholder}::halfvec, {placeholder}::sparsevec, {placeholder}::bit({DIMENSIONS})",
            sent).fetchone()
        stored = cursor.execute("SELECT dense, half, sparse, bits FROM items WHERE id = %s", (row.id,)).fetchone()
        for column, ours, from_parameter, from_table in zip(COLUMN_OF, sent, got, stored):
            if column == "bits":  # PostgreSQL's own type, which pgvector-python only sends
                ours = ours.to_binary() if binary else ours.to_text()
            ok(from_parameter == ours and from_table == ours, f"{TYPES[column]} there and back, {kind}")
        nothing = cursor.execute(f"SELECT NULL::vector, {placeholder}::vector", (None,)).fetchone()
        ok(nothing == (None, None), f"NULL there and back, {kind}")
    average, total = conn.execute("SELECT avg(dense), sum(dense) FROM items").fetchone()
    truth = sum(item.dense for item in items)
    ok(sample.l1(total.to_numpy(), truth) < 1e-2 and sample.l1(average.to_numpy() * len(items), truth) < 1e-2,
       "avg and sum of vectors")


def ask(conn, column, operator, query, where="", k=10):
    return conn.execute(f"SELECT id, {column} {operator} %s AS distance FROM items {where} "
                        f"ORDER BY {column} {operator} %s, id LIMIT {k}", (query, query)).fetchall()


def distances(conn, items):
    for operator, distance, columns in OPERATORS:
        for column in columns:
            query = as_parameter(column, items[7])
            truth = sample.ranked(items, COLUMN_OF[column], distance, getattr(items[7], COLUMN_OF[column]))
            name = f"{TYPES[column]} {operator.replace('%%', '%')} as numpy has it"
            sample.same_distances(ask(conn, column, operator, query, k=len(items)), truth, name)


def indexes(conn, items):
    distance_of = {operator: distance for operator, distance, _ in OPERATORS}
    conn.execute("SET enable_seqscan = off")
    conn.execute("SET hnsw.ef_search = 100")
    conn.execute("SET ivfflat.probes = 19")
    conn.execute("SET ivfflat.iterative_scan = relaxed_order")
    for method, pairs in INDEXABLE.items():
        for column, operator in pairs:
            opclass = f"{TYPES[column]}_{OPCLASSES[operator]}_ops"
            options = "WITH (lists = 20)" if method == "ivfflat" else ""
            conn.execute(f"CREATE INDEX tested ON items USING {method} ({column} {opclass}) {options}")
            key = COLUMN_OF[column]
            query = as_parameter(column, items[11])
            truth = sample.ranked(items, key, distance_of[operator], getattr(items[11], key))
            plain = f"SELECT id FROM items ORDER BY {column} {operator} %s LIMIT 10"
            plan = "\n".join(line for line, in conn.execute("EXPLAIN " + plain, (query,)))
            answers = [row_id for row_id, in conn.execute(plain, (query,), prepare=True)]
            ok("Index Scan using tested" in plan, f"{method} {opclass} is used")
            sample.nearest(answers, truth, f"{method} {opclass} finds the nearest")

            some = [row for row in items if row.category == 3]
            truth = sample.ranked(some, key, distance_of[operator], getattr(items[11], key))
            answers = [row_id for row_id, in conn.execute(
                f"SELECT id FROM items WHERE category = %s ORDER BY {column} {operator} %s LIMIT 10", (3, query))]
            sample.nearest(answers, truth, f"{method} {opclass} under a condition")
            conn.execute("DROP INDEX tested")
    conn.execute("RESET enable_seqscan")


def settings(conn):
    conn.execute("CREATE INDEX tested ON items USING hnsw (dense vector_l2_ops) WITH (m = 8, ef_construction = 32)")
    conn.execute("SET hnsw.ef_search = 100")
    conn.execute("SET hnsw.iterative_scan = strict_order")
    ok(conn.execute("SHOW hnsw.ef_search").fetchone()[0] == "100", "hnsw options and settings")
    conn.execute("DROP INDEX tested")


def errors(conn):
    for statement, sqlstate, name in [
        ("INSERT INTO items (dense) VALUES ('[1,2,3]')", "22000", "wrong number of dimensions"),
        ("SELECT '[1,2'::vector", "22P02", "malformed vector"),
        ("SELECT '[1,NaN]'::vector", "22000", "NaN"),
        ("SELECT '[1,2]'::vector <-> '[1,2,3]'::vector", "22000", "different numbers of dimensions"),
        ("SELECT '[1e6]'::halfvec", "22003", "too large for halfvec"),
    ]:
        try:
            conn.execute(statement)
            ok(False, f"{name}: no error")
        except psycopg.Error as error:
            ok(error.sqlstate == sqlstate, f"{name}: SQLSTATE {error.sqlstate}")


with psycopg.connect(autocommit=True) as connection:
    sample_rows = sample.rows()
    create(connection)
    load(connection, sample_rows)
    round_trips(connection, sample_rows)
    distances(connection, sample_rows)
    indexes(connection, sample_rows)
    settings(connection)
    errors(connection)
sample.done("pgvector", "psycopg")
