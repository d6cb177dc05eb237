#!/usr/bin/perl
#
# ivf_crash.t - ivf: the server is killed at random moments; see IndexTrials.pm.
#
# RUN_TORTURE=1 does more.
#
# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use IndexTrials;
use Test::More;
<<<<<<< HEAD
use Time::HiRes qw(usleep);

seed_from_time();
my $rounds = $ENV{RUN_TORTURE} ? 60 : 8;
my $node = PostgreSQL::Test::Cluster->new('crash');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
fsync = off
log_statement = none
autovacuum = off
shared_buffers = 4MB
max_wal_size = 64MB
checkpoint_timeout = 30s
bgwriter_delay = 10ms
CONF
$node->start;
create_items($node, 1500);
$node->safe_psql('postgres', 'CREATE UNLOGGED TABLE scratch AS SELECT id, v FROM items LIMIT 1200;
	CREATE INDEX scratch_index ON scratch USING ivf (v)');

# What goes on when the server dies.
my @work = (
	[ 'inserts', [] ],
	[ 'vacuum that rewrites lists', [ 'DELETE FROM items WHERE random() < 0.3', 'VACUUM items' ] ],
	[ 'updates and vacuum', [ 'UPDATE items SET v = new_vector() WHERE random() < 0.1', 'VACUUM items' ] ],
	[ 'CREATE INDEX', [ 'CREATE INDEX items_other ON items USING ivf (v)', 'DROP INDEX items_other' ] ],
	[ 'lists split and merged', [ 'DELETE FROM items WHERE random() < 0.2',
		'INSERT INTO items (v) SELECT new_vector() + array_fill(place, ARRAY[20])::vector FROM (SELECT (random() * 9)::real AS place) p, generate_series(1, 400)',
		'VACUUM items', "SELECT vector_maintain('items_index')" ] ],
	[ 'REINDEX', [ 'REINDEX INDEX CONCURRENTLY items_index' ] ],
	[ 'vacuum of a growing table', [ 'VACUUM items', "INSERT INTO items (v) SELECT new_vector() FROM generate_series(1, 3000)", 'CHECKPOINT', 'VACUUM items' ] ]);

foreach my $round (1 .. $rounds)
{
	my ($what, $also) = @{ $work[ ($round - 1) % @work ] };
	my @clients = map { start_client($node, 60, 'INSERT INTO items (v) SELECT new_vector() FROM generate_series(1, 40)') } 1 .. 2;

	push @clients, start_client($node, 60, @$also) if @$also;
	usleep(300_000 + int rand 1_200_000);
	kill_server($node);
	finish_clients(@clients);
	$node->start;
	# A concurrent build that was cut off leaves an index that is not valid.
	$node->safe_psql('postgres', "SELECT format('DROP INDEX %s', indexrelid::regclass) FROM pg_index WHERE NOT indisvalid \\gexec\n
		DROP INDEX IF EXISTS items_other");
	# Lists that were trained on a fraction of today's rows find less until vacuum has trained new ones.
	index_is_right($node, "round $round, killed during $what", 0.7) or last;
	if ($round % 3 == 0)
	{
		$node->safe_psql('postgres', 'VACUUM items');
		index_is_right($node, "round $round, after VACUUM") or last;
		$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 4 > 0');
		$node->safe_psql('postgres', 'VACUUM items');
	}
}

# ---- an unlogged index comes back empty, and usable ----

is($node->safe_psql('postgres', 'SELECT count(*) FROM scratch'), '0', 'the unlogged table is empty');
$node->safe_psql('postgres', 'INSERT INTO scratch SELECT id, v FROM items LIMIT 500');
is($node->safe_psql('postgres', "SET enable_seqscan = off; SET enable_sort = off;
	SELECT count(DISTINCT id) = count(*), count(*) = (SELECT least(500, count(*)) FROM items)
	FROM (SELECT id FROM scratch ORDER BY v <-> array_fill(0, ARRAY[20])::vector) t"), 't|t', 'its index takes rows again');

# ---- the heap is sound, and nothing was written that checksums or the log complain of ----

$node->safe_psql('postgres', 'CREATE EXTENSION amcheck');
is($node->safe_psql('postgres', "SELECT count(*) FROM verify_heapam('items')"), '0', 'amcheck finds nothing wrong with the table');
$node->command_ok([ 'pg_amcheck', '-d', 'postgres' ], 'nor does pg_amcheck with anything else');
$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|cannot use index|could not read block|invalid page/, 'no complaint in the log');
=======
>>>>>>> ec59ac3 (Tests: kills, storms, standbys and damage in one module, the access method its parameter)

# Lists that were trained on a fraction of today's rows find less until vacuum has trained new ones.
run_crash('ivf (v, id)', 0.7);
done_testing();
