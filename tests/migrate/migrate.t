#!/usr/bin/perl
#
# migrate.t - goal: `omendb migrate` makes of an empty database what pg_dump and
# psql would have made of it; interrupted anywhere it goes on and ends the same,
# also when the source has changed meanwhile; and a copy that differs is found.
#
# The simpler thing that it is compared with is pg_dump's text of both databases.
#
# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use IPC::Run ();
use Test::More;
use Time::HiRes qw(sleep time);

my $there = PostgreSQL::Test::Cluster->new('there');
my $here = PostgreSQL::Test::Cluster->new('here');
foreach my $node ($there, $here)
{
	$node->init;
	$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\n");
	$node->start;
}

# A migration is known by the name that it gives itself.
delete $ENV{PGAPPNAME};

sub from { return ('--from', $there->connstr('app')) }

sub omendb
{
	my @arguments = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'omendb', @arguments ], '>', \$out, '2>', \$err);
	return ($? >> 8, $out, $err);
}

# A database's whole contents as text.  Owners are left out on purpose, and so is
# what pg_dump varies by itself.
sub contents
{
	my ($node, $database, @more) = @_;
	my ($text, $err);
	IPC::Run::run([ 'pg_dump', '--no-owner', '--no-privileges', @more, '-d', $node->connstr($database) ],
		'>', \$text, '2>', \$err) or die $err;
	$text =~ s/^\\(?:un)?restrict .*\n//mg;
	return $text;
}

sub fresh
{
	my ($name) = @_;
	$here->safe_psql('postgres', "CREATE DATABASE $name");
	return ('--to', $here->connstr($name));
}

$there->safe_psql('postgres', 'CREATE DATABASE app');
$there->safe_psql('app', <<'SQL');
CREATE EXTENSION vector;
CREATE SCHEMA shop;
CREATE TYPE shop.mood AS ENUM ('sad', 'happy');
CREATE TABLE shop.users (id serial PRIMARY KEY, name text UNIQUE NOT NULL, mood shop.mood, moods shop.mood[]);
INSERT INTO shop.users (name, mood, moods) SELECT 'user ' || i, 'happy', '{sad,happy}' FROM generate_series(1, 500) i;
CREATE TABLE shop."Odd ""items'" (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, owner int REFERENCES shop.users,
	v vector(8), h halfvec(8), s sparsevec(50), b bit(10), twice int GENERATED ALWAYS AS (owner * 2) STORED, note text);
SELECT setseed(0.3);
INSERT INTO shop."Odd ""items'" (owner, v, h, s, b, note)
	SELECT 1 + i % 500, a::vector(8), a::real[]::vector(8)::halfvec(8), '{1:1,7:2}/50', '1010101010',
		CASE WHEN i % 7 > 0 THEN E'tab\t\\ ' || i END
	FROM (SELECT i, array_agg(random()::real) a FROM generate_series(1, 3000) i, generate_series(1, 8) GROUP BY i) x;
INSERT INTO shop."Odd ""items'" (owner, note) VALUES (1, 'no vectors');
ALTER TABLE shop."Odd ""items'" DROP COLUMN note, ADD COLUMN later text DEFAULT 'x';
CREATE INDEX items_graph ON shop."Odd ""items'" USING hnsw (v vector_cosine_ops) WITH (m = 8, ef_construction = 32);
CREATE INDEX items_part ON shop."Odd ""items'" USING hnsw ((v::halfvec(8)) halfvec_l2_ops) WHERE owner > 100;
CREATE INDEX items_sparse ON shop."Odd ""items'" USING hnsw (s sparsevec_l2_ops);
CREATE INDEX items_keys ON shop."Odd ""items'" USING ivf (v vector_l2_ops, owner);
CREATE TABLE shop.parts (k int, v vector(3)) PARTITION BY LIST (k);
CREATE TABLE shop.parts1 PARTITION OF shop.parts FOR VALUES IN (1);
CREATE TABLE shop.parts2 PARTITION OF shop.parts FOR VALUES IN (2);
INSERT INTO shop.parts SELECT 1 + i % 2, ARRAY[i, 1, 2]::vector FROM generate_series(1, 100) i;
CREATE INDEX ON shop.parts USING hnsw (v vector_l2_ops);
CREATE TABLE shop.nothing ();
CREATE UNLOGGED TABLE shop.mixed (n numeric, r regclass, j jsonb, vs vector[]);
INSERT INTO shop.mixed VALUES ('1.50', 'shop.users', '{"a": 1}', ARRAY['[1,2]'::vector]), ('NaN', NULL, NULL, NULL);
CREATE VIEW shop.how_many AS SELECT count(*) FROM shop.users;
CREATE MATERIALIZED VIEW shop.moods AS SELECT mood, count(*) FROM shop.users GROUP BY 1;
CREATE FUNCTION shop.refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $$no$$; END';
CREATE TRIGGER never BEFORE INSERT ON shop.users FOR EACH ROW EXECUTE FUNCTION shop.refuse();
SELECT nextval('shop.users_id_seq');
ANALYZE;
SQL

# -------- refusals --------

my ($code, $out, $err) = omendb('migrate');
is($code, 2, 'without --from: usage');
($code, $out, $err) = omendb('migrate', from(), '--index', 'hash', fresh('refused'));
is($code, 2, 'an index that there is not: usage');
($code, $out, $err) = omendb('migrate', from(), '--to', $there->connstr('app'));
is($code, 1, 'into itself: refused');
like($err, qr/the same database/, 'and said so');
$here->safe_psql('refused', 'CREATE TABLE kept (a int)');
($code, $out, $err) = omendb('migrate', from(), '--to', $here->connstr('refused'));
is($code, 1, 'into a database that has tables: refused');
like($err, qr/not empty: it has public\.kept/, 'which are named');
is($here->safe_psql('refused', "SELECT count(*) FROM pg_namespace WHERE nspname = 'omendb_migrate'"), 0, 'and left alone');

