#!/usr/bin/perl
#
# hnsw_parallel.t - a graph built by several processes is as right as one built
# by one, in memory, in pages where memory is small, and first in the one, then
# in the other: every row is in it once, and it answers as well.  A worker's
# error, or a cancel, ends the build with that error, and leaves nothing behind.
#
# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('parallel');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', <<'CONF');
fsync = off
autovacuum = off
jit = off
maintenance_work_mem = 128MB
min_parallel_table_scan_size = 0
max_worker_processes = 8
max_parallel_maintenance_workers = 3
CONF
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION vector;
SELECT setseed(0.25);
CREATE TABLE items (id int, v vector(20)) WITH (parallel_workers = 3);
INSERT INTO items
	SELECT i, CASE WHEN i % 100 = 0 THEN NULL ELSE
		(SELECT array_agg(sin((i % 60) * j) + 0.5 * random())::vector FROM generate_series(1, 20) j WHERE i = i) END
	FROM generate_series(1, 12000) i;
-- equal rows, some of them at the same time
INSERT INTO items SELECT 20000 + 2 * i + id % 2, v FROM items, generate_series(1, 300) i WHERE id IN (7, 8);
DELETE FROM items WHERE id % 50 = 1;
VACUUM ANALYZE items;
-- since 17 no search path finds the operator while an index is made
CREATE FUNCTION careful(v vector) RETURNS vector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
	'BEGIN IF v IS NOT NULL AND (v OPERATOR(public.<->) v) <> 0 THEN RAISE ''never''; END IF; RETURN v; END';
CREATE FUNCTION bad_in_worker(v vector) RETURNS vector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
	'BEGIN IF EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = pg_backend_pid() AND backend_type = ''parallel worker'')
	THEN RAISE ''a worker failed''; END IF; RETURN v; END';
SQL

# The mean share of the nearest ten, of some rows as queries, that the index finds.
sub recall
{
	my ($expression) = @_;

	return $node->safe_psql('postgres', <<"SQL");
SET enable_seqscan = off;
WITH q AS MATERIALIZED (SELECT id, v FROM items WHERE v IS NOT NULL AND id % 331 = 2),
	exact AS MATERIALIZED (SELECT q.id AS query, x.id FROM q,
		LATERAL (SELECT id FROM items WHERE v IS NOT NULL ORDER BY (v <-> q.v) + 0, id LIMIT 10) x)
SELECT count(*) / (10.0 * (SELECT count(*) FROM q)) FROM (SELECT q.id AS query, x.id FROM q,
	LATERAL (SELECT id FROM items WHERE v IS NOT NULL ORDER BY $expression <-> q.v LIMIT 10) x) found JOIN exact USING (query, id)
SQL
}

