#!/usr/bin/perl
#
# ivf_spill_crash.t - with spilling a row's two postings are two WAL records.
# Recovery that ends after any of the records of some inserts leaves an index in
# which nothing is wrong, that finds every row, and that takes rows again.
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

$IndexItems::using = 'ivf (v) WITH (lists = 20, spill = on)';
seed_from_time();
my $node = PostgreSQL::Test::Cluster->new('spilled');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\nwal_keep_size = 1GB\n");
$node->start;
create_items($node, 2000);
$node->backup('base');
my $begin = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
$node->safe_psql('postgres', 'INSERT INTO items (v) SELECT new_vector() FROM generate_series(1, 3)');
my $end = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
my $index = $node->safe_psql('postgres', "SELECT pg_relation_filenode('items_index')");

# The records that change the index: where each begins.
my ($records, $err) = run_command([ $node->installed_command('pg_waldump'), '-p', $node->data_dir . '/pg_wal', '-s', $begin, '-e', $end ]);
my @at = map { m{lsn: ([0-9A-F]+/[0-9A-F]+),} ? $1 : () }
  grep { m{rmgr: Generic .*/$index\b} } split /\n/, $records;
cmp_ok(scalar @at, '>=', 6, 'three rows are two records each, at least') or diag($err);

foreach my $i (1 .. $#at)
{
	my $cut = PostgreSQL::Test::Cluster->new("cut$i");

	$cut->init_from_backup($node, 'base', has_streaming => 1);
	$cut->append_conf('postgresql.conf', "recovery_target_lsn = '$at[$i]'\nrecovery_target_inclusive = off\n"
		  . "recovery_target_action = promote\n");
	$cut->start;
	$cut->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'recovery did not end';
	is($cut->safe_psql('postgres', 'SELECT count(*) FROM items'), '2000', "before record $i: the rows are not committed");
	index_is_right($cut, "before record $i");
	$cut->safe_psql('postgres', 'INSERT INTO items (v) SELECT new_vector() FROM generate_series(1, 200)');
	$cut->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP on) items');
	index_is_right($cut, "before record $i, rows inserted and vacuumed");
	is($cut->safe_psql('postgres', "SELECT rows FROM vector_index_stats('items_index')"), '2200', '... and nothing left of those cut off');
	$cut->stop;
	$cut->clean_node;
}
$node->stop;
done_testing();
