#!/usr/bin/perl
#
# serve_crash.t - goal: whichever process dies, nothing outlives its
# supervisor, nobody is left in the dark, and the next start has every
# committed row.
#
# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use File::Basename qw(dirname);
use Time::HiRes qw(sleep time);
use lib dirname(__FILE__);
use OmenInstance;
use Test::More;

my $dir = scratch();
my $data = "$dir/data";
my $controldata = (glob(build_dir() . '/lib/postgresql/*/bin/pg_controldata'))[0];

# Every process whose command line or working directory lies in the folder.
sub processes_on
{
	my ($folder) = @_;
	return grep { (readlink("/proc/$_/cwd") // '') =~ /^\Q$folder\E/ } map { m{(\d+)} } glob('/proc/[0-9]*');
}

# -------- killed in the middle of its first start, at several moments --------

foreach my $delay_s (0.05, 0.5, 1.2)
{
	my $pid = fork // die;
	if ($pid == 0)
	{
		open STDERR, '>', '/dev/null';
		open STDOUT, '>', '/dev/null';
		exec $ENV{OMENDB_TEST_BINARY} // build_dir() . '/bin/omendb', 'serve', '--data', $data, '--pg-port', 0 or exit 1;
	}
	sleep $delay_s;
	kill 'KILL', $pid;
	waitpid $pid, 0;
	ok(wait_for(sub { !processes_on($data) }, 20), "killed after $delay_s s of its first start, it leaves no process");
}
my $server = start(data => $data);
ok($server->{url}, 'the next start makes the database') or diag(slurp($server->{err}));

# -------- kill -9 of omendb --------

sql($data, 'CREATE TABLE kept (i int); INSERT INTO kept SELECT generate_series(1, 1000)');
my $postmaster = postmaster_of($data);
kill 'KILL', $server->{pid};
is(wait_end($server), 128 + 9, 'omendb is killed');
ok(wait_for(sub { !alive($postmaster) && !processes_on($data) }, 30), '... and no process of PostgreSQL outlives it');
like(`'$controldata' '$data/postgres'`, qr/^Database cluster state: +shut down$/m, '... after a clean shutdown');

$server = start(data => $data);
ok($server->{url}, 'the next start serves');
is(sql($data, 'SELECT count(*) FROM kept'), 1000, '... every committed row');

# A start in the middle of that shutdown waits for it.
kill 'KILL', $server->{pid};
wait_end($server);
$server = start(data => $data);
ok($server->{url}, 'a start right after the kill waits and serves') or diag(slurp($server->{err}));

# -------- a backend crashes: PostgreSQL recovers, omendb stays --------

my $victim = fork // die;
if ($victim == 0)
{
	open STDERR, '>', '/dev/null';
	open STDOUT, '>', '/dev/null';
	exec $ENV{OMENDB_TEST_BINARY} // build_dir() . '/bin/omendb', 'sql', '--data', $data, '-c', 'SELECT pg_sleep(60)' or exit 1;
}
my $backend = 0;
wait_for(sub {
	$backend = sql($data, "SELECT pid FROM pg_stat_activity WHERE query LIKE '%sleep(60)' AND pid <> pg_backend_pid()");
	return $backend =~ /^\d+$/;
}, 20);
kill 'KILL', $backend;
ok(wait_for(sub { slurp($server->{err}) =~ /a process of PostgreSQL crashed/ }, 20), 'a crashed backend is noticed');
ok(wait_for(sub { slurp($server->{err}) =~ /the database answers again after/ }, 30), '... and the recovery');
waitpid $victim, 0;
ok(alive($server->{pid}), '... and omendb goes on');
is(sql($data, 'SELECT count(*) FROM kept'), 1000, '... with every row');

# An ended connection is no crash.
sql($data, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'omendb serve'");
sleep 1;
is(() = slurp($server->{err}) =~ /crashed/g, 1, 'a terminated connection is not called a crash');
is(sql($data, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'omendb serve'"), 1,
	'... and the watch is back');

# -------- kill -9 of the postmaster --------

sql($data, 'INSERT INTO kept SELECT generate_series(1001, 2000)');
$postmaster = postmaster_of($data);
kill 'KILL', $postmaster;
is(wait_end($server), 3, 'the death of the postmaster ends omendb with code 3');
like(slurp($server->{err}), qr/PostgreSQL died: it was killed by signal 9.*start again/s, '... which says so');
is((omendb('status', '--data', $data))[0], 3, 'status does not take the stale file for a server');

$server = start(data => $data);
ok($server->{url}, 'the next start recovers') or diag(slurp($server->{err}));
is(sql($data, 'SELECT count(*) FROM kept'), 2000, '... every committed row');

# -------- shut down by somebody else; shut down at once --------

kill 'INT', postmaster_of($data);
is(wait_end($server), 3, "a shutdown that was not ours ends omendb with code 3");
like(slurp($server->{err}), qr/shut down by somebody else/, '... which says so');

$server = start(data => $data);
is(stop($server, 'QUIT'), 1, 'SIGQUIT stops it at once, without a checkpoint');
like(slurp($server->{err}), qr/without its last checkpoint.*Nothing committed is lost/s, '... and says so');
$server = start(data => $data);
is(sql($data, 'SELECT count(*) FROM kept'), 2000, '... and nothing was lost');

# -------- asked to stop twice --------

kill 'INT', $server->{pid};
is(stop($server), 0, 'two requests to stop in a row are one, and the stop is clean');
like(`'$controldata' '$data/postgres'`, qr/^Database cluster state: +shut down$/m, '... with its checkpoint');

$server = start(data => $data);
my $checkpointer = sql($data, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'");
kill 'STOP', $checkpointer;
kill 'TERM', $server->{pid};
sleep 2.3;
ok(alive($server->{pid}), 'a stop that takes long is waited for');
is(stop($server), 1, '... until a second request, which stops at once');
ok(!processes_on($data), '... and leaves no process');
$server = start(data => $data);
is(sql($data, 'SELECT count(*) FROM kept'), 2000, '... nor loses a row');
is(stop($server), 0, 'it stops');

# -------- the terminal it runs on is closed --------

my $terminal = fork // die;
if ($terminal == 0)
{
	my $program = $ENV{OMENDB_TEST_BINARY} // build_dir() . '/bin/omendb';
	open STDIN, '<', '/dev/zero';
	open STDOUT, '>', '/dev/null';
	# whoever runs the tests under nohup ignores it, and so would all that is started here
	$SIG{HUP} = 'DEFAULT';
	exec 'script', '-qc', "'$program' serve --data '$data' --pg-port 0", '/dev/null' or exit 1;
}
SKIP:
{
	skip 'no script(1) here', 2 unless wait_for(sub { sql($data, 'SELECT 1') eq '1' }, 20);
	kill 'KILL', $terminal;
	ok(wait_for(sub { !processes_on($data) }, 20), 'a closed terminal stops it');
	like(`'$controldata' '$data/postgres'`, qr/^Database cluster state: +shut down$/m, '... cleanly');
}
waitpid $terminal, 0;

# -------- two starts at once --------

my @both = map { { data => $data } } 1 .. 2;
foreach my $one (@both)
{
	$one->{pid} = fork // die;
	if ($one->{pid} == 0)
	{
		open STDERR, '>', "$dir/both.$$" or die;
		open STDOUT, '>', '/dev/null';
		exec $ENV{OMENDB_TEST_BINARY} // build_dir() . '/bin/omendb', 'serve', '--data', $data, '--pg-port', 0 or exit 1;
	}
}
my $loser = waitpid -1, 0;
is($? >> 8, 1, 'of two starts at once, one is refused');
like(slurp("$dir/both.$loser"), qr/in use by another omendb/, '... because the other has the folder');
my ($winner) = grep { $_ != $loser } map { $_->{pid} } @both;
ok(wait_for(sub { sql($data, 'SELECT 1') eq '1' }, 20), '... and the other serves');
kill 'TERM', $winner;
waitpid $winner, 0;
is($?, 0, '... until it is stopped');

done_testing();
