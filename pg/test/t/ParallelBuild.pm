#
# ParallelBuild.pm - a server and a table on which indexes are built by several
# processes, for the TAP tests of each access method that does so.
#
# SPDX-License-Identifier: Apache-2.0
package ParallelBuild;

use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use Test::More;

our @EXPORT = qw(start_parallel_node build_index recall workers_did_build errors_end_builds);

my ($node, $launched);

# items(id, kind, v): 12,000 rows in 60 clusters, some NULL, some deleted.
sub start_parallel_node
{
	my ($settings) = @_;

	$node = PostgreSQL::Test::Cluster->new('parallel');
	$node->init(allows_streaming => 1);
	$node->append_conf('postgresql.conf', <<"CONF");
fsync = off
autovacuum = off
jit = off
maintenance_work_mem = 128MB
max_worker_processes = 8
max_parallel_maintenance_workers = 3
$settings
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
-- Fails in a worker.  The leader, once there are workers, takes its time, or it might be through before they come.
CREATE FUNCTION bad_in_worker(v vector) RETURNS vector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
	PERFORM pg_stat_clear_snapshot();
	IF EXISTS (SELECT FROM pg_stat_activity WHERE pid = pg_backend_pid() AND backend_type = 'parallel worker') THEN
		RAISE 'a worker failed';
	ELSIF EXISTS (SELECT FROM pg_stat_progress_create_index WHERE pid = pg_backend_pid() AND phase ~ 'coding|loading') THEN
		PERFORM pg_sleep(0.1);
	END IF;
	RETURN v;
END $$;
SQL
	$launched = 0;
	return $node;
}

# Runs what makes an index, and looks at how many workers it asked for.  How many
# of these the server gave, with a slow postmaster perhaps none, is added up.
sub build_index
{
	my ($sql, $workers, %options) = @_;
	my ($status, $out, $err) = $node->psql('postgres', "SET client_min_messages = debug1;\n" . ($options{set} // '') . $sql);

	is($status, 0, $sql) or diag $err;
	my ($given, $asked_for) = $err =~ /index "\w+" is built with (\d+) of (\d+) parallel workers/;
	is($asked_for // 0, $workers, "... with $workers workers");
	$launched += $given // 0;
}

sub workers_did_build
{
	cmp_ok($launched, '>=', 3, 'workers were given');
}

# The mean recall@10 of some rows as queries.
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

# A worker's error, or a cancel, ends the build with that error, and leaves nothing behind.
sub errors_end_builds
{
	my ($method) = @_;
	my ($status, $out, $err) = $node->psql('postgres',
		"CREATE INDEX bad ON items USING $method ((bad_in_worker(v)::vector(20)) vector_l2_ops)");

	like($err, qr/a worker failed/, 'a worker\'s error is the build\'s');
	my $cancelled = 0;
	foreach my $ms (20, 60, 120, 200)
	{
		($status, $out, $err) = $node->psql('postgres', "SET statement_timeout = $ms;\nCREATE INDEX bad ON items USING $method (v vector_l2_ops)");
		$cancelled++ if $err =~ /canceling statement due to statement timeout/;
		$node->safe_psql('postgres', 'DROP INDEX IF EXISTS bad') if $status == 0;
	}
	cmp_ok($cancelled, '>=', 1, 'can be cut off');
	is($node->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relname = 'bad'"), 0, '... and leaves no index');
	is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'"), 0, 'no worker is left');
}

1;
