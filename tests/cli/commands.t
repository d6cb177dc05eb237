#!/usr/bin/perl
#
# commands.t - goal: every command explains itself, wrong usage is told from
# failure, and the configuration comes from where it says it does.
#
# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use File::Basename qw(dirname);
use lib dirname(__FILE__);
use OmenInstance;
use Test::More;

my ($code, $out, $err);
my $dir = scratch();

# -------- help and versions --------

($code, $out, $err) = omendb('help');
is($code, 0, 'help exits with 0');
my @commands = $out =~ /^  (\w+) +\S/mg;
cmp_ok(scalar @commands, '>=', 6, "help lists the commands: @commands");
foreach my $command (@commands)
{
	my ($help_code, $help, $help_err) = omendb('help', $command);
	is($help_code, 0, "help $command exits with 0");
	like($help, qr/\Ausage: omendb $command\b/, "help $command begins with its usage");
	is($help_err, '', "help $command says nothing on standard error");
	is((omendb($command, '--help'))[1], $help, "$command --help says the same");
	unlike($help, qr/.{81}/, "help $command fits 80 columns");
}
is((omendb('--help'))[1], $out, '--help is help');

($code, $out) = omendb('--version');
is($code, 0, '--version exits with 0');
like($out, qr/\Aomendb \d+\.\d+\.\d+\n\z/, '--version prints the version alone');

# -------- wrong usage --------

($code, $out, $err) = omendb();
is($code, 2, 'no command is wrong usage');
like($err, qr/omendb help/, '... and points at help');

($code, $out, $err) = omendb('sevre');
is($code, 2, 'an unknown command is wrong usage');
like($err, qr/no command "sevre".*Did you mean `omendb serve`/s, '... and the nearest is named');
is($out, '', '... on standard error alone');
is((omendb('help', 'frobnicate'))[0], 2, 'help about an unknown command is wrong usage');
foreach my $command (qw(serve status config version))
{
	($code, $out, $err) = omendb($command, '--frobnicate');
	is($code, 2, "$command refuses an unknown flag");
	like($err, qr/frobnicate|no arguments/, '... and says which');
}
($code, $out, $err) = omendb('serve', '--pg-port', '70000', '--data', "$dir/never");
is($code, 2, 'a port past 65535 is wrong usage');
like($err, qr/flag --pg-port: .*0 to 65535, not "70000"/, '... and says what is right');
ok(!-e "$dir/never", '... and nothing is made');
($code, $out, $err) = omendb('serve', '--data');
is($code, 2, 'a flag without its value is wrong usage');

# -------- configuration --------

sub setting
{
	my ($name, @args) = @_;
	my ($config_code, $config, $config_err) = omendb('config', @args);
	return "exit $config_code: $config_err" if $config_code;
	return $config =~ /^\Q$name\E +(\S.*?) {2,}(\S.*)$/m ? "$1 from $2" : 'not shown';
}

open my $ini, '>', "$dir/omendb.ini" or die;
print $ini "; where it all lies\ndata = relative\n\n[postgres]\nport = 1001\nlisten = ::1\n";
close $ini;
my $file = "$dir/omendb.ini";

is(setting('postgres.port'), '54330 from default', 'a default says so');
is(setting('postgres.port', '--config', $file), "1001 from $file:5", 'a file gives file and line');
is(setting('data', '--config', $file), "$dir/relative from $file:2", 'a path in a file starts from the file');
{
	local $ENV{OMENDB_CONFIG} = $file;
	is(setting('postgres.listen'), "::1 from $file:6", 'OMENDB_CONFIG names the file');
	local $ENV{OMENDB_POSTGRES_PORT} = 1002;
	is(setting('postgres.port'), '1002 from environment OMENDB_POSTGRES_PORT', 'the environment wins over the file');
	is(setting('postgres.port', '--pg-port=1003'), '1003 from flag --pg-port', 'a flag wins over both');
}
{
	local $ENV{OMENDB_POSTGRES_PROT} = 1;
	like(setting('data'), qr/exit 2: .*OMENDB_POSTGRES_PROT.*Did you mean OMENDB_POSTGRES_PORT/s,
		'a mistyped variable is refused');
}
open $ini, '>', $file or die;
print $ini "[postgres]\nprot = 1\n";
close $ini;
like(setting('data', '--config', $file), qr/exit 2: .*omendb.ini:2: .*"postgres.prot".*Did you mean "postgres.port"/s,
	'a mistyped key is refused with its place');
open $ini, '>', $file or die;
print $ini 'data = /', 'x' x 300, "\n";
close $ini;
like(setting('data', '--config', $file), qr/exit 2: .*omendb.ini:1: .*longer than/s, 'a line that would be cut is refused');

($code, $out) = omendb('config', '--database', 'postgresql://me:hunter2@host/db');
unlike($out, qr/hunter2/, 'config does not show a password');
like($out, qr/me:\*\*\*\@host/, '... but the rest');

for my $typed ([ 'status', 'postgresql://me:hunter2@host/db' ], [ 'migrate', 'host=h password=hunter2' ],
	[ 'migrate', '--from', 'postgresql://me:hunter2@host/db', '--from', 'b' ],
	[ 'migrate', '--from', 'postgresql://me:hun@ter2@127.0.0.1:1/db' ],
	[ 'status', '--database', 'postgresql://me:hun/ter2@127.0.0.1:1/db' ],
	[ 'status', '--database', 'postgresql://me:hun?ter2@127.0.0.1:1/db' ])
{
	($code, $out, $err) = omendb(@$typed);
	ok($code != 0 && $err ne '', "@$typed[0, 1]: refused");
	unlike($out . $err, qr/hun|ter2/, '... without the password');
}
($code, $out, $err) = omendb('migrate', '--from', 'postgresql://me:hun@ter2@127.0.0.1:1/db');
like($err, qr/write \@ as %40/, '... which a URL spells differently');
($code, $out, $err) = omendb('migrate', '--from', 'postgresql://me@127.0.0.1:1/db');
like($err, qr/cannot connect.*--from/s, 'which of two databases does not answer is said');

# -------- nothing there --------

foreach my $command (qw(sql status))
{
	($code, $out, $err) = omendb($command, '--data', "$dir/absent");
	is($code, $command eq 'status' ? 3 : 1, "$command without a database fails");
	like($err, qr/no database in \Q$dir\E\/absent\n.*omendb serve --data/, '... and says how to start one');
}
($code, $out, $err) = omendb('status', '--data', $dir);
is($code, 1, 'status on a foreign folder fails');
like($err, qr/not a data folder of omendb/, '... and says so');

done_testing();
