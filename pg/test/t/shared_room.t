#!/usr/bin/perl
#
# shared_room.t - one model, and one memory of where blocks lie, for all
# backends: that they share, that what they share is right while it is rewritten,
# dropped, or lost with a server, and that without room each has its own.
#
# A backend's own copies are seen in pg_backend_memory_contexts; shared ones,
# where there is /proc, among the segments that it has mapped.
#
# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use FindBin;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = PostgreSQL::Test::Cluster->new('shared');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\nrestart_after_crash = on\nmaintenance_work_mem = 64MB\n");
$node->start;
# A row to a page and more than 8,192 of them: hints of the table are worth sharing, too.
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION vector;
CREATE FUNCTION a_vector(dim int) RETURNS vector LANGUAGE sql VOLATILE AS
	'SELECT array_agg(random() + 0 * $1)::vector FROM generate_series(1, $1)';
SELECT setseed(.3);
CREATE TABLE items (id int, v vector(256)) WITH (fillfactor = 10);
INSERT INTO items SELECT i, a_vector(256) FROM generate_series(1, 9000) i;
CREATE INDEX items_index ON items USING ivf (v vector_l2_ops) WITH (lists = 250);
ANALYZE items;
SQL

# ---- sessions ----

sub session
{
	my %s = (in => '', out => '', err => '');

	$s{run} = IPC::Run::start([ 'psql', '-XqAtd', $node->connstr('postgres') ], '<', \$s{in}, '>', \$s{out}, '2>', \$s{err},
		IPC::Run::timeout(180));
	$s{pid} = ask(\%s, 'SET enable_seqscan = off; SET enable_sort = off; SELECT pg_backend_pid()');
	return \%s;
}

sub ask
{
	my ($s, $sql) = @_;

	$s->{out} = '';
	$s->{in} .= "$sql;\n\\echo answered\n";
	$s->{run}->pump until $s->{out} =~ /^answered$/m || !$s->{run}->pumpable;
	return $s->{out} =~ s/\n?answered\n$//r;
}

sub quit
{
	foreach my $s (@_)
	{
		$s->{in} .= "\\q\n";
		$s->{run}->finish;
		is($s->{err}, '', 'nothing was said to a session');
	}
}

# What the segments are called that a session has mapped, the server's own apart; undef where that is not to be seen.
sub segments
{
	my ($s) = @_;

	return undef unless -r "/proc/$s->{pid}/maps";
	my %names = map { $_ => 1 } slurp_file("/proc/$s->{pid}/maps") =~ m{/dev/shm/PostgreSQL\.(\d+)}g;
	return join ' ', sort keys %names;
}

my $own = "SELECT coalesce(sum(total_bytes), 0) FROM pg_backend_memory_contexts WHERE name IN ('ivf model', 'buffer hints')";
my $near = 'SELECT id FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = 7) LIMIT 10';
# All rows by the index and without: nothing is left to how many lists are looked at, nor to ties.
my $all = "SELECT count(*), md5(string_agg(id::text, ' ' ORDER BY id)) FROM (SELECT id FROM items ORDER BY v <-> array_fill(.5, ARRAY[256])::vector LIMIT 100000) t";
my $exact = $all =~ s/ORDER BY v.*LIMIT \d+//r;

my $model_bytes = $node->safe_psql('postgres', "SELECT model_bytes FROM vector_index_stats('items_index')");
cmp_ok($model_bytes, '>', 65_536, 'the model is worth sharing');

sub both_share
{
	my ($one, $other, $when) = @_;

	foreach my $s ($one, $other)
	{
		is(ask($s, $all), ask($s, $exact), "$when: the right rows");
		ask($s, $near);
		cmp_ok(ask($s, $own), '<', 60_000, "$when: neither model nor hints in the session's own memory");
	}
	is(segments($one), segments($other), "$when: both have the same segments");
}

# ---- two sessions ----

my ($one, $other) = (session(), session());
my $before = segments($one);
both_share($one, $other, 'at first');
isnt(segments($one), $before, '... which they had not before') if defined $before;

# ---- a scan goes on with the model it began with ----

ask($one, 'BEGIN ISOLATION LEVEL REPEATABLE READ; DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v <-> array_fill(.5, ARRAY[256])::vector');
my $first = ask($one, 'FETCH 5 FROM c');
$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 2 = 0; INSERT INTO items SELECT i, a_vector(256) FROM generate_series(10001, 14000) i');
$node->safe_psql('postgres', 'VACUUM items');
$node->safe_psql('postgres', "SELECT * FROM vector_maintain('items_index')");
is(ask($other, $all), ask($other, $exact), 'new lists: another session answers by them');
my @rest = split /\n/, ask($one, 'FETCH ALL FROM c');
my %seen = map { $_ => 1 } split(/\n/, $first), @rest;
is(scalar(keys %seen), 9000, 'new lists: a scan that began before has every row that it should');
ask($one, 'COMMIT');
both_share($one, $other, 'new lists');
# the old model goes when a backend takes the new one and no scan has the old
ask($_, $near) foreach $one, $other;
is(scalar(split / /, segments($one)), scalar(split / /, segments($other)), 'and the old ones are nobody\'s') if defined $before;

