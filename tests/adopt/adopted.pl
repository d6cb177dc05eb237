#!/usr/bin/perl
#
# adopted.pl - called by adopt.t: a server of pgvector's, whose files are
# replaced under it, in the course of which every query has the same answer.
#
#   adopted.pl SCRATCH PG_CONFIG
#
# SCRATCH/tree is the PostgreSQL with pgvector, SCRATCH/ours what is installed
# over it.  Answers are compared with those of the same queries before, without
# an index.
#
# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use File::Basename qw(basename dirname);
use File::Path qw(make_path remove_tree);
use IPC::Open2;
use Test::More;

my ($scratch, $pg_config) = @ARGV;
chomp(my $bin = `$pg_config --bindir`);
chomp(my $lib = `$pg_config --pkglibdir`);
chomp(my $share = `$pg_config --sharedir`);
my $pgvector = "$scratch/pgvector";		# what ours takes the place of

delete @ENV{ grep { /^PG/ } keys %ENV };
chomp($ENV{LD_LIBRARY_PATH} = `$pg_config --libdir`);
$ENV{PGHOST} = $scratch;
$ENV{PGPORT} = 5432;
$ENV{PGDATABASE} = 'postgres';
$ENV{PGUSER} = 'postgres';

# ---- server, sessions ----

sub run_or_die { system(@_) == 0 or die "@_: exit status " . ($? >> 8) . "\n" }

sub start_server { run_or_die("$bin/pg_ctl -D $scratch/data -w -l $scratch/server.log -o \"-p 5432 -k $scratch -c listen_addresses= -c fsync=off -c autovacuum=off\" start >$scratch/ctl.log 2>&1") }

sub stop_server { run_or_die("$bin/pg_ctl -D $scratch/data -m fast -w stop >>$scratch/ctl.log 2>&1") }

# What psql writes, errors and all.
sub psql
{
	my ($database, $sql) = @_;
	my ($out, $in);
	my $pid = open2($out, $in, "$bin/psql -XAtq -d $database 2>&1");

	print $in $sql, "\n";
	close $in;
	my $text = do { local $/; <$out> } // '';
	waitpid $pid, 0;
	chomp $text;
	return $text;
}

# A session that stays open.
sub open_session
{
	my ($out, $in);
	my $pid = open2($out, $in, "$bin/psql -XAtq -d old 2>&1");

	return { pid => $pid, in => $in, out => $out };
}

sub ask
{
	my ($session, $sql) = @_;
	my $text = '';

	print { $session->{in} } "$sql\n\\echo DONE\n";
	$session->{in}->flush;
	while (defined(my $line = readline $session->{out}))
	{
		last if $line eq "DONE\n";
		$text .= $line;
	}
	chomp $text;
	return $text;
}

sub close_session
{
	my ($session) = @_;

	close $session->{in};
	waitpid $session->{pid}, 0;
}

# Something CONCURRENTLY, which waits for a writer of the table before it builds, and is cancelled then.
sub interrupt
{
	my ($table, $sql) = @_;
	my ($writer, $session) = (open_session(), open_session());
	my $pid = ask($session, 'SELECT pg_backend_pid();');

	ask($writer, "BEGIN; DELETE FROM $table WHERE id = -1;");
	print { $session->{in} } "$sql;\n";
	$session->{in}->flush;
	sleep 1 until psql('old', "SELECT wait_event_type FROM pg_stat_activity WHERE pid = $pid") eq 'Lock';
	psql('old', "SELECT pg_cancel_backend($pid)");
	like(ask($session, ''), qr/ERROR: .*canceling/, "interrupted: $sql");
	ask($writer, 'COMMIT;');
	close_session($_) foreach $writer, $session;
}

# ---- files ----

sub read_lines { open my $in, '<', $_[0] or die "$_[0]: $!\n"; return <$in> }

