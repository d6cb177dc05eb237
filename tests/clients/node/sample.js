/*
 * sample.js - rows for the tests of Node's clients, what is nearest, and TAP.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
export const DIMENSIONS = 24;
export const client = `node ${process.argv[1].replace(/.*\/|_test\.js$/g, '')}`;

const seed = Number(process.env.OMENDB_TEST_SEED ?? 20);
let state = (seed * 2654435761) >>> 0;
let count = 0;

/* Numerical Recipes' linear congruential generator: good enough to scatter rows. */
export function random() {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 4294967296;
}

export function makeRows(rowCount = 800) {
  return Array.from({ length: rowCount }, (_, at) => ({
    id: at + 1,
    category: at % 8,
    dense: Array.from({ length: DIMENSIONS }, () => Math.floor(random() * 129 - 64) / 64),
    sparse: Array.from({ length: DIMENSIONS }, (_, i) => (i === at % DIMENSIONS || random() < 0.2 ? 0.25 + (at % 4) : 0)),
    bits: '1' + Array.from({ length: DIMENSIONS - 1 }, () => (random() < 0.5 ? '0' : '1')).join(''),
  }));
}

const sum = (a, b, f) => Array.from(a).reduce((total, x, i) => total + f(x, b[i]), 0);
const product = (a, b) => sum(a, b, (x, y) => x * y);
const bothAre = (a, b, f) => sum(a, b, (x, y) => (f(x === '1', y === '1') ? 1 : 0));

export const distances = {
  '<->': (a, b) => Math.sqrt(sum(a, b, (x, y) => (x - y) ** 2)),
  '<#>': (a, b) => -product(a, b),
  '<=>': (a, b) => 1 - product(a, b) / Math.sqrt(product(a, a) * product(b, b)),
  '<+>': (a, b) => sum(a, b, (x, y) => Math.abs(x - y)),
  '<~>': (a, b) => bothAre(a, b, (x, y) => x !== y),
  '<%>': (a, b) => 1 - bothAre(a, b, (x, y) => x && y) / bothAre(a, b, (x, y) => x || y),
};

/* [{ id, distance }], nearest first. */
export function ranked(rows, column, operator, query) {
  return rows.map((row) => ({ id: row.id, distance: distances[operator](row[column], query) }))
    .sort((a, b) => a.distance - b.distance || a.id - b.id);
}

export function ok(good, name) {
  count++;
  console.log(`${good ? 'ok' : 'not ok'} - ${client}: ${name}`);
}

/* Every answer, in order, is a row at that distance. */
export function sameDistances(answers, expected, name) {
  const truth = new Map(expected.map((row) => [row.id, row.distance]));
  ok(answers.length === expected.length
    && answers.every((row) => Math.abs(row.distance - truth.get(Number(row.id))) < 1e-5)
    && answers.every((row, i) => i === 0 || answers[i - 1].distance <= row.distance + 1e-6), name);
}

export function nearest(ids, expected, name) {
  const near = new Set(expected.filter((row) => row.distance <= expected[9].distance + 1e-6).map((row) => row.id));
  const hits = ids.filter((id) => near.has(Number(id))).length;
  ok(ids.length === 10 && new Set(ids).size === 10 && hits >= 9, `${name} (${hits} of 10)`);
}

export function done(versions) {
  console.log(`1..${count}\n# ${client}: seed ${seed}; Node ${process.versions.node}, ${versions}`);
}
