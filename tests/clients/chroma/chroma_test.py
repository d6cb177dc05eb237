"""chroma_test.py - Chroma's own server, and `omendb migrate --from-chroma` from it.

Goal: collections of each distance, filled by Chroma's client, are the same here,
records, documents and metadata, with an index of that distance; what get()
returns, written to a file, is read too.

SPDX-License-Identifier: Apache-2.0
"""
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

import chromadb
import numpy
import psycopg

import sample
from sample import ok

items = sample.rows()
database = f"host={os.environ['PGHOST']} port={os.environ['PGPORT']} user={os.environ['PGUSER']} " \
    f"dbname={os.environ['PGDATABASE']}"
SPACES = {"l2": "<->", "ip": "<#>", "cosine": "<=>"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def connect(port):
    end = time.time() + 60
    while True:
        try:
            return chromadb.HttpClient(host="127.0.0.1", port=port)
        except Exception:
            if time.time() > end:
                raise
            time.sleep(0.2)


def migrate(*arguments):
    run = subprocess.run(["omendb", "migrate", "--to", database, *arguments], capture_output=True, text=True)
    if run.returncode != 0:
        print("# " + run.stderr.replace("\n", "\n# "))
    return run.returncode, run.stdout


def fill(client, name, space):
    collection = client.create_collection(name, configuration={"hnsw": {"space": space}})
    collection.add(ids=[str(row.id) for row in items], embeddings=[row.dense.tolist() for row in items],
                   documents=[f'the "{row.id}"' if row.id % 3 else None for row in items],
                   metadatas=[{"n": row.id, "part": row.category / 8, "odd": row.id % 2 == 1} if row.id % 5 else None
                              for row in items])
    return collection


def same(cursor, table, name, space):
    """Of cosine collections Chroma may give back vectors of another length, rounded differently."""
    def direction(vector):
        return vector / numpy.sqrt((vector ** 2).sum()) if space == "cosine" else vector

    cursor.execute(f"SELECT id, embedding::real[], document, metadata FROM {table}")
    found = {row[0]: row[1:] for row in cursor}
    good = len(found) == len(items)
    for row in items if good else []:
        vector, document, metadata = found[str(row.id)]
        good = good and abs(direction(numpy.array(vector)) - direction(row.dense)).max() < 1e-6
        good = good and document == (f'the "{row.id}"' if row.id % 3 else None)
        good = good and metadata == ({"n": row.id, "part": row.category / 8, "odd": row.id % 2 == 1}
                                     if row.id % 5 else None)
    ok(good, f"{name}: every record, document and metadata")


def check(client, address, cursor, space):
    collection = fill(client, f"of-{space}", space)
    code, report = migrate("--from-chroma", address, "--collection", f"of-{space}")
    ok(code == 0 and f"{space} " in report, f"{space}: migrate finds its distance and nothing that differs")
    same(cursor, f'"of-{space}"', space, space)
    query = items[11].dense
    cursor.execute(f'SELECT id FROM "of-{space}" ORDER BY embedding {SPACES[space]} %s::real[]::vector LIMIT 10',
                   (query.tolist(),))
    ours = {row[0] for row in cursor}
    theirs = set(collection.query(query_embeddings=[query.tolist()], n_results=10)["ids"][0])
    ok(len(ours & theirs) >= 9, f"{space}: the nearest are those that Chroma finds ({len(ours & theirs)} of 10)")
    return collection


def main():
    with tempfile.TemporaryDirectory() as folder, psycopg.connect(database, autocommit=True) as connection:
        port = free_port()
        cursor = connection.cursor()
        cursor.execute("CREATE EXTENSION vector")
        with open(os.path.join(folder, "log"), "w") as log:
            server = subprocess.Popen([os.path.join(os.path.dirname(sys.executable), "chroma"), "run", "--path", folder,
                                       "--host", "127.0.0.1", "--port", str(port)], stdout=log, stderr=log)
        try:
            client = connect(port)
            address = f"http://127.0.0.1:{port}"
            for space in SPACES:
                collection = check(client, address, cursor, space)
            code, _ = migrate("--from-chroma", f"{address}/api/v2/tenants/default_tenant/databases/default_database",
                              "--collection", "of-l2", "--table", "by_path")
            ok(code == 0, "an address that names tenant and database")
            same(cursor, "by_path", "the same", "l2")
            written = collection.get(include=["embeddings", "documents", "metadatas"])
            written["embeddings"] = [[float(x) for x in embedding] for embedding in written["embeddings"]]
            path = os.path.join(folder, "export.json")
            with open(path, "w") as file:
                json.dump({key: written[key] for key in ("ids", "embeddings", "documents", "metadatas")}, file)
            code, _ = migrate("--from-chroma", path)
            ok(code == 0, "a file of what get() returns")
            same(cursor, "export", "the file", "cosine")
        finally:
            server.kill()
            server.wait()
    sample.done("chromadb")


main()