sub swap
{
	my ($from, $to_aside) = @_;

	if ($to_aside)
	{
		make_path("$pgvector/lib", "$pgvector/share");
		run_or_die("mv $lib/vector.so $pgvector/lib/ && mv $share/extension/vector* $pgvector/share/");
		run_or_die("cp -a $scratch/ours$lib/. $lib/ && cp -a $scratch/ours$share/extension/. $share/extension/");
	}
	else
	{
		run_or_die("rm -f $lib/vector.so $lib/omendb_vector.so $share/extension/vector*");
		run_or_die("cp -a $pgvector/lib/vector.so $lib/ && cp -a $pgvector/share/. $share/extension/");
	}
}

# ---- queries ----

my $q = join ',', map { sprintf '%.3f', sin(3 * $_) } 1 .. 16;
my $bits = join '', map { $_ % 3 ? 1 : 0 } 1 .. 16;
my $sparse = '{' . join(',', map { "$_:" . sprintf('%.3f', sin($_)) } 1 .. 16) . '}/16';
my @ordered = (
	[ items => 'v', '<->', "[$q]" ], [ items => 'v', '<#>', "[$q]" ], [ items => 'v', '<=>', "[$q]" ], [ items => 'v', '<+>', "[$q]" ],
	[ items => 'h', '<->', "[$q]" ], [ items => 'h', '<=>', "[$q]" ], [ items => 'h', '<+>', "[$q]" ],
	[ items => 's', '<->', $sparse ], [ items => 'b', '<~>', $bits ], [ items => 'b', '<%>', $bits ],
	[ items => 'twice', '<->', "[$q]" ], [ items => 'v::halfvec(16)', '<->', "[$q]" ],
	[ items => 'binary_quantize(v)::bit(16)', '<~>', $bits ], [ 'items WHERE kind = 3' => 'v', '<->', "[$q]" ],
	[ parts => 'v', '<->', "[$q]" ], [ fleeting => 'v', '<->', "[$q]" ], [ still => 'v', '<->', "[$q]" ], [ still => 'v', '<=>', "[$q]" ]);
my @others = (
	'SELECT round(sum(distance)::numeric, 2) FROM near', 'SELECT average_of(2)::halfvec(16)', 'SELECT * FROM composite',
	"SELECT id FROM items WHERE v = (SELECT v FROM items WHERE id = 77)", 'SELECT count(*), max(note) FROM items',
	'SELECT md5(string_agg(v::text || h::text || s::text || b::text || twice::text, $$,$$ ORDER BY id)) FROM items');

# Distances, for rows may be as near as each other; sorted as text would be.
sub nearest
{
	my ($table, $what, $operator, $query) = @_;

	return "SELECT string_agg(round(d::numeric, 3)::text, ' ') FROM (SELECT $what $operator '$query' AS d FROM $table ORDER BY $what $operator '$query' LIMIT 10) r;";
}

sub all_queries { return join "\n", map({ nearest(@$_) } @ordered), map { "$_;" } @others }

my $exact = "SET enable_indexscan = off;\n";
my $by_index = "SET enable_seqscan = off; SET hnsw.ef_search = 400; SET ivfflat.probes = 10;\n";

sub count_index_scans
{
	my ($database) = @_;
	my $plans = psql($database, "SET enable_seqscan = off;\n" . join "\n", map { "EXPLAIN " . nearest(@$_) } @ordered);

	return scalar(() = $plans =~ /Index Scan using \w*(?:hnsw|ivfflat|generated|expression|quantized|partial|index|idx)/g);
}

sub catalog { return psql($_[0], join '', read_lines("$scratch/catalog.sql")) }

my $comments;		# whether this pgvector has comments on its objects, which ours has not

sub same_catalog
{
	my ($got, $want, $what) = @_;
	my %want = map { $_ => 1 } grep { !$comments || !/^comment/ } split /\n/, $want;
	my %got = map { $_ => 1 } grep { !$comments || !/^comment/ } split /\n/, $got;

	cmp_ok(scalar(keys %want), '>', 300, "$what: there is a catalog to compare");
	is(join("\n", grep { !$want{$_} } sort keys %got), '', "$what: nothing is there that a fresh one lacks");
	is(join("\n", grep { !$got{$_} } sort keys %want), '', "$what: nor lacks what a fresh one has");
}

