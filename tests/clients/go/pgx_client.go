// pgx_client.go - pgvector-go with pgx, whose protocol is binary.
//
// Goal: types there and back by parameters and by CopyFrom, every operator as
// computed here, indexes with and without a condition, a pool.
//
// SPDX-License-Identifier: Apache-2.0
package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pgvector/pgvector-go"
	pgxvec "github.com/pgvector/pgvector-go/pgx"
)

const (
	dimensions = 24
	rowCount   = 800
	seed       = 20
)

type row struct {
	id, category  int
	dense, sparse []float32
	bits          pgtype.Bits
}

type answer struct {
	id       int
	distance float64
}

var count int

func ok(good bool, name string) {
	count++
	word := "ok"
	if !good {
		word = "not ok"
	}
	fmt.Printf("%s - go: %s\n", word, name)
}

func must(err error) {
	if err != nil {
		fmt.Println("#", err)
		os.Exit(1)
	}
}

func makeRows() []row {
	rng := rand.New(rand.NewSource(seed))
	rows := make([]row, rowCount)
	for i := range rows {
		r := &rows[i]
		r.id, r.category = i+1, i%8
		r.bits = pgtype.Bits{Bytes: make([]byte, dimensions/8), Len: dimensions, Valid: true}
		for j := 0; j < dimensions; j++ {
			r.dense = append(r.dense, float32(rng.Intn(129)-64)/64)
			r.sparse = append(r.sparse, 0)
			if rng.Intn(5) == 0 || j == i%dimensions {
				r.sparse[j] = 0.25 + float32(i%4)
			}
		}
		for j := range r.bits.Bytes {
			r.bits.Bytes[j] = byte(rng.Intn(255) + 1)
		}
	}
	return rows
}

func add(a, b []float32, f func(x, y float64) float64) float64 {
	total := 0.0
	for i := range a {
		total += f(float64(a[i]), float64(b[i]))
	}
	return total
}

func product(a, b []float32) float64 {
	return add(a, b, func(x, y float64) float64 { return x * y })
}

func dense(operator string) func(a, b []float32) float64 {
	return map[string]func(a, b []float32) float64{
		"<->": func(a, b []float32) float64 {
			return math.Sqrt(add(a, b, func(x, y float64) float64 { return (x - y) * (x - y) }))
		},
		"<#>": func(a, b []float32) float64 { return -product(a, b) },
		"<=>": func(a, b []float32) float64 { return 1 - product(a, b)/math.Sqrt(product(a, a)*product(b, b)) },
		"<+>": func(a, b []float32) float64 {
			return add(a, b, func(x, y float64) float64 { return math.Abs(x - y) })
		},
	}[operator]
}

// Elements of bits as numbers, for the same loops.
func ones(bits pgtype.Bits) []float32 {
	var list []float32
	for i := 0; i < dimensions; i++ {
		list = append(list, float32(bits.Bytes[i/8]>>(7-i%8)&1))
	}
	return list
}

func hamming(a, b []float32) float64 {
	return add(a, b, func(x, y float64) float64 { return math.Abs(x - y) })
}

func jaccard(a, b []float32) float64 {
	return 1 - product(a, b)/add(a, b, math.Max)
}

func ranked(rows []row, distance func(r row) float64) []answer {
	var all []answer
	for _, r := range rows {
		all = append(all, answer{r.id, distance(r)})
	}
	slices.SortFunc(all, func(a, b answer) int {
		if a.distance < b.distance || a.distance == b.distance && a.id < b.id {
			return -1
		}
		return 1
	})
	return all
}

func ask(conn *pgx.Conn, sql string, arguments ...any) []answer {
	found, err := conn.Query(context.Background(), sql, arguments...)
	must(err)
	list, err := pgx.CollectRows(found, func(r pgx.CollectableRow) (answer, error) {
		var a answer
		return a, r.Scan(&a.id, &a.distance)
	})
	must(err)
	return list
}

func sameDistances(got, expected []answer, name string) {
	truth := map[int]float64{}
	for _, a := range expected {
		truth[a.id] = a.distance
	}
	good := len(got) == len(expected)
	for i, a := range got {
		good = good && math.Abs(a.distance-truth[a.id]) < 1e-5
		good = good && (i == 0 || got[i-1].distance <= a.distance+1e-6)
	}
	ok(good, name)
}

func nearest(got, expected []answer, name string) {
	hits, seen := 0, map[int]bool{}
	for _, a := range got {
		seen[a.id] = true
		for _, b := range expected {
			if b.id == a.id && b.distance <= expected[9].distance+1e-6 {
				hits++
			}
		}
	}
	ok(len(got) == 10 && len(seen) == 10 && hits >= 9, fmt.Sprintf("%s (%d of 10)", name, hits))
}

func roundTrip(conn *pgx.Conn, r row) {
	var v pgvector.Vector
	var h pgvector.HalfVector
	var s pgvector.SparseVector
	var b pgtype.Bits
	must(conn.QueryRow(context.Background(), "SELECT dense, half, sparse, bits FROM items WHERE id = $1", r.id).
		Scan(&v, &h, &s, &b))
	ok(slices.Equal(v.Slice(), r.dense), "vector there and back")
	ok(slices.Equal(h.Slice(), r.dense), "halfvec there and back")
	ok(slices.Equal(s.Slice(), r.sparse), "sparsevec there and back")
	ok(slices.Equal(b.Bytes, r.bits.Bytes), "bit there and back")
	var nothing *pgvector.Vector
	must(conn.QueryRow(context.Background(), "SELECT $1::vector", nil).Scan(&nothing))
	ok(nothing == nil, "NULL there and back")
	must(conn.QueryRow(context.Background(), "SELECT $1::vector", pgvector.NewVector(r.dense)).Scan(&v))
	ok(slices.Equal(v.Slice(), r.dense), "vector as a parameter")
	var list []pgvector.Vector
	must(conn.QueryRow(context.Background(), "SELECT array_agg(dense ORDER BY id) FROM items WHERE id <= 2").Scan(&list))
	ok(len(list) == 2, "an array of vectors")
}