# -------- all at once --------

($code, $out, $err) = omendb('migrate', from(), fresh('whole'));
is($code, 0, 'a whole database') or diag $err;
is(contents($here, 'whole'), contents($there, 'app'), 'is what pg_dump says of the source');
like($out, qr/3,001\s+3,001\s+same/, 'the report counts rows');
like($out, qr/20 of 20\s+\d\.\d+\s+\d\.\d+/, 'and compares answers');
is($here->safe_psql('whole', "SELECT nextval('shop.users_id_seq')"), 502, 'sequences go on');

($code, $out, $err) = omendb('migrate', from(), fresh('lists'), '--index', 'ivf', '--samples', '0');
is($code, 0, 'with --index ivf') or diag $err;
is($here->safe_psql('lists', "SELECT c.relname, a.amname FROM pg_class c JOIN pg_am a ON a.oid = c.relam "
		. "WHERE a.amname IN ('hnsw', 'ivf') AND c.relname !~ 'parts' ORDER BY 1"),
	"items_graph|ivf\nitems_keys|ivf\nitems_part|ivf\nitems_sparse|hnsw", 'what ivf has becomes ivf');
like($err, qr/items_sparse stays hnsw: ivf has no sparsevec_l2_ops/, 'what it has not is named');
is(contents($here, 'lists', '--data-only'), contents($there, 'app', '--data-only'), 'and the rows are the same');

# -------- interrupted while rows are copied --------
#
# A check of the target's table sleeps at one row, in a migration's session only.

$there->safe_psql('app', <<'SQL');
CREATE FUNCTION shop.dawdle(id int, at int) RETURNS bool LANGUAGE plpgsql AS
$$BEGIN IF id = at AND current_setting('application_name') = 'omendb migrate' THEN PERFORM pg_sleep(3); END IF;
RETURN true; END$$;
CREATE TABLE shop.long (id int CHECK (shop.dawdle(id, 9000)), filler text);
INSERT INTO shop.long SELECT i, repeat('x', 500) FROM generate_series(1, 12000) i;
SQL
$ENV{OMENDB_TEST_MIGRATE_PART} = 1000000;

# Starts a migration, interrupts it when `until` is true in the target; its exit code and errors.
sub interrupted
{
	my ($database, $until, @arguments) = @_;
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start([ 'omendb', 'migrate', from(), @arguments ], '>', \$out, '2>', \$err);
	my $end = time + 30;
	sleep 0.1 while time < $end && $here->safe_psql($database, $until) ne 't';
	$run->signal('INT');
	$run->finish;
	return ($run->result(0), $err);
}

my @to = fresh('again');
($code, $err) = interrupted('again',
	"SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = 'again' AND wait_event = 'PgSleep'", @to, '--samples', '2');
is($code, 1, 'interrupted while rows are copied');
like($err, qr/interrupted\nomendb: The same command goes on/, 'says how to go on');
my $copied = $here->safe_psql('again', 'SELECT count(*) FROM shop.long');
ok($copied > 0 && $copied < 9000, "a part of the rows is there ($copied)");
($code, $out, $err) = omendb('migrate', from(), @to, '--samples', '2');
is($code, 0, 'the same command goes on') or diag $err;
ok($out =~ /^([\d,]+) rows copied by this run/ && ($1 =~ tr/,//dr) == 12000 - $copied, 'with the rest') or diag $out;
is(contents($here, 'again'), contents($there, 'app'), 'and ends as if nothing had happened');

@to = fresh('changed');
interrupted('changed',
	"SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = 'changed' AND wait_event = 'PgSleep'", @to);
$there->safe_psql('app', "UPDATE shop.long SET filler = 'changed' WHERE id IN (5, 11000); "
		. "DELETE FROM shop.long WHERE id = 7; UPDATE shop.users SET mood = 'sad' WHERE id = 3");
($code, $out, $err) = omendb('migrate', from(), @to, '--samples', '2');
is($code, 0, 'a source that changed meanwhile is copied as it is now') or diag $err;
is(contents($here, 'changed'), contents($there, 'app'), 'wholly');

# -------- interrupted at an index; and a copy that is not the same --------

$there->safe_psql('app', <<'SQL');
CREATE FUNCTION shop.slowly(v vector) RETURNS vector(3) IMMUTABLE LANGUAGE plpgsql AS
$$BEGIN IF v::text = '[7,1,2]' AND current_setting('application_name') = 'omendb migrate' THEN PERFORM pg_sleep(3); END IF;
RETURN v; END$$;
CREATE INDEX slow_one ON shop.parts1 USING hnsw ((shop.slowly(v)::vector(3)) vector_l2_ops);
CREATE INDEX slow_two ON shop.parts2 USING hnsw ((shop.slowly(v)::vector(3)) vector_l2_ops);
DROP TABLE shop.long;
SQL
@to = fresh('late');
($code, $err) = interrupted('late',
	"SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = 'late' AND wait_event = 'PgSleep'", @to);
is($code, 1, 'interrupted at an index');
$here->safe_psql('late', "UPDATE shop.users SET mood = 'happy' WHERE id = 3");
($code, $out, $err) = omendb('migrate', from(), @to);
is($code, 1, 'a copy that differs is an error');
like($out, qr/shop\.users\s+500\s+500\s+DIFFERENT/, 'and the table is named');
$here->safe_psql('late', "UPDATE shop.users SET mood = 'sad' WHERE id = 3");
($code, $out, $err) = omendb('migrate', from(), @to);
is($code, 0, 'until it does not') or diag $err;

done_testing();
