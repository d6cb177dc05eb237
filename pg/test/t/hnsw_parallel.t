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
use FindBin;
use lib $FindBin::RealBin;
use ParallelBuild;
use PostgreSQL::Test::Cluster;
use Test::More;

my $node = start_parallel_node('min_parallel_table_scan_size = 0');

# equal rows, some of them at the same time
$node->safe_psql('postgres', 'INSERT INTO items (id, v) SELECT 20000 + 2 * i + id % 2, v FROM items, generate_series(1, 300) i WHERE id IN (7, 8);
	VACUUM ANALYZE items');

sub check_index
{
	my ($name, $expression) = @_;
	my $rows = $node->safe_psql('postgres', 'SELECT count(v) FROM items');

	is($node->safe_psql('postgres', "SET enable_seqscan = off; SELECT count(*), count(DISTINCT id) FROM
		(SELECT id FROM items WHERE v IS NOT NULL ORDER BY $expression <-> (SELECT v FROM items WHERE id = 2)) x"), "$rows|$rows",
		"$name: every row once");
	cmp_ok(recall($expression), '>=', 0.9, "$name: recall");
}

build_index('CREATE INDEX graph ON items USING hnsw (v vector_l2_ops)', 3);
check_index('three workers', 'v');
is($node->safe_psql('postgres', "SELECT reltuples FROM pg_class WHERE relname = 'items'"),
	$node->safe_psql('postgres', 'SELECT count(*) FROM items'), 'the table\'s rows are counted, NULLs too');
is($node->safe_psql('postgres', "SELECT reltuples FROM pg_class WHERE relname = 'graph'"),
	$node->safe_psql('postgres', 'SELECT count(v) FROM items'), 'and those of the index');
$node->safe_psql('postgres', 'INSERT INTO items (id, v) SELECT id + 100000, v FROM items WHERE id % 10 = 3; DELETE FROM items WHERE id % 9 = 4');
$node->safe_psql('postgres', 'VACUUM items');
check_index('changed after', 'v');
build_index('REINDEX INDEX CONCURRENTLY graph', 3);
check_index('reindexed concurrently', 'v');

# ---- less memory than the graph needs: part of it, or next to none ----

$node->safe_psql('postgres', 'ALTER TABLE items SET (parallel_workers = 3)');
foreach my $memory ('2MB', '1MB')
{
	build_index('REINDEX INDEX graph', 3, set => "SET maintenance_work_mem = '$memory';\n");
	check_index("with $memory", 'v');
	build_index('REINDEX INDEX graph', 0, set => "SET max_parallel_maintenance_workers = 0; SET maintenance_work_mem = '$memory';\n");
	check_index("alone with $memory", 'v');
}
build_index('REINDEX INDEX graph', 0, set => "SET max_parallel_maintenance_workers = 0;\n");
check_index('alone', 'v');
$node->safe_psql('postgres', 'DROP INDEX graph');

# ---- partial, expression, unlogged, other forms ----

build_index('CREATE INDEX CONCURRENTLY graph ON items USING hnsw ((careful(v)::vector(20)) vector_l2_ops) WHERE v IS NOT NULL', 3);
check_index('expression, partial', 'careful(v)::vector(20)');
$node->safe_psql('postgres', 'DROP INDEX graph');
foreach my $what ([ 'v vector_l1_ops', 'v <+>' ], [ '(v::sparsevec(20)) sparsevec_ip_ops', 'v::sparsevec(20) <#>' ],
	[ '(binary_quantize(v)::bit(20)) bit_hamming_ops', 'binary_quantize(v)::bit(20) <~>' ])
{
	my ($column, $order) = @$what;
	my $query = $order =~ s/ \S+$//r =~ s/v/(SELECT v FROM items WHERE id = 2)/r;

	build_index("CREATE INDEX graph ON items USING hnsw ($column)", 3);
	is($node->safe_psql('postgres', "SET enable_seqscan = off; SET enable_sort = off;
		SELECT count(*) = (SELECT count(v) FROM items) FROM (SELECT id FROM items WHERE v IS NOT NULL ORDER BY $order $query) x"), 't', "$column: every row");
	$node->safe_psql('postgres', 'DROP INDEX graph');
}
$node->safe_psql('postgres', 'CREATE UNLOGGED TABLE unlogged_items WITH (parallel_workers = 3) AS SELECT * FROM items WHERE v IS NOT NULL');
build_index('CREATE INDEX unlogged_graph ON unlogged_items USING hnsw (v vector_l2_ops)', 3);

# ---- what goes wrong ----

errors_end_builds('hnsw');

# ---- after a crash: what was built in memory and in pages is all in the log ----

build_index('CREATE INDEX graph ON items USING hnsw (v vector_l2_ops)', 3, set => "SET maintenance_work_mem = '2MB';\n");
$node->stop('immediate');
$node->start;
check_index('after a crash', 'v');
is($node->safe_psql('postgres', "SET enable_seqscan = off; SET enable_sort = off;
	SELECT count(*) FROM (SELECT id FROM unlogged_items ORDER BY v <-> array_fill(0, ARRAY[20])::vector) x"), 0, 'the unlogged one is empty');
$node->stop;
workers_did_build();
done_testing();
