#
# IndexTrials.pm - what every access method has to come through, in the same
# words: kills at random moments, writers beside vacuum and readers, a standby,
# damaged pages.
#
# SPDX-License-Identifier: Apache-2.0
package IndexTrials;

use strict;
use warnings;
use Exporter 'import';
use FindBin;
use lib $FindBin::RealBin;
use IndexItems;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

our @EXPORT = qw(run_crash run_stress run_standby run_damage PAGE BODY TRAILER META);

use constant { PAGE => 8192, BODY => 32, TRAILER => 8160, META => 1 };

# The whole server is killed (SIGKILL) at random moments, in the middle of
# inserts, deletes, vacuum, and index builds.  After recovery the index holds
# exactly the rows of the table, goes on taking rows, and vacuum gives back what
# was left half-done.  $recall_killed: the least recall before a vacuum; @more: what
# else goes on, each [ what, [ statements ] ].
sub run_crash
{
	my ($using, $recall_killed, @more) = @_;

	seed_from_time();
	$IndexItems::using = $using;
	my $rounds = $ENV{RUN_TORTURE} ? 60 : 8;
	my $node = PostgreSQL::Test::Cluster->new('crash');
	$node->init;
	$node->append_conf('postgresql.conf', <<'CONF');
fsync = off
log_statement = none
autovacuum = off
shared_buffers = 4MB
max_wal_size = 64MB
checkpoint_timeout = 30s
bgwriter_delay = 10ms
CONF
	$node->start;
	create_items($node, 1500);
	$node->safe_psql('postgres', "CREATE UNLOGGED TABLE scratch AS SELECT id, v FROM items LIMIT 1200;
		CREATE INDEX scratch_index ON scratch USING $using");

	# What goes on when the server dies.
	my @work = (
		[ 'inserts', [] ],
		[ 'vacuum that changes much', [ 'DELETE FROM items WHERE random() < 0.3', 'VACUUM items' ] ],
		[ 'updates and vacuum', [ 'UPDATE items SET v = new_vector() WHERE random() < 0.1', 'VACUUM items' ] ],
		[ 'CREATE INDEX', [ "CREATE INDEX items_other ON items USING $using", 'DROP INDEX items_other' ] ],
		@more,
		[ 'REINDEX', [ 'REINDEX INDEX CONCURRENTLY items_index' ] ],
		[ 'vacuum of a growing table', [ 'VACUUM items', "INSERT INTO items (v) SELECT new_vector() FROM generate_series(1, 3000)", 'CHECKPOINT', 'VACUUM items' ] ]);

	foreach my $round (1 .. $rounds)
	{
		my ($what, $also) = @{ $work[ ($round - 1) % @work ] };
		my @clients = map { start_client($node, 60, 'INSERT INTO items (v) SELECT new_vector() FROM generate_series(1, 40)') } 1 .. 2;

		push @clients, start_client($node, 60, @$also) if @$also;
		usleep(300_000 + int rand 1_200_000);
		kill_server($node);
		finish_clients(@clients);
		$node->start;
		# A concurrent build that was cut off leaves an index that is not valid.
		$node->safe_psql('postgres', "SELECT format('DROP INDEX %s', indexrelid::regclass) FROM pg_index WHERE NOT indisvalid \\gexec\n
			DROP INDEX IF EXISTS items_other");
		index_is_right($node, "round $round, killed during $what", $recall_killed) or last;
		if ($round % 3 == 0)
		{
			$node->safe_psql('postgres', 'VACUUM items');
			index_is_right($node, "round $round, after VACUUM") or last;
			$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 4 > 0');
			$node->safe_psql('postgres', 'VACUUM items');
		}
	}

	# ---- an unlogged index comes back empty, and usable ----

	is($node->safe_psql('postgres', 'SELECT count(*) FROM scratch'), '0', 'the unlogged table is empty');
	$node->safe_psql('postgres', 'INSERT INTO scratch SELECT id, v FROM items LIMIT 500');
	is($node->safe_psql('postgres', "SET enable_seqscan = off; SET enable_sort = off;
		SELECT count(DISTINCT id) = count(*), count(*) = (SELECT least(500, count(*)) FROM items)
		FROM (SELECT id FROM scratch ORDER BY v <-> array_fill(0, ARRAY[20])::vector) t"), 't|t', 'its index takes rows again');

	# ---- the heap is sound, and nothing was written that checksums or the log complain of ----

	$node->safe_psql('postgres', 'CREATE EXTENSION amcheck');
	is($node->safe_psql('postgres', "SELECT count(*) FROM verify_heapam('items')"), '0', 'amcheck finds nothing wrong with the table');
	$node->command_ok([ 'pg_amcheck', '-d', 'postgres' ], 'nor does pg_amcheck with anything else');
	$node->stop;
	unlike(slurp_file($node->logfile), qr/PANIC|cannot use index|could not read block|invalid page/, 'no complaint in the log');
}

# Writers, vacuum and readers at the same time; then the index holds exactly the
# rows of the table.  Readers check each answer: k rows, in order, none twice.
sub run_stress
{
	my ($using) = @_;

	seed_from_time();
	$IndexItems::using = $using;
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
	# rows that wait to be taken into lists: 0.83 to 0.94 in five storms; vacuum mends it
	index_is_right($node, 'after the storm', 0.7);
	$node->safe_psql('postgres', 'VACUUM items');
	index_is_right($node, 'after vacuum');
	note($node->safe_psql('postgres', "SELECT count(*) || ' rows, index ' || pg_size_pretty(pg_relation_size('items_index')) FROM items"));
	# it is not many times as large as one made anew
	$node->safe_psql('postgres', "CREATE INDEX items_new ON items USING $using");
	cmp_ok($node->safe_psql('postgres', "SELECT pg_relation_size('items_index')::float8 / pg_relation_size('items_new')"), '<', 8,
		'the index is not many times as large as a new one');
	$node->stop;
}

# VACUUM on the primary shortens the index while scans of the standby read it.
sub cut_under_readers
{
	my ($primary, $standby, $seconds) = @_;
	my @readers = map { start_client($standby, $seconds, @$_) } (
		[ 'BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT 1 / (all_rows(true) = all_rows(false))::int', 'COMMIT' ],
		[ 'SELECT items_recall(3)' ]);
	my $size = "SELECT pg_relation_size('items_index')";
	my $cuts = 0;

	foreach my $round (1 .. $seconds / 3)
	{
		$primary->safe_psql('postgres', 'INSERT INTO items (v) SELECT new_vector() FROM generate_series(1, 15000)');
		$primary->safe_psql('postgres', 'VACUUM items');
		my $full = $primary->safe_psql('postgres', $size);
		$primary->safe_psql('postgres', 'DELETE FROM items WHERE id % 10 > 0');
		# the standby tells every second which rows its scans still see
		foreach my $try (1 .. 10)
		{
			sleep 1;
			$primary->safe_psql('postgres', 'VACUUM items');
			last if $primary->safe_psql('postgres', $size) < $full;
		}
		$cuts += $primary->safe_psql('postgres', $size) < $full;
		$primary->wait_for_catchup($standby, 'replay');
		is($standby->safe_psql('postgres', $size), $primary->safe_psql('postgres', $size), "cut $round: the same length");
	}
	cmp_ok($cuts, '>', 0, 'the primary shortened the index');
	is(join("\n", finish_clients(@readers)), '', 'scans on the standby end without an error');
	is($standby->safe_psql('postgres', "SELECT * FROM vector_check('items_index')"), '', 'and nothing is wrong there');
}

# A standby answers as its primary does: while rows come and go and vacuum takes
# pages and places again under its scans, when it has caught up, and when it has
# become the primary.  Every page image is compared with what replay made of it
# (wal_consistency_checking).  $thorough: a setting by which both find the same.
sub run_standby
{
	my ($using, $cosine, $thorough) = @_;

	seed_from_time();
	$IndexItems::using = $using;
	my $seconds = $ENV{RUN_TORTURE} ? 120 : 10;
	my $primary = PostgreSQL::Test::Cluster->new('primary');
	$primary->init(allows_streaming => 1);
	$primary->append_conf('postgresql.conf', <<'CONF');
fsync = off
log_statement = none
autovacuum = off
shared_buffers = 16MB
max_wal_size = 512MB
wal_consistency_checking = 'all'
wal_keep_size = 2GB
CONF
	$primary->start;
	create_items($primary, 1500);
	$primary->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($primary, 'base', has_streaming => 1);
	# Rows its scans see are kept, so that replay is not held up and no scan is cancelled.
	$standby->append_conf('postgresql.conf', "hot_standby_feedback = on\nwal_receiver_status_interval = 1s\nmax_standby_streaming_delay = -1\n");
	$standby->start;
	$primary->wait_for_catchup($standby, 'replay');
	index_is_right($standby, 'standby, before');

	# ---- scans on the standby while the primary writes and vacuums ----

	my @scans = map { start_client($standby, $seconds, @$_) } (
		[ 'BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT 1 / (all_rows(true) = all_rows(false))::int', 'COMMIT' ],
		[ 'SELECT items_recall(3)' ]);
	my @writes = map { start_client($primary, $seconds, @$_) } (
		[ 'INSERT INTO items (v) SELECT new_vector() FROM generate_series(1, 100)', 'UPDATE items SET v = new_vector() WHERE id % 40 = (random() * 39)::int' ],
		[ 'DELETE FROM items WHERE id % 20 = (random() * 19)::int', 'VACUUM items' ]);
	is(join("\n", finish_clients(@writes)), '', 'writers and vacuum end without an error');
	is(join("\n", finish_clients(@scans)), '', 'so do the scans on the standby');

	# ---- caught up ----

	$primary->wait_for_catchup($standby, 'replay');
	is($standby->safe_psql('postgres', 'SELECT all_rows(true)'), $primary->safe_psql('postgres', 'SELECT all_rows(true)'), 'both hold the same rows');
	my $answers = <<"SQL";
SET enable_seqscan = off; SET enable_sort = off; SET $thorough;
SELECT (SELECT string_agg(id::text, ',') FROM (SELECT id FROM items ORDER BY v <-> q.v LIMIT 10) t) FROM (SELECT v FROM items WHERE id % 50 = 7 ORDER BY id LIMIT 20) q
SQL
	my $primary_says = $primary->safe_psql('postgres', $answers =~ s/SET enable_sort = off;//r);
	is($standby->safe_psql('postgres', $answers =~ s/SET enable_sort = off;//r), $primary_says, 'and give the same answers, in the same order');
	index_is_right($standby, 'standby, caught up', 0.7);
	index_is_right($primary, 'primary', 0.7);

	# ---- the end of the file is cut off while the standby reads ----

	cut_under_readers($primary, $standby, $seconds) if $using =~ /^ivf /;

	# ---- changed once more, and an index built, rebuilt and dropped ----

	$primary->safe_psql('postgres', 'INSERT INTO items (v) SELECT new_vector() FROM generate_series(1, 9000)');
	$primary->safe_psql('postgres', 'VACUUM items');
	$primary->safe_psql('postgres', "CREATE INDEX items_cosine ON items USING $cosine");
	$primary->safe_psql('postgres', 'REINDEX INDEX items_index');
	$primary->wait_for_catchup($standby, 'replay');
	index_is_right($standby, 'standby, after REINDEX');
	$primary->safe_psql('postgres', 'DROP INDEX items_cosine');

	# ---- promoted ----

	$primary->wait_for_catchup($standby, 'replay');
	$primary->stop;
	$standby->promote;
	$standby->safe_psql('postgres', 'DELETE FROM items WHERE id % 3 = 0');
	$standby->safe_psql('postgres', 'INSERT INTO items (v) SELECT new_vector() FROM generate_series(1, 2000)');
	index_is_right($standby, 'promoted');
	$standby->safe_psql('postgres', 'VACUUM items');
	index_is_right($standby, 'promoted, after vacuum');
	$standby->stop;
	unlike(slurp_file($_->logfile), qr/inconsistent page|PANIC|cannot use index|TRAP/, $_->name . ': no complaint in the log') foreach $primary, $standby;
}

# Damaged pages.  Whatever a number on them says, statements end, in an error
# that names the cure or as if nothing were wrong: never in a crash, nor in a
# wait that cannot be ended.  Each index of many gets another wound; afterwards
# REINDEX heals it.  A wound is [kind of page, offset, number]; the number may be
# a function of the block and the blocks of each kind; nothing: all at random.
sub run_damage
{
	my ($using, @wounds) = @_;

	seed_from_time();

	my $node = PostgreSQL::Test::Cluster->new('damage');
	$node->init;
	$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\nstatement_timeout = 20s\n");
	$node->start;

	push @wounds, map { [] } 1 .. ($ENV{RUN_TORTURE} ? 200 : 6);
	my $sql = <<'SQL';
CREATE EXTENSION vector;
CREATE TABLE base AS SELECT i AS id, (SELECT array_agg(random()) FROM generate_series(1, 40) WHERE i = i)::vector(40) AS v
	FROM generate_series(1, 1200) i;
SQL
	foreach my $i (0 .. $#wounds)
	{
		$sql .= <<"SQL";
CREATE TABLE t$i (id int, v vector(40));
INSERT INTO t$i SELECT * FROM base WHERE id <= 700;
INSERT INTO t$i SELECT id + 10000, (SELECT v FROM base WHERE id = 7) FROM base WHERE id <= 60;
CREATE INDEX x$i ON t$i USING $using;
DELETE FROM t$i WHERE id % 10 = 1;
VACUUM t$i;
INSERT INTO t$i SELECT * FROM base WHERE id > 700 AND id <= 900;
SQL
	}
	$node->safe_psql('postgres', $sql);
	my %path = map { split /\|/ } split /\n/,
		$node->safe_psql('postgres', "SELECT relname, pg_relation_filepath(oid) FROM pg_class WHERE relname ~ '^x[0-9]+\$'");
	$node->stop;

	my @told;
	foreach my $i (0 .. $#wounds)
	{
		my $file = $node->data_dir . '/' . $path{"x$i"};
		my $bytes = slurp_file($file);
		my $blocks = length($bytes) / PAGE;
		my %of_kind;
		push @{ $of_kind{ unpack('S', substr($bytes, $_ * PAGE + TRAILER + 24, 2)) } }, $_ foreach 0 .. $blocks - 1;
		my ($kind, $offset, $number) = @{ $wounds[$i] };
		$kind //= (sort keys %of_kind)[ rand keys %of_kind ];
		my $block = $of_kind{$kind}[ rand @{ $of_kind{$kind} } ];
		$block = $of_kind{$kind}[0] if defined $offset;
		$offset //= BODY + 4 * int rand((PAGE - BODY) / 4);
		$number //= (0, 1, 0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFFF, int rand 2**32, $block, int rand $blocks)[ rand 8 ];
		$number = $number->($block, \%of_kind) if ref $number;
		$told[$i] = sprintf 'kind %d, block %d, offset %d becomes %#x', $kind, $block, $offset, $number;
		substr($bytes, $block * PAGE + $offset, 4) = pack('L', $number);
		open my $out, '+<:raw', $file or die "$file: $!";
		print $out $bytes;
		close $out;
	}
	$node->start;

	my $query = "ORDER BY v <-> (SELECT v FROM base WHERE id = 7) LIMIT 100000";
	foreach my $i (0 .. $#wounds)
	{
		my ($status, $out, $err) = $node->psql('postgres', <<"SQL", on_error_stop => 0, timeout => 120);
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT id FROM t$i $query) s;
INSERT INTO t$i SELECT * FROM base WHERE id > 900 AND id <= 950;
DELETE FROM t$i WHERE id % 7 = 3;
VACUUM t$i;
INSERT INTO t$i SELECT * FROM base WHERE id > 950;
INSERT INTO t$i SELECT * FROM base;
VACUUM t$i;
SELECT count(*) FROM (SELECT id FROM t$i $query) s;
SQL
		my @errors = grep { /ERROR|FATAL|PANIC|server closed|connection/ } split /\n/, $err;
		my @others = grep { !/cannot use index "x$i"|index "x$i" cannot hold more rows|could not read block/ } @errors;
		is("@others", '', "$told[$i]: nothing but clean errors");
		is($node->safe_psql('postgres', "REINDEX INDEX x$i; SET enable_seqscan = off; SET enable_sort = off;
			SELECT count(*) FROM (SELECT id FROM t$i $query) s"),
			$node->safe_psql('postgres', "SET enable_indexscan = off; SELECT count(*) FROM t$i"), '... and REINDEX heals it');
	}
	$node->stop;
}

1;
