#!/usr/bin/perl
#
# ivf_move.t - an index on its way to another cluster: made again by pg_dump's
# output, carried over as files by pg_upgrade and by pg_basebackup.
#
# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use IndexItems;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

seed_from_time();
my $old = PostgreSQL::Test::Cluster->new('old');
$old->init(allows_streaming => 1, extra => ['--data-checksums']);
$old->append_conf('postgresql.conf', "fsync = off\nlog_statement = none\nautovacuum = off\n");
$old->start;
create_items($old, 2000);
$old->safe_psql('postgres', <<'SQL');
ALTER INDEX items_index SET (lists = 50);
REINDEX INDEX items_index;
INSERT INTO items (v) SELECT new_vector() FROM generate_series(1, 300);
CREATE INDEX items_half ON items USING ivf ((v::halfvec(20)) halfvec_cosine_ops) WHERE id > 5;
CREATE TABLE parts (id int, v vector(3)) PARTITION BY HASH (id);
CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE INDEX ON parts USING ivf (v vector_ip_ops);
SQL
my $definitions = "SELECT pg_get_indexdef(indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = indexrelid JOIN pg_am a ON a.oid = relam WHERE amname = 'ivf' ORDER BY 1";
my $before = $old->safe_psql('postgres', $definitions);
my $rows = $old->safe_psql('postgres', 'SELECT all_rows(false)');
my $size = $old->safe_psql('postgres', "SELECT pg_relation_size('items_index')");

# ---- pg_dump ----

my $plain = "$PostgreSQL::Test::Utils::tmp_check/dump.sql";
my $custom = "$PostgreSQL::Test::Utils::tmp_check/dump.custom";
$old->command_ok([ 'pg_dump', '-f', $plain, 'postgres' ], 'pg_dump as text');
$old->command_ok([ 'pg_dump', '-Fc', '-f', $custom, 'postgres' ], 'pg_dump as archive');
foreach my $how ([ 'text', 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $plain, '-d' ],
	[ 'archive', 'pg_restore', '-j2', '--exit-on-error', $custom, '-d' ])
{
	my ($name, @command) = @$how;

	$old->safe_psql('postgres', "CREATE DATABASE from_$name TEMPLATE template0");
	$old->command_ok([ @command, "from_$name" ], "restored from $name");
	is($old->safe_psql("from_$name", $definitions), $before, "from $name: the same indexes");
	is($old->safe_psql("from_$name", 'SELECT all_rows(true)'), $rows, "from $name: the same rows by index");
}

# ---- a copy made while running ----

$old->backup('copy');
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($old, 'copy');
$copy->start;
is($copy->safe_psql('postgres', 'SELECT all_rows(true)'), $rows, 'pg_basebackup: the same rows by index');
$copy->stop;
$old->stop;
$old->command_ok([ 'pg_checksums', '--check', '-D', $old->data_dir ], 'checksums of its pages are right');

# ---- pg_upgrade, which keeps the files ----

my $new = PostgreSQL::Test::Cluster->new('new');
my $bin = $new->config_data('--bindir');
$new->init(extra => ['--data-checksums']);
$new->append_conf('postgresql.conf', "fsync = off\nlog_statement = none\nautovacuum = off\n");
command_ok([ "$bin/pg_upgrade", '--no-sync', '-d', $old->data_dir, '-D', $new->data_dir, '-b', $bin, '-B', $bin,
		'-s', $new->host, '-p', $old->port, '-P', $new->port ], 'pg_upgrade');
$new->start;
is($new->safe_psql('postgres', $definitions), $before, 'upgraded: the same indexes');
is($new->safe_psql('postgres', "SELECT pg_relation_size('items_index')"), $size, '... in the same files');
index_is_right($new, 'upgraded');
$new->safe_psql('postgres', 'DELETE FROM items WHERE id % 2 = 0; INSERT INTO items (v) SELECT new_vector() FROM generate_series(1, 9000)');
$new->safe_psql('postgres', 'VACUUM items');
index_is_right($new, 'upgraded, changed and vacuumed');
$new->stop;

done_testing();