# ---- pgvector's ----

run_or_die("$bin/initdb -D $scratch/data -U postgres -A trust -N >$scratch/initdb.log 2>&1");
start_server();
psql('postgres', 'CREATE DATABASE old; CREATE DATABASE fresh_pgvector');
psql('fresh_pgvector', 'CREATE EXTENSION vector');
is(psql('old', "\\i $scratch/pgvector_database.sql"), '', 'pgvector makes a database');
my $version = psql('old', "SELECT extversion FROM pg_extension WHERE extname = 'vector'");
like($version, qr/^0\.8\./, "... of version $version");
my $catalog_before = catalog('fresh_pgvector');
my $answers = psql('old', $exact . all_queries());
unlike($answers, qr/ERROR/, 'its queries have answers');
cmp_ok(count_index_scans('old'), '>=', 15, '... by index where there is one');
run_or_die("$bin/pg_dump -d old -f $scratch/pgvector.sql");

# ---- databases of the versions before it ----

# Its scripts from one version to the next say nothing since 0.8.0, so its own
# script is also that of 0.8.0, and leads by the others to each between.
my ($last) = $version =~ /^0\.8\.(\d+)$/;
my $folder = "$share/extension";
my @told = grep { !/^(?:--|\\echo |\s*$)/ } map { read_lines("$folder/vector--0.8.@{[$_ - 1]}--0.8.$_.sql") } 1 .. $last;
my @versions = @told ? () : map { "0.8.$_" } 0 .. $last - 1;
$comments = grep { /^COMMENT / } @told;