sub check_index
{
	my ($name, $expression) = @_;
	my $rows = $node->safe_psql('postgres', 'SELECT count(v) FROM items');

	is($node->safe_psql('postgres', "SET enable_seqscan = off; SELECT count(*), count(DISTINCT id) FROM
		(SELECT id FROM items WHERE v IS NOT NULL ORDER BY $expression <-> (SELECT v FROM items WHERE id = 2)) x"), "$rows|$rows",
		"$name: every row once");
	cmp_ok(recall($expression), '>=', 0.9, "$name: recall");
}

sub build
{
	my ($sql, $workers, %options) = @_;
	my ($status, $out, $err) = $node->psql('postgres', "SET client_min_messages = debug1;\n" . ($options{set} // '') . $sql);

	is($status, 0, $sql) or diag $err;
	my ($launched) = $err =~ /index "\w+" is built with (\d+) parallel workers/;
	is($launched // 0, $workers, "... with $workers workers");
}

build('CREATE INDEX graph ON items USING hnsw (v vector_l2_ops)', 3);
check_index('three workers', 'v');
is($node->safe_psql('postgres', "SELECT reltuples FROM pg_class WHERE relname = 'items'"),
	$node->safe_psql('postgres', 'SELECT count(*) FROM items'), 'the table\'s rows are counted, NULLs too');
is($node->safe_psql('postgres', "SELECT reltuples FROM pg_class WHERE relname = 'graph'"),
	$node->safe_psql('postgres', 'SELECT count(v) FROM items'), 'and those of the index');
$node->safe_psql('postgres', 'INSERT INTO items SELECT id + 100000, v FROM items WHERE id % 10 = 3; DELETE FROM items WHERE id % 9 = 4');
$node->safe_psql('postgres', 'VACUUM items');
check_index('changed after', 'v');
build('REINDEX INDEX CONCURRENTLY graph', 3);
check_index('reindexed concurrently', 'v');

# ---- less memory than the graph needs: part of it, or next to none ----

$node->safe_psql('postgres', 'ALTER TABLE items SET (parallel_workers = 3)');
foreach my $memory ('2MB', '1MB')
{
	build('REINDEX INDEX graph', 3, set => "SET maintenance_work_mem = '$memory';\n");
	check_index("with $memory", 'v');
	build('REINDEX INDEX graph', 0, set => "SET max_parallel_maintenance_workers = 0; SET maintenance_work_mem = '$memory';\n");
	check_index("alone with $memory", 'v');
}
build('REINDEX INDEX graph', 0, set => "SET max_parallel_maintenance_workers = 0;\n");
check_index('alone', 'v');
$node->safe_psql('postgres', 'DROP INDEX graph');

# ---- partial, expression, unlogged, other forms ----

build('CREATE INDEX CONCURRENTLY graph ON items USING hnsw ((careful(v)::vector(20)) vector_l2_ops) WHERE v IS NOT NULL', 3);
check_index('expression, partial', 'careful(v)::vector(20)');
$node->safe_psql('postgres', 'DROP INDEX graph');
foreach my $what ([ 'v vector_l1_ops', 'v <+>' ], [ '(v::sparsevec(20)) sparsevec_ip_ops', 'v::sparsevec(20) <#>' ],
	[ '(binary_quantize(v)::bit(20)) bit_hamming_ops', 'binary_quantize(v)::bit(20) <~>' ])
{
	my ($column, $order) = @$what;
	my $query = $order =~ s/ \S+$//r =~ s/v/(SELECT v FROM items WHERE id = 2)/r;

	build("CREATE INDEX graph ON items USING hnsw ($column)", 3);
	is($node->safe_psql('postgres', "SET enable_seqscan = off; SET enable_sort = off;
		SELECT count(*) = (SELECT count(v) FROM items) FROM (SELECT id FROM items WHERE v IS NOT NULL ORDER BY $order $query) x"), 't', "$column: every row");
	$node->safe_psql('postgres', 'DROP INDEX graph');
}
$node->safe_psql('postgres', 'CREATE UNLOGGED TABLE unlogged_items WITH (parallel_workers = 3) AS SELECT * FROM items WHERE v IS NOT NULL');
build('CREATE INDEX unlogged_graph ON unlogged_items USING hnsw (v vector_l2_ops)', 3);

# ---- what goes wrong ----

my ($status, $out, $err) = $node->psql('postgres', 'CREATE INDEX graph_bad ON items USING hnsw ((bad_in_worker(v)::vector(20)) vector_l2_ops)');
like($err, qr/a worker failed/, 'a worker\'s error is the build\'s');
my $cancelled = 0;
foreach my $ms (20, 60, 120, 200)
{
	($status, $out, $err) = $node->psql('postgres', "SET statement_timeout = $ms;\nCREATE INDEX graph_bad ON items USING hnsw (v vector_l2_ops)");
	$cancelled++ if $err =~ /canceling statement due to statement timeout/;
	$node->safe_psql('postgres', 'DROP INDEX IF EXISTS graph_bad');
}
cmp_ok($cancelled, '>=', 1, 'can be cut off');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relname = 'graph_bad'"), 0, '... and leaves no index');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'"), 0, 'no worker is left');

# ---- after a crash: what was built in memory and in pages is all in the log ----

build('CREATE INDEX graph ON items USING hnsw (v vector_l2_ops)', 3, set => "SET maintenance_work_mem = '2MB';\n");
$node->stop('immediate');
$node->start;
check_index('after a crash', 'v');
is($node->safe_psql('postgres', "SET enable_seqscan = off; SET enable_sort = off;
	SELECT count(*) FROM (SELECT id FROM unlogged_items ORDER BY v <-> array_fill(0, ARRAY[20])::vector) x"), 0, 'the unlogged one is empty');
$node->stop;
done_testing();
