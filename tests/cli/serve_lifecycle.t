#!/usr/bin/perl
#
# serve_lifecycle.t - goal: a new folder becomes a database with one command,
# locked up and with its secrets kept; whatever cannot be served is refused
# with a sentence, and left as it was; a stop is clean and a start repeats.
#
# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use File::Basename qw(dirname);
use IO::Socket::INET;
use lib dirname(__FILE__);
use OmenInstance;
use Test::More;

my ($code, $out, $err);
my $dir = scratch();
my $data = "$dir/some data";	# a space: it must survive the ready line
my $controldata = (glob(build_dir() . '/lib/postgresql/*/bin/pg_controldata'))[0];

sub contents { return join ' ', sort map { s{.*/}{}r } glob("'$_[0]'/*") }

# -------- refusals that must leave no trace --------

mkdir "$dir/foreign";
open my $file, '>', "$dir/foreign/precious" or die;
print $file "mine\n";
close $file;
($code, $out, $err) = omendb('serve', '--data', "$dir/foreign");
is($code, 1, 'a foreign folder is refused');
like($err, qr/foreign is not empty and not a data folder of omendb\n.*--data/, '... with a sentence and advice');
is(contents("$dir/foreign"), 'precious', '... and left alone');

my $blocker = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0) or die "listen: $!";
my $taken = $blocker->sockport;
($code, $out, $err) = omendb('serve', '--data', $data, '--pg-port', $taken);
is($code, 1, 'a port in use is refused');
like($err, qr/port $taken on 127.0.0.1 is in use.*--pg-port/s, '... with a sentence and advice');
ok(!-e $data, '... before anything is made');

($code, $out, $err) = omendb('serve', '--data', $data, '--listen', '192.0.2.1');
is($code, 1, "an address of another machine is refused");
like($err, qr/192\.0\.2\.1.*--listen/s, '... with a sentence and advice');

($code, $out, $err) = omendb('serve', '--data', $data, '--postgres-prefix', $dir);
is($code, 1, 'a tree without PostgreSQL is refused');
like($err, qr/flag --postgres-prefix: there is no PostgreSQL in/, '... with a sentence');

