#!/usr/bin/perl
#
# bench_run.t - goal: what the bench reports is so.  True neighbours are those
# of a search written out here; a search that is wrong by a known share is given
# that recall; a whole run on a tiny set fills every field of its JSON, and its
# plots and document exist; the module for ann-benchmarks answers through the
# interface it is called by.
#
# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

my $source = $ENV{OMENDB_TEST_SOURCE} // dirname(__FILE__) . '/..';
my $build = $ENV{OMENDB_TEST_BUILD} // "$source/build";
if (!$ENV{PGHOST})
{
	exec "$source/tools/pg_test_server.sh", $^X, __FILE__ or die "no server: $!\n";
}
my $server = "host=$ENV{PGHOST} port=$ENV{PGPORT} user=$ENV{PGUSER} dbname=$ENV{PGDATABASE}";
my $dir = tempdir(CLEANUP => 1);
srand(20);

is(system('ninja', '-C', "$build/meson", 'bench_programs'), 0, 'the programs are built');

# -------- true neighbours --------

my ($rows, $queries, $dim, $k) = (157, 9, 37, 12);
my @row = map { [ map { rand() - 0.4 } 1 .. $dim ] } 1 .. $rows;
my @query = map { [ map { rand() - 0.4 } 1 .. $dim ] } 1 .. $queries;
$row[50] = $row[20];	# two rows at one place
put_npy('rows.npy', \@row);
put_npy('queries.npy', \@query);
foreach my $metric (qw(l2 ip cosine))
{
	is(program('bench_truth', "$dir/rows.npy", "$dir/queries.npy", $metric, $k, "$dir/n-$metric.npy",
		"$dir/d-$metric.npy"), '', "$metric: neighbours found");
	my @found = unpack 'l<*', items("$dir/n-$metric.npy");
	my @distance = unpack 'd<*', items("$dir/d-$metric.npy");
	my $right = 0;
	foreach my $q (0 .. $queries - 1)
	{
		my @d = map { distance($metric, $_, $query[$q]) } @row;
		my @order = (sort { $d[$a] <=> $d[$b] || $a <=> $b } 0 .. $#d)[ 0 .. $k - 1 ];
		foreach my $i (0 .. $k - 1)
		{
			$right++ if $found[ $q * $k + $i ] == $order[$i]
			  && abs($distance[ $q * $k + $i ] - $d[ $order[$i] ]) < 1e-6;
		}
	}
	is($right, $queries * $k, "$metric: the same as compared one by one, ties in order");
}

# -------- recall --------

psql("CREATE TABLE items (id bigint, embedding vector($dim))");
like(program('bench_load', $server, 'items', "$dir/rows.npy", 'rows', 0, $rows, 'copy', 3), qr/"rows": $rows/,
	'rows loaded over three connections');
is(psql('SELECT count(*), count(DISTINCT id) FROM items'), "$rows|$rows", 'each of them once');
program('bench_load', $server, 'items', "$dir/rows.npy", 'rows', 0, 5, 'insert', 1);
psql("DELETE FROM items WHERE ctid IN (SELECT max(ctid) FROM items GROUP BY id HAVING count(*) > 1)");
foreach my $case ([ 0, 10, 1 ], [ 5, 10, 0.5 ], [ 0, 4, 0.4 ], [ 10, 10, 0 ])
{
	my ($offset, $limit, $recall) = @$case;
	my $sql = "FROM items ORDER BY embedding <-> \$1::vector, id OFFSET $offset LIMIT $limit";
	my $found = eval { decode_json(program('bench_query', $server, "$dir/queries.npy", 10, 0.05, 2, '',
		"SELECT id $sql", "SELECT id, embedding <-> \$1::vector $sql", "$dir/n-l2.npy", "$dir/d-l2.npy")) };
	is($found->{recall}, $recall, "rows $offset to " . ($offset + $limit) . ": recall $recall");
	is($found->{rows_short}, $limit < 10 ? $queries : 0, '... and short answers are counted');
	cmp_ok($found->{recall_ties}, '>=', $recall, '... and ties only add');
	is($found->{connections}, 2, '... by two connections');
	cmp_ok($found->{queries}, '>', 0, '... that asked something');
}
my $twice = decode_json(program('bench_query', $server, "$dir/queries.npy", 10, 0, 0, '', 'SELECT 1',
	'SELECT a.id, embedding <-> $1::vector FROM items a, (VALUES (1), (2)) two ORDER BY 2, 1 LIMIT 10',
	"$dir/n-l2.npy", "$dir/d-l2.npy"));
is($twice->{rows_twice}, 5 * $queries, 'rows that come twice are seen');
is($twice->{recall}, 0.5, '... and count once');

# -------- a whole run --------

my @run = ("$source/bench/run", '--build', $build, '--cache', "$dir/cache", '--out', "$dir/out/r.json");
my $said = qx(@run --dataset spectrum:64:1500 --queries 30 --seconds 0.02 --rounds 1 --k 1,10 --targets 0.5 \\
	--recall-targets 0.9,0.99 --query-sets queries,outside --clients 2 --ingest 200 --shared-buffers 16MB,32MB 2>&1);
is($?, 0, 'bench/run') or diag $said;
my $results = decode_json(slurp("$dir/out/r.json"));
is($results->{datasets}[0]{rows}, 1500, 'the dataset is described');
cmp_ok($results->{machine}{processors}, '>', 0, 'so is the machine');
ok($results->{servers}{omendb}{settings}{shared_buffers}, 'and the server');
ok($results->{floor}{$_}, "the floor: $_") foreach qw(DRAM_gb_per_s DRAM_latency_ns trivial_query_us);
my $built = $results->{builds}[0];
ok($built->{$_}, "a build: $_") foreach qw(seconds cpu_seconds index_bytes peak_bytes);
my ($entry) = map { $_->[0] } @{ $results->{bouts} };
ok($entry->{$_}, "a search: $_")
  foreach qw(queries_per_second server_cpu_us inside_cpu_us p50_us p95_us p99_us inside_us bytes_touched bytes_read recall recall_ties histogram);
is(scalar @{ $results->{bouts} }, 8, 'every k, query set and size of buffers');
is($results->{clients}[0]{connections}, 2, 'two connections at once');
is($results->{exact}[0]{k}, 1, 'a search of every row');
is(scalar @{ $results->{ingest} }, 6, 'rows going in, with and without the index');
cmp_ok($results->{ingest}[3]{cpu_us_a_row}, '>=', 0, '... and what that took of processors');
like($said, qr/Speed at equal recall.*How near to it/s, 'and tables at the end');

is(system("$source/bench/report --out '$dir/doc.md' '$dir/out/r.json' >'$dir/report.log' 2>&1"), 0, 'bench/report');
like(slurp("$dir/doc.md"), qr/spectrum:64:1500/, 'the document speaks of it');
SKIP:
{
	skip 'no plots without python3-matplotlib', 2 if system('/usr/bin/python3 -c "import matplotlib" 2>/dev/null') != 0;
	my @svg = glob "$dir/out/*.svg";
	is(scalar @svg, 6, 'a plot for each k and query set, and for each latency');
	is(scalar grep({ -s s/svg$/png/r } @svg), 6, 'as PNG too');
}

$said = qx(@run --dataset spectrum:64:1500 --queries 30 --seconds 0.02 --rounds 1 --targets 0.5 --no-floor \\
	--method hnsw --m 8 --ef-construction 40 --ef-search 20,60 --vacuum 1000 2>&1);
is($?, 0, 'bench/run --method hnsw') or diag $said;
$results = decode_json(slurp("$dir/out/r.json"));
is($results->{builds}[0]{index}, 'hnsw m=8 ef_construction=40', 'the graph that was asked for');
cmp_ok($results->{vacuums}[0]{$_}, '>', 0, "vacuum: $_") foreach qw(seconds cpu_seconds recall recall_of_new rows);
like($said, qr/Deleted rows going out/, 'and a table');

isnt(system("$source/bench/run --build '$build' --dataset nonsense >'$dir/bad.log' 2>&1"), 0, 'no such dataset');
like(slurp("$dir/bad.log"), qr/there is no dataset nonsense/, '... is said');

# -------- the module for ann-benchmarks --------

make_path("$dir/ann/base", "$dir/ann/omendb");
put_text("ann/$_", '') foreach qw(__init__.py base/__init__.py omendb/__init__.py);
put_text('ann/base/module.py', "class BaseANN:\n\tpass\n");
put_text('ann/omendb/module.py', slurp("$source/bench/ann_benchmarks/module.py"));
put_text('ann/omendb/postgres.py', slurp("$source/bench/runner/postgres.py"));
put_text('ask.py', <<"PYTHON");
import random
from ann.omendb.module import OmenDB
random.seed(3)
X = [[random.random() for _ in range(24)] for _ in range(400)]
algorithm = OmenDB("euclidean", {})
algorithm.fit(X)
algorithm.set_query_arguments(1.0)
found = 0
algorithm.batch_query(X[:20], 5)
for x, ids in zip(X, algorithm.get_batch_results()):
	truth = sorted(range(400), key=lambda i: sum((a - b) ** 2 for a, b in zip(X[i], x)))[:5]
	found += len(set(truth) & set(ids))
print(found, algorithm.get_memory_usage() > 0, algorithm)
algorithm.done()
PYTHON
is(qx(cd '$dir' && /usr/bin/python3 ask.py 2>&1), "100 True OmenDB(ivf, recall_target=1.0, {})\n",
	'the module for ann-benchmarks finds all');

done_testing();

sub program
{
	my ($name, @arguments) = @_;
	open my $pipe, '-|', "$build/meson/bench/$name", @arguments or die "$name: $!";
	local $/;
	my $text = <$pipe> // '';
	close $pipe or return "$name failed";
	return $text;
}

sub psql
{
	my ($sql) = @_;
	open my $pipe, '-|', 'psql', '-XqAtc', $sql or die "psql: $!";
	chomp(my @lines = <$pipe>);
	close $pipe or die "psql failed: $sql\n";
	return join "\n", @lines;
}

sub distance
{
	my ($metric, $x, $y) = @_;
	my ($dot, $apart, $xx, $yy) = (0, 0, 0, 0);
	foreach my $i (0 .. $#$x)
	{
		# single precision, as the file holds them
		my ($p, $q) = unpack 'f2', pack 'f2', $x->[$i], $y->[$i];
		$dot += $p * $q;
		$apart += ($p - $q)**2;
		$xx += $p * $p;
		$yy += $q * $q;
	}
	return $metric eq 'l2' ? sqrt $apart : $metric eq 'ip' ? -$dot : 1 - $dot / sqrt($xx * $yy);
}

sub put_npy
{
	my ($name, $vectors) = @_;
	my $header = sprintf "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", scalar @$vectors, $dim;
	put_text($name, "\x93NUMPY\x01\x00" . pack('v', 118) . sprintf('%-117s', $header) . "\n"
		  . join('', map { pack 'f<*', @$_ } @$vectors));
}

sub items
{
	my ($path) = @_;
	my $bytes = slurp($path);
	return substr $bytes, 10 + unpack 'v', substr $bytes, 8, 2;
}

sub put_text
{
	my ($name, $text) = @_;
	open my $out, '>:raw', "$dir/$name" or die "$name: $!";
	print $out $text;
	close $out or die "$name: $!";
}

sub slurp
{
	my ($path) = @_;
	open my $in, '<:raw', $path or return '';
	local $/;
	return <$in> // '';
}
