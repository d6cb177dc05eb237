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
max_worker_processes = 8
max_parallel_maintenance_workers = 3
CONF
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION vector;
SELECT setseed(0.25);
CREATE TABLE items (id int, kind int, v vector(20)) WITH (parallel_workers = 3);
INSERT INTO items
	SELECT i, i % 7, CASE WHEN i % 100 = 0 THEN NULL ELSE
		(SELECT array_agg(sin((i % 60) * j) + 0.5 * random())::vector FROM generate_series(1, 20) j WHERE i = i) END
	FROM generate_series(1, 12000) i;
DELETE FROM items WHERE id % 50 = 1;
VACUUM ANALYZE items;
-- since 17 no search path finds the operator while an index is made
CREATE FUNCTION careful(v vector) RETURNS vector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
	'BEGIN IF v IS NOT NULL AND (v OPERATOR(public.<->) v) <> 0 THEN RAISE ''never''; END IF; RETURN v; END';
CREATE FUNCTION bad_in_worker(v vector) RETURNS vector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
	'BEGIN IF pg_catalog.current_setting(''application_name'') = ''none'' THEN RETURN NULL; END IF;
	IF EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = pg_backend_pid() AND backend_type = ''parallel worker'')
	THEN RAISE ''a worker failed''; END IF; RETURN v; END';
SQL

# The mean recall@10 of some rows as queries, and whether the index served them.
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
	my ($name, $expression, $rows) = @_;

	is($node->safe_psql('postgres', "SELECT count(*) FROM vector_check('ivf_parallel')"), 0, "$name: every page and pointer is sound");
	is($node->safe_psql('postgres', "SET enable_seqscan = off; SELECT count(*), count(DISTINCT id) FROM
		(SELECT id FROM items ORDER BY $expression <-> (SELECT v FROM items WHERE id = 2)) x"), "$rows|$rows",
		"$name: every row once");
	cmp_ok(recall($expression), '>=', 0.85, "$name: recall");
}

sub build
{
	my ($sql, %options) = @_;
	my ($status, $out, $err) = $node->psql('postgres', "SET client_min_messages = debug1;\n" . ($options{set} // '') . $sql);

	is($status, 0, $sql);
	my ($workers) = $err =~ /index "\w+" is built with (\d+) parallel workers/;
	return $workers // 0;
}

my $rows = $node->safe_psql('postgres', 'SELECT count(v) FROM items');
is(build('CREATE INDEX ivf_parallel ON items USING ivf (v vector_l2_ops)'), 3, '... with three workers');
check_index('three workers', 'v', $rows);
is($node->safe_psql('postgres', "SELECT reltuples FROM pg_class WHERE relname = 'items'"),
	$node->safe_psql('postgres', 'SELECT count(*) FROM items'), 'the table\'s rows are counted, NULLs too');
$node->safe_psql('postgres', 'INSERT INTO items SELECT id + 100000, kind, v FROM items WHERE id % 10 = 3');
$rows = $node->safe_psql('postgres', 'SELECT count(v) FROM items');
check_index('rows inserted after', 'v', $rows);
is(build('REINDEX INDEX ivf_parallel'), 3, '... with three workers');
check_index('reindexed', 'v', $rows);
is(build('REINDEX INDEX CONCURRENTLY ivf_parallel'), 3, '... with three workers');
check_index('reindexed concurrently', 'v', $rows);
is(build('REINDEX INDEX ivf_parallel', set => "SET max_parallel_maintenance_workers = 0;\n"), 0, '... alone, as the setting says');
check_index('alone', 'v', $rows);
$node->safe_psql('postgres', 'ALTER TABLE items SET (parallel_workers = 1)');
is(build('REINDEX INDEX ivf_parallel'), 1, '... with one worker, as the table says');
check_index('one worker', 'v', $rows);
$node->safe_psql('postgres', 'ALTER TABLE items SET (parallel_workers = 3); DROP INDEX ivf_parallel');

# ---- lists, partial, expression, further columns, other metrics ----

is(build('CREATE INDEX ivf_parallel ON items USING ivf (v vector_l2_ops, kind) WITH (lists = 300)'), 3, '... a further column, more lists');
check_index('further column', 'v', $rows);
$node->safe_psql('postgres', 'DROP INDEX ivf_parallel');
is(build('CREATE INDEX CONCURRENTLY ivf_parallel ON items USING ivf ((careful(v)::vector(20))) WHERE v IS NOT NULL'), 3, '... an expression, partial');
is($node->safe_psql('postgres', "SELECT count(*) FROM vector_check('ivf_parallel')"), 0, 'expression: sound');
$node->safe_psql('postgres', 'DROP INDEX ivf_parallel');
foreach my $ops ('vector_ip_ops', 'vector_cosine_ops')
{
	is(build("CREATE INDEX ivf_parallel ON items USING ivf (v $ops)"), 3, '... with three workers');
	is($node->safe_psql('postgres', "SELECT count(*) FROM vector_check('ivf_parallel')"), 0, "$ops: sound");
	$node->safe_psql('postgres', 'DROP INDEX ivf_parallel');
}

# ---- values out of line ----

# 400 rows are 3 blocks of the table itself, and 2 MB of vectors beside it
$node->safe_psql('postgres', 'CREATE TABLE long AS SELECT i AS id, array_fill(i::real, ARRAY[1000])::vector(1000) AS v
	FROM generate_series(1, 400) i; VACUUM ANALYZE long');
foreach my $method ('ivf', 'hnsw')
{
	cmp_ok(build("CREATE INDEX long_v ON long USING $method (v vector_l2_ops)", set => "SET min_parallel_table_scan_size = '1MB';\n"),
		'>=', 1, '... with workers: what lies out of line counts');
	$node->safe_psql('postgres', 'DROP INDEX long_v');
}

# ---- what goes wrong ----

my ($status, $out, $err) = $node->psql('postgres', 'CREATE INDEX ivf_bad ON items USING ivf ((bad_in_worker(v)::vector(20)))');
like($err, qr/a worker failed/, 'a worker\'s error is the build\'s');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relname = 'ivf_bad'"), 0, '... and leaves no index');
my $cancelled = 0;
foreach my $ms (20, 60, 120, 200)
{
	($status, $out, $err) = $node->psql('postgres', "SET statement_timeout = $ms;\nCREATE INDEX ivf_bad ON items USING ivf (v vector_l2_ops)");
	$cancelled++ if $err =~ /canceling statement due to statement timeout/;
	$node->safe_psql('postgres', 'DROP INDEX IF EXISTS ivf_bad');
}
cmp_ok($cancelled, '>=', 1, 'can be cut off');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'"), 0, 'no worker is left');

# ---- after a crash ----

is(build('CREATE INDEX ivf_parallel ON items USING ivf (v vector_l2_ops)'), 3, '... with three workers');
$node->stop('immediate');
$node->start;
check_index('after a crash', 'v', $rows);
done_testing();
