#!/usr/bin/perl
#
# pg_upgrade.t - goal: pg_upgrade takes a database with every type and access
# method of ours from an older PostgreSQL to this one as it is: nothing is made
# anew, and every query has the answer that it had.
#
# Answers by index are compared with those before, and with exact ones.  Runs
# where the build holds an older PostgreSQL with the extension, as make
# test-pg17 sees to.
#
# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($this) = `pg_config --version` =~ /(\d+)/;
my @older = sort { $a <=> $b } grep { $_ < $this } map { m{/(\d+)/lib/omendb_vector\.so$} }
	glob("$ENV{OMENDB_TEST_BUILD}/lib/postgresql/*/lib/omendb_vector.so");
plan skip_all => "the build holds no PostgreSQL older than $this (make test-pg17 has one)" unless @older;

# Table, index, and what it orders by.
my $v = join ',', map { sprintf '%.3f', sin(3 * $_) } 1 .. 16;
my $bits = join '', map { $_ % 3 ? 1 : 0 } 1 .. 16;
my $sparse = '{' . join(',', map { "$_:" . sprintf('%.3f', sin($_)) } 1 .. 16) . '}/16';
my @queries = (
	[ items => 'ivf (v)', 'v', '<->', "[$v]" ],
	[ items => 'ivf (v vector_cosine_ops, kind)', 'v', '<=>', "[$v]" ],
	[ items => 'ivf (v vector_ip_ops) WITH (spill = on)', 'v', '<#>', "[$v]" ],
	[ items => 'ivf (h halfvec_l2_ops)', 'h', '<->', "[$v]" ],
	[ items => 'hnsw (v vector_l2_ops)', 'v', '<->', "[$v]" ],
	[ items => 'hnsw (v vector_l1_ops)', 'v', '<+>', "[$v]" ],
	[ items => 'hnsw (h halfvec_cosine_ops)', 'h', '<=>', "[$v]" ],
	[ items => 'hnsw (s sparsevec_ip_ops)', 's', '<#>', $sparse ],
	[ items => 'hnsw (b bit_jaccard_ops)', 'b', '<%>', $bits ],
	[ items => 'ivfflat (v vector_cosine_ops) WITH (lists = 10)', 'v', '<=>', "[$v]" ],
	[ items => 'ivfflat (b bit_hamming_ops) WITH (lists = 10)', 'b', '<~>', $bits ],
	[ items => 'hnsw (twice vector_l2_ops)', 'twice', '<->', "[$v]" ],
	[ items => 'hnsw ((v::halfvec(16)) halfvec_l2_ops)', '(v::halfvec(16))', '<->', "[$v]" ],
	[ parts => 'ivf (v)', 'v', '<->', "[$v]" ],
	[ fleeting => 'hnsw (v vector_l2_ops)', 'v', '<->', "[$v]" ],
	[ long => 'ivf (v)', 'v', '<->', '[' . join(',', map { $_ % 7 } 1 .. 1000) . ']' ]);
my $tables = <<'SQL';
CREATE EXTENSION vector;
CREATE TABLE items (id int PRIMARY KEY, kind int, v vector(16), h halfvec(16), s sparsevec(16), b bit(16),
	twice vector(16) GENERATED ALWAYS AS (v + v) STORED);
INSERT INTO items (id, kind, v, h, s, b)
SELECT i, i % 5, v, v::halfvec, v::sparsevec, binary_quantize(v)::bit(16)
FROM (SELECT i, array_agg(sin(i * j + i)::real ORDER BY j)::vector(16) AS v
	FROM generate_series(1, 3000) i, generate_series(1, 16) j GROUP BY i) r;
CREATE TABLE parts (id int, kind int, v vector(16)) PARTITION BY LIST (kind);
CREATE TABLE parts_0 PARTITION OF parts FOR VALUES IN (0, 1);
CREATE TABLE parts_1 PARTITION OF parts DEFAULT;
INSERT INTO parts SELECT id, kind, v FROM items;
CREATE UNLOGGED TABLE fleeting AS SELECT id, v FROM items;
-- these lie out of line
CREATE TABLE long AS SELECT i AS id, (SELECT array_agg(sin(i * j)::real ORDER BY j) FROM generate_series(1, 1000) j)::vector(1000) AS v
FROM generate_series(1, 300) i;
SQL

