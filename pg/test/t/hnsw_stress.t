#!/usr/bin/perl
#
# hnsw_stress.t - writers, vacuum and readers at the same time; then the index
# holds exactly the rows of the table.  Readers check each answer: k rows, in
# order, none twice.
#
# RUN_TORTURE=1 runs for minutes.
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

$IvfItems::using = 'hnsw (v vector_l2_ops)';
seed_from_time();
my $seconds = $ENV{RUN_TORTURE} ? 300 : 15;
my $node = PostgreSQL::Test::Cluster->new('stress');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nlog_statement = none\nautovacuum = off\nshared_buffers = 16MB\n");
$node->start;
create_items($node, 100);
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION ask(k int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	ids bigint[];
	ds float8[];
	existing bigint;
	q vector := new_vector();
BEGIN
	PERFORM plan_by(true);
	EXECUTE 'SELECT array_agg(id), array_agg(d) FROM (SELECT id, v <-> $1 AS d FROM items ORDER BY v <-> $1 LIMIT $2) t' INTO ids, ds USING q, k;
	IF cardinality(ids) IS DISTINCT FROM k THEN
		RAISE EXCEPTION '% rows instead of %', cardinality(ids), k;
	END IF;
	IF (SELECT count(DISTINCT i) FROM unnest(ids) i) <> k THEN
		RAISE EXCEPTION 'a row came twice';
	END IF;
	IF EXISTS (SELECT FROM generate_series(2, k) i WHERE ds[i] < ds[i - 1]) THEN
		RAISE EXCEPTION 'a row is out of order';
	END IF;
END $$;
SQL

my @clients = (
	start_client($node, $seconds, 'INSERT INTO items (v) SELECT new_vector() FROM generate_series(1, 60)'),
	start_client($node, $seconds, 'INSERT INTO items (v) SELECT new_vector() FROM generate_series(1, 30)',
		'UPDATE items SET v = new_vector() WHERE id % 100 = (random() * 99)::int AND id > 100',
		'DELETE FROM items WHERE id % 50 = (random() * 49)::int AND id > 100'),
	start_client($node, $seconds, 'VACUUM items'),
	start_client($node, $seconds, 'SELECT ask(10)', 'SELECT ask(100)'),
	# all rows of one snapshot, while everything moves
	start_client($node, $seconds, 'BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT 1 / (all_rows(true) = all_rows(false))::int', 'COMMIT'));
is(join("\n", finish_clients(@clients)), '', 'writers, vacuum and readers end without an error');
index_is_right($node, 'after the storm');
$node->safe_psql('postgres', 'VACUUM items');
index_is_right($node, 'after vacuum');
note($node->safe_psql('postgres', "SELECT count(*) || ' rows, index ' || pg_size_pretty(pg_relation_size('items_index')) FROM items"));
# it is not many times as large as one made anew
$node->safe_psql('postgres', "CREATE INDEX items_new ON items USING $IvfItems::using");
cmp_ok($node->safe_psql('postgres', "SELECT pg_relation_size('items_index')::float8 / pg_relation_size('items_new')"), '<', 8,
	'the index is not many times as large as a new one');
$node->stop;

done_testing();
