#!/usr/bin/perl
#
# ivfflat_crash.t - what an ivfflat index lives through: the server killed amid
# inserts, deletes, vacuum and builds (every row is found after recovery, once);
# a standby that replays all of that; pages with wrong numbers on them (clean
# errors, which REINDEX heals).
#
# RUN_TORTURE=1 does more rounds.
#
# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use IndexItems;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

$IndexItems::using = 'ivfflat (v vector_l2_ops) WITH (lists = 10)';
seed_from_time();
my $node = PostgreSQL::Test::Cluster->new('crash');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', <<'CONF');
fsync = off
log_statement = none
autovacuum = off
shared_buffers = 4MB
max_wal_size = 64MB
bgwriter_delay = 10ms
wal_keep_size = 2GB
ivfflat.probes = 10
CONF
$node->start;
create_items($node, 1500);

# ---- killed ----

my @work = (
	[ 'inserts', [] ],
	[ 'deletes and vacuum', [ 'DELETE FROM items WHERE random() < 0.3', 'VACUUM items' ] ],
	[ 'CREATE INDEX', [ "CREATE INDEX items_other ON items USING $IndexItems::using", 'DROP INDEX items_other' ] ],
	[ 'REINDEX', [ 'REINDEX INDEX CONCURRENTLY items_index' ] ]);
foreach my $round (1 .. ($ENV{RUN_TORTURE} ? 60 : 4))
{
	my ($what, $also) = @{ $work[ ($round - 1) % @work ] };
	my @clients = map { start_client($node, 60, 'INSERT INTO items (v) SELECT new_vector() FROM generate_series(1, 40)') } 1 .. 2;

	push @clients, start_client($node, 60, @$also) if @$also;
	usleep(300_000 + int rand 900_000);
	kill_server($node);
	finish_clients(@clients);
	$node->start;
	# A concurrent build that was cut off leaves an index that is not valid.
	$node->safe_psql('postgres', "SELECT format('DROP INDEX %s', indexrelid::regclass) FROM pg_index WHERE NOT indisvalid \\gexec\n
		DROP INDEX IF EXISTS items_other");
	index_is_right($node, "round $round, killed during $what") or last;
	$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 4 > 0; ');
	$node->safe_psql('postgres', 'VACUUM items');
	index_is_right($node, "round $round, after VACUUM") or last;
}

# ---- replayed ----

$node->append_conf('postgresql.conf', "wal_consistency_checking = 'all'\n");
$node->restart;
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
my @writes = map { start_client($node, 4, @$_) } (
	[ 'INSERT INTO items (v) SELECT new_vector() FROM generate_series(1, 100)' ],
	[ 'DELETE FROM items WHERE id % 20 = (random() * 19)::int', 'VACUUM items' ]);
is(join("\n", finish_clients(@writes)), '', 'writers and vacuum end without an error');
$node->wait_for_catchup($standby, 'replay');
index_is_right($standby, 'standby');
is($standby->safe_psql('postgres', 'SELECT all_rows(true)'), $node->safe_psql('postgres', 'SELECT all_rows(true)'), 'both hold the same rows');
$standby->stop;

# ---- damaged ----

use constant { PAGE => 8192, BODY => 32, TRAILER => 8160, LISTS => 3, ITEMS => 12 };
my @wounds = (
	[ 1, BODY + 8, 16001 ],				# dimensions
	[ 1, BODY + 20, 0x7FFFFFFF ],		# lists
	[ LISTS, TRAILER - 16 * 90, 0xFFFFFFF0 ],
	[ LISTS, TRAILER + 8, 7 ],			# not the page it should be
	[ ITEMS, TRAILER + 4, 'itself' ],	# a list runs in a circle
	[ ITEMS, TRAILER + 4, 0x7FFFFFFF ],
	[ ITEMS, TRAILER + 8, 3000 ],		# of no list
	[ ITEMS, TRAILER + 12, 65535 ],		# more rows than fit
	[ ITEMS, BODY, 0xFFFFFFFF ],		# a row past the table
	map { [] } 1 .. ($ENV{RUN_TORTURE} ? 100 : 4));
$node->append_conf('postgresql.conf', "wal_consistency_checking = ''\nstatement_timeout = 60s\n");
$node->restart;
foreach my $wound (@wounds)
{
	my ($kind, $offset, $number) = @$wound;
	my $file = $node->data_dir . '/' . $node->safe_psql('postgres', "REINDEX INDEX items_index; SELECT pg_relation_filepath('items_index')");

	$node->stop;
	my $bytes = slurp_file($file);
	my @blocks = grep { !defined $kind || unpack('S', substr($bytes, $_ * PAGE + TRAILER + 24, 2)) == $kind } 0 .. length($bytes) / PAGE - 1;
	my $block = $blocks[ defined $kind ? 0 : rand @blocks ];
	$offset //= BODY + 4 * int rand((PAGE - BODY) / 4);
	$number //= (0, 0xFFFFFFFF, 0x7FFFFFFF, int rand 2**32)[ rand 4 ];
	$number = $block if $number eq 'itself';
	substr($bytes, $block * PAGE + $offset, 4) = pack('L', $number);
	open my $out, '+<:raw', $file or die "$file: $!";
	print $out $bytes;
	close $out;
	$node->start;
	my ($status, $answer, $err) = $node->psql('postgres', <<'SQL', on_error_stop => 0, timeout => 180);
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> array_fill(0, ARRAY[20])::vector) s;
INSERT INTO items (v) SELECT new_vector() FROM generate_series(1, 200);
DELETE FROM items WHERE id % 7 = 3;
VACUUM items;
INSERT INTO items (v) SELECT new_vector() FROM generate_series(1, 100);
SQL
	my @others = grep { /ERROR|FATAL|PANIC|server closed|connection/ && !/cannot use index "items_index"|could not (open|read) (file|block)/ } split /\n/, $err;
	is("@others", '', sprintf 'block %d, offset %d becomes %#x: nothing but clean errors', $block, $offset, $number);
}
$node->safe_psql('postgres', 'REINDEX INDEX items_index');
index_is_right($node, 'REINDEX heals it all');
$node->stop;
done_testing();