# The answer that one index gives: the others are away for as long.
sub by_index
{
	my ($node, $number) = @_;
	my ($table, $index, $what, $operator, $query) = @{ $queries[$number] };
	my $nearest = "SELECT round(($what $operator '$query')::numeric, 3) FROM $table ORDER BY $what $operator '$query' LIMIT 10";
	my $out = $node->safe_psql('app', <<"SQL");
SET enable_seqscan = off; SET enable_sort = off; SET hnsw.ef_search = 400; SET ivfflat.probes = 10;
BEGIN;
SELECT format('DROP INDEX %I', relname) FROM pg_class WHERE relname LIKE 'our\\_%' AND relname <> 'our_$number' \\gexec
EXPLAIN (COSTS off) $nearest;
$nearest;
SQL
	like($out, qr/Index Scan using/, "$index: the index answers");
	return join ' ', grep { /^-?[\d.]+$/ } split /\n/, $out;
}

foreach my $older (@older)
{
	my $old = PostgreSQL::Test::Cluster->new("from_$older", install_path => "$ENV{OMENDB_TEST_BUILD}/lib/postgresql/$older");
	my $new = PostgreSQL::Test::Cluster->new("to_${this}_from_$older");

	$_->init(extra => ['--data-checksums']) foreach $old, $new;
	$_->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\n") foreach $old, $new;
	$old->start;
	$old->safe_psql('postgres', 'CREATE DATABASE app');
	$old->safe_psql('app', $tables);
	$old->safe_psql('app', "CREATE INDEX our_$_ ON $queries[$_][0] USING $queries[$_][1]") foreach 0 .. $#queries;
	# Deleted rows, entries past the trained lists, and what vacuum leaves.
	$old->safe_psql('app', $_) foreach 'DELETE FROM items WHERE id % 10 = 3', 'VACUUM items',
	  'INSERT INTO items (id, kind, v, h, s, b) SELECT id + 5000, kind, v, h, s, b FROM items WHERE id % 10 = 4', 'ANALYZE';
	my @before = map { by_index($old, $_) } 0 .. $#queries;
	my $status = $old->safe_psql('app', 'SELECT * FROM vector_index_status() ORDER BY 1');
	my $files = "SELECT relname, relfilenode FROM pg_class WHERE relname LIKE 'our\\_%' ORDER BY 1";
	my $files_before = $old->safe_psql('app', $files);
	$old->stop;

	command_ok([ 'pg_upgrade', '--no-sync', '-b', $old->config_data('--bindir'), '-B', $new->config_data('--bindir'),
		'-d', $old->data_dir, '-D', $new->data_dir, '-s', $new->host, '-p', $old->port, '-P', $new->port ],
		"pg_upgrade from $older to $this");
	$new->start;

	is($new->safe_psql('app', $files), $files_before, 'the indexes are those that were there');
	is($new->safe_psql('app', 'SELECT * FROM vector_index_status() ORDER BY 1'), $status, '... and ready');
	is(by_index($new, $_), $before[$_], '... with the same answer') foreach 0 .. $#queries;
	is($new->safe_psql('app', "SELECT count(*) FROM pg_class i, pg_am a, vector_check(i.oid) WHERE relam = a.oid AND amname = 'ivf' AND relkind = 'i'"),
		'0', 'nothing is wrong in the pages of ivf');

	# Life goes on.
	$new->safe_psql('app', $_) foreach "INSERT INTO items (id, kind, v, h, s, b) VALUES (9999, 1, '[$v]', '[$v]', '$sparse', '$bits')",
	  'DELETE FROM items WHERE id % 10 = 5', 'VACUUM items';
	like(by_index($new, $_), qr/^0\.000 /, 'a new row is the nearest')
		foreach grep { $queries[$_][0] eq 'items' && $queries[$_][2] =~ /v|h/ && $queries[$_][3] eq '<->' } 0 .. $#queries;
	$new->safe_psql('postgres', 'CREATE DATABASE fresh');
	$new->safe_psql('fresh', 'CREATE EXTENSION vector');
	my $catalog = "$ENV{OMENDB_TEST_SOURCE}/tests/adopt/catalog.sql";
	is(psql_file($new, 'app', $catalog), psql_file($new, 'fresh', $catalog), 'the catalog is that of a fresh database');
	$new->stop;
}
done_testing();

sub psql_file
{
	my ($node, $database, $file) = @_;

	return join "\n", run_command([ 'psql', '-XAtq', '-d', $node->connstr($database), '-f', $file ]);
}
