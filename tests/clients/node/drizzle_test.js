/*
 * drizzle_test.js - Drizzle's own vector columns and distance functions.
 *
 * Goal: a schema with vector, halfvec, sparsevec and bit columns takes and gives
 * back rows, and Drizzle's six distance functions order them as computed here,
 * through the indexes and under conditions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { asc, cosineDistance, hammingDistance, innerProduct, jaccardDistance, l1Distance, l2Distance,
  lt, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { bit, halfvec, integer, pgTable, sparsevec, vector } from 'drizzle-orm/pg-core';
import { DIMENSIONS, done, makeRows, nearest, ok, ranked, sameDistances } from './sample.js';

const items = pgTable('items', {
  id: integer('id').primaryKey(),
  category: integer('category'),
  dense: vector('dense', { dimensions: DIMENSIONS }),
  half: halfvec('half', { dimensions: DIMENSIONS }),
  sparse: sparsevec('sparse', { dimensions: DIMENSIONS }),
  bits: bit('bits', { dimensions: DIMENSIONS }),
});

/* "{1:0.25,7:2}/24" */
const sparseText = (elements) => `{${elements.map((x, i) => [i + 1, x]).filter(([, x]) => x !== 0)
  .map(([i, x]) => `${i}:${x}`).join(',')}}/${elements.length}`;

const rows = makeRows();
const query = rows[10];
const pool = new pg.Pool({ max: 1 });
const db = drizzle(pool);
await db.execute(sql`CREATE EXTENSION vector`);
await db.execute(sql.raw(`CREATE TABLE items (id integer PRIMARY KEY, category integer, dense vector(${DIMENSIONS}),
  half halfvec(${DIMENSIONS}), sparse sparsevec(${DIMENSIONS}), bits bit(${DIMENSIONS}))`));
await db.insert(items).values(rows.map((row) => ({
  id: row.id, category: row.category, dense: row.dense, half: row.dense, sparse: sparseText(row.sparse), bits: row.bits,
})));

const [back] = await db.select().from(items).where(sql`${items.id} = ${query.id}`);
ok(JSON.stringify(back.dense) === JSON.stringify(query.dense), 'vector there and back');
ok(JSON.stringify(back.half) === JSON.stringify(query.dense), 'halfvec there and back');
ok(back.sparse === sparseText(query.sparse), 'sparsevec there and back');
ok(back.bits === query.bits, 'bit there and back');

for (const [name, expression, column, operator] of [
  ['l2Distance', l2Distance(items.dense, query.dense), 'dense', '<->'],
  ['innerProduct', innerProduct(items.dense, query.dense), 'dense', '<#>'],
  ['cosineDistance', cosineDistance(items.dense, query.dense), 'dense', '<=>'],
  ['l1Distance', l1Distance(items.dense, query.dense), 'dense', '<+>'],
  ['hammingDistance', hammingDistance(items.bits, query.bits), 'bits', '<~>'],
  ['jaccardDistance', jaccardDistance(items.bits, query.bits), 'bits', '<%>'],
]) {
  const answers = await db.select({ id: items.id, distance: expression }).from(items).orderBy(expression, asc(items.id));
  sameDistances(answers.map((row) => ({ id: row.id, distance: Number(row.distance) })),
    ranked(rows, column, operator, query[column]), name);
}

await db.execute(sql`SET enable_seqscan = off`);
await db.execute(sql`SET ivfflat.probes = 100`);
for (const method of ['hnsw', 'ivf', 'ivfflat']) {
  await db.execute(sql.raw(`CREATE INDEX tested ON items USING ${method} (dense vector_cosine_ops)`));
  const some = await db.select({ id: items.id }).from(items).where(lt(items.category, 5))
    .orderBy(cosineDistance(items.dense, query.dense)).limit(10);
  nearest(some.map((row) => row.id), ranked(rows.filter((row) => row.category < 5), 'dense', '<=>', query.dense),
    `${method} under a condition`);
  await db.execute(sql`DROP INDEX tested`);
}
await pool.end();

const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version;
done(`drizzle-orm ${version('drizzle-orm')}, pg ${version('pg')}`);
