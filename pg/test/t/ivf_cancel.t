#!/usr/bin/perl
#
# ivf_cancel.t - builds and vacuums that are cut off: the index stays right,
# needs no REINDEX, and its file does not grow with every attempt.  And what
# pg_stat_progress_create_index shows meanwhile.
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

seed_from_time();
my $node = PostgreSQL::Test::Cluster->new('cancel');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nlog_statement = none\nautovacuum = off\nmaintenance_work_mem = 4MB\n");
$node->start;
create_items($node, 0);
my $size = "SELECT pg_relation_size('items_index')";

# Runs it with less and less time; returns how often it was cut off.
sub cut_off
{
	my ($sql, @after_ms) = @_;
	my $cut = 0;

	foreach my $ms (@after_ms)
	{
		my ($status, $out, $err) = $node->psql('postgres', "SET statement_timeout = $ms;\n$sql");

		$cut++ if $err =~ /canceling statement due to statement timeout/;
		like($err, qr/^(.*canceling statement due to statement timeout.*)?$/s, "... after $ms ms nothing else is said");
	}
	return $cut;
}

# ---- vacuum that has lists to train ----

$node->safe_psql('postgres', 'INSERT INTO items (v) SELECT new_vector() FROM generate_series(1, 30000)');
my $grown = $node->safe_psql('postgres', $size);
# a delay between pages, so that there is something to cut off wherever it runs
my @times = (40, 80, 120, 160, 200, 250, 300, 400, 500, 600);
cmp_ok(cut_off("SET vacuum_cost_delay = 1; SET vacuum_cost_limit = 200;\nVACUUM items", @times), '>=', 5, 'vacuum can be cut off');
index_is_right($node, 'after vacuums cut off', 0);
cmp_ok($node->safe_psql('postgres', $size), '<', 4 * $grown, 'the file has not grown with each');
$node->safe_psql('postgres', 'VACUUM items');
index_is_right($node, 'after one that was not');
my $vacuumed = $node->safe_psql('postgres', $size);
$node->safe_psql('postgres', 'VACUUM items');
is($node->safe_psql('postgres', $size), $vacuumed, 'the next has nothing to do');
$node->safe_psql('postgres', 'INSERT INTO items (v) SELECT new_vector() FROM generate_series(1, 5000)');
index_is_right($node, 'filled again');

# ---- a statement that inserts ----

my $rows = $node->safe_psql('postgres', 'SELECT all_rows(true)');
cut_off('INSERT INTO items (v) SELECT new_vector() FROM generate_series(1, 100000)', 50, 100);
is($node->safe_psql('postgres', 'SELECT all_rows(true)'), $rows, 'rows of an INSERT that was cut off are not found');

# ---- a build ----

cmp_ok(cut_off('CREATE INDEX items_other ON items USING ivf (v)', 10, 20, 40, 60, 80, 100), '>=', 3, 'a build can be cut off');
$node->safe_psql('postgres', 'DROP INDEX IF EXISTS items_other');
cut_off('REINDEX INDEX items_index', 20, 50, 100);
index_is_right($node, 'after builds cut off');
cut_off('CREATE INDEX CONCURRENTLY items_other ON items USING ivf (v)', 60);
$node->safe_psql('postgres', 'DROP INDEX IF EXISTS items_other');

# ---- progress ----

my $builder = start_client($node, 4, 'REINDEX INDEX items_index');
my %seen;
foreach (1 .. 300)
{
	my $phase = $node->safe_psql('postgres',
		"SELECT phase || CASE WHEN tuples_done > tuples_total AND tuples_total > 0 THEN ' beyond its end' ELSE '' END FROM pg_stat_progress_create_index");

	$seen{$phase}++ if $phase ne '';
	last if keys(%seen) >= 4;
}
finish_clients($builder);
note("phases seen: " . join(', ', sort keys %seen));
ok((grep { /^building index: (sampling table|training lists|coding rows|writing lists)$/ } keys %seen) >= 2, 'phases of a build are named');
ok(!(grep { /beyond|: $|^\s*$/ } keys %seen), 'and do not run beyond their ends');
$node->stop;

done_testing();
