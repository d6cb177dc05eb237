// main.rs - pgvector-rust with rust-postgres (tokio-postgres below it): binary.
//
// Goal: types there and back by parameters and by binary COPY, every operator as
// computed here, indexes with and without a condition.
//
// SPDX-License-Identifier: Apache-2.0
use pgvector::{Bit, HalfVector, SparseVector, Vector};
use postgres::binary_copy::BinaryCopyInWriter;
use postgres::types::{ToSql, Type};
use postgres::{Client, NoTls};
use std::collections::{HashMap, HashSet};
use std::env::var;
use std::error::Error;

const DIMENSIONS: usize = 24;
const ROW_COUNT: usize = 800;
const SEED: u32 = 20;

struct Row {
    id: i64,
    category: i32,
    dense: Vec<f32>,
    sparse: Vec<f32>,
    bits: Vec<bool>,
}

struct Tap {
    count: usize,
}

impl Tap {
    fn ok(&mut self, good: bool, name: &str) {
        self.count += 1;
        println!("{} - rust: {}", if good { "ok" } else { "not ok" }, name);
    }

    // Every answer, in order, is a row at that distance.
    fn same_distances(&mut self, got: &[(i64, f64)], expected: &[(i64, f64)], name: &str) {
        let truth: HashMap<i64, f64> = expected.iter().cloned().collect();
        let right = got.iter().all(|(id, distance)| (distance - truth[id]).abs() < 1e-5);
        let ordered = got.windows(2).all(|pair| pair[0].1 <= pair[1].1 + 1e-6);
        self.ok(got.len() == expected.len() && right && ordered, name);
    }

    fn nearest(&mut self, got: &[(i64, f64)], expected: &[(i64, f64)], name: &str) {
        let bound = expected[9].1 + 1e-6;
        let near: HashSet<i64> = expected.iter().filter(|row| row.1 <= bound).map(|row| row.0).collect();
        let found: HashSet<i64> = got.iter().map(|row| row.0).collect();
        let hits = found.intersection(&near).count();
        self.ok(got.len() == 10 && found.len() == 10 && hits >= 9, &format!("{name} ({hits} of 10)"));
    }
}

// Numerical Recipes' linear congruential generator: good enough to scatter rows.
fn next(state: &mut u32, below: u32) -> u32 {
    *state = state.wrapping_mul(1664525).wrapping_add(1013904223);
    ((*state as u64 * below as u64) >> 32) as u32
}

fn make_rows() -> Vec<Row> {
    let mut state = SEED.wrapping_mul(2654435761);
    (0..ROW_COUNT)
        .map(|i| Row {
            id: i as i64 + 1,
            category: (i % 8) as i32,
            dense: (0..DIMENSIONS).map(|_| (next(&mut state, 129) as f32 - 64.0) / 64.0).collect(),
            sparse: (0..DIMENSIONS)
                .map(|j| if j == i % DIMENSIONS || next(&mut state, 5) == 0 { 0.25 + (i % 4) as f32 } else { 0.0 })
                .collect(),
            bits: (0..DIMENSIONS).map(|j| j == 0 || next(&mut state, 2) == 0).collect(),
        })
        .collect()
}

fn sum(a: &[f32], b: &[f32], f: fn(f64, f64) -> f64) -> f64 {
    a.iter().zip(b).map(|(x, y)| f(*x as f64, *y as f64)).sum()
}

fn product(a: &[f32], b: &[f32]) -> f64 {
    sum(a, b, |x, y| x * y)
}

fn distance(operator: &str, a: &[f32], b: &[f32]) -> f64 {
    match operator {
        "<->" => sum(a, b, |x, y| (x - y) * (x - y)).sqrt(),
        "<#>" => -product(a, b),
        "<=>" => 1.0 - product(a, b) / (product(a, a) * product(b, b)).sqrt(),
        "<+>" | "<~>" => sum(a, b, |x, y| (x - y).abs()),
        _ => 1.0 - product(a, b) / sum(a, b, f64::max), // <%>
    }
}

fn as_numbers(bits: &[bool]) -> Vec<f32> {
    bits.iter().map(|bit| *bit as u8 as f32).collect()
}

fn ranked<'a>(rows: impl Iterator<Item = &'a Row>, of: impl Fn(&Row) -> f64) -> Vec<(i64, f64)> {
    let mut all: Vec<(i64, f64)> = rows.map(|row| (row.id, of(row))).collect();
    all.sort_by(|a, b| a.1.total_cmp(&b.1));
    all
}

