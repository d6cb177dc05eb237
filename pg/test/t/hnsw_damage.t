#!/usr/bin/perl
#
# hnsw_damage.t - damaged pages of an hnsw index.  Whatever a number on them says,
# statements end, in an error that names the cure or as if nothing were wrong:
# never in a crash, nor in a wait that cannot be ended.  Each index of many gets
# another wound; afterwards REINDEX heals it.
#
# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant { PAGE => 8192, BODY => 32, TRAILER => 8160, META => 1, NODE => 9, UPPER => 10, ROWS => 11 };

my $seed = $ENV{IVF_TEST_SEED} // (time * 1000 + $$) % 1_000_000_007;
srand $seed;
note("seed $seed (IVF_TEST_SEED=$seed runs it again)");

my $node = PostgreSQL::Test::Cluster->new('damage');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\nstatement_timeout = 20s\n");
$node->start;

# What is put where: kind of page, offset, number; undef for random ones.
my @wounds = (
	[ META, BODY + 48, 0xFFFFFFFE ],			# the entry
	[ META, BODY + 48, 7 ],
	[ META, BODY + 56, 'itself' ],				# first node page with room
	[ META, BODY + 56, 0xFFFFFFFE ],
	[ META, BODY + 64, 'a node page' ],			# first page of rows with room: the insert holds that very page
	[ NODE, BODY + 12, 0xFFFFFFF0 ],			# a node's further rows
	[ NODE, BODY + 12, 3 ],
	[ NODE, BODY + 2, 0xFFFFFFFF ],				# more links than fit, and a row pointer past the table
	[ NODE, BODY + 20, 0xFFFFFFF0 ],			# a link past the index
	[ NODE, TRAILER + 4, 'itself' ],			# the chain of pages with room becomes a circle
	[ NODE, TRAILER + 12, 65535 ],				# more nodes than fit
	[ UPPER, BODY + 12, 0xFFFFFFF0 ],
	[ ROWS, BODY + 4, 'first of the page' ],	# a node's rows run in a circle
	[ ROWS, BODY + 8, 65535 ],
	map { [] } 1 .. ($ENV{RUN_TORTURE} ? 200 : 6));

my $sql = <<'SQL';
CREATE EXTENSION vector;
CREATE TABLE base AS SELECT i AS id, (SELECT array_agg(random()) FROM generate_series(1, 40) WHERE i = i)::vector(40) AS v
	FROM generate_series(1, 1200) i;
SQL
foreach my $i (0 .. $#wounds)
{
	$sql .= <<"SQL";
CREATE TABLE t$i (id int, v vector(40));
INSERT INTO t$i SELECT * FROM base WHERE id <= 700;
INSERT INTO t$i SELECT id + 10000, (SELECT v FROM base WHERE id = 7) FROM base WHERE id <= 60;
CREATE INDEX x$i ON t$i USING hnsw (v vector_l2_ops);
DELETE FROM t$i WHERE id % 10 = 1;
VACUUM t$i;
INSERT INTO t$i SELECT * FROM base WHERE id > 700 AND id <= 900;
SQL
}
$node->safe_psql('postgres', $sql);
my %path = map { split /\|/ } split /\n/,
	$node->safe_psql('postgres', "SELECT relname, pg_relation_filepath(oid) FROM pg_class WHERE relname ~ '^x[0-9]+\$'");
$node->stop;

my @told;
foreach my $i (0 .. $#wounds)
{
	my $file = $node->data_dir . '/' . $path{"x$i"};
	my $bytes = slurp_file($file);
	my $blocks = length($bytes) / PAGE;
	my %of_kind;
	push @{ $of_kind{ unpack('S', substr($bytes, $_ * PAGE + TRAILER + 24, 2)) } }, $_ foreach 0 .. $blocks - 1;
	my ($kind, $offset, $number) = @{ $wounds[$i] };
	$kind //= (sort keys %of_kind)[ rand keys %of_kind ];
	my $block = $of_kind{$kind}[ rand @{ $of_kind{$kind} } ];
	$block = $of_kind{$kind}[0] if defined $offset;
	$offset //= BODY + 4 * int rand((PAGE - BODY) / 4);
	$number //= (0, 1, 0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFFF, int rand 2**32, $block, int rand $blocks)[ rand 8 ];
	$number = $of_kind{ +NODE }[0] if $number eq 'a node page';
	$number = $block * int((TRAILER - BODY) / 96) if $number eq 'first of the page';
	$number = $block if $number eq 'itself';
	$told[$i] = sprintf 'kind %d, block %d, offset %d becomes %#x', $kind, $block, $offset, $number;
	substr($bytes, $block * PAGE + $offset, 4) = pack('L', $number);
	open my $out, '+<:raw', $file or die "$file: $!";
	print $out $bytes;
	close $out;
}
$node->start;

my $query = "ORDER BY v <-> (SELECT v FROM base WHERE id = 7) LIMIT 100000";
foreach my $i (0 .. $#wounds)
{
	my ($status, $out, $err) = $node->psql('postgres', <<"SQL", on_error_stop => 0, timeout => 120);
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT id FROM t$i $query) s;
INSERT INTO t$i SELECT * FROM base WHERE id > 900 AND id <= 950;
DELETE FROM t$i WHERE id % 7 = 3;
VACUUM t$i;
INSERT INTO t$i SELECT * FROM base WHERE id > 950;
INSERT INTO t$i SELECT * FROM base;
VACUUM t$i;
SELECT count(*) FROM (SELECT id FROM t$i $query) s;
SQL
	my @errors = grep { /ERROR|FATAL|PANIC|server closed|connection/ } split /\n/, $err;
	my @others = grep { !/cannot use index "x$i"|index "x$i" cannot hold more rows|could not read block/ } @errors;
	is("@others", '', "$told[$i]: nothing but clean errors");
	is($node->safe_psql('postgres', "REINDEX INDEX x$i; SET enable_seqscan = off; SET enable_sort = off;
		SELECT count(*) FROM (SELECT id FROM t$i $query) s"),
		$node->safe_psql('postgres', "SET enable_indexscan = off; SELECT count(*) FROM t$i"), '... and REINDEX heals it');
}
$node->stop;
done_testing();
