#!/usr/bin/perl
#
# ivf_parallel.t - an index built by several processes is as right as one built
# by one: every row is in it once, every page is sound, and it answers as well.
# A worker's error, or a cancel, ends the build with that error, and leaves
# nothing behind.
#
# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ParallelBuild;
use PostgreSQL::Test::Cluster;
use Test::More;

my $node = start_parallel_node('');

sub check_index
{
	my ($name, $expression, $rows) = @_;

	is($node->safe_psql('postgres', "SELECT count(*) FROM vector_check('ivf_parallel')"), 0, "$name: every page and pointer is sound");
	is($node->safe_psql('postgres', "SET enable_seqscan = off; SELECT count(*), count(DISTINCT id) FROM
		(SELECT id FROM items ORDER BY $expression <-> (SELECT v FROM items WHERE id = 2)) x"), "$rows|$rows",
		"$name: every row once");
	cmp_ok(recall($expression), '>=', 0.85, "$name: recall");
}

my $rows = $node->safe_psql('postgres', 'SELECT count(v) FROM items');
build_index('CREATE INDEX ivf_parallel ON items USING ivf (v vector_l2_ops)', 3);
check_index('three workers', 'v', $rows);
is($node->safe_psql('postgres', "SELECT reltuples FROM pg_class WHERE relname = 'items'"),
	$node->safe_psql('postgres', 'SELECT count(*) FROM items'), 'the table\'s rows are counted, NULLs too');
$node->safe_psql('postgres', 'INSERT INTO items SELECT id + 100000, kind, v FROM items WHERE id % 10 = 3');
$rows = $node->safe_psql('postgres', 'SELECT count(v) FROM items');
check_index('rows inserted after', 'v', $rows);
build_index('REINDEX INDEX ivf_parallel', 3);
check_index('reindexed', 'v', $rows);
build_index('REINDEX INDEX CONCURRENTLY ivf_parallel', 3);
check_index('reindexed concurrently', 'v', $rows);
build_index('REINDEX INDEX ivf_parallel', 0, set => "SET max_parallel_maintenance_workers = 0;\n");
check_index('alone', 'v', $rows);
$node->safe_psql('postgres', 'ALTER TABLE items SET (parallel_workers = 1)');
build_index('REINDEX INDEX ivf_parallel', 1);
check_index('one worker', 'v', $rows);
$node->safe_psql('postgres', 'ALTER TABLE items SET (parallel_workers = 3); DROP INDEX ivf_parallel');

# ---- lists, partial, expression, further columns, other metrics ----

build_index('CREATE INDEX ivf_parallel ON items USING ivf (v vector_l2_ops, kind) WITH (lists = 300)', 3);
check_index('further column', 'v', $rows);
$node->safe_psql('postgres', 'DROP INDEX ivf_parallel');
build_index('CREATE INDEX CONCURRENTLY ivf_parallel ON items USING ivf ((careful(v)::vector(20))) WHERE v IS NOT NULL', 3);
is($node->safe_psql('postgres', "SELECT count(*) FROM vector_check('ivf_parallel')"), 0, 'expression: sound');
$node->safe_psql('postgres', 'DROP INDEX ivf_parallel');
foreach my $ops ('vector_ip_ops', 'vector_cosine_ops')
{
	build_index("CREATE INDEX ivf_parallel ON items USING ivf (v $ops)", 3);
	is($node->safe_psql('postgres', "SELECT count(*) FROM vector_check('ivf_parallel')"), 0, "$ops: sound");
	$node->safe_psql('postgres', 'DROP INDEX ivf_parallel');
}

# ---- values out of line ----

# 400 rows are 3 blocks of the table itself, and 2 MB of vectors beside it
$node->safe_psql('postgres', 'CREATE TABLE long AS SELECT i AS id, array_fill(i::real, ARRAY[1000])::vector(1000) AS v
	FROM generate_series(1, 400) i; VACUUM ANALYZE long');
foreach my $method ('ivf', 'hnsw')
{
	build_index("CREATE INDEX long_v ON long USING $method (v vector_l2_ops)", 2, set => "SET min_parallel_table_scan_size = '1MB';\n");
	$node->safe_psql('postgres', 'DROP INDEX long_v');
}

# ---- what goes wrong ----

errors_end_builds('ivf');

# ---- after a crash ----

build_index('CREATE INDEX ivf_parallel ON items USING ivf (v vector_l2_ops)', 3);
$node->stop('immediate');
$node->start;
check_index('after a crash', 'v', $rows);
workers_did_build();
done_testing();
