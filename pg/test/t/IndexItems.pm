#
# IndexItems.pm - a table with an index for the TAP tests, writers that change
# it, and the question they all ask in the end: does the index hold exactly the
# table's rows, and does it answer as an exact search does?
#
# SPDX-License-Identifier: Apache-2.0
package IndexItems;

use strict;
use warnings;
use Exporter 'import';
use File::Path qw(make_path);
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

our @EXPORT = qw(seed_from_time create_items start_client finish_clients kill_server index_is_right);

# What items_index is made with.
our $using = 'ivf (v, id)';

# Prints the seed, which IVF_TEST_SEED may set.
sub seed_from_time
{
	my $seed = $ENV{IVF_TEST_SEED} // (time * 1000 + $$) % 1_000_000_007;

	srand $seed;
	diag("seed $seed (IVF_TEST_SEED=$seed runs it again)");
	note("seed $seed");
	return $seed;
}

# items(id, v) with so many rows, in clusters; with an index unless told not to.
sub create_items
{
	my ($node, $rows, $index) = @_;

	$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION IF NOT EXISTS vector;
CREATE SEQUENCE item_ids;
CREATE TABLE items (id bigint DEFAULT nextval('item_ids'), v vector(20)) WITH (autovacuum_enabled = off);
CREATE FUNCTION new_vector() RETURNS vector LANGUAGE sql VOLATILE AS $$
	SELECT array_agg(sin(c * j) + 0.4 * random())::vector(20)
	FROM (SELECT (random() * 30)::int AS c OFFSET 0) t, generate_series(1, 20) j
$$;
-- by_index: only the index may order the rows, or only a sort
CREATE FUNCTION plan_by(by_index boolean) RETURNS void LANGUAGE sql AS $$
	SELECT set_config('enable_indexscan', CASE WHEN by_index THEN 'on' ELSE 'off' END, true),
		set_config('enable_seqscan', CASE WHEN by_index THEN 'off' ELSE 'on' END, true),
		set_config('enable_sort', CASE WHEN by_index THEN 'off' ELSE 'on' END, true)
$$;
-- every row, in one word
CREATE FUNCTION all_rows(by_index boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	found boolean := false;
	answer text;
	query text := 'SELECT id FROM items WHERE id > 0 ORDER BY v <-> array_fill(0.3, ARRAY[20])::vector';
BEGIN
	PERFORM plan_by(by_index);
	FOR line IN EXECUTE 'EXPLAIN ' || query LOOP
		found := found OR line ~ 'Order By';
	END LOOP;
	IF found <> by_index THEN
		RAISE EXCEPTION 'not the plan that was asked for';
	END IF;
	EXECUTE 'SELECT count(*) || '' '' || count(DISTINCT id) || '' '' || coalesce(md5(string_agg(id::text, '','' ORDER BY id)), ''none'')
		FROM (' || query || ' OFFSET 0) t' INTO answer;
	RETURN answer;
END $$;
-- the share of the nearest ten, over some of the rows as queries, that the index finds
CREATE FUNCTION items_recall(queries int) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	q vector;
	farthest float8;
	found float8;
	total float8 := 0;
	asked int := 0;
BEGIN
	PERFORM plan_by(false);
	FOR q IN SELECT v FROM items ORDER BY hashint8(id) LIMIT queries LOOP
		PERFORM plan_by(false);
		EXECUTE 'SELECT max(d) FROM (SELECT v <-> $1 AS d FROM items ORDER BY 1 LIMIT 10) t' INTO farthest USING q;
		PERFORM plan_by(true);
		EXECUTE 'SELECT avg((d <= $2 + 1e-6)::int) FROM (SELECT v <-> $1 AS d FROM items ORDER BY v <-> $1 LIMIT 10) t' INTO found USING q, farthest;
		total := total + found;
		asked := asked + 1;
	END LOOP;
	RETURN CASE WHEN asked = 0 THEN 1 ELSE total / asked END;
END $$;
SQL
	$node->safe_psql('postgres', "INSERT INTO items (v) SELECT new_vector() FROM generate_series(1, $rows)") if $rows > 0;
	$node->safe_psql('postgres', "CREATE INDEX items_index ON items USING $using") if $index // 1;
}

# A client that runs a script over and over for so many seconds, in the background.
my $scripts = 0;

sub start_client
{
	my ($node, $seconds, @statements) = @_;
	my $file = "$PostgreSQL::Test::Utils::tmp_check/script" . ++$scripts . ".sql";
	my %client = (out => '', err => '');

	append_to_file($file, join('', map { "$_;\n" } @statements));
	$client{run} = IPC::Run::start(
		[ $node->installed_command('pgbench'), '-n', '-T', $seconds, '-c', 1, '-f', $file,
			'-h', $node->host, '-p', $node->port, 'postgres' ],
		'<', \undef, '>', \$client{out}, '2>', \$client{err});
	return \%client;
}

# Waits for clients to end; returns what those that failed have said.
sub finish_clients
{
	my @said;

	foreach my $client (@_)
	{
		eval { $client->{run}->finish };
		push @said, $client->{err} if $client->{run}->full_result(0) != 0 || $client->{err} =~ /aborted/;
	}
	return @said;
}

# kill -9 of the whole server: the postmaster, and every process below it.
sub kill_server
{
	my ($node) = @_;
	my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
	my @children = grep { parent_of($_) == $postmaster } map { m{^/proc/(\d+)$} ? $1 : () } glob('/proc/[0-9]*');

	$node->kill9;
	kill 'KILL', @children;
	foreach (1 .. 3000)
	{
		last unless grep { kill 0, $_ } $postmaster, @children;
		usleep(10_000);
	}
}

sub parent_of
{
	my ($pid) = @_;

	open my $in, '<', "/proc/$pid/stat" or return 0;
	my $line = <$in> // '';
	return $line =~ /\) \S (\d+)/ ? $1 : 0;
}

# By index come exactly the rows of the table, and the nearest first.
sub index_is_right
{
	my ($node, $what, $recall_min) = @_;
	my ($by_index, $exact) = split /\n/, $node->safe_psql('postgres',
		"BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT all_rows(true); SELECT all_rows(false); COMMIT");
	my $good = is($by_index, $exact, "$what: every row is found by index, once");
	my $am = $node->safe_psql('postgres',
		"SELECT amname FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE relname = 'items_index'");
	# only an ivf index has a check of its own
	is($node->safe_psql('postgres', "SELECT * FROM vector_check('items_index')"), '', "$what: nothing is wrong with any page")
	  if $am eq 'ivf';
	my $recall = $node->safe_psql('postgres',
		'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT items_recall(150); COMMIT');

	note("$what: recall $recall");
	return cmp_ok($recall, '>=', $recall_min // 0.85, "$what: and the nearest first ($exact)") && $good;
}

1;