func checkIndexes(conn *pgx.Conn, rows []row, query row) {
	ctx := context.Background()
	for _, method := range []string{"hnsw", "ivf", "ivfflat"} {
		for _, pair := range [][2]string{{"<->", "l2"}, {"<#>", "ip"}, {"<=>", "cosine"}} {
			operator := pair[0]
			_, err := conn.Exec(ctx, fmt.Sprintf("CREATE INDEX tested ON items USING %s (dense vector_%s_ops)", method, pair[1]))
			must(err)
			sql := "SELECT id, dense " + operator + " $1 FROM items %s ORDER BY dense " + operator + " $1 LIMIT 10"
			distance := func(r row) float64 { return dense(operator)(r.dense, query.dense) }
			got := ask(conn, fmt.Sprintf(sql, ""), pgvector.NewVector(query.dense))
			nearest(got, ranked(rows, distance), method+" "+operator)
			var some []row
			for _, r := range rows {
				if r.category == 3 {
					some = append(some, r)
				}
			}
			got = ask(conn, fmt.Sprintf(sql, "WHERE category = $2"), pgvector.NewVector(query.dense), 3)
			nearest(got, ranked(some, distance), method+" "+operator+" under a condition")
			_, err = conn.Exec(ctx, "DROP INDEX tested")
			must(err)
		}
	}
}

func checkPool(rows []row) {
	ctx := context.Background()
	config, err := pgxpool.ParseConfig("pool_max_conns=4")
	must(err)
	config.AfterConnect = pgxvec.RegisterTypes
	pool, err := pgxpool.NewWithConfig(ctx, config)
	must(err)
	defer pool.Close()
	var group sync.WaitGroup
	right := make([]bool, 20)
	for i := range right {
		group.Add(1)
		go func() {
			defer group.Done()
			var id int
			err := pool.QueryRow(ctx, "SELECT id FROM items ORDER BY dense <-> $1 LIMIT 1",
				pgvector.NewVector(rows[i].dense)).Scan(&id)
			right[i] = err == nil && id == rows[i].id
		}()
	}
	group.Wait()
	ok(!slices.Contains(right, false), "a pool of four, twenty queries at once")
}

func main() {
	ctx := context.Background()
	rows := makeRows()
	query := rows[10]
	conn, err := pgx.Connect(ctx, "")
	must(err)
	_, err = conn.Exec(ctx, "CREATE EXTENSION vector")
	must(err)
	must(pgxvec.RegisterTypes(ctx, conn))
	_, err = conn.Exec(ctx, fmt.Sprintf(`CREATE TABLE items (id bigserial PRIMARY KEY, category int, dense vector(%[1]d),
		half halfvec(%[1]d), sparse sparsevec(%[1]d), bits bit(%[1]d))`, dimensions))
	must(err)
	copied, err := conn.CopyFrom(ctx, pgx.Identifier{"items"}, []string{"id", "category", "dense", "half", "sparse", "bits"},
		pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) {
			r := rows[i]
			return []any{r.id, r.category, pgvector.NewVector(r.dense), pgvector.NewHalfVector(r.dense),
				pgvector.NewSparseVector(r.sparse), r.bits}, nil
		}))
	must(err)
	ok(copied == rowCount, "CopyFrom of all types")
	roundTrip(conn, query)

	for _, operator := range []string{"<->", "<#>", "<=>", "<+>"} {
		got := ask(conn, "SELECT id, dense "+operator+" $1 FROM items ORDER BY 2, 1", pgvector.NewVector(query.dense))
		sameDistances(got, ranked(rows, func(r row) float64 { return dense(operator)(r.dense, query.dense) }),
			"dense "+operator+" as computed here")
		got = ask(conn, "SELECT id, sparse "+operator+" $1 FROM items ORDER BY 2, 1", pgvector.NewSparseVector(query.sparse))
		sameDistances(got, ranked(rows, func(r row) float64 { return dense(operator)(r.sparse, query.sparse) }),
			"sparse "+operator+" as computed here")
	}
	for operator, distance := range map[string]func(a, b []float32) float64{"<~>": hamming, "<%>": jaccard} {
		got := ask(conn, "SELECT id, bits "+operator+" $1 FROM items ORDER BY 2, 1", query.bits)
		sameDistances(got, ranked(rows, func(r row) float64 { return distance(ones(r.bits), ones(query.bits)) }),
			"bits "+operator+" as computed here")
	}
	_, err = conn.Exec(ctx, "SET enable_seqscan = off; SET ivfflat.probes = 100")
	must(err)
	checkIndexes(conn, rows, query)
	checkPool(rows)

	_, err = conn.Exec(ctx, "INSERT INTO items (dense) VALUES ('[1,2]')")
	var refused *pgconn.PgError
	ok(errors.As(err, &refused) && refused.Code == "22000", "wrong number of dimensions: SQLSTATE 22000")
	must(conn.Close(ctx))

	var versions []string
	if info, found := debug.ReadBuildInfo(); found {
		for _, module := range info.Deps {
			if strings.Contains(module.Path, "pgx/v5") || strings.Contains(module.Path, "pgvector") {
				versions = append(versions, module.Path+" "+module.Version)
			}
		}
	}
	fmt.Printf("1..%d\n# go: seed %d; %s, %s\n", count, seed, runtime.Version(), strings.Join(versions, ", "))
}
