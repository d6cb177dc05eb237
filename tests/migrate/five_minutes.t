#!/usr/bin/perl
#
# five_minutes.t - goal: the commands of docs/migrating-from-pgvector.md that move a
# database to another server do so as they stand there, but for the addresses.
# (The package replaced in place is tests/adopt.)
#
# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $doc = slurp_file("$ENV{OMENDB_TEST_SOURCE}/docs/migrating-from-pgvector.md");
my $old = PostgreSQL::Test::Cluster->new('old');
my $new = PostgreSQL::Test::Cluster->new('new');
foreach my $node ($old, $new)
{
	$node->init;
	$node->append_conf('postgresql.conf', "fsync = off\n");
	$node->start;
}
# Owned by a role that the new server has not.
$old->safe_psql('postgres', 'CREATE ROLE keeper LOGIN SUPERUSER; CREATE DATABASE app OWNER keeper');
$old->safe_psql('app', <<'SQL');
SET ROLE keeper;
CREATE EXTENSION vector;
SELECT setseed(0.5);
CREATE TABLE items (id int PRIMARY KEY, embedding vector(3));
INSERT INTO items SELECT i, ARRAY[random(), random(), random()]::real[]::vector FROM generate_series(1, 2000) i;
CREATE INDEX items_embedding_idx ON items USING hnsw (embedding vector_l2_ops);
SQL
my $contents = 'SELECT count(*), sum(embedding) FROM items';
my $before = $old->safe_psql('app', $contents);
my ($host, $port) = ($new->host, $new->port);

chdir PostgreSQL::Test::Utils::tempdir;

# The line of the document that matches, with this test's addresses.
sub command
{
	my ($pattern) = @_;
	my ($line) = grep { /$pattern/ } split /\n/, $doc;
	ok($line, "there is a command with $pattern") or return 'false';
	my %addresses = map { ($_->name => 'host=' . $_->host . ' port=' . $_->port . ' dbname=app') } $old, $new;
	$line =~ s{postgresql://(old|new)/app}{$addresses{$1}}g;
	$line =~ s{build/bin/omendb}{omendb}g;
	$line =~ s{pg_dump -Fc app}{pg_dump -Fc "$addresses{old}"};
	$line =~ s{-h new}{-h $host -p $port}g;
	return $line;
}

sub run_line
{
	my ($line) = @_;
	my $output = `($line) 2>&1`;
	is($?, 0, 'which works') or diag "$line\n$output";
	return $output;
}

$new->safe_psql('postgres', 'CREATE DATABASE app');
my $output = run_line(command('omendb migrate --from'));
is($new->safe_psql('app', $contents), $before, 'the live copy is the same');
like($output, qr/Everything that was compared is the same/, 'and says so');
$new->safe_psql('postgres', 'DROP DATABASE app');

run_line(command('pg_dump -Fc'));
is($new->safe_psql('app', $contents), $before, 'dumped and restored is the same');
is($new->safe_psql('app', "SELECT amname FROM pg_class c JOIN pg_am a ON a.oid = relam WHERE relname = 'items_embedding_idx'"),
	'hnsw', 'with its index');

done_testing();