mkdir "$dir/tree";
system('cp', '-R', '--reflink=auto', build_dir() . '/lib', build_dir() . '/share', "$dir/tree") == 0 or die;
chmod 0755, "$dir/tree";
my ($control) = glob("$dir/tree/share/postgresql/*/extension/vector.control");
rename $control, "$control.away" or die;
($code, $out, $err) = omendb('serve', '--data', $data, '--postgres-prefix', "$dir/tree");
is($code, 1, 'a tree without the extension is refused');
like($err, qr/lacks the extension "vector"/, '... with a sentence');
open $file, '>', $control or die;
print $file "module_pathname = '\$libdir/vector'\n";
close $file;
($code, $out, $err) = omendb('serve', '--data', $data, '--postgres-prefix', "$dir/tree");
is($code, 1, "a tree with somebody else's vector is refused");
like($err, qr/is not OmenDB's/, '... with a sentence');
rename "$control.away", $control or die;
ok(!-e $data, '... and nothing was made all the while');

# -------- a first start --------

my $server = start(data => $data);
ok($server->{url}, 'a new folder is served') or diag(slurp($server->{err}));
like($server->{url}, qr{\Apostgresql://omendb\@127\.0\.0\.1:\d+/omendb\?passfile=\S+some%20data/omendb\.pgpass\z},
	'the ready line is a connection string');
my ($psql) = glob(build_dir() . '/lib/postgresql/*/bin/psql');
is(`'$psql' -XAtc 'SELECT current_user' '$server->{url}' 2>&1`, "omendb\n", '... that psql takes');

is(sql($data, 'SHOW data_checksums'), 'on', 'data checksums are on');
is(sql($data, 'SHOW server_encoding'), 'UTF8', 'the encoding is UTF-8');
is(sql($data, 'SHOW password_encryption'), 'scram-sha-256', 'passwords are scram-sha-256');
is(sql($data, "SELECT count(*) FROM pg_hba_file_rules WHERE auth_method <> 'scram-sha-256' OR error IS NOT NULL"), 0,
	'nobody connects without a password');
is(sql($data, "SELECT count(*) FROM pg_authid WHERE rolpassword LIKE 'SCRAM-SHA-256\$%'"), 1, 'the superuser has one');
like(sql($data, "SELECT '[1,2]'::vector <-> '[1,4]'"), qr/\A2\z/, 'the extension is there');
is(sql($data, "SELECT sourcefile ~ 'omendb.conf' FROM pg_settings WHERE name = 'shared_buffers'"), 't',
	"the memory settings come from omendb.conf");
is(sql($data, "SELECT count(*) FROM pg_file_settings WHERE error IS NOT NULL"), 0, '... which has no mistake');

# -------- its secrets --------

my $pgpass = slurp("$data/omendb.pgpass");
my ($password) = $pgpass =~ /\A\*:\*:\*:omendb:([0-9a-f]{48})\n\z/;
ok($password, 'the password file has the format of libpq') or BAIL_OUT('no password');
is(sprintf('%04o', (stat "$data/omendb.pgpass")[2] & 07777), '0600', '... and its mode is 0600');
is(sprintf('%04o', (stat $data)[2] & 07777), '0700', 'the folder is private');
my $everywhere = slurp($server->{out}) . slurp($server->{err}) . join '', map { slurp($_) } glob("'$data'/log/*");
unlike($everywhere, qr/$password/, 'no password in a log or an output');
my @shown = map { slurp($_) } glob('/proc/[0-9]*/cmdline /proc/[0-9]*/environ');
is(scalar(grep { /$password/ } @shown), 0, 'no password in an argument or the environment of a process');
{
	local $ENV{PGPASSFILE} = '/nonexistent';
	my $refused = `'$psql' -wXAtc 'SELECT 1' 'postgresql://omendb\@127.0.0.1:$server->{port}/omendb' 2>&1`;
	like($refused, qr/no password supplied/, 'without the file there is no way in');
}

# -------- looking at it --------

($code, $out) = omendb('status', '--data', $data);
is($code, 0, 'status of a running database exits with 0');
like($out, qr/^status +running$/m, '... says that it runs');
like($out, qr/^processes +omendb $server->{pid}, postgres @{[ postmaster_of($data) ]}$/m, '... with its processes');
like($out, qr/^port +$server->{port}$/m, '... its port');
like($out, qr/^extensions +.*\bvector \d/m, '... its extensions');
like($out, qr/^connect +\Q$server->{url}\E$/m, '... and the connection string');

is((omendb('sql', '--data', $data, '-XAtc', 'SELECT current_database()', '-d', 'postgres'))[1], "postgres\n",
	"psql's own flags win over omendb's");
($code, $out) = omendb('sql', '--data', $data, '-X', '-v', 'ON_ERROR_STOP=1', '-c', 'SELECT 1/0');
is($code, 1, "sql exits as psql does");
is((omendb('sql', '--database', $server->{url}, '-XAtc', 'SELECT 7'))[1], "7\n", '--database takes the ready line');

($code, $out, $err) = omendb('serve', '--data', $data, '--pg-port', 0);
is($code, 1, 'a folder in use is refused');
like($err, qr/in use by another omendb \(process $server->{pid}\).*kill $server->{pid}/s, '... with a sentence and advice');

($code, $out, $err) = omendb('serve', '--data', "$data/postgres", '--pg-port', 0);
is($code, 1, "PostgreSQL's own folder is refused");
like($err, qr/not a data folder of omendb/, '... with a sentence');

# -------- stop and start again --------

sql($data, 'CREATE TABLE kept (v vector(2)); INSERT INTO kept VALUES (\'[1,2]\')');
my $postmaster = postmaster_of($data);
is(stop($server), 0, 'SIGTERM stops it with code 0');
ok(!alive($postmaster), '... and PostgreSQL with it');
like(`'$controldata' '$data/postgres'`, qr/^Database cluster state: +shut down$/m, '... cleanly');
is((omendb('status', '--data', $data))[0], 3, 'status of a stopped database exits with 3');

open $file, '>>', "$data/postgres/omendb.conf" or die;
print $file "work_mem = '17MB'\n";
close $file;
$server = start(data => $data);
ok($server->{url}, 'a second start finds the database');
is(slurp("$data/omendb.pgpass"), $pgpass, '... keeps the password');
is(sql($data, 'SELECT v FROM kept'), '[1,2]', '... and the rows');
is(sql($data, 'SHOW work_mem'), '17MB', '... and what was edited in omendb.conf');

open $file, '>>', "$data/postgres/omendb.conf" or die;
print $file "work_mem = '18MB'\n";
close $file;
kill 'HUP', $server->{pid};
ok(wait_for(sub { sql($data, 'SHOW work_mem') eq '18MB' }, 10), 'SIGHUP reads the settings again');
is(stop($server, 'INT'), 0, 'SIGINT stops it with code 0');

# -------- what PostgreSQL itself refuses --------

open $file, '>>', "$data/postgres/omendb.conf" or die;
print $file "no_such_setting = 1\n";
close $file;
($code, $out, $err) = omendb('serve', '--data', $data, '--pg-port', 0);
is($code, 1, 'a mistake in omendb.conf ends the start');
like($err, qr/did not start.*no_such_setting.*omendb\.conf/s, "... and shows PostgreSQL's own words");

# -------- a folder of another version --------

open $file, '>', "$data/omendb.mark" or die;
print $file "format = 1\npostgres = 9\n";
close $file;
($code, $out, $err) = omendb('serve', '--data', $data, '--pg-port', 0);
is($code, 1, 'a folder of another PostgreSQL is refused');
like($err, qr/made by PostgreSQL 9, and this omendb runs PostgreSQL \d+.*--postgres-prefix/s, '... with both versions and advice');
open $file, '>', "$data/omendb.mark" or die;
print $file "format = 2\npostgres = 15\n";
close $file;
($code, $out, $err) = omendb('serve', '--data', $data, '--pg-port', 0);
is($code, 1, 'a folder of a later format is refused');
like($err, qr/has format 2; this omendb knows formats up to 1/, '... with both formats');

# -------- a path too long for a socket --------

my $long = "$dir/" . ('d' x 100);
$server = start(data => $long);
ok($server->{url}, 'a long path is served all the same') or diag(slurp($server->{err}));
is(sql($long, 'SELECT 1'), 1, '... and reached');
my $sockets = sql($long, 'SHOW unix_socket_directories');
like($sockets, qr{\A/tmp/omendb-\d+-[0-9a-f]{16}\z}, '... over a folder in /tmp');
is(sprintf('%04o', (stat $sockets)[2] & 07777), '0700', '... that is private');
is(stop($server), 0, '... and stopped');
rmdir $sockets;

done_testing();
