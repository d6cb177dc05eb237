/*
 * pg_test.js - pgvector-node with node-postgres.
 *
 * Goal: types there and back through registerTypes and toSql, every operator as
 * computed here, indexes with and without a condition, prepared statements.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { SparseVector } from 'pgvector';
import pgvector from 'pgvector/pg';
import { DIMENSIONS, done, makeRows, nearest, ok, ranked, sameDistances } from './sample.js';

const rows = makeRows();
const query = rows[10];
const client = new pg.Client();
await client.connect();
await client.query('CREATE EXTENSION vector');
await pgvector.registerTypes(client);
await client.query(`CREATE TABLE items (id bigserial PRIMARY KEY, category int, dense vector(${DIMENSIONS}),
  half halfvec(${DIMENSIONS}), sparse sparsevec(${DIMENSIONS}), bits bit(${DIMENSIONS}))`);
for (const row of rows) {
  await client.query({
    name: 'insert', text: 'INSERT INTO items VALUES ($1, $2, $3, $4, $5, $6)',
    values: [row.id, row.category, pgvector.toSql(row.dense), pgvector.toSql(row.dense),
      new SparseVector(row.sparse), row.bits],
  });
}

const back = (await client.query('SELECT * FROM items WHERE id = $1', [query.id])).rows[0];
ok(JSON.stringify(back.dense) === JSON.stringify(query.dense), 'vector there and back');
ok(JSON.stringify(back.half) === JSON.stringify(query.dense), 'halfvec there and back');
ok(JSON.stringify(back.sparse.toArray()) === JSON.stringify(query.sparse), 'sparsevec there and back');
ok(back.bits === query.bits, 'bit there and back');
ok((await client.query('SELECT $1::vector AS nothing', [null])).rows[0].nothing === null, 'NULL there and back');

for (const [operator, column, value] of [
  ['<->', 'dense', pgvector.toSql(query.dense)], ['<#>', 'dense', pgvector.toSql(query.dense)],
  ['<=>', 'dense', pgvector.toSql(query.dense)], ['<+>', 'dense', pgvector.toSql(query.dense)],
  ['<->', 'sparse', new SparseVector(query.sparse)], ['<=>', 'sparse', new SparseVector(query.sparse)],
  ['<~>', 'bits', query.bits], ['<%>', 'bits', query.bits],
]) {
  const answers = await client.query(`SELECT id, ${column} ${operator} $1 AS distance FROM items ORDER BY 2, 1`, [value]);
  sameDistances(answers.rows, ranked(rows, column, operator, query[column]), `${column} ${operator} as computed here`);
}

await client.query('SET enable_seqscan = off');
await client.query('SET ivfflat.probes = 100');
for (const method of ['hnsw', 'ivf', 'ivfflat']) {
  for (const [operator, opclass] of [['<->', 'l2'], ['<#>', 'ip'], ['<=>', 'cosine']]) {
    await client.query(`CREATE INDEX tested ON items USING ${method} (dense vector_${opclass}_ops)`);
    const all = await client.query(`SELECT id FROM items ORDER BY dense ${operator} $1 LIMIT 10`,
      [pgvector.toSql(query.dense)]);
    nearest(all.rows.map((row) => row.id), ranked(rows, 'dense', operator, query.dense), `${method} ${operator}`);
    const some = await client.query({
      name: `filtered ${method} ${opclass}`,
      text: `SELECT id FROM items WHERE category = $2 ORDER BY dense ${operator} $1 LIMIT 10`,
      values: [pgvector.toSql(query.dense), 3],
    });
    nearest(some.rows.map((row) => row.id),
      ranked(rows.filter((row) => row.category === 3), 'dense', operator, query.dense),
      `${method} ${operator} under a condition`);
    await client.query('DROP INDEX tested');
  }
}
const refused = await client.query("INSERT INTO items (dense) VALUES ('[1,2]')").catch((error) => error.code);
ok(refused === '22000', `wrong number of dimensions: SQLSTATE ${refused}`);
await client.end();

const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version;
done(`pgvector ${version('pgvector')}, pg ${version('pg')}`);
