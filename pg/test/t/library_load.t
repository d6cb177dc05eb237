#!/usr/bin/perl
#
# library_load.t - what loading the library does to a backend.
#
# It shows the world no symbol but those PostgreSQL looks up (modules are
# loaded RTLD_GLOBAL), and it runs the kernels it is told to run, or refuses.
#
# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

delete $ENV{OMENDB_SIMD};
my $node = PostgreSQL::Test::Cluster->new('load');
$node->init;
$node->start;

# ---- symbols ----

$node->safe_psql('postgres', 'CREATE EXTENSION vector');
my $library = $node->config_data('--pkglibdir') . '/omendb_vector.so';
my ($symbols, $error) = run_command([ 'nm', '-D', '--defined-only', '--format=posix', $library ]);
is($error, '', 'the symbols of the library can be listed');

my %called = map { $_ => 1 } split /\n/,
	$node->safe_psql('postgres', "SELECT DISTINCT prosrc FROM pg_proc WHERE probin LIKE '%omendb_vector'");
my @exported = map { (split)[0] } split /\n/, $symbols;
# what a database of pgvector's calls, before it is adopted
my ($names) = slurp_file("$FindBin::RealBin/../../Makefile") =~ /^PGVECTOR_NAMES = ((?:.*\\\n)*.*)/m;
my @pgvector = $names =~ /(\w+)=/g;
is_deeply([ grep { my $name = $_; !grep { $_ eq $name } @exported } @pgvector ], [], 'functions have pgvector\'s names, too');
$called{$_} = 1 foreach @pgvector, 'vector_index_change_hands';
# ivf_parallel_main and hnsw_parallel_main are where parallel workers enter
my @unasked = grep { !/^(Pg_magic_func|_PG_init|_init|_fini|(?:ivf|hnsw)_parallel_main)$/ && !$called{s/^pg_finfo_//r} } @exported;
cmp_ok(scalar(@exported), '>', 100, 'functions are exported');
is("@unasked", '', 'nothing else is');
$node->stop;

# ---- OMENDB_SIMD ----

my $distance = "SELECT '[0,3]'::vector <-> '[4,0]', '[0,3]'::halfvec <-> '[4,0]', B'110' <~> B'011'";

{
	local $ENV{OMENDB_SIMD} = 'scalar';
	$node->start;
	is($node->safe_psql('postgres', $distance), '5|5|2', 'the scalar kernels can be chosen');
	$node->stop;
}
{
	local $ENV{OMENDB_SIMD} = 'abacus';
	$node->start;
	my ($status, $out, $err) = $node->psql('postgres', $distance);
	isnt($status, 0, 'kernels that do not exist are refused');
	like($err, qr/ERROR: .*could not choose the vector kernels: .*abacus/, '... by name');
	like($err, qr/HINT: .*OMENDB_SIMD.*: scalar/, '... with those that do exist');
	is($node->safe_psql('postgres', 'SELECT 1'), '1', '... and the server goes on');
	$node->stop;
}
$node->start;
is($node->safe_psql('postgres', $distance), '5|5|2', 'without it the best are chosen');
$node->stop;

done_testing();
