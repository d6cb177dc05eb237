#!/usr/bin/perl
#
# ivf_standby.t - a standby answers as its primary does: while rows come and go
# and vacuum rewrites lists and takes pages again under its scans, when it has
# caught up, and when it has become the primary.  Every page image is compared
# with what replay made of it (wal_consistency_checking).
#
# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use IvfItems;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

seed_from_time();
my $seconds = $ENV{RUN_TORTURE} ? 120 : 10;
my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', <<'CONF');
fsync = off
log_statement = none
autovacuum = off
shared_buffers = 16MB
max_wal_size = 512MB
wal_consistency_checking = 'all'
wal_keep_size = 2GB
CONF
$primary->start;
create_items($primary, 1500);
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
# Rows its scans see are kept, so that replay is not held up and no scan is cancelled.
$standby->append_conf('postgresql.conf', "hot_standby_feedback = on\nwal_receiver_status_interval = 1s\nmax_standby_streaming_delay = -1\n");
$standby->start;
$primary->wait_for_catchup($standby, 'replay');
index_is_right($standby, 'standby, before');

# ---- scans on the standby while the primary writes and vacuums ----

my @scans = map { start_client($standby, $seconds, @$_) } (
	[ 'BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT 1 / (all_rows(true) = all_rows(false))::int', 'COMMIT' ],
	[ 'SELECT 1 / (items_recall(3) > 0.3)::int' ]);
my @writes = map { start_client($primary, $seconds, @$_) } (
	[ 'INSERT INTO items (v) SELECT new_vector() FROM generate_series(1, 100)', 'UPDATE items SET v = new_vector() WHERE id % 40 = (random() * 39)::int' ],
	[ 'DELETE FROM items WHERE id % 20 = (random() * 19)::int', 'VACUUM items' ]);
is(join("\n", finish_clients(@writes)), '', 'writers and vacuum end without an error');
is(join("\n", finish_clients(@scans)), '', 'so do the scans on the standby');

# ---- caught up ----

$primary->wait_for_catchup($standby, 'replay');
is($standby->safe_psql('postgres', 'SELECT all_rows(true)'), $primary->safe_psql('postgres', 'SELECT all_rows(true)'), 'both hold the same rows');
my $answers = <<'SQL';
SET enable_seqscan = off; SET enable_sort = off; SET ivf.probes = 100000;
SELECT (SELECT string_agg(id::text, ',') FROM (SELECT id FROM items ORDER BY v <-> q.v LIMIT 10) t) FROM (SELECT v FROM items WHERE id % 50 = 7 ORDER BY id LIMIT 20) q
SQL
my $primary_says = $primary->safe_psql('postgres', $answers =~ s/SET enable_sort = off;//r);
is($standby->safe_psql('postgres', $answers =~ s/SET enable_sort = off;//r), $primary_says, 'and give the same answers, in the same order');
index_is_right($standby, 'standby, caught up', 0.7);
index_is_right($primary, 'primary', 0.7);

# ---- rewritten once more, and an index built, rebuilt and dropped ----

$primary->safe_psql('postgres', 'INSERT INTO items (v) SELECT new_vector() FROM generate_series(1, 9000)');
$primary->safe_psql('postgres', 'VACUUM items');
$primary->safe_psql('postgres', 'CREATE INDEX items_cosine ON items USING ivf (v vector_cosine_ops)');
$primary->safe_psql('postgres', 'REINDEX INDEX items_index');
$primary->wait_for_catchup($standby, 'replay');
index_is_right($standby, 'standby, after REINDEX');
$primary->safe_psql('postgres', 'DROP INDEX items_cosine');

# ---- promoted ----

$primary->wait_for_catchup($standby, 'replay');
$primary->stop;
$standby->promote;
$standby->safe_psql('postgres', 'DELETE FROM items WHERE id % 3 = 0');
$standby->safe_psql('postgres', 'INSERT INTO items (v) SELECT new_vector() FROM generate_series(1, 2000)');
index_is_right($standby, 'promoted');
$standby->safe_psql('postgres', 'VACUUM items');
index_is_right($standby, 'promoted, after vacuum');
$standby->stop;
unlike(slurp_file($_->logfile), qr/inconsistent page|PANIC|cannot use index|TRAP/, $_->name . ': no complaint in the log') foreach $primary, $standby;

done_testing();