fn ask(client: &mut Client, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<(i64, f64)>, postgres::Error> {
    Ok(client.query(sql, parameters)?.iter().map(|row| (row.get(0), row.get(1))).collect())
}

fn load(client: &mut Client, rows: &[Row]) -> Result<u64, Box<dyn Error>> {
    client.batch_execute(&format!(
        "CREATE TABLE items (id bigint PRIMARY KEY, category int, dense vector({DIMENSIONS}),
         half halfvec({DIMENSIONS}), sparse sparsevec({DIMENSIONS}), bits bit({DIMENSIONS}))"
    ))?;
    let statement = client.prepare("SELECT id, category, dense, half, sparse, bits FROM items")?;
    let types: Vec<Type> = statement.columns().iter().map(|column| column.type_().clone()).collect();
    let mut writer = BinaryCopyInWriter::new(client.copy_in("COPY items FROM STDIN WITH (FORMAT BINARY)")?, &types);
    for row in rows {
        writer.write(&[
            &row.id,
            &row.category,
            &Vector::from(row.dense.clone()),
            &HalfVector::from_f32_slice(&row.dense),
            &SparseVector::from_dense(&row.sparse),
            &Bit::new(&row.bits),
        ])?;
    }
    Ok(writer.finish()?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut tap = Tap { count: 0 };
    let rows = make_rows();
    let query = &rows[10];
    let mut client = Client::configure()
        .host(&var("PGHOST")?)
        .port(var("PGPORT")?.parse()?)
        .user(&var("PGUSER")?)
        .dbname(&var("PGDATABASE")?)
        .connect(NoTls)?;
    client.execute("CREATE EXTENSION vector", &[])?;
    let copied = load(&mut client, &rows)?;
    tap.ok(copied == ROW_COUNT as u64, "binary COPY of all types");

    let vector = Vector::from(query.dense.clone());
    let back = client.query_one("SELECT dense, half, sparse, bits, $2::vector, $3::vector FROM items WHERE id = $1",
                                &[&query.id, &vector, &None::<Vector>])?;
    tap.ok(back.get::<_, Vector>(0) == vector && back.get::<_, Vector>(4) == vector, "vector there and back");
    tap.ok(back.get::<_, HalfVector>(1) == HalfVector::from_f32_slice(&query.dense), "halfvec there and back");
    tap.ok(back.get::<_, SparseVector>(2) == SparseVector::from_dense(&query.sparse), "sparsevec there and back");
    tap.ok(back.get::<_, Bit>(3).as_bytes() == Bit::new(&query.bits).as_bytes(), "bit there and back");
    tap.ok(back.get::<_, Option<Vector>>(5).is_none(), "NULL there and back");

    for operator in ["<->", "<#>", "<=>", "<+>"] {
        let got = ask(&mut client, &format!("SELECT id, dense {operator} $1 FROM items ORDER BY 2, 1"), &[&vector])?;
        let truth = ranked(rows.iter(), |row| distance(operator, &row.dense, &query.dense));
        tap.same_distances(&got, &truth, &format!("dense {operator} as computed here"));
        let got = ask(&mut client, &format!("SELECT id, sparse {operator} $1 FROM items ORDER BY 2, 1"),
                      &[&SparseVector::from_dense(&query.sparse)])?;
        let truth = ranked(rows.iter(), |row| distance(operator, &row.sparse, &query.sparse));
        tap.same_distances(&got, &truth, &format!("sparse {operator} as computed here"));
    }
    for operator in ["<~>", "<%>"] {
        let got = ask(&mut client, &format!("SELECT id, bits {operator} $1 FROM items ORDER BY 2, 1"),
                      &[&Bit::new(&query.bits)])?;
        let truth = ranked(rows.iter(), |row| distance(operator, &as_numbers(&row.bits), &as_numbers(&query.bits)));
        tap.same_distances(&got, &truth, &format!("bits {operator} as computed here"));
    }

    client.batch_execute("SET enable_seqscan = off; SET ivfflat.probes = 100")?;
    for method in ["hnsw", "ivf", "ivfflat"] {
        for (operator, opclass) in [("<->", "l2"), ("<#>", "ip"), ("<=>", "cosine")] {
            client.batch_execute(&format!("CREATE INDEX tested ON items USING {method} (dense vector_{opclass}_ops)"))?;
            let of = |row: &Row| distance(operator, &row.dense, &query.dense);
            let sql = |condition| {
                format!("SELECT id, dense {operator} $1 FROM items {condition} ORDER BY dense {operator} $1 LIMIT 10")
            };
            let got = ask(&mut client, &sql(""), &[&vector])?;
            tap.nearest(&got, &ranked(rows.iter(), of), &format!("{method} {operator}"));
            let got = ask(&mut client, &sql("WHERE category = $2"), &[&vector, &3i32])?;
            let truth = ranked(rows.iter().filter(|row| row.category == 3), of);
            tap.nearest(&got, &truth, &format!("{method} {operator} under a condition"));
            client.batch_execute("DROP INDEX tested")?;
        }
    }
    let refused = client.execute("INSERT INTO items (id, dense) VALUES (0, '[1,2]')", &[]);
    let code = refused.err().and_then(|error| error.code().cloned());
    tap.ok(code.as_ref().is_some_and(|code| code.code() == "22000"), "wrong number of dimensions: SQLSTATE 22000");

    println!("1..{}", tap.count);
    println!("# rust: seed {SEED}; edition 2021, pgvector 0.4.2, postgres 0.19.14");
    Ok(())
}
