"""asyncpg_test.py - pgvector-python with asyncpg: prepared statements, binary only.

Goal: types through asyncpg's codecs, by parameters and by its binary COPY; the
indexes answer prepared statements as numpy does; a pool works.

SPDX-License-Identifier: Apache-2.0
"""
import asyncio
import os

import asyncpg
from pgvector import HalfVector, SparseVector, Vector
from pgvector.asyncpg import register_vector

import sample
from sample import DIMENSIONS, ok

METHODS = ["hnsw", "ivf", "ivfflat"]


async def check(conn, items):
    await conn.execute(f"""CREATE TABLE items (id bigserial PRIMARY KEY, category int, dense vector({DIMENSIONS}),
        half halfvec({DIMENSIONS}), sparse sparsevec({DIMENSIONS}), bits bit({DIMENSIONS}))""")
    await conn.copy_records_to_table(
        "items", columns=["id", "category", "dense", "half", "sparse", "bits"],
        records=[(row.id, row.category, Vector(row.dense), HalfVector(row.dense), SparseVector(row.sparse.tolist()),
                  asyncpg.BitString("".join("01"[int(bit)] for bit in row.bits))) for row in items])
    ok(await conn.fetchval("SELECT count(*) FROM items") == len(items), "copy_records_to_table of all types")

    row = items[4]
    got = await conn.fetchrow("SELECT dense, half, sparse, bits FROM items WHERE dense = $1", Vector(row.dense))
    ok(got["dense"] == Vector(row.dense), "vector there and back")
    ok(got["half"] == HalfVector(row.dense), "halfvec there and back")
    ok(got["sparse"] == SparseVector(row.sparse.tolist()), "sparsevec there and back")
    ok(got["bits"].as_string().replace(" ", "") == "".join("01"[int(bit)] for bit in row.bits), "bit there and back")
    ok(await conn.fetchval("SELECT $1::vector", None) is None, "NULL there and back")

    for operator, distance in [("<->", sample.l2), ("<#>", sample.negative_inner_product),
                               ("<=>", sample.cosine), ("<+>", sample.l1)]:
        answers = await conn.fetch(f"SELECT id, dense {operator} $1 AS distance FROM items ORDER BY 2, 1",
                                   Vector(row.dense))
        sample.same_distances([tuple(answer) for answer in answers],
                              sample.ranked(items, "dense", distance, row.dense), f"{operator} as numpy has it")
    bits = asyncpg.BitString("".join("01"[int(bit)] for bit in row.bits))
    for operator, distance in [("<~>", sample.hamming), ("<%>", sample.jaccard)]:
        answers = await conn.fetch(f"SELECT id, bits {operator} $1 AS distance FROM items ORDER BY 2, 1", bits)
        sample.same_distances([tuple(answer) for answer in answers],
                              sample.ranked(items, "bits", distance, row.bits), f"{operator} as numpy has it")

    await conn.execute("SET enable_seqscan = off; SET ivfflat.probes = 100")
    for method in METHODS:
        await conn.execute(f"CREATE INDEX tested ON items USING {method} (dense vector_cosine_ops)")
        statement = await conn.prepare("SELECT id FROM items WHERE category <> $2 ORDER BY dense <=> $1 LIMIT 10")
        truth = sample.ranked([item for item in items if item.category != 5], "dense", sample.cosine, items[11].dense)
        for _ in range(7):		# the sixth execution may take a generic plan
            answers = await statement.fetch(Vector(items[11].dense), 5)
        sample.nearest([answer["id"] for answer in answers], truth, f"{method}, prepared, under a condition")
        await conn.execute("DROP INDEX tested")


async def check_pool(items):
    async with asyncpg.create_pool(min_size=2, max_size=4, init=register_vector) as pool:
        async def one(row):
            async with pool.acquire() as conn:
                return await conn.fetchval("SELECT id FROM items ORDER BY dense <-> $1 LIMIT 1", Vector(row.dense))
        answers = await asyncio.gather(*[one(row) for row in items[:20]])
    ok(answers == [row.id for row in items[:20]], "a pool of four, twenty queries at once")


async def main():
    items = sample.rows()
    conn = await asyncpg.connect()
    await conn.execute("CREATE EXTENSION IF NOT EXISTS vector")
    await register_vector(conn)
    await check(conn, items)
    await conn.close()
    await check_pool(items)


os.environ.setdefault("PGSSLMODE", "disable")
asyncio.run(main())
sample.done("pgvector", "asyncpg")
