#!/usr/bin/perl
#
# ivf_damage.t - damaged pages of an ivf index.  Whatever a number on them says,
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

use constant { PAGE => 8192, BODY => 32, TRAILER => 8160, META => 1, DIRECTORY => 3, TAIL => 5, ROW => 6 };

my $seed = $ENV{IVF_TEST_SEED} // (time * 1000 + $$) % 1_000_000_007;
srand $seed;
note("seed $seed (IVF_TEST_SEED=$seed runs it again)");

my $node = PostgreSQL::Test::Cluster->new('damage');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\nstatement_timeout = 20s\n");
$node->start;

# What is put where: kind of page, offset, number; undef for random ones.
my @wounds = (
	[ DIRECTORY, BODY + 4, 'a row page' ],		# a list's last tail page: the insert holds that very page
	[ DIRECTORY, BODY, 'a row page' ],
	[ DIRECTORY, BODY + 4, 'itself' ],
	[ DIRECTORY, BODY + 4, 0xFFFFFFFE ],
	[ META, BODY + 4 * 13, 'itself' ],			# first row page with room
	[ META, BODY + 4 * 13, 0xFFFFFFFE ],
	[ TAIL, TRAILER + 4, 'itself' ],			# the chain becomes a circle
	[ TAIL, TRAILER + 12, 65535 ],				# more postings than fit
	[ ROW, TRAILER + 12, 65535 ],
	[ ROW, BODY, 0xFFFFFFFF ],					# a row pointer past the table
	map { [] } 1 .. ($ENV{RUN_TORTURE} ? 200 : 8));

my $sql = <<'SQL';
CREATE EXTENSION vector;
CREATE TABLE base AS SELECT i AS id, (SELECT array_agg(random()) FROM generate_series(1, 40) WHERE i = i)::vector(40) AS v
	FROM generate_series(1, 3000) i;
SQL
foreach my $i (0 .. $#wounds)
{
	$sql .= <<"SQL";
CREATE TABLE t$i (id int, v vector(40));
INSERT INTO t$i SELECT * FROM base WHERE id <= 1100;
CREATE INDEX x$i ON t$i USING ivf (v vector_l2_ops);
DELETE FROM t$i WHERE id % 10 = 1;
VACUUM t$i;
INSERT INTO t$i SELECT * FROM base WHERE id > 1100 AND id <= 1700;
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
	$number = $of_kind{ +ROW }[0] if $number eq 'a row page';
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
INSERT INTO t$i SELECT * FROM base WHERE id > 1700 AND id <= 1800;
DELETE FROM t$i WHERE id % 7 = 3;
VACUUM t$i;
INSERT INTO t$i SELECT * FROM base WHERE id > 1800;
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
