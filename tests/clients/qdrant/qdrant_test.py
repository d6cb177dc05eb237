"""qdrant_test.py - `omendb migrate --from-qdrant` from Qdrant's API as its client has it (qdrant_server.py).

Goal: collections of each distance, and one with vectors by name, sparse ones and
several in one, are the same here, payload included; every question that migrate
asks is one that Qdrant documents; what scroll prints, in a file, is read too.

SPDX-License-Identifier: Apache-2.0
"""
import json
import os
import subprocess
import tempfile
import urllib.request
import uuid

import numpy
import psycopg
from qdrant_client import QdrantClient, models

import sample
from qdrant_server import serve
from sample import ok

items = sample.rows()
database = f"host={os.environ['PGHOST']} port={os.environ['PGPORT']} user={os.environ['PGUSER']} " \
    f"dbname={os.environ['PGDATABASE']}"
DISTANCES = {models.Distance.COSINE: ("<=>", "cosine"), models.Distance.DOT: ("<#>", "ip"),
             models.Distance.EUCLID: ("<->", "l2"), models.Distance.MANHATTAN: ("<+>", "l1")}


def migrate(*arguments):
    run = subprocess.run(["omendb", "migrate", "--to", database, *arguments], capture_output=True, text=True)
    if run.returncode != 0:
        print("# " + run.stderr.replace("\n", "\n# "))
    return run.returncode, run.stdout


def point_id(row):
    """Numbers, and UUIDs."""
    return row.id if row.id % 2 else str(uuid.UUID(int=row.id))


def payload(row):
    return {"n": row.id, "part": row.category / 8, "tags": ["a", {"deep": [None, True, 'the "ß"']}]} if row.id % 5 else None


def points_of(some_rows, vector_of):
    return [models.PointStruct(id=point_id(row), vector=vector_of(row), payload=payload(row)) for row in some_rows]


def same(cursor, table, columns, expected, name):
    """Of each point the vectors' numbers, within what float4 tells apart, and the payload."""
    cursor.execute(f'SELECT id, metadata, {columns} FROM {table}')
    found = {row[0]: row[1:] for row in cursor}
    good = len(found) == len(items)
    for row in items if good else []:
        metadata, *vectors = found[str(point_id(row))]
        good = good and (metadata or {}) == (payload(row) or {})
        for vector, truth in zip(vectors, expected(row)):
            good = good and numpy.abs(numpy.array(vector, dtype=float) - truth).max() < 1e-6
    ok(good, f"{name}: every point and payload")


def unit(vector):
    return vector / numpy.sqrt((vector ** 2).sum())


def check_distance(local, remote, url, cursor, distance):
    operator, metric = DISTANCES[distance]
    name = f"of {distance.value}"
    local.create_collection(name, models.VectorParams(size=sample.DIMENSIONS, distance=distance))
    local.upsert(name, points_of(items, lambda row: row.dense.tolist()))
    code, report = migrate("--from-qdrant", url, "--collection", name)
    ok(code == 0 and f"{metric} " in report, f"{name}: migrate finds its distance and nothing that differs")
    same(cursor, f'"{name.lower()}"', "embedding::real[]",
         lambda row: [unit(row.dense) if metric == "cosine" else row.dense], name)
    query = items[11].dense.tolist()
    cursor.execute(f'SELECT id FROM "{name.lower()}" ORDER BY embedding {operator} %s::real[]::vector LIMIT 10', (query,))
    ours = {row[0] for row in cursor}
    theirs = {str(point.id) for point in remote.query_points(name, query=query, limit=10).points}
    ok(len(ours & theirs) >= 9, f"{name}: the nearest are those that Qdrant's client finds ({len(ours & theirs)} of 10)")
    return name


def check_named(local, url, cursor):
    local.create_collection(
        "named",
        {"image": models.VectorParams(size=sample.DIMENSIONS, distance=models.Distance.DOT),
         "tokens": models.VectorParams(size=2, distance=models.Distance.COSINE,
                                       multivector_config=models.MultiVectorConfig(
                                           comparator=models.MultiVectorComparator.MAX_SIM))},
        sparse_vectors_config={"words": models.SparseVectorParams()})
    local.upsert("named", points_of(items, lambda row: {
        "image": row.dense.tolist(), "tokens": [[0.0, 1.0], [1.0, 0.0]],
        "words": models.SparseVector(indices=[int(at) for at in row.sparse.nonzero()[0]],
                                     values=row.sparse[row.sparse.nonzero()[0]].tolist())}))
    code, _ = migrate("--from-qdrant", url, "--collection", "named")
    ok(code == 0, "vectors by name, sparse ones, several in one")
    same(cursor, "named", f"image::real[], words::sparsevec({10**9})::text",
         lambda row: [row.dense], "vectors by name")
    cursor.execute("SELECT id, words::text FROM named")
    words = dict(cursor.fetchall())
    ok(all({int(pair.split(":")[0]) - 1: float(pair.split(":")[1])
            for pair in words[str(point_id(row))].split("}")[0].strip("{").split(",")}
           == {int(at): row.sparse[at] for at in row.sparse.nonzero()[0]} for row in items),
       "sparse vectors: every element, counted from one")
    cursor.execute("SELECT count(*) FROM named WHERE tokens = '[[0,1],[1,0]]'::jsonb")
    ok(cursor.fetchone()[0] == len(items), "several vectors in one stay JSON")


def scroll_to_file(url, name, path):
    """As with curl: the API's answers, one a line, until there is no next page."""
    offset = None
    with open(path, "w") as file:
        while True:
            body = {"limit": 300, "with_payload": True, "with_vector": True, "offset": offset}
            with urllib.request.urlopen(urllib.request.Request(
                    f"{url}/collections/{urllib.request.quote(name)}/points/scroll",
                    json.dumps(body).encode(), {"Content-Type": "application/json"})) as answer:
                page = answer.read().decode()
            file.write(page + "\n")
            offset = json.loads(page)["result"]["next_page_offset"]
            if offset is None:
                return


def main():
    local = QdrantClient(":memory:")
    server = serve(local)
    remote = QdrantClient(url=server.url, check_compatibility=False)
    with tempfile.TemporaryDirectory() as folder, psycopg.connect(database, autocommit=True) as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE EXTENSION vector")
        for distance in DISTANCES:
            name = check_distance(local, remote, server.url, cursor, distance)
        check_named(local, server.url, cursor)
        ok(remote.count(name).count == len(items) and len(remote.scroll(name, limit=7)[0]) == 7,
           "Qdrant's client reads the same API")
        scroll_to_file(server.url, name, os.path.join(folder, "export.jsonl"))
        code, _ = migrate("--from-qdrant", os.path.join(folder, "export.jsonl"), "--metric", "l1")
        ok(code == 0, "a file of what scroll prints")
        same(cursor, "export", "embedding::real[]", lambda row: [row.dense], "the file")
    refused = [path for code, path in server.asked if code != 200]
    ok(not refused, f"every question was one of the API's{refused or ''}")
    sample.done("qdrant-client")


main()