note("pgvector changes its catalog on the way to $version: no database is made of the versions before") if @told;
run_or_die('cp', "$folder/vector--$version.sql", "$folder/vector--0.8.0.sql") if @versions;
foreach my $past (@versions)
{
	psql('postgres', "CREATE DATABASE \"$past\"");
	is(psql($past, "CREATE EXTENSION vector VERSION '$past'; SELECT extversion FROM pg_extension WHERE extname = 'vector';
		CREATE TABLE past AS SELECT i AS id, (SELECT array_agg(sin(i * j)::real ORDER BY j) FROM generate_series(1, 16) j)::vector(16) AS v FROM generate_series(1, 500) i;
		CREATE INDEX past_hnsw ON past USING hnsw (v vector_l2_ops)"), $past, "pgvector makes a database of version $past");
}

# Invalid, without a single page.
interrupt('still', 'CREATE INDEX CONCURRENTLY still_cut_off ON still USING hnsw (v vector_ip_ops)');

# ---- a pool of sessions that have pgvector's library in them ----

my @pool = map { open_session() } 1 .. 3;
my $prepared = nearest(still => 'v', '<->', "[$q]");
foreach my $session (@pool)
{
	ask($session, "SET hnsw.ef_search = 123; SET ivfflat.probes = 10; SET enable_seqscan = off;\nPREPARE near AS $prepared");
	ask($session, 'EXECUTE near;') foreach 1 .. 7;
	like(ask($session, 'EXPLAIN EXECUTE near;'), qr/still_hnsw/, 'a session has a plan with an index of pgvector\'s');
}
my $near = psql('old', $exact . $prepared);

# ---- the files are replaced ----

swap($scratch, 1);
is(psql('old', all_queries()), $answers, 'files replaced: every query of a new session has its answer');
is(psql('old', $by_index . all_queries()), $answers, '... also when it is told to use indexes');
is(count_index_scans('old'), 0, '... which it does not');
is(ask($_, 'EXECUTE near;'), $near, 'a session of the pool goes on') foreach @pool;
is(psql('old', "INSERT INTO items (id, kind, v) VALUES (5000, 1, '[$q]'); SELECT id FROM items ORDER BY v <-> '[$q]' LIMIT 1"), '5000', 'a row goes in and is found');
is(psql('old', "DELETE FROM items WHERE id % 100 = 7; VACUUM items; DELETE FROM items WHERE id = 5000"), '', 'rows go and are vacuumed away');
like(ask($pool[0], "SELECT id FROM items ORDER BY v <-> '[$q]' LIMIT 1;"), qr/ERROR:.*not valid/, 'pgvector does not read an index that lacks rows');

# ---- an update that does not come to its end ----

my $updater = open_session();
my $updater_pid = ask($updater, 'SELECT pg_backend_pid();');
is(ask($updater, "SET client_min_messages = error; BEGIN; ALTER EXTENSION vector UPDATE;\nSELECT extversion FROM pg_extension WHERE extname = 'vector';"),
	'1.0.0', 'an update is under way');
my $now = psql('old', $exact . all_queries());
is(psql('old', "SET statement_timeout = '60s';\n" . $by_index . all_queries()), $now, '... and other sessions go on');
is(ask($pool[1], "SET statement_timeout = '60s';\nEXECUTE near;"), $near, '... and the pool');
is(psql('old', "SELECT pg_terminate_backend($updater_pid, 60000)"), 't', 'it is cut off');
close_session($updater);
is(psql('old', "SELECT extversion FROM pg_extension WHERE extname = 'vector'"), $version, '... and has not been');
is(psql('old', $by_index . all_queries()), $now, '... every query is answered');

# ---- the update ----

my $warnings = psql('old', 'ALTER EXTENSION vector UPDATE');
like($warnings, qr/WARNING: .*public\.items_hnsw_l2 is in pgvector's page format/, 'the update names an index');
like($warnings, qr/HINT: .*REINDEX INDEX CONCURRENTLY public\.items_ivfflat_ip;/, '... and the cure');
unlike($warnings, qr/ERROR/, '... and ends well');
is(psql('old', "SELECT count(*) FROM vector_index_status() WHERE status <> CASE WHEN index::text = 'still_cut_off' THEN 'not valid' ELSE 'in pgvector''s page format' END OR cure !~ '^REINDEX INDEX CONCURRENTLY '"), '0', 'vector_index_status() says so of all');
$answers = psql('old', $exact . all_queries());
is(psql('old', $by_index . all_queries()), $answers, 'every query is answered');
foreach my $session (@pool)
{
	is(ask($session, 'EXECUTE near;'), $near, 'the pool: a plan made before');
	is(ask($session, all_queries()), $answers, '... every query');
	is(ask($session, "INSERT INTO still VALUES (9000, '[$q]'); SELECT id FROM still ORDER BY v <-> '[$q]' LIMIT 1; DELETE FROM still WHERE id = 9000;"), '9000', '... a row more');
}
psql('postgres', 'CREATE DATABASE fresh_ours');
is(psql('fresh_ours', 'CREATE EXTENSION vector'), '', 'a fresh database');
my $catalog_fresh = catalog('fresh_ours');
same_catalog(catalog('old'), $catalog_fresh, 'adopted');

foreach my $past (@versions)
{
	like(psql($past, 'ALTER EXTENSION vector UPDATE'), qr/WARNING: .*past_hnsw/, "of $past: updated");
	same_catalog(catalog($past), $catalog_fresh, "of $past");
	is(psql($past, "SELECT cure FROM vector_index_status() \\gexec\nSET enable_seqscan = off; SELECT id FROM past ORDER BY v <-> (SELECT v FROM past WHERE id = 77) LIMIT 1"), '77', "of $past: an index made anew answers");
}

# ---- a cure that does not come to its end: it waits for a writer, and is cancelled ----

interrupt('items', 'REINDEX INDEX CONCURRENTLY items_hnsw_l2');
is(psql('old', "SELECT status, cure FROM vector_index_status() WHERE index::text ~ '^items_hnsw_l2'"),
	"in pgvector's page format|REINDEX INDEX CONCURRENTLY items_hnsw_l2;\nnot valid|DROP INDEX CONCURRENTLY items_hnsw_l2_ccnew;",
	'... the index waits on, and what was begun is to be dropped');
is(psql('old', $by_index . all_queries()), $answers, '... every query is answered');
is(psql('old', "INSERT INTO items (id, kind, v) VALUES (5000, 1, '[$q]'); SELECT id FROM items ORDER BY v <-> '[$q]' LIMIT 1; DELETE FROM items WHERE id = 5000; VACUUM items"),
	'5000', '... rows come and go');

# ---- the cure ----

is(psql('old', "SELECT cure FROM vector_index_status() \\gexec"), '', 'every cure is taken');
is(psql('old', "SELECT count(*), bool_and(status = 'ready' AND cure IS NULL) FROM vector_index_status()"), '24|t', 'then all indexes are ready');
cmp_ok(count_index_scans('old'), '>=', 15, '... and used');
is(psql('old', $by_index . all_queries()), $answers, '... with the same answers');
is(ask($_, "SET enable_seqscan = off; SET hnsw.ef_search = 400;\n" . all_queries()), $answers, '... in the pool, by the settings that pgvector defined there') foreach @pool;
is(ask($pool[1], 'SHOW hnsw.ef_search; SHOW ivfflat.probes;'), "400\n10", '... which it keeps');
like(ask($pool[2], 'EXPLAIN EXECUTE near;'), qr/still_hnsw/, '... and plans with them');
close_session($_) foreach @pool;

# ---- dumps ----

psql('postgres', 'CREATE DATABASE restored');
is(psql('restored', "\\set QUIET on\n\\o /dev/null\n\\i $scratch/pgvector.sql"), '', 'a dump of pgvector\'s is restored');
psql('restored', 'DELETE FROM items WHERE id % 100 = 7');
is(psql('restored', $by_index . all_queries()), $answers, '... with the same answers');
run_or_die("$bin/pg_dump -d old -f $scratch/ours.sql");

# ---- back ----

is(psql('restored', 'CREATE INDEX items_ivf ON items USING ivf (v)'), '', 'an index that pgvector does not know');
like(psql('restored', "ALTER EXTENSION vector UPDATE TO '$version'"), qr/ERROR: .*ivf.*items_ivf/s, '... keeps a database from going back');
is(psql('restored', "SELECT extversion FROM pg_extension WHERE extname = 'vector'"), '1.0.0', '... at all');
$warnings = psql('old', "ALTER EXTENSION vector UPDATE TO '$version'");
like($warnings, qr/WARNING: .*public\.items_hnsw_l2 is not in pgvector's page format/, 'the way back names indexes');
unlike($warnings, qr/ERROR/, '... and ends well');
is(psql('old', all_queries()), $answers, '... with the same answers');
unlike(psql($_, "ALTER EXTENSION vector UPDATE TO '$_'"), qr/ERROR/, "of $_: goes back") foreach @versions;
stop_server();
swap($pgvector, 0);
start_server();
same_catalog(catalog('old'), $catalog_before, 'gone back');
same_catalog(catalog($_), $catalog_before, "gone back to $_") foreach @versions;
is(psql('old', $by_index . all_queries()), $answers, 'pgvector has the same answers');
is(psql('old', "INSERT INTO items (id, kind, v) VALUES (5000, 1, '[$q]'); DELETE FROM items WHERE id = 5000; VACUUM items"), '', 'rows come and go');
is(psql('old', "SELECT format('REINDEX INDEX %s', indexrelid::regclass) FROM pg_index WHERE NOT indisvalid \\gexec"), '', 'its indexes are made anew');
cmp_ok(count_index_scans('old'), '>=', 15, '... and used');
is(psql('old', $by_index . all_queries()), $answers, '... with the same answers');
psql('postgres', 'CREATE DATABASE returned');
is(psql('returned', "\\set QUIET on\n\\o /dev/null\n\\i $scratch/ours.sql"), '', 'a dump of ours is restored by pgvector');
is(psql('returned', $by_index . all_queries()), $answers, '... with the same answers');
stop_server();
open my $log, '<', "$scratch/server.log" or die;
is(join('', grep { /PANIC|terminated by signal|TRAP/ } <$log>), '', 'no server process has crashed');
done_testing();
