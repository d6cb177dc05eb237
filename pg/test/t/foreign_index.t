#!/usr/bin/perl
#
# foreign_index.t - indexes in pgvector's page format, without pgvector: our
# indexes' files get a first page as its source says it is (src/hnsw.h,
# src/ivfflat.h).  Queries are answered without such an index; rows go in and
# out of the table; the page loses its magic number at the first; the index is
# listed with its cure, and the cure works.  tests/adopt has the real thing.
#
# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('foreign');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\n");
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION vector;
CREATE TABLE items AS SELECT i AS id, ARRAY[sin(i), cos(i * i), i % 7]::vector(3) AS v FROM generate_series(1, 1000) i;
CREATE INDEX items_hnsw ON items USING hnsw (v vector_l2_ops);
CREATE INDEX items_ivfflat ON items USING ivfflat (v vector_l2_ops) WITH (lists = 5);
CREATE INDEX items_ivf ON items USING ivf (v vector_cosine_ops);
SQL
my %made = (items_hnsw => [ 0xA953A953, 0xFF90 ], items_ivfflat => [ 0x14FF1A7, 0xFF84 ]);
my %file = map { $_ => $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('$_')") } keys %made;
my $query = "SELECT string_agg(id::text, ',') FROM (SELECT id FROM items ORDER BY v <-> '[0.3,0.2,3]' LIMIT 10) r";
my $answer = $node->safe_psql('postgres', "SET enable_indexscan = off; $query");

sub magic
{
	my ($index) = @_;

	return unpack 'L', substr(slurp_file($file{$index}), 24, 4);
}

$node->stop;
while (my ($index, $how) = each %made)
{
	my ($magic, $page_id) = @$how;
	# LSN, checksum, flags, lower, upper, special, size and version, oldest transaction; then pgvector's
	my $page = pack('x8 SSSSSS L LLL', 0, 0, 64, 8184, 8184, 8192 | 4, 0, $magic, 1, 3);

	$page .= "\0" x (8184 - length $page) . pack('LSS', 0xFFFFFFFF, 0, $page_id);
	open my $out, '+<:raw', $file{$index} or die "$file{$index}: $!";
	print $out $page;
	close $out;
}
$node->start;

# ---- recognised, and not read ----

is($node->safe_psql('postgres', "SET enable_seqscan = off; SET enable_sort = off; $query"), $answer, 'a query is answered');
unlike($node->safe_psql('postgres', "SET enable_seqscan = off; SET enable_sort = off; EXPLAIN $query"), qr/items_(hnsw|ivfflat)/, '... without such an index');
is($node->safe_psql('postgres', 'SELECT index, "table", method, status, cure FROM vector_index_status()'), <<"TEXT" =~ s/\n\z//r, 'each is listed with its cure');
items_hnsw|items|hnsw|in pgvector's page format|REINDEX INDEX CONCURRENTLY items_hnsw;
items_ivf|items|ivf|ready|
items_ivfflat|items|ivfflat|in pgvector's page format|REINDEX INDEX CONCURRENTLY items_ivfflat;
TEXT
$node->safe_psql('postgres', 'CHECKPOINT');
is(magic($_), $made{$_}[0], "$_: looked at only, it keeps its magic number") foreach sort keys %made;

# ---- not written, but for the mark ----

my $size = -s $file{items_hnsw};
$node->safe_psql('postgres', "INSERT INTO items VALUES (5000, '[0.3,0.2,3]'); INSERT INTO items SELECT 6000 + i, '[1,1,1]' FROM generate_series(1, 100) i");
$node->stop('immediate');
$node->start;
$node->safe_psql('postgres', 'CHECKPOINT');
is(magic($_), 0, "$_: a row that it lacks takes its magic number, also after a crash") foreach sort keys %made;
is(-s $file{items_hnsw}, $size, '... and nothing else is written');
like($node->safe_psql('postgres', $query), qr/^5000,/, 'the row is found');
$node->safe_psql('postgres', 'DELETE FROM items WHERE id >= 5000');
$node->safe_psql('postgres', 'VACUUM items');
$node->safe_psql('postgres', 'REINDEX TABLE pg_class');
is($node->safe_psql('postgres', $query), $answer, 'rows go and are vacuumed away');
is($node->safe_psql('postgres', "SELECT count(*) FROM vector_index_status() WHERE cure IS NOT NULL"), '2', 'a marked index is known still');

# ---- cured ----

$node->safe_psql('postgres', 'SELECT cure FROM vector_index_status() WHERE cure IS NOT NULL \\gexec');
is($node->safe_psql('postgres', "SELECT count(*) FROM vector_index_status() WHERE status = 'ready'"), '3', 'REINDEX makes them ours');
foreach my $index (sort keys %made)
{
	my $only = "BEGIN; DROP INDEX " . join(', ', grep { $_ ne $index } 'items_ivf', keys %made) . "; SET enable_seqscan = off; SET ivfflat.probes = 5;";

	like($node->safe_psql('postgres', "$only EXPLAIN $query; ROLLBACK"), qr/$index/, "$index is used");
	is($node->safe_psql('postgres', "$only $query; ROLLBACK"), $answer, '... and right');
}
$node->stop;
done_testing();