$node->safe_psql('postgres', "CREATE TABLE asked AS SELECT a_vector(256) AS v FROM generate_series(1, 300); SELECT * FROM vector_calibrate('items_index', 'asked')");
both_share($one, $other, 'calibrated');
$node->safe_psql('postgres', 'REINDEX INDEX CONCURRENTLY items_index');
both_share($one, $other, 'REINDEX CONCURRENTLY');
$node->safe_psql('postgres', 'DROP INDEX items_index; CREATE INDEX items_index ON items USING ivf (v vector_l2_ops) WITH (lists = 250)');
both_share($one, $other, 'dropped and made anew');

# two indexes on one table: a segment is mapped once
$node->safe_psql('postgres', 'CREATE INDEX items_cosine ON items USING ivf (v vector_cosine_ops) WITH (lists = 250)');
ask($one, $near =~ s/<->/<=>/r);
ask($other, $near =~ s/<->/<=>/r);
both_share($one, $other, 'beside another index');
$node->safe_psql('postgres', 'DROP INDEX items_cosine');

# ---- a copy of the database has the same identities, and models of its own ----

quit($one, $other);
$node->safe_psql('template1', 'CREATE DATABASE copied TEMPLATE postgres');
$one = session();
ask($one, $near);
my $in_copy = 'DELETE FROM items WHERE id > 5000; VACUUM items; SELECT * FROM vector_maintain(\'items_index\')';
$node->safe_psql('copied', $in_copy =~ s/; /;\n/gr);
$node->safe_psql('postgres', "DELETE FROM items WHERE id < 5000;\nVACUUM items;\nSELECT * FROM vector_maintain('items_index')");
my $by_index = "SET enable_seqscan = off; SET enable_sort = off; $all";
is($node->safe_psql($_, $by_index), $node->safe_psql($_, $exact), "a copied database: $_") foreach 'copied', 'postgres';
is(ask($one, $all), ask($one, $exact), 'a copied database: who was there before');
$node->safe_psql('template1', 'DROP DATABASE copied');

# ---- many at once, and one killed ----

my $script = $node->basedir . '/near.sql';
append_to_file($script, "$near;\n");
command_ok([ 'pgbench', '-n', '-C', '-c', 8, '-j', 2, '-t', 10, '-f', $script, $node->connstr('postgres') ],
	'sessions that come and go while others load the model');
my $log_length = -s $node->logfile;
kill 'KILL', $one->{pid};
$one->{run}->finish;
foreach (1 .. 1800)
{
	last if substr(slurp_file($node->logfile), $log_length) =~ /database system is ready to accept connections/;
	usleep(100_000);
}
($one, $other) = (session(), session());
both_share($one, $other, 'after a crash');
quit($one, $other);

# ---- more than there are places for ----

# 64 kB of model each; more of them than the directory has places
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE parts (id int, v vector(2000)) PARTITION BY LIST (id);
DO $$ BEGIN
	FOR p IN 1..140 LOOP
		EXECUTE format('CREATE TABLE part_%s PARTITION OF parts FOR VALUES IN (%s)', p, p);
		EXECUTE format('INSERT INTO part_%s SELECT %s, a_vector(2000) FROM generate_series(1, 40)', p, p);
	END LOOP;
END $$;
CREATE INDEX ON parts USING ivf (v vector_l2_ops) WITH (lists = 35);
ANALYZE parts;
SQL
my $of_parts = $all =~ s/items/parts/r =~ s/256/2000/r;
my $large = "SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'ivf model' AND total_bytes > 65536";
my @large;
foreach my $round (1 .. 2)
{
	$one = session();
	is(ask($one, $of_parts), ask($one, $exact =~ s/items/parts/r), "many indexes, round $round: the right rows");
	push @large, ask($one, $large);
	quit($one);
}
cmp_ok($large[0], '>', 0, 'what found no place is a backend\'s own');
cmp_ok($large[0], '<', 100, '... but most is not');
is($large[1], $large[0], 'places are given back when a session ends');

# ---- no room ----

$node->append_conf('postgresql.conf', 'dynamic_shared_memory_type = mmap');
$node->restart;
my $folder = $node->data_dir . '/pg_dynshmem';
chmod 0500, $folder or die "$folder: $!";
$one = session();
is(ask($one, $all), ask($one, $exact), 'no segments to be had: the right rows');
cmp_ok(ask($one, $own), '>', $model_bytes / 2, '... by the session\'s own model');
chmod 0700, $folder or die "$folder: $!";
($other) = session();
is(ask($other, $all), ask($other, $exact), 'to be had again: the right rows');
cmp_ok(ask($other, $own), '<', 60_000, '... and the next session shares');
quit($one, $other);
$node->stop;
done_testing();
